"""Turns a cart into an order."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from kiosk.cart import Cart
from kiosk.catalog import Catalog
from kiosk.inventory import Inventory
from kiosk.payments import Charge, Gateway, charge
from kiosk.pricing import Voucher, discounted, with_tax


@dataclass(frozen=True)
class Order:
    """What was bought and paid."""

    number: str
    lines: dict[str, int]
    total_cents: int
    payment: Charge


@dataclass(frozen=True)
class Shop:
    """Everything that an order needs."""

    catalog: Catalog
    inventory: Inventory
    gateway: Gateway


def place_order(shop: Shop, cart: Cart, card_token: str, country: str, vouchers: list[Voucher]) -> Order:
    """Reserve the items, take the money, and undo the reservation where that fails."""
    number = uuid.uuid4().hex
    net = discounted(cart.subtotal_cents(shop.catalog), vouchers, date.today())
    total = with_tax(net, country)
    shop.inventory.reserve(cart.lines)
    try:
        payment = charge(shop.gateway, card_token, total, number)
    except Exception:
        shop.inventory.release(cart.lines)
        raise
    return Order(number, dict(cart.lines), total, payment)
