"""What a customer is about to buy."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.catalog import Catalog

MAX_QUANTITY = 99


@dataclass
class Cart:
    """Quantities by product."""

    lines: dict[str, int] = field(default_factory=dict)

    def add(self, sku: str, quantity: int = 1) -> None:
        """Put items into the cart, up to a limit for each product."""
        if quantity < 1:
            raise ValueError("a quantity is at least 1")
        self.lines[sku] = min(MAX_QUANTITY, self.lines.get(sku, 0) + quantity)

    def remove(self, sku: str) -> None:
        """Take a product out."""
        self.lines.pop(sku, None)

    def merge(self, other: Cart) -> None:
        """Add what was put into another cart before the customer signed in."""
        for sku, quantity in other.lines.items():
            self.add(sku, quantity)

    def subtotal_cents(self, catalog: Catalog) -> int:
        """Return the price of everything, before discount and tax."""
        return sum(catalog.get(sku).price_cents * quantity for sku, quantity in self.lines.items())
