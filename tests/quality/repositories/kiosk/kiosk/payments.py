"""Talks to the card gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

ATTEMPTS = 4
FIRST_WAIT_S = 0.5


class CardDeclined(Exception):
    """The bank said no; asking again does not help."""


class Gateway(Protocol):
    """The service that moves money."""

    def post(self, path: str, body: dict[str, object], idempotency_key: str) -> dict[str, object]:
        """Send a request."""
        ...


@dataclass(frozen=True)
class Charge:
    """Money that was taken from a card."""

    reference: str
    amount_cents: int


def charge(gateway: Gateway, card_token: str, amount_cents: int, order: str) -> Charge:
    """Take money from a card once, whatever the network does."""
    body: dict[str, object] = {"card": card_token, "amount": amount_cents}
    answer = _with_backoff(lambda: gateway.post("/charges", body, f"charge-{order}"))
    if answer["status"] == "declined":
        raise CardDeclined(str(answer.get("reason", "")))
    return Charge(str(answer["id"]), amount_cents)


def refund(gateway: Gateway, made: Charge, amount_cents: int) -> None:
    """Give money back, at most what was taken."""
    if amount_cents > made.amount_cents:
        raise ValueError("a refund is not larger than its charge")
    body: dict[str, object] = {"charge": made.reference, "amount": amount_cents}
    _with_backoff(lambda: gateway.post("/refunds", body, f"refund-{made.reference}-{amount_cents}"))


def _with_backoff(send: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Try again after a time-out, each time twice as late."""
    wait_s = FIRST_WAIT_S
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return send()
        except TimeoutError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(wait_s)
            wait_s *= 2
    raise AssertionError
