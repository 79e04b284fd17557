# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The audit log: what is written of each use, who may look, and how it is proved that nothing was changed."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from conexus.edition import Entitlements, PolicyStore, not_available
from conexus.errors import ConfigError, DaemonUnavailable, InvalidRequest, NotFound, SourceError, StoreDamaged
from conexus.types import (
    AuditEvent,
    AuditFinding,
    AuditHead,
    AuditHold,
    AuditQuery,
    AuditRecord,
    AuditReport,
    AuditVerdict,
    Feature,
    Principal,
)
from conexus.values import dataclass
from conexus_ee.audit_check import HOLD, RELEASE, check, is_as_written, recorded_holds
from conexus_ee.audit_store import AuditStore, HoldRow, Stored
from conexus_ee.checkpoints import Checkpoints
from conexus_ee.signing import Signer

LOG_FILE: Final = "audit.sqlite"
KEY_FILE: Final = "audit.key"
_DENIED: Final = frozenset({"access_denied", "unauthenticated"})
_KEPT: Final = frozenset({"audit.erase", "audit.expire", HOLD, RELEASE})
_MOST_DAYS: Final = 36_500
_MAX_SHOWN: Final = 1_000
_MAX_ASKED: Final = 4_000
_MAX_NAME: Final = 100
_DAY_S: Final = 86_400.0
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_RULES: Final = ("keep", "hash", "omit")
_KNOWN: Final = frozenset({"text", "keep_days", "checkpoints", "checkpoint_every_s"})


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """The table ``[edition.audit]`` of the settings."""

    text: str = "keep"
    """What is kept of questions: ``keep``, ``hash`` (with a key) or ``omit``."""
    keep_days: int = 0
    """How long records are kept; 0 for ever."""
    checkpoints: str = ""
    """A file in a second place that signed heads are added to; empty for none."""
    checkpoint_every_s: float = 60.0
    """How often; 0 with every record."""


