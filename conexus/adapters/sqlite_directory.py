# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements Directory and LicenceMarks in the catalog's database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.json_values import from_json, to_json
from conexus.adapters.sqlite_connection import SqliteConnection
from conexus.errors import StoreBusy, StoreDamaged
from conexus.types import (
    KIND_OF_ENTRY,
    ChangeEvent,
    CustomRole,
    DirectoryChange,
    DirectoryKind,
    DirectoryState,
    Group,
    Project,
    RepoId,
    Team,
    User,
)

_EVENT = "type, at, actor, target, detail"
_NOTED_EVERY_S = 3600.0  # the latest time: most starts have nothing to write


class SqliteDirectory:
    """The directory and the marks of licences. Threads may share it."""

    def __init__(self, connection: SqliteConnection) -> None:
        """Use a database.

        Args:
            connection: To the catalog's; whoever opened it closes it.
        """
        self._connection = connection
        self._known: tuple[int, DirectoryState] | None = None

    # ----------------------------------------------------------------------- directory

    def state(self) -> DirectoryState:
        """Return all entries at one moment.

        Raises:
            StoreDamaged: An entry cannot be read. It is never passed over: who has which rights would be guessed.
        """
        changes = self._changes()
        known = self._known
        if known is not None and known[0] == changes:
            return known[1]
        found = self._read()
        self._known = (changes, found)  # at worst older than what was read, and then read again
        return found

    def _changes(self) -> int:
        [[value]] = self._connection.rows("SELECT number FROM directory_changes")
        if not isinstance(value, int):
            raise StoreDamaged("the catalog does not say how often the directory was changed", hint=CATALOG.mend)
        return value

    def _read(self) -> DirectoryState:
        found = DirectoryState()
        for kind, _, text in self._connection.rows("SELECT kind, name, entry FROM directory ORDER BY kind, name"):
            match kind:
                case DirectoryKind.USER.value:
                    user = from_json(User, str(text))
                    found.users[user.name] = user
                case DirectoryKind.GROUP.value:
                    group = from_json(Group, str(text))
                    found.groups[group.name] = group
                case DirectoryKind.TEAM.value:
                    team = from_json(Team, str(text))
                    found.teams[team.name] = team
                case DirectoryKind.PROJECT.value:
                    project = from_json(Project, str(text))
                    found.projects[project.name] = project
                case DirectoryKind.ROLE.value:
                    role = from_json(CustomRole, str(text))
                    found.roles[role.name] = role
                case _:
                    raise StoreDamaged(f"the directory has an entry of the kind {kind!r}", hint=CATALOG.mend)
        return found

    def change(self, edit: Callable[[DirectoryState], DirectoryChange]) -> None:
        """Change entries, and keep the events of it, in one transaction."""
        with self._connection.transaction() as db:
            change = edit(self._read())
            for entry in change.put:
                db.execute(
                    "INSERT OR REPLACE INTO directory (kind, name, entry) VALUES (?, ?, ?)",
                    (KIND_OF_ENTRY[type(entry)], entry.name, to_json(entry)),
                )
            for kind, name in change.removed:
                db.execute("DELETE FROM directory WHERE kind = ? AND name = ?", (kind, name))
            db.executemany(f"INSERT INTO change_events ({_EVENT}) VALUES (?, ?, ?, ?, ?)", map(_row, change.events))  # noqa: S608 -- names from this module
            db.execute("UPDATE directory_changes SET number = number + 1")

    def add_event(self, event: ChangeEvent, forget_before: float = 0.0) -> None:
        """Keep an event, and forget those older than a time."""
        with self._connection.transaction() as db:
            db.execute(f"INSERT INTO change_events ({_EVENT}) VALUES (?, ?, ?, ?, ?)", _row(event))  # noqa: S608 -- as above
            db.execute("DELETE FROM change_events WHERE at < ?", (forget_before,))

    def events(self, limit: int) -> list[ChangeEvent]:
        """Return the newest events, newest first."""
        rows = self._connection.rows(f"SELECT {_EVENT} FROM change_events ORDER BY number DESC LIMIT ?", (limit,))  # noqa: S608 -- as above
        return [
            ChangeEvent(str(kind), _time(at), str(actor), str(target), str(detail))
            for kind, at, actor, target, detail in rows
        ]

    def repositories(self) -> frozenset[RepoId]:
        """Return the ids of all repositories that the catalog has."""
        return frozenset(RepoId(str(row[0])) for row in self._connection.rows("SELECT repo FROM repositories"))

    # ----------------------------------------------------------------------- marks of licences

    def seen(self, now: float) -> float:
        """Return the later of ``now`` and the latest time that was seen, which ``now`` may become."""
        latest = self._mark("seen")
        if now > latest + _NOTED_EVERY_S:
            # The next one notes it where another process writes all the while: no start fails for it.
            with suppress(StoreBusy), self._connection.transaction() as db:
                self._set(db.execute, "seen", now)
        return max(now, latest)

    def begin(self, issued_at: float) -> None:
        """Begin anew with a licence that was issued later than all that were begun with."""
        with self._connection.transaction() as db:
            row = db.execute("SELECT at FROM licence_marks WHERE name = 'issued'").fetchone()
            if row is not None and issued_at <= row[0]:
                return
            self._set(db.execute, "issued", issued_at)
            db.execute("DELETE FROM licence_marks WHERE name = 'seen' AND at > ?", (issued_at,))

    def _mark(self, name: str) -> float:
        rows = self._connection.rows("SELECT at FROM licence_marks WHERE name = ?", (name,))
        return _time(rows[0][0]) if rows else 0.0

    @staticmethod
    def _set(execute: Callable[[str, tuple[object, ...]], object], name: str, at: float) -> None:
        execute(
            "INSERT INTO licence_marks (name, at) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET at = max(at, excluded.at)",
            (name, at),
        )


def _row(event: ChangeEvent) -> tuple[object, ...]:
    return (event.type, event.at, event.actor, event.target, event.detail)


def _time(value: object) -> float:
    if isinstance(value, float):
        return value
    raise StoreDamaged(f"the catalog holds {value!r} where a time belongs", hint=CATALOG.mend)
