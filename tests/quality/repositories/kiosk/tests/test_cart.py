"""Tests of the cart."""

from kiosk.cart import MAX_QUANTITY, Cart
from kiosk.catalog import Catalog, Product


def test_merge_adds_quantities() -> None:
    """Carts of before and after signing in are added up."""
    first, second = Cart({"pen": 1}), Cart({"pen": 2, "ink": 1})
    first.merge(second)
    assert first.lines == {"pen": 3, "ink": 1}


def test_quantity_has_a_limit() -> None:
    """No more than the limit goes in."""
    cart = Cart()
    cart.add("pen", 500)
    assert cart.lines == {"pen": MAX_QUANTITY}


def test_subtotal() -> None:
    """Prices are multiplied by quantities."""
    assert Cart({"pen": 2}).subtotal_cents(Catalog([Product("pen", "Pen", 150)])) == 300
