"""Products, and how they are found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """Something that is for sale."""

    sku: str
    title: str
    price_cents: int
    tags: tuple[str, ...] = ()


class Catalog:
    """All products of the shop."""

    def __init__(self, products: list[Product]) -> None:
        self._by_sku = {product.sku: product for product in products}

    def get(self, sku: str) -> Product:
        """Return a product by its stock keeping unit."""
        return self._by_sku[sku]

    def find(self, words: str, limit: int = 20) -> list[Product]:
        """Return products whose title or tags hold every word, cheapest first."""
        wanted = words.lower().split()
        found = [product for product in self._by_sku.values() if all(word in _text(product) for word in wanted)]
        return sorted(found, key=lambda product: product.price_cents)[:limit]


def _text(product: Product) -> str:
    return " ".join([product.title, *product.tags]).lower()
