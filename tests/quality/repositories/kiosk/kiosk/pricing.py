"""Discounts and taxes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

VAT_RATES = {"AT": Decimal("0.20"), "DE": Decimal("0.19"), "FR": Decimal("0.20"), "LU": Decimal("0.17")}


@dataclass(frozen=True)
class Voucher:
    """A code that makes an order cheaper until it expires."""

    code: str
    percent: int
    expires: date
    minimum_cents: int = 0

    def applies(self, subtotal_cents: int, today: date) -> bool:
        """Whether the order is large enough and the code has not run out."""
        return today <= self.expires and subtotal_cents >= self.minimum_cents


def discounted(subtotal_cents: int, vouchers: list[Voucher], today: date) -> int:
    """Take off the best voucher; they do not add up."""
    best = max((voucher.percent for voucher in vouchers if voucher.applies(subtotal_cents, today)), default=0)
    return subtotal_cents - _rounded(Decimal(subtotal_cents) * best / 100)


def with_tax(net_cents: int, country: str) -> int:
    """Add value added tax of the country that is shipped to."""
    return net_cents + _rounded(net_cents * VAT_RATES.get(country, Decimal(0)))


def _rounded(cents: Decimal) -> int:
    """Round half to even, as bookkeeping does."""
    return int(cents.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
