"""Tests of payments."""

import pytest
from kiosk.payments import CardDeclined, Charge, charge, refund


class FakeGateway:
    """Answers what it is told to."""

    def __init__(self, *answers: dict[str, object] | Exception) -> None:
        self.answers = list(answers)
        self.keys: list[str] = []

    def post(self, path: str, body: dict[str, object], idempotency_key: str) -> dict[str, object]:
        """Give the next answer."""
        self.keys.append(idempotency_key)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_charge_retries_with_the_same_key() -> None:
    """A time-out does not charge a card twice."""
    gateway = FakeGateway(TimeoutError(), {"status": "ok", "id": "c1"})
    assert charge(gateway, "card", 100, "7") == Charge("c1", 100)
    assert gateway.keys == ["charge-7", "charge-7"]


def test_declined_card() -> None:
    """A declined card is not tried again."""
    with pytest.raises(CardDeclined):
        charge(FakeGateway({"status": "declined"}), "card", 100, "7")


def test_refund_is_limited() -> None:
    """A refund is not larger than its charge."""
    with pytest.raises(ValueError, match="not larger"):
        refund(FakeGateway(), Charge("c1", 100), 101)
