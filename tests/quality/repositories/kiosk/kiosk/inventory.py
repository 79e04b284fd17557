"""How many items are on the shelf."""

from __future__ import annotations

import threading


class OutOfStock(Exception):
    """There are fewer items than were asked for."""


class Inventory:
    """Counts of items, which several threads may change."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = dict(counts)
        self._lock = threading.Lock()

    def reserve(self, lines: dict[str, int]) -> None:
        """Set items aside for an order: all of them or none."""
        with self._lock:
            short = [sku for sku, quantity in lines.items() if self._counts.get(sku, 0) < quantity]
            if short:
                raise OutOfStock(", ".join(sorted(short)))
            for sku, quantity in lines.items():
                self._counts[sku] -= quantity

    def release(self, lines: dict[str, int]) -> None:
        """Put items back after an order failed."""
        with self._lock:
            for sku, quantity in lines.items():
                self._counts[sku] = self._counts.get(sku, 0) + quantity
