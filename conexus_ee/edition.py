# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What the core loads through the entry point group ``conexus.edition``: the edition that the licence unlocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard

from conexus.edition import (
    Edition,
    EditionContext,
    NoAnalytics,
    community,
    installed_licence,
)
from conexus.errors import ConfigError, EditionError
from conexus.types import Plan, RepoId

if TYPE_CHECKING:
    from conexus_ee.entitlements import LicensedEntitlements
    from conexus_ee.licences import LicenceDesk

_KNOWN = frozenset({"grants", "audit", "claims"})
_REPOSITORY = re.compile(r"[^\s*?\[\]/]+(?:/[^\s*?\[\]/]+)+")  # a repository id has two parts or more and is no glob


class Package:
    """Implements ``conexus.edition.EditionPackage``. What only a licence needs is imported when there is one."""

    def edition(self, context: EditionContext) -> Edition:
        """Return the edition of the licence: community without one, pro, or enterprise.

        Raises:
            EditionError: The licence is not valid; or there is none, and the settings have an ``[edition]`` table,
                without which nobody would be kept from reading anything.
            ConfigError: The ``[edition]`` table holds what could not take effect as it is written.
        """
        grants = granted_repositories(context.config.edition)
        if not self._may_have_licence(context):
            return _without_licence(context)
        from conexus_ee.entitlements import LicensedEntitlements  # noqa: PLC0415 -- most have no licence

        desk = self.licences(context)
        found = desk.found()
        if found is None:
            return _without_licence(context)
        licence = desk.read(found)
        entitlements = LicensedEntitlements(licence, found.source, desk.now, context.now)
        if licence.plan is Plan.PRO:
            _refuse_table(context)
            return community(entitlements, context.policies)
        return _enterprise(context, entitlements, grants)

    def licences(self, context: EditionContext) -> LicenceDesk:
        """Return what looks after licences."""
        from conexus_ee.licences import LicenceDesk  # noqa: PLC0415 -- as above

        return LicenceDesk(context)

    @staticmethod
    def _may_have_licence(context: EditionContext) -> bool:
        options = context.config.license
        return bool(options.key or options.file) or installed_licence(context.data_dir) is not None


def _without_licence(context: EditionContext) -> Edition:
    _refuse_table(context)
    return community(policies=context.policies)


def _refuse_table(context: EditionContext) -> None:
    if context.config.edition:
        raise EditionError(
            "the settings have an [edition] table, which takes a licence of the tier enterprise",
            hint="install the licence (conexus license install FILE), or take the table out",
        )


def _enterprise(
    context: EditionContext, entitlements: LicensedEntitlements, grants: Mapping[str, frozenset[RepoId]]
) -> Edition:
    from conexus_ee.access import GroupPolicy, KeyOwners  # noqa: PLC0415 -- most have no licence
    from conexus_ee.audit import AuditLog, audit_options  # noqa: PLC0415
    from conexus_ee.cache import MemoryCache  # noqa: PLC0415
    from conexus_ee.claims import signed_claims  # noqa: PLC0415
    from conexus_ee.directory import LicensedDirectory  # noqa: PLC0415
    from conexus_ee.events import StoredEvents  # noqa: PLC0415
    from conexus_ee.extras import access_command, access_tool, license_route  # noqa: PLC0415
    from conexus_ee.graph import LicensedGraph  # noqa: PLC0415
    from conexus_ee.policies import LicensedPolicies, Policies  # noqa: PLC0415

    audit_table = context.config.edition.get("audit", {})
    audit = AuditLog(
        context.data_dir,
        audit_options(audit_table),
        entitlements,
        context.policies,
        context.directory.repositories,
        context.journal,
    )
    policies = Policies(context.policies, context.directory)
    policy = GroupPolicy(grants, context.directory, policies)
    return Edition(
        name=Plan.ENTERPRISE.value,
        entitlements=entitlements,
        authenticator=KeyOwners(policy, signed_claims(context.config.edition.get("claims"), context.now)),
        access=policy,
        audit=audit,
        cache=MemoryCache(),
        events=StoredEvents(context.directory, entitlements, audit),
        analytics=NoAnalytics(),
        graph=LicensedGraph(entitlements),
        directory=LicensedDirectory(context.directory, entitlements, context.now, audit),
        policies=LicensedPolicies(
            context.policies, policies, context.directory, context.indexed, entitlements, context.now, audit
        ),
        audit_desk=audit,
        routes=(license_route(entitlements),),
        tools=(access_tool(policy, context.directory),),
        commands=(access_command(context.directory),),
    )


def granted_repositories(table: Mapping[str, object]) -> dict[str, frozenset[RepoId]]:
    """Return what the ``[edition]`` table grants to groups: ``{"grants": {"group": ["host/owner/name", …]}}``.

    Raises:
        ConfigError: The table holds anything else. A grant that could not take effect as it is written is never
            passed over.
    """
    unknown = sorted(str(name) for name in table.keys() - _KNOWN)
    if unknown:
        raise ConfigError(
            f"unknown setting {', '.join(f'edition.{name}' for name in unknown)}",
            hint="known are edition.grants, edition.audit and edition.claims",
        )
    return _grants(table.get("grants", {}))


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


PACKAGE = Package()
"""What the entry point names."""
