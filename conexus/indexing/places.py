# SPDX-License-Identifier: FSL-1.1-MIT
"""How many repositories an edition indexes, and what is said to one more.

They are counted, in the transaction that would add one: no number is stored that could be changed, and of two
processes that want the last place one gets it. What is indexed already is never counted out.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

from conexus.edition import Entitlements
from conexus.plans import next_plan, refused
from conexus.ports import Catalog
from conexus.types import Feature, RepoId, RepositoryUse

_NOTICE_SHARE = 0.8
_LISTED = 20


class Places:
    """The places for repositories of one catalog.

    Args:
        catalog: Where they are.
        entitlements: How many there may be.
    """

    def __init__(self, catalog: Catalog, entitlements: Entitlements) -> None:
        self._catalog = catalog
        self._entitlements = entitlements

    def require(self, repo: RepoId, root: Path) -> None:
        """Return if a working tree may be indexed, before any work is done for it.

        Raises:
            FeatureNotAvailable: It is of one repository more than there are places.
        """
        views = self._catalog.views()
        if not any(view.repo == repo for view in views):
            # A tree whose remote has changed gives up its old place, unless another tree has it too.
            self.admit(repo, len({view.repo for view in views if view.root != root}))

    def admit(self, repo: RepoId, used: int) -> None:
        """Return if there is a place for a repository beside so many others.

        Raises:
            FeatureNotAvailable: There is none.
        """
        most = self._entitlements.limits().repositories
        if most is None or used < most:
            return
        plan = self._entitlements.plan()
        there = [one for one in self._catalog.repositories() if one.repo != repo]
        oldest = min(there, key=lambda one: one.used_at or 0.0, default=None)
        why = self._entitlements.why_not(Feature.REPOSITORIES)
        why = f"{why}, which leaves {most} repositories" if why else f"the {plan} edition indexes {most} repositories"
        error = refused(
            Feature.REPOSITORIES,
            f"there is no place for {repo}: {why}, and {used} are indexed",
            f"indexed are {_listed(there)}; free a place: conexus repos remove {oldest.name if oldest else 'NAME'}",
            next_plan(plan),
            limit=str(most),
            used=str(used),
        )
        error.details = {**error.details, "indexed": json.dumps([_fact(one) for one in there[:_LISTED]])}
        raise error

    def notice(self) -> str:
        """Return a line where four of five places are taken, or more; else nothing."""
        most = self._entitlements.limits().repositories
        used = len(self._catalog.repositories())
        if most is None or used < math.ceil(most * _NOTICE_SHARE):
            return ""
        return f"{used} of the {most} repositories of the {self._entitlements.plan()} edition are indexed"


def _listed(there: list[RepositoryUse]) -> str:
    shown = ", ".join(f"{one.name} (last used {_day(one.used_at)})" for one in there[:_LISTED])
    return shown + (f" and {len(there) - _LISTED} more" if len(there) > _LISTED else "")


def _fact(one: RepositoryUse) -> dict[str, object]:
    return {"repository": one.repo, "name": one.name, "last_used_at": one.used_at}


def _day(at: float | None) -> str:
    return "never" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
