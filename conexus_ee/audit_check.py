# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Finds out whether an audit log is what was written, and where it is not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from conexus.types import AuditFinding, AuditHead, AuditVerdict
from conexus.values import dataclass
from conexus_ee.audit_store import AuditStore, HoldRow, Stored, head_bytes, sealed
from conexus_ee.merkle import Frontier, leaf_hash
from conexus_ee.signing import is_signed

HOLD, RELEASE = "audit.hold", "audit.release"
"""Actions of the records of holds."""
_MAX_FINDINGS = 100
_MAX_NAME = 100


def check(store: AuditStore, public: Ed25519PublicKey, checkpoints: Sequence[AuditHead]) -> AuditVerdict:
    """Check a log against itself, its signed heads and those of a second place.

    Returns:
        What was found. A record that was changed or taken out is named; where hashes were made anew to hide that, the
        span between two signed heads is.
    """
    return _Check(store, public, checkpoints).run()


@dataclass(frozen=True, slots=True)
class RecordedHold:
    """What a record says of a hold that was made."""

    seq: int
    seal: str


class RecordedHolds:
    """The holds that records say are in force: those that were made and not released."""

    def __init__(self) -> None:
        self.by_id: dict[str, RecordedHold] = {}

    def note(self, seq: int, facts: Mapping[str, Any]) -> None:
        """Take in the public part of a record."""
        if facts.get("action") == HOLD and isinstance(of := facts.get("hold"), str):
            self.by_id[of] = RecordedHold(seq, str(facts.get("seal")))
        elif facts.get("action") == RELEASE:
            for of in _list(facts.get("released")):
                self.by_id.pop(str(of), None)

    def problems(self, rows: Sequence[HoldRow]) -> list[tuple[str, int, str]]:
        """Return what is wrong with the holds of the file: of which one, at which record, and what; 0 for none.

        One is its id, since its name can be given again; its name where it has none.
        """
        found: list[tuple[str, int, str]] = []
        left = dict(self.by_id)
        for row in rows:
            known = left.pop(row.id, None)
            if known is None:
                found.append(
                    (row.id or row.name, 0, f"the hold {row.name[:_MAX_NAME]!r} is there, and no record of it")
                )
            elif row.hold is None or row.hold.name != row.name or row.seal != known.seal:
                found.append((row.id, known.seq, f"the hold {row.name[:_MAX_NAME]!r} was changed"))
        found += [
            (of, known.seq, f"the hold {of[:_MAX_NAME]} is gone, and nobody is on record for its release")
            for of, known in left.items()
        ]
        return found


def recorded_holds(store: AuditStore) -> RecordedHolds:
    """Return the holds that the records of a log say are in force."""
    found = RecordedHolds()
    for stored in store.records():
        public = stored.public
        if public is None or not any(f'"action":"{one}"' in public for one in (HOLD, RELEASE)):
            continue
        if leaf_hash(public.encode("utf-8", "surrogatepass")) == stored.leaf:
            found.note(stored.seq, _facts(public))
    return found


def is_as_written(stored: Stored) -> bool:
    """Whether what is left of a record is what was written, as far as the record itself can tell."""
    if stored.public is None:
        return stored.private is None
    if leaf_hash(stored.public.encode("utf-8", "surrogatepass")) != stored.leaf:
        return False
    if stored.private is None or stored.salt is None:
        return True
    return sealed(stored.salt, stored.private) == _facts(stored.public).get("private")


