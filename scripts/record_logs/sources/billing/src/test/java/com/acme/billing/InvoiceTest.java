package com.acme.billing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigDecimal;
import org.junit.jupiter.api.Test;

class InvoiceTest {
    @Test
    void anEmptyInvoiceIsZero() {
        assertEquals(new BigDecimal("0.00"), new Invoice().total());
    }

    @Test
    void halfACentIsRoundedUp() {
        assertEquals(new BigDecimal("10.13"), new Invoice().add("10.125").total());
    }

    @Test
    void itemsAddUp() {
        assertEquals(new BigDecimal("30.00"), new Invoice().add("10.50").add("19.50").total());
    }
}