def audit_options(table: object) -> AuditOptions:
    """Return what the table says.

    Raises:
        ConfigError: It makes no sense.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("edition.audit must be a table")
    if unknown := sorted(str(name) for name in table.keys() - _KNOWN):
        raise ConfigError(f"unknown setting edition.audit.{unknown[0]}", hint=f"known are {', '.join(sorted(_KNOWN))}")
    given: dict[str, Any] = {str(name): value for name, value in table.items()}
    options = AuditOptions(**given)
    if given.get("text", "keep") not in _RULES:
        raise ConfigError(f"edition.audit.text must be one of {', '.join(_RULES)}, not {given['text']!r}")
    if type(given.get("keep_days", 0)) is not int or not 0 <= options.keep_days <= _MOST_DAYS:
        raise ConfigError("edition.audit.keep_days must be a number of days, 0 for ever")
    place = given.get("checkpoints", "")
    if not isinstance(place, str) or "\0" in place or (place and not place.startswith(("/", "~/"))):
        raise ConfigError("edition.audit.checkpoints must be the absolute path of a file")
    if type(given.get("checkpoint_every_s", 0)) not in {int, float} or not 0 <= options.checkpoint_every_s <= _DAY_S:
        raise ConfigError("edition.audit.checkpoint_every_s must be a number of seconds, a day at most")
    return options


class AuditLog:
    """Implements ``conexus.edition.AuditSink`` and ``conexus.edition.AuditDesk``.

    Args:
        folder: Where the log and its key are; in memory where ``None``.
        options: What is kept, and how long.
        entitlements: Says whether there is an audit log. Once the licence is over nothing is recorded any more; what
            was recorded can still be read and checked.
        policies: Says which access policies are in force.
        repositories: Ids of all repositories that are indexed.
        journal: The journal mode of SQLite that the folder's disk needs.
    """

    def __init__(
        self,
        folder: Path | None,
        options: AuditOptions,
        entitlements: Entitlements,
        policies: PolicyStore,
        repositories: Callable[[], Collection[str]] = tuple,
        journal: str = "WAL",
    ) -> None:
        self._folder = folder
        self._options = options
        self._entitlements = entitlements
        self._policies = policies
        self._repositories = repositories
        self._journal = journal
        self._mutex = threading.Lock()
        self._opened: tuple[AuditStore, Signer] | None = None
        self._checkpoints = Checkpoints(options.checkpoints, options.checkpoint_every_s)

    # ------------------------------------------------------------------------ recording

    @property
    def is_on(self) -> bool:
        """Whether the licence has an audit log."""
        return self._entitlements.has(Feature.AUDIT_LOG)

    def record(self, event: AuditEvent) -> None:
        """Store one event; durable when it returns.

        Raises:
            DaemonUnavailable: It cannot be stored.
        """
        if self.is_on:
            self._write(event, {})

    def require(self) -> None:
        """Return if an event could be stored now: before something is changed that has to be on record.

        Raises:
            DaemonUnavailable: It could not.
        """
        if self.is_on:
            self._open()[0].require()

    def _write(self, event: AuditEvent, more: Mapping[str, object]) -> None:
        store = self._open()[0]
        store.add(*self._parts(event, more))
        self._written(store)

    def _parts(self, event: AuditEvent, more: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
        """Return what everybody may know of an event, and what can be erased."""
        who, signer = event.who, self._open()[1]
        public: dict[str, object] = {
            "at": round(event.at, 6),
            "action": event.action,
            "outcome": event.outcome,
            "allowed": event.outcome not in _DENIED,
            "surface": event.surface,
            "client": who.client,
            "results": event.results,
            "policy": self._policies.current().number,
            "repos": list(event.repos[:_MAX_SHOWN]),
            "shown": list(event.shown[:_MAX_SHOWN]),
            **more,
        }
        private: dict[str, object] = {
            "subject": who.subject,
            "user": who.user,
            "key": who.key,
            "address": who.address,
            "request": event.request,
            "text": self._ruled(event.text, signer),
            "asked": event.asked[:_MAX_ASKED],
            **({"claims": list(told)} if (told := who.claims.told()) else {}),
        }
        return public, private

    def _written(self, store: AuditStore) -> None:
        if self._checkpoints.is_due() and (head := store.newest_head()) is not None:
            self._checkpoints.add(head)

    def _ruled(self, text: str, signer: Signer) -> str:
        if not text or self._options.text == "omit":
            return ""
        return signer.hashed(text) if self._options.text == "hash" else text

    def _told(self, who: Principal, action: str, asked: object = "", more: Mapping[str, object] | None = None) -> None:
        """Record that the log itself was read or changed, also where the licence is over."""
        if isinstance(asked, dict) and "text" in asked:  # what the log is searched for may be a question
            asked = {**asked, "text": self._ruled(str(asked["text"]), self._open()[1])}
        told = json.dumps(asked, ensure_ascii=False, default=str) if asked else ""
        self._write(AuditEvent(who, action, time.time(), asked=told), more or {})

    def _open(self) -> tuple[AuditStore, Signer]:
        with self._mutex:
            if self._opened is None:
                self._opened = self._begun(self._folder, self._journal)
            return self._opened

    @staticmethod
    def _begun(folder: Path | None, journal: str) -> tuple[AuditStore, Signer]:
        """Open the log and its key, or make both: one without the other is not gone on with."""
        if folder is None:
            store, signer = AuditStore(":memory:"), Signer.passing()
        else:
            log, key = folder / LOG_FILE, folder / KEY_FILE
            if key.exists() and not (log.exists() and log.stat().st_size):
                raise DaemonUnavailable(
                    f"the audit log {log} is gone, and its key is there",
                    hint="put it back; to begin a new log, move the key away as well",
                )
            store = AuditStore(str(log), journal)
            if store.is_begun() and not key.exists():
                raise DaemonUnavailable(
                    f"the key of the audit log is gone: {key}",
                    hint="put it back; to begin a new log, move the old one away",
                )
            signer = Signer.at(key)
        store.sign_with(signer)
        return store, signer

    def _readable(self) -> AuditStore:
        """Return the log, for whoever wants to read or change it.

        Raises:
            FeatureNotAvailable: There never was one, and the edition has none.
        """
        is_there = self._opened is not None or (self._folder is not None and (self._folder / LOG_FILE).exists())
        if not is_there and not self._entitlements.has(Feature.AUDIT_LOG):
            raise not_available(self._entitlements, Feature.AUDIT_LOG)
        return self._open()[0]

    # ------------------------------------------------------------------------ reading

    def search(self, query: AuditQuery, limit: int, who: Principal) -> list[AuditRecord]:
        """Return the newest records that fit, newest first."""
        store = self._readable()
        fits = _matcher(query)
        found: list[AuditRecord] = []
        for stored in store.records(newest_first=True):
            record = record_of(stored)
            if fits(record):
                found.append(record)
                if len(found) == limit:
                    break
            if query.since is not None and stored.public is not None and record.at < query.since - _DAY_S:
                break  # clocks are set, but not by a day
        self._told(who, "audit.search", _asked(query))
        return found

    def export(self, query: AuditQuery, who: Principal) -> Iterator[AuditRecord]:
        """Yield the records that fit, oldest first."""
        store = self._readable()
        self._told(who, "audit.export", _asked(query))
        fits = _matcher(query)
        return (record for stored in store.records() if fits(record := record_of(stored)))

    def verify(self, who: Principal, checkpoints: Path | None = None) -> AuditVerdict:
        """Check every record, the chain, the tree, the signed heads and the heads of a second place."""
        store = self._readable()
        second = Checkpoints(str(checkpoints)) if checkpoints is not None else self._checkpoints
        heads, problems = [], []
        try:
            heads = second.read()
        except SourceError as error:
            if checkpoints is not None:
                raise
            problems.append(error.message)
        verdict = check(store, self._open()[1].public, heads)
        try:  # afterwards, since what is written is signed
            self._told(who, "audit.verify")
        except DaemonUnavailable as error:
            problems.append(f"this check could not be recorded: {error.message}")
        found = tuple(AuditFinding(1, max(1, verdict.records), problem) for problem in problems)
        return replace(verdict, findings=(*verdict.findings, *found))

    def report(self, since: float, until: float, minutes: float, who: Principal) -> AuditReport:
        """Sum up the use of a span of time."""
        if not self._entitlements.has(Feature.ADVANCED_ANALYTICS):
            raise not_available(self._entitlements, Feature.ADVANCED_ANALYTICS)
        from conexus_ee.analytics import report  # noqa: PLC0415 -- brings numpy

        store = self._readable()
        query = AuditQuery(since=since, until=until)
        self._told(who, "audit.report", _asked(query))
        fits = _matcher(query)
        records = (record for stored in store.records() if fits(record := record_of(stored)))
        return report(records, self._repositories(), since, until, minutes)

    def head(self) -> AuditHead | None:
        """Return the newest signed head; nothing where nothing is recorded yet."""
        return self._readable().newest_head()

    def public_key(self) -> str:
        """Return the key that heads are signed with, in PEM."""
        self._readable()
        return self._open()[1].public_pem

    # ------------------------------------------------------------------------ what goes

    def expire(self, who: Principal) -> int:
        """Reduce what is too old and no hold keeps to its hash. Returns how many records."""
        store = self._readable()
        if not self._options.keep_days:
            return 0
        before = time.time() - self._options.keep_days * _DAY_S
        held = self._held(store)
        seqs = []
        for stored in store.records():
            record = _sound(stored)
            if record.action in _KEPT:
                continue  # they say which records are not whole, and which are held
            if stored.public is not None and record.at < before and not held(record):
                seqs.append(stored.seq)
        if seqs:
            self._told(who, "audit.expire", more={"touched": ranges(seqs)})
            store.reduce(seqs, whole=True)
        return len(seqs)

    def erase(self, user: str, who: Principal) -> tuple[int, int]:
        """Take who asked and what out of a user's records; return how many, and how many a hold keeps."""
        if not user.strip():
            raise InvalidRequest("name a user")
        store = self._readable()
        held = self._held(store)
        theirs = [one for one in store.records() if one.private is not None and _is_of(_sound(one), user)]
        if not theirs:
            raise NotFound(f"there is no record of {user[:_MAX_NAME]!r}", hint="conexus audit search --user NAME")
        seqs = [one.seq for one in theirs if not held(record_of(one))]
        if not seqs:
            raise InvalidRequest("a hold keeps every record of them", hint="conexus audit hold list")
        self._told(who, "audit.erase", more={"touched": ranges(seqs)})
        store.reduce(seqs, whole=False)
        return len(seqs), len(theirs) - len(seqs)

    def holds(self) -> list[AuditHold]:
        """Return the holds."""
        rows = self._readable().hold_rows()
        if broken := [row.name for row in rows if row.hold is None]:
            raise StoreDamaged(f"the hold {broken[0][:_MAX_NAME]!r} cannot be read", hint="conexus audit verify")
        return [row.hold for row in rows if row.hold is not None]

    def hold(self, hold: AuditHold, who: Principal) -> None:
        """Add a hold."""
        if not _NAME.fullmatch(hold.name):
            raise InvalidRequest(f"{hold.name[:_MAX_NAME]!r} cannot be a name", hint="use letters, digits, . _ and -")
        if hold.since is not None and hold.until is not None and hold.since >= hold.until:
            raise InvalidRequest("the hold ends before it begins")
        store = self._readable()
        row = HoldRow.of(replace(hold, created_at=time.time(), by=who.subject))
        asked = json.dumps({"name": hold.name, "user": hold.user, "reason": hold.reason}, ensure_ascii=False)
        event = AuditEvent(who, HOLD, time.time(), asked=asked)
        store.add_hold(*self._parts(event, {"hold": row.id, "seal": row.seal}), row)
        self._written(store)

    def release(self, name: str, who: Principal) -> None:
        """End a hold; also one of which only the record is left, by its name or its id."""
        store = self._readable()
        there = [row.id for row in store.hold_rows() if row.name == name]
        recorded = {known.seq: of for of, known in recorded_holds(store).by_id.items()}
        asked = (record_of(one) for one in store.records() if one.seq in recorded)
        named = [recorded[one.seq] for one in asked if name in {recorded[one.seq], _object(one.asked).get("name")}]
        if not there and not named:
            raise NotFound(f"there is no hold {name[:_MAX_NAME]!r}", hint="conexus audit hold list")
        event = AuditEvent(who, RELEASE, time.time(), asked=json.dumps({"name": name}, ensure_ascii=False))
        released = sorted({one for one in (*there, *named) if one})
        store.drop_hold(*self._parts(event, {"released": released}), name)
        self._written(store)

    def _held(self, store: AuditStore) -> Callable[[AuditRecord], bool]:
        """Return what says whether a hold keeps a record.

        Raises:
            StoreDamaged: The holds are not those that are on record: then nothing goes.
        """
        rows = store.hold_rows()
        if problems := recorded_holds(store).problems(rows):
            raise StoreDamaged(
                f"nothing can be deleted: {problems[0][2]}",
                hint="conexus audit verify; what is on record wrongly is ended by conexus audit hold release",
            )
        return _holding([row.hold for row in rows if row.hold is not None])