class _Check:
    def __init__(self, store: AuditStore, public: Ed25519PublicKey, checkpoints: Sequence[AuditHead]) -> None:
        self._store = store
        self._public = public
        self._rows = store.hold_rows()  # before the records: what is made meanwhile has one, and is not among these
        self._recorded = RecordedHolds()
        self._heads = store.heads()
        self._checkpoints = list(checkpoints)
        self._findings: list[AuditFinding] = []
        self._tree = Frontier()
        self._last = b""
        self._seq = 0
        self._reduced: dict[str, list[int]] = {"audit.erase": [], "audit.expire": []}
        self._told: dict[str, list[tuple[int, int]]] = {"audit.erase": [], "audit.expire": []}
        self._sound_until = 0
        self._is_sound = True

    def run(self) -> AuditVerdict:
        size = self._store.size()
        signed = self._signed_heads(size)
        for stored in self._store.records():
            self._record(stored)
            if self._is_sound:
                self._compare(signed.pop(self._tree.size, ()))
        self._end(size, max([size, *signed], default=0))
        for action, what in (("audit.erase", "erased"), ("audit.expire", "deleted")):
            for seq in _outside(self._reduced[action], self._told[action]):
                self._find(seq, seq, f"it was {what}, and nobody is on record for that")
        self._holds()
        findings = sorted(self._findings, key=lambda one: (one.seq, one.last))[:_MAX_FINDINGS]
        return AuditVerdict(
            records=self._seq,
            root=self._tree.root().hex(),
            heads=len(self._heads),
            checkpoints=len(self._checkpoints),
            erased=len(self._reduced["audit.erase"]),
            expired=len(self._reduced["audit.expire"]),
            findings=tuple(findings),
        )

    def _holds(self) -> None:
        """Compare the holds with their records: what is wrong before and after the records were read is.

        But for one that was made and released meanwhile, whose release only a further look at the records shows.
        """
        before, after = (self._recorded.problems(rows) for rows in (self._rows, self._store.hold_rows()))
        wrong = [one for one in after if any(one[0] == other for other, _, _ in before)]
        in_force = recorded_holds(self._store).by_id if wrong else {}
        for of, seq, what in wrong:
            if of in in_force or of not in self._recorded.by_id:
                self._find(max(1, seq), max(1, seq), what)

    def _signed_heads(self, size: int) -> dict[int, list[AuditHead]]:
        """Return the heads that the log's key signed, by how many records they cover."""
        name = self._store.name()
        found: dict[int, list[AuditHead]] = {}
        for heads, where in ((self._heads, "the log"), (self._checkpoints, "the second place")):
            for head in heads:
                at = max(1, head.size)
                if head.log != name:
                    self._find(1, max(1, size), f"a head in {where} is of another log, {head.log[:32]!r}")
                elif not is_signed(self._public, head.signature, head_bytes(head)):
                    self._find(at, at, f"a head in {where} is not signed by the log's key")
                else:
                    found.setdefault(head.size, []).append(head)
        if not self._heads and size:
            self._find(1, size, "there is no signed head")
        return found

    def _compare(self, heads: Iterable[AuditHead]) -> None:
        for head in heads:
            if head.root != self._tree.root().hex():
                self._is_sound = False
                self._find(self._sound_until + 1, head.size, "these are not the records that were signed")
                return
            self._sound_until = head.size

    def _end(self, size: int, furthest: int) -> None:
        """Look at what comes after the last record: as the log says of itself, and as signed heads do."""
        first = self._sound_until + 1
        if furthest > self._seq:
            self._find(self._seq + 1, furthest, "these records are missing at the end")
        elif self._is_sound and (size != self._seq or self._store.frontier() != bytes(self._tree)):
            self._find(
                min(first, self._seq), max(self._seq, size), "the log goes on from another state than its records"
            )
        elif self._is_sound and self._sound_until < self._seq:
            self._find(first, self._seq, "no signed head covers these records")

    def _find(self, first: int, last: int, what: str) -> None:
        self._findings.append(AuditFinding(first, last, what))

    def _record(self, stored: Stored) -> None:
        if stored.seq < 1:
            self._find(stored.seq, stored.seq, "it was put in before the first record")
            return
        if stored.seq != self._seq + 1:
            self._find(self._seq + 1, stored.seq - 1, "these records are missing")
            self._is_sound = False  # the tree of what is left is another one
        elif stored.public is not None:
            self._public_part(stored)
        if stored.public is None:
            self._reduced["audit.expire"].append(stored.seq)
            if stored.private is not None:
                self._find(stored.seq, stored.seq, "its public part was taken out")
        self._seq, self._last = stored.seq, stored.leaf
        self._tree.add(stored.leaf)

    def _public_part(self, stored: Stored) -> None:
        public = stored.public or ""
        if leaf_hash(public.encode("utf-8", "surrogatepass")) != stored.leaf:
            self._find(stored.seq, stored.seq, "it was changed")
            return
        facts = _facts(public)
        if facts.get("broken"):
            self._find(1, stored.seq - 1, "when the next record came, the log was not as its newest head said")
        if facts.get("seq") != stored.seq:
            self._find(stored.seq, stored.seq, "it was written under another number")
        elif facts.get("previous") != self._last.hex():
            self._find(max(1, stored.seq - 1), stored.seq, "the record before it is not the one that was there")
        if stored.private is None or stored.salt is None:
            self._reduced["audit.erase"].append(stored.seq)
        elif sealed(stored.salt, stored.private) != facts.get("private"):
            self._find(stored.seq, stored.seq, "who it was, or what was asked, was changed")
        self._recorded.note(stored.seq, facts)
        if facts.get("action") in self._told:
            self._told[facts["action"]] += _spans(str(facts.get("touched", "")))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _facts(public: str) -> dict[str, Any]:
    try:
        found = json.loads(public)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _spans(text: str) -> list[tuple[int, int]]:
    found = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.append((int(first), int(last or first)))
    return found


def _outside(seqs: Iterable[int], spans: list[tuple[int, int]]) -> list[int]:
    """Return those of rising numbers that are in no span."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    found, place = [], 0
    for seq in seqs:
        while place < len(merged) and merged[place][1] < seq:
            place += 1
        if place == len(merged) or merged[place][0] > seq:
            found.append(seq)
    return found


__all__ = ["HOLD", "RELEASE", "RecordedHolds", "check", "is_as_written", "recorded_holds"]
