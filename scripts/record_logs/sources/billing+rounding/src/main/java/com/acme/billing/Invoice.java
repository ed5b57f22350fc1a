package com.acme.billing;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;

public final class Invoice {
    private final List<BigDecimal> items = new ArrayList<>();

    public Invoice add(String amount) {
        items.add(new BigDecimal(amount));
        return this;
    }

    public BigDecimal total() {
        return items.stream().reduce(BigDecimal.ZERO, BigDecimal::add).setScale(2, RoundingMode.DOWN);
    }
}