def record_of(stored: Stored) -> AuditRecord:
    """Return a record as people read it. One that was tampered with is shown as far as it can be."""
    public, private = _object(stored.public), _object(stored.private)
    state = "expired" if stored.public is None else "erased" if stored.private is None else "whole"
    return AuditRecord(
        seq=stored.seq,
        at=_number(public.get("at")),
        action=_text(public.get("action")),
        outcome=_text(public.get("outcome")),
        allowed=public.get("allowed") is True,
        surface=_text(public.get("surface")),
        client=_text(public.get("client")),
        results=int(_number(public.get("results"))),
        policy=int(_number(public.get("policy"))),
        repos=_texts(public.get("repos")),
        shown=_texts(public.get("shown")),
        subject=_text(private.get("subject")),
        user=_text(private.get("user")),
        key=_text(private.get("key")),
        address=_text(private.get("address")),
        request=_text(private.get("request")),
        text=_text(private.get("text")),
        asked=_text(private.get("asked")),
        claims=_texts(private.get("claims")),
        state=state,
    )


def _sound(stored: Stored) -> AuditRecord:
    """Return a record that something may be taken out of.

    Raises:
        StoreDamaged: It is not as it was written. Taking out what shows that would make it good, and who changes who it
            was would have it deleted in spite of a hold.
    """
    if not is_as_written(stored):
        raise StoreDamaged(
            f"nothing can be deleted: record {stored.seq} of the audit log is not as it was written",
            hint="conexus audit verify",
        )
    return record_of(stored)


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return _printable(value) if isinstance(value, str) else ""


