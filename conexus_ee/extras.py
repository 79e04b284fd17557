# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What the edition adds to REST, to agents and to the terminal: who may do what, and the licence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from conexus.edition import AccessPolicy, Directory, Entitlements, ExtraCommand, ExtraRoute, ExtraTool
from conexus.errors import AccessDenied, InvalidRequest, NotFound
from conexus.types import Permission, Principal, RepoId
from conexus_ee.rights import permissions_on


def license_route(entitlements: Entitlements) -> ExtraRoute:
    """Return ``GET /v1/license``: the licence as it stands."""

    def answer(who: Principal) -> Mapping[str, object]:
        found = entitlements.licence()
        facts = {} if found is None else {name: value for name, value in asdict(found).items() if name != "source"}
        return {"licence": facts or None, "notices": list(entitlements.notices())}

    return ExtraRoute("/v1/license", "Show the licence", Permission.DAEMON, answer)


def access_tool(access: AccessPolicy, directory: Directory) -> ExtraTool:
    """Return the tool ``my_access``: which repositories the caller may read and index."""

    def answer(who: Principal) -> str:
        readable = [repo for repo in sorted(directory.repositories()) if access.may_read(who, repo)]
        lines = [f"{repo}: read{', index' if _may_write(access, who, repo) else ''}" for repo in readable]
        return "\n".join([f"{who.subject} may use:", *lines]) if lines else f"{who.subject} may read no repository"

    return ExtraTool(
        "my_access",
        "Show my access",
        "List the repositories that you may read and index. Use it when a repository that you expect is not found. "
        "Example: {}",
        answer,
    )


def access_command(directory: Directory) -> ExtraCommand:
    """Return ``conexus access USER``: what a user may do with each repository."""

    def run(arguments: Sequence[str], out: Callable[[str], None]) -> None:
        if len(arguments) != 1 or arguments[0].startswith("-"):
            raise InvalidRequest("name one user", hint="conexus access USER")
        state, user = directory.state(), arguments[0]
        if user not in state.users:
            raise NotFound(f"there is no user {user!r}", hint="see `conexus admin users list`")
        if not state.users[user].active:
            out(f"{user} is locked out")
            return
        for repo in sorted(directory.repositories()):
            found = permissions_on(state, user, repo)
            out(f"{repo}: {', '.join(sorted(found)) or 'nothing'}")
        found = permissions_on(state, user, None)
        out(f"everything: {', '.join(sorted(found)) or 'nothing'}")

    return ExtraCommand("access", "Show what a user may do with each repository.", run)


def _may_write(access: AccessPolicy, who: Principal, repo: RepoId) -> bool:
    try:
        access.require_write(who, repo)
    except AccessDenied:
        return False
    return True
