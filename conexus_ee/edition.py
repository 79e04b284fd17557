"""The factory that the core loads through the entry point group ``conexus.edition``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeGuard

from conexus.config import Config
from conexus.edition import Edition, NoAudit, NoSingleSignOn
from conexus.errors import ConfigError
from conexus.types import RepoId
from conexus_ee.access import GroupPolicy

_KNOWN = frozenset({"grants"})
_REPOSITORY = re.compile(r"[^\s*?\[\]/]+(?:/[^\s*?\[\]/]+)+")  # a repository id has two parts or more and is no glob


def build(config: Config) -> Edition:
    """Return the enterprise edition.

    Without grants nobody may read anything.

    Args:
        config: Its ``edition`` table is ``{"grants": {"group": ["host/owner/name", …]}}``.

    Raises:
        ConfigError: The table holds anything else. A grant that could not take effect as it is written is never
            passed over.
    """
    unknown = sorted(str(name) for name in config.edition.keys() - _KNOWN)
    if unknown:
        raise ConfigError(
            f"unknown setting {', '.join(f'edition.{name}' for name in unknown)}", hint="known is edition.grants"
        )
    return Edition("enterprise", NoSingleSignOn(), GroupPolicy(_grants(config.edition.get("grants", {}))), NoAudit())


def _grants(table: object) -> dict[str, frozenset[RepoId]]:
    if not isinstance(table, Mapping):
        raise ConfigError("edition.grants must be a table of groups, each with a list of repositories")
    return {_group(name): _repositories(str(name), repos) for name, repos in table.items()}


def _group(name: object) -> str:
    if not _is_word(name):
        raise ConfigError(f"edition.grants: {name!r} is no name of a group")
    return name


def _repositories(group: str, repos: object) -> frozenset[RepoId]:
    if not isinstance(repos, list | tuple):
        raise ConfigError(f"edition.grants.{group} must be a list of repositories, not {repos!r}")
    for repo in repos:
        if not _is_word(repo) or not _REPOSITORY.fullmatch(repo):
            raise ConfigError(
                f"edition.grants.{group}: {repo!r} is no repository",
                hint="write the whole id, as github.com/pallets/flask; patterns are not supported",
            )
    return frozenset(RepoId(repo) for repo in repos)


def _is_word(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isprintable() and value == value.strip() != ""
