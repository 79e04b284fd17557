"""A lending desk for a tool library: items, loans and the fines they run up."""

from __future__ import annotations

import datetime as dt
import enum
import logging
import sys
from collections import defaultdict, namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, NewType, TypeAlias, TypeVar

try:
    import ujson as json
except ImportError:
    import json

    FAST_JSON = False
else:
    FAST_JSON = True

log = logging.getLogger(__name__)

MAX_LOANS = 5
"""Most items that one member may hold."""

_FINE_CENTS_A_DAY = 20  # what a late day costs
MemberId = NewType("MemberId", str)
Clock: TypeAlias = Callable[[], dt.date]
Item = TypeVar("Item", bound="Lendable")
Shelf = namedtuple("Shelf", ["aisle", "level"])
by_due_date = lambda loan: loan.due  # noqa: E731


class Condition(enum.StrEnum):
    """How worn an item is."""

    NEW = "new"
    USED = "used"
    BROKEN = "broken"  # not to be lent

    @property
    def lendable(self) -> bool:
        """Whether the desk may hand it out."""
        return self is not Condition.BROKEN


class DeskError(Exception):
    """Something the desk refuses."""


class LimitReached(DeskError):
    """The member holds as many items as allowed. Ask for one back first."""

    def __init__(self, member: MemberId, limit: int = MAX_LOANS) -> None:
        super().__init__(f"{member} already holds {limit} items")
        self.member = member


@dataclass(frozen=True)
class Lendable:
    """Anything with a label on it."""

    label: str
    condition: Condition = Condition.NEW
    shelf: Shelf | None = None


@dataclass
class Loan(Generic[Item]):
    """An item that is out."""

    item: Item
    due: dt.date
    renewals: int = 0
    notes: list[str] = field(default_factory=list)

    def overdue_days(self, today: dt.date) -> int:
        """Return the whole days since the loan was due, or 0."""
        return max(0, (today - self.due).days)


def audited(action: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Log each call of a desk operation."""

    def wrap(operation: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            log.info("%s %s", action, args[1:])
            return operation(*args, **options)

        return call

    return wrap


class Desk:
    """Lends items and takes them back."""

    loan_days: int = 14
    opened, closed = 9, 17

    def __init__(self, today: Clock = dt.date.today) -> None:
        self._today = today
        self._loans: dict[MemberId, list[Loan[Lendable]]] = defaultdict(list)

    @audited("lend")
    def lend(self, member: MemberId, item: Lendable) -> Loan[Lendable]:
        """Hand an item to a member.

        Raises:
            LimitReached: The member holds too many items.
            DeskError: The item is broken or already lent.
        """
        held = self._loans[member]
        if len(held) >= MAX_LOANS:
            raise LimitReached(member)
        if not item.condition.lendable:
            raise DeskError(f"{item.label} is {item.condition}")
        for loans in self._loans.values():
            if any(loan.item.label == item.label for loan in loans):
                raise DeskError(f"{item.label} is already out")
        loan = Loan(item, self._today() + dt.timedelta(days=self.loan_days))
        held.append(loan)
        return loan

    async def remind(self, send: Callable[[MemberId, str], object]) -> int:
        """Write to every member with an overdue item. Returns how many messages went out."""
        sent = 0
        for member, loans in self._loans.items():
            for loan in sorted(loans, key=by_due_date):
                if loan.overdue_days(self._today()):
                    await send(member, f"{loan.item.label} was due on {loan.due:%d %B}")
                    sent += 1
        return sent

    @contextmanager
    def stock_take(self) -> Iterator[list[Lendable]]:
        """Freeze the desk while items are counted."""
        snapshot = [loan.item for loans in self._loans.values() for loan in loans]
        yield snapshot
        if len(snapshot) != sum(map(len, self._loans.values())):
            raise DeskError("loans changed during the stock take")


# Renders what a member owes, as plain text.
# Amounts are in cents until the last line.
def statement(desk: Desk, member: MemberId, today: dt.date) -> str:
    rows: list[str] = []
    total_cents = 0
    for loan in sorted(desk._loans[member], key=by_due_date):
        days = loan.overdue_days(today)
        fine_cents = days * _FINE_CENTS_A_DAY
        # A broken item is charged once more: it has to be replaced, whoever broke it.
        if loan.item.condition is Condition.BROKEN:
            fine_cents += 1_000
        total_cents += fine_cents
        rows.append(f"{loan.item.label:<30}{loan.due.isoformat():>12}{days:>6}{fine_cents / 100:>10.2f}")
        rows.extend(f"    {note}" for note in loan.notes)
    if not rows:
        return f"{member} holds nothing"
    header = f"{'Item':<30}{'Due':>12}{'Late':>6}{'Fine':>10}"
    ruler = "-" * len(header)
    footer = f"{'Total':<48}{total_cents / 100:>10.2f}"
    lines = [f"Statement for {member} on {today:%d %B %Y}", ruler, header, ruler, *rows, ruler, footer]
    if total_cents > 5_000:
        lines.append("Please settle the amount before borrowing again.")
    elif total_cents:
        lines.append("Please settle the amount within thirty days.")
    if any(loan.renewals >= 2 for loan in desk._loans[member]):
        lines.append("Items renewed twice cannot be renewed again.")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def export(desk: Desk) -> str:
    """Return all loans as JSON."""
    return json.dumps({member: [loan.item.label for loan in loans] for member, loans in desk._loans.items()})


if __name__ == "__main__":
    front = Desk()
    front.lend(MemberId("m-17"), Lendable("cordless drill"))
    sys.stdout.write(statement(front, MemberId("m-17"), dt.date(2030, 1, 31)))
