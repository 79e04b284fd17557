# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What the directory gives whom: pure functions of its entries.

A user has in a repository what the roles allow that were granted to them, their groups or their teams in projects that
cover it. What no grant gives is not allowed, and nothing takes away what another grant gives.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import field
from fnmatch import fnmatchcase

from conexus.types import (
    REPOSITORY_PERMISSIONS,
    ROLE_PERMISSIONS,
    DirectoryState,
    Permission,
    Project,
    RepoId,
    Role,
)
from conexus.values import dataclass

EVERYTHING = "*"
_MOST_REMEMBERED = 10_000
BUILT_IN = frozenset(role.value for role in Role)
NOTHING: frozenset[Permission] = frozenset()


@dataclass(eq=False)
class _Remembered:
    """What was found out of one state of the directory."""

    state: DirectoryState | None = None
    subjects: dict[str, frozenset[str]] = field(default_factory=dict)
    permissions: dict[tuple[str, RepoId | None], frozenset[Permission]] = field(default_factory=dict)


_memory = threading.local()


def _remembered(state: DirectoryState) -> _Remembered:
    """Return what this thread knows of a state; states are never changed, another one takes the place of the last."""
    known: _Remembered | None = getattr(_memory, "known", None)
    if known is None or known.state is not state or len(known.permissions) > _MOST_REMEMBERED:
        known = _memory.known = _Remembered(state)
    return known


def subjects_of(state: DirectoryState, user: str) -> frozenset[str]:
    """Return all that a grant may name for a user to have it; nothing for one that is not there or not active."""
    known = _remembered(state).subjects
    if user not in known:
        known[user] = _subjects(state, user)
    return known[user]


def _subjects(state: DirectoryState, user: str) -> frozenset[str]:
    found = state.users.get(user)
    if found is None or not found.active:
        return frozenset()
    groups = {group.name for group in state.groups.values() if user in group.members}
    teams = {team.name for team in state.teams.values() if user in team.members or groups & set(team.groups)}
    return frozenset({f"user:{user}", *(f"group:{name}" for name in groups), *(f"team:{name}" for name in teams)})


def groups_of(state: DirectoryState, user: str) -> frozenset[str]:
    """Return the names of the groups that a user is in."""
    return frozenset(name.removeprefix("group:") for name in subjects_of(state, user) if name.startswith("group:"))


def permissions_of_role(state: DirectoryState, role: str) -> frozenset[Permission]:
    """Return what a role allows; nothing for one that is not there."""
    if role in BUILT_IN:
        return ROLE_PERMISSIONS[Role(role)]
    found = state.roles.get(role)
    return NOTHING if found is None else frozenset(found.permissions)


def permissions_on(state: DirectoryState, user: str, repo: RepoId | None) -> frozenset[Permission]:
    """Return what a user may do with a repository, or with all and what is of none where ``repo`` is ``None``."""
    known = _remembered(state).permissions
    if (user, repo) not in known:
        known[user, repo] = _permissions(state, user, repo)
    return known[user, repo]


def _permissions(state: DirectoryState, user: str, repo: RepoId | None) -> frozenset[Permission]:
    found = NOTHING
    for project, granted in _granted(state, user):
        if covers(project, repo):
            found |= granted if EVERYTHING in project.repositories else granted & REPOSITORY_PERMISSIONS
    return found


def permissions_anywhere(state: DirectoryState, user: str) -> frozenset[Permission]:
    """Return what a user may do at all, be it in few repositories."""
    found = permissions_on(state, user, None)
    for _, granted in _granted(state, user):
        found |= granted & REPOSITORY_PERMISSIONS
    return found


def covers(project: Project, repo: RepoId | None) -> bool:
    """Whether a repository is of a project; ``None`` stands for all of them."""
    if repo is None:
        return EVERYTHING in project.repositories
    return any(fnmatchcase(repo, pattern) for pattern in project.repositories)


def _granted(state: DirectoryState, user: str) -> Iterator[tuple[Project, frozenset[Permission]]]:
    """Yield the projects in which a user has a role, and what it allows."""
    subjects = subjects_of(state, user)
    for project in state.projects.values() if subjects else ():
        found = NOTHING
        for grant in project.grants:
            if grant.subject in subjects:
                found |= permissions_of_role(state, grant.role)
        if found:
            yield project, found
