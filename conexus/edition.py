"""The one seam between the core and an edition package such as conexus_ee.

The core always calls these protocols and never asks which edition runs. The
community edition knows three roles and records nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import EntryPoint
from typing import Protocol

from conexus.config import Config
from conexus.errors import AccessDenied, EditionError, Unauthenticated
from conexus.types import Principal, RepoId, Role, SearchFilter

ENTRY_POINT_GROUP = "conexus.edition"


class Authenticator(Protocol):
    """Finds out who is calling the daemon with credentials that are neither its own token nor an API key."""

    def authenticate(self, metadata: Mapping[str, str]) -> Principal:
        """Return the caller.

        Args:
            metadata: Headers of the request, names in lower case.

        Raises:
            Unauthenticated: The credentials are missing or wrong.
        """
        ...


class AccessPolicy(Protocol):
    """Decides what a caller may do."""

    def narrow(self, who: Principal, where: SearchFilter) -> SearchFilter:
        """Return ``where`` cut down to what ``who`` may read, before the search runs."""
        ...

    def may_read(self, who: Principal, repo: RepoId) -> bool:
        """Whether ``who`` may read anything of ``repo``."""
        ...

    def require_write(self, who: Principal, repo: RepoId) -> None:
        """Return if ``who`` may index or delete ``repo``.

        Raises:
            AccessDenied: The caller may not.
        """
        ...


class AuditSink(Protocol):
    """Receives one event for each use of the service."""

    def record(self, who: Principal, action: str, detail: Mapping[str, str]) -> None:
        """Store one event before the answer leaves.

        Raises:
            EditionError: The event cannot be stored; the answer is withheld.
        """
        ...


class NoSingleSignOn:
    """Community authenticator: there is the daemon's token and there are API keys, and nothing else."""

    def authenticate(self, metadata: Mapping[str, str]) -> Principal:
        """Refuse.

        Raises:
            Unauthenticated: Always.
        """
        raise Unauthenticated(
            "the credentials are not valid",
            hint="send the daemon's token or an API key (conexus keys create) as Authorization: Bearer …",
        )


class RoleAccess:
    """Community policy: three roles, each limited to the repositories that the caller's patterns fit."""

    def narrow(self, who: Principal, where: SearchFilter) -> SearchFilter:
        """Return ``where`` as it is; :meth:`may_read` leaves repositories out one by one."""
        return where

    def may_read(self, who: Principal, repo: RepoId) -> bool:
        """Whether a pattern of the caller fits; without patterns, always."""
        return who.repos is None or any(fnmatchcase(repo, pattern) for pattern in who.repos)

    def require_write(self, who: Principal, repo: RepoId) -> None:
        """Allow writers.

        Raises:
            AccessDenied: The caller only reads, or not this repository.
        """
        if not self.may_read(who, repo):
            raise AccessDenied(f"{who.subject} may not use the repository {repo}")
        if who.role.rank < Role.WRITER.rank:
            raise AccessDenied(
                f"{who.subject} may not change the index of {repo}",
                hint="use a key with the role writer: conexus keys create --role writer",
            )


class NoAudit:
    """Community audit: events are dropped."""

    def record(self, who: Principal, action: str, detail: Mapping[str, str]) -> None:
        """Drop the event."""


@dataclass(frozen=True, slots=True)
class Edition:
    """All parts that an edition may replace."""

    name: str
    authenticator: Authenticator
    access: AccessPolicy
    audit: AuditSink


EditionFactory = Callable[[Config], Edition]


def community() -> Edition:
    """Return the edition that needs nothing but the core."""
    return Edition("community", NoSingleSignOn(), RoleAccess(), NoAudit())


def load_edition(config: Config, found: Sequence[EntryPoint]) -> Edition:
    """Return the installed edition, or the community one if there is none.

    Args:
        config: Passed on to the edition's factory.
        found: Entry points of group ``conexus.edition``.

    Raises:
        EditionError: More than one edition is installed, the installed one
            cannot be loaded, or it is not the one the configuration requires.
            There is no fall-back to the community edition, which would drop
            access control without a word.
    """
    edition = community() if not found else _load_only(config, found)
    if config.required_edition not in ("", edition.name):
        raise EditionError(f"the {config.required_edition} edition is required, but the {edition.name} one runs")
    return edition


def _load_only(config: Config, found: Sequence[EntryPoint]) -> Edition:
    if len(found) > 1:
        names = ", ".join(sorted(entry.value for entry in found))
        raise EditionError(f"more than one edition is installed: {names}", hint="uninstall all but one")
    try:
        factory: EditionFactory = found[0].load()
        return factory(config)
    except Exception as exc:
        raise EditionError(f"edition {found[0].value!r} cannot start: {exc}") from exc
