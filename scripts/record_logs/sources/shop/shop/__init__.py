"""The shop: carts, discounts, checkout."""
