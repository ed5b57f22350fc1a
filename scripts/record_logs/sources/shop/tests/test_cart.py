import pytest

from shop.cart import Cart, Line

MUG = Line("mug", 1250)
POSTER = Line("poster", 750)


def test_an_empty_cart_costs_nothing():
    assert Cart().total() == 0


@pytest.mark.parametrize("quantity", range(1, 13))
def test_a_line_counts_its_quantity(quantity):
    assert Line("mug", 1250, quantity).amount() == 1250 * quantity


@pytest.mark.parametrize("percent", [0, 20, 50, 100])
def test_the_discount_never_makes_the_total_negative(percent):
    assert Cart([MUG, POSTER], discount_percent=percent).total() >= 0


def test_the_subtotal_is_the_sum_of_the_lines():
    assert Cart([MUG, POSTER]).subtotal() == 2000


def test_discount_is_taken_once_from_the_subtotal():
    cart = Cart([MUG, POSTER], discount_percent=10)
    assert cart.total() == 1800


def test_receipt_shows_discount_and_total():
    cart = Cart([MUG, POSTER], discount_percent=10)
    assert cart.receipt() == {
        "lines": ["mug", "poster"],
        "currency": "EUR",
        "discount": 200,
        "total": 1800,
    }
