# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements PolicyStore in the catalog's database."""

from __future__ import annotations

import sqlite3

from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.json_values import from_json, to_json
from conexus.adapters.sqlite_connection import SqliteConnection
from conexus.errors import StoreDamaged, StoreError
from conexus.types import PolicySet, PolicyVersion

_COLUMNS = "number, at, actor, note, policies"


class SqlitePolicies:
    """Versions of access policies. Threads may share it.

    Args:
        connection: To the catalog's database; whoever opened it closes it.
    """

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection
        self._known = PolicyVersion()

    def current(self) -> PolicyVersion:
        """Return the version in force."""
        [[number]] = self._connection.rows("SELECT coalesce(max(number), 0) FROM policy_versions")
        known = self._known
        if known.number != number:
            found = self.version(int(str(number)))
            if found is None:  # versions are never deleted
                raise StoreDamaged("the access policies in force are gone", hint=CATALOG.mend)
            self._known = known = found
        return known

    def version(self, number: int) -> PolicyVersion | None:
        """Return a version, if there is one of the number."""
        rows = self._connection.rows(f"SELECT {_COLUMNS} FROM policy_versions WHERE number = ?", (number,))  # noqa: S608 -- a constant
        return _version(rows[0]) if rows else None

    def newest(self, limit: int) -> list[PolicyVersion]:
        """Return the newest versions, newest first."""
        rows = self._connection.rows(f"SELECT {_COLUMNS} FROM policy_versions ORDER BY number DESC LIMIT ?", (limit,))  # noqa: S608 -- a constant
        return [_version(row) for row in rows]

    def add(self, version: PolicyVersion) -> bool:
        """Put a version in force, if it is the next one."""
        with self._connection.transaction() as db:
            (present,) = db.execute("SELECT coalesce(max(number), 0) FROM policy_versions").fetchone()
            if present + 1 != version.number:
                return False
            _insert(db, version)
        return True


def _insert(db: sqlite3.Connection, version: PolicyVersion) -> None:
    db.execute(
        f"INSERT INTO policy_versions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608 -- a constant
        (version.number, version.at, version.by, version.note, to_json(version.policies)),
    )


def _version(row: tuple[object, ...]) -> PolicyVersion:
    number, at, actor, note, text = row
    try:
        return PolicyVersion(int(str(number)), float(str(at)), str(actor), str(note), from_json(PolicySet, str(text)))
    except (ValueError, TypeError, StoreError) as exc:
        raise StoreDamaged(f"version {number} of the access policies cannot be read", hint=CATALOG.mend) from exc
