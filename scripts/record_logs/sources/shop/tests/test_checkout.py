import pytest

from shop.cart import Cart, Line
from shop.checkout import shipping, vat


@pytest.mark.parametrize(("country", "cents"), [("DE", 490), ("AT", 790), ("FR", 890)])
def test_shipping_depends_on_the_country(country, cents):
    assert shipping(Cart([Line("mug", 1250)]), country) == cents


def test_shipping_is_free_from_fifty_euros():
    assert shipping(Cart([Line("chair", 5000)]), "DE") == 0


@pytest.mark.parametrize("amount", [100, 1190, 2380, 99999])
def test_vat_is_part_of_the_amount(amount):
    assert 0 < vat(amount, "DE") < amount


def test_vat_of_a_gross_amount():
    assert vat(1190, "DE") == 190