def _printable(text: str) -> str:
    """Return text that is UTF-8: bytes of a terminal that were none are written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_printable(one) for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else 0.0  # noqa: PLR2004 -- a float's


def _asked(query: AuditQuery) -> dict[str, object]:
    fields = ("user", "action", "repo", "text", "since", "until", "denied")
    return {name: value for name in fields if (value := getattr(query, name))}


def _is_of(record: AuditRecord, user: str) -> bool:
    """Whether a record is of what a user did, or of a change of their entry in the directory."""
    if user in {record.user, record.subject} or record.subject == f"user:{user}":
        return True
    return record.action.startswith("change:user.") and _object(record.asked).get("target") == user


def _matcher(query: AuditQuery) -> Callable[[AuditRecord], bool]:
    text = query.text.casefold()

    def fits(record: AuditRecord) -> bool:
        return (
            (not query.user or _is_of(record, query.user))
            and (not query.action or record.action == query.action)
            and (not query.repo or query.repo in record.repos)
            and (query.since is None or record.at >= query.since)
            and (query.until is None or record.at < query.until)
            and (not query.denied or (record.state != "expired" and not record.allowed))
            and (not text or any(text in one.casefold() for one in (record.text, record.asked, *record.shown)))
        )

    return fits


def _holding(holds: Sequence[AuditHold]) -> Callable[[AuditRecord], bool]:
    def held(record: AuditRecord) -> bool:
        return any(
            (not hold.user or _is_of(record, hold.user))
            and (hold.since is None or record.at >= hold.since)
            and (hold.until is None or record.at < hold.until)
            for hold in holds
        )

    return held


def ranges(numbers: Sequence[int]) -> str:
    """Return rising numbers as ``1-3,7``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in found)


__all__ = ["AuditLog", "AuditOptions", "audit_options", "ranges", "record_of"]
