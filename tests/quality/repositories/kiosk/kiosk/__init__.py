"""A small shop."""

from kiosk.cart import Cart
from kiosk.catalog import Catalog, Product
from kiosk.checkout import Order, place_order

__all__ = ["Cart", "Catalog", "Order", "Product", "place_order"]
