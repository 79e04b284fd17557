# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Changes the directory: users, groups, teams, projects and roles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace

from conexus.edition import AuditSink, Directory, Entitlements, not_available
from conexus.errors import InvalidRequest, NotFound
from conexus.types import (
    KIND_OF_ENTRY,
    ChangeEvent,
    CustomRole,
    DirectoryChange,
    DirectoryEntry,
    DirectoryKind,
    DirectoryState,
    Feature,
    Group,
    Principal,
    Project,
    Team,
    User,
)
from conexus_ee.events import audit_event
from conexus_ee.rights import BUILT_IN

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,100}", re.ASCII)
_MAX_PATTERN_CHARS = 300
_MAX_DETAIL_CHARS = 500


class LicensedDirectory:
    """Implements ``conexus.edition.DirectoryDesk``.

    Once the licence is over nothing is given any more, and what only takes away goes on: users can be locked out and
    entries removed.

    Args:
        directory: Where entries are.
        entitlements: Says whether rights may be given.
        now: Seconds since the epoch.
        audit: Is told of each change.
    """

    def __init__(
        self, directory: Directory, entitlements: Entitlements, now: Callable[[], float], audit: AuditSink
    ) -> None:
        self._audit = audit
        self._directory = directory
        self._entitlements = entitlements
        self._now = now

    def state(self) -> DirectoryState:
        """Return all entries."""
        return self._directory.state()

    def put(self, entry: DirectoryEntry, who: Principal) -> None:
        """Add an entry, or replace the one of its name.

        Raises:
            InvalidRequest: It names what is not there, or cannot be called so.
            FeatureNotAvailable: The licence is over, or does not include the directory.
        """
        self._audit.require()
        may_give = self._entitlements.has(Feature.DIRECTORY)

        def edit(state: DirectoryState) -> DirectoryChange:
            if not may_give and not _locks_out(entry, state):
                raise not_available(self._entitlements, Feature.DIRECTORY)
            _check(entry, state)
            return DirectoryChange(put=(entry,), events=(event,))

        event = self._event(f"{KIND_OF_ENTRY[type(entry)]}.put", entry.name, who, entry)
        self._directory.change(edit)
        self._audit.record(audit_event(event, who))

    def remove(self, kind: DirectoryKind, name: str, who: Principal) -> None:
        """Forget an entry, and take its name out of all others.

        Raises:
            NotFound: There is none of that name.
        """

        def edit(state: DirectoryState) -> DirectoryChange:
            if name not in state.of(kind):
                raise NotFound(f"there is no {kind} {name[:100]!r}", hint=f"see `conexus admin {kind}s list`")
            return DirectoryChange(
                put=tuple(_without(state, kind, name)),
                removed=((kind, name),),
                events=(event,),
            )

        self._audit.require()
        event = self._event(f"{kind}.removed", name, who, None)
        self._directory.change(edit)
        self._audit.record(audit_event(event, who))

    def _event(self, change: str, name: str, who: Principal, entry: DirectoryEntry | None) -> ChangeEvent:
        detail = "" if entry is None else json.dumps(asdict(entry), ensure_ascii=False)[:_MAX_DETAIL_CHARS]
        return ChangeEvent(change, self._now(), who.subject, name, detail)


def _locks_out(entry: DirectoryEntry, state: DirectoryState) -> bool:
    """Whether a change does nothing but take a user's rights away."""
    return isinstance(entry, User) and not entry.active and entry.name in state.users


def _check(entry: DirectoryEntry, state: DirectoryState) -> None:
    if not _NAME.fullmatch(entry.name):
        raise _invalid(f"{entry.name[:100]!r} cannot be a name", "name")
    match entry:
        case User():
            if len(entry.email) > _MAX_PATTERN_CHARS or not entry.email.isprintable():
                raise _invalid("the address cannot be one", "email")
        case Group():
            _require_known(entry.members, state.users, "user", "members")
        case Team():
            _require_known(entry.members, state.users, "user", "members")
            _require_known(entry.groups, state.groups, "group", "groups")
        case Project():
            _check_project(entry, state)
        case CustomRole():
            if entry.name in BUILT_IN:
                raise _invalid(f"the role {entry.name} is there already, and cannot be changed", "name")


def _check_project(project: Project, state: DirectoryState) -> None:
    for pattern in project.repositories:
        shown = pattern[:_MAX_PATTERN_CHARS]
        if not pattern or pattern != shown or not pattern.isprintable() or pattern != pattern.strip():
            raise _invalid(f"the pattern {shown!r} fits no repository", "repositories")
    for grant in project.grants:
        _require_known((grant.role,), {*BUILT_IN, *state.roles}, "role", "grants")
        kind, _, name = grant.subject.partition(":")
        if kind not in {"user", "group", "team"}:
            raise _invalid(f"{grant.subject[:100]!r} is no subject: write user:NAME, group:NAME or team:NAME", "grants")
        _require_known((name,), state.of(DirectoryKind(kind)), kind, "grants")


def _require_known(names: tuple[str, ...], known: object, what: str, field: str) -> None:
    missing = [name for name in names if name not in known]  # type: ignore[operator]  # a set, or the keys of a dict
    if missing:
        raise _invalid(f"there is no {what} {missing[0][:100]!r}", field)


def _invalid(message: str, field: str) -> InvalidRequest:
    hint = "a name has 1 to 100 of the characters A-Z a-z 0-9 . _ @ -" if field == "name" else None
    return InvalidRequest(message, hint=hint, details={"field": field})


def _without(state: DirectoryState, kind: DirectoryKind, name: str) -> list[DirectoryEntry]:
    """Return the other entries that named one, without it."""
    found: list[DirectoryEntry] = []
    if kind is DirectoryKind.USER:
        found += [
            replace(one, members=_less(one.members, name)) for one in state.groups.values() if name in one.members
        ]
        found += [replace(one, members=_less(one.members, name)) for one in state.teams.values() if name in one.members]
    if kind is DirectoryKind.GROUP:
        found += [replace(one, groups=_less(one.groups, name)) for one in state.teams.values() if name in one.groups]
    for project in state.projects.values():
        kept = tuple(
            grant
            for grant in project.grants
            if grant.subject != f"{kind}:{name}" and not (kind is DirectoryKind.ROLE and grant.role == name)
        )
        if kept != project.grants:
            found.append(replace(project, grants=kept))
    return found


def _less(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)
