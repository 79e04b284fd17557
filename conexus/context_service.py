# SPDX-License-Identifier: FSL-1.1-MIT
"""What every door of Conexus calls, and how names and folders lead to what is indexed.

``LocalService`` runs the use cases in this process, ``conexus.daemon.client`` asks a daemon to. The command line,
REST, gRPC, MCP and the Python client have no logic of their own beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from conexus.errors import RepositoryNotIndexed, SourceError
from conexus.types import (
    Checkout,
    Collected,
    ContextRequest,
    ContextResponse,
    CyclesAnswer,
    DependenciesRequest,
    DependencyGraph,
    DriftAnswer,
    FileText,
    GraphRequest,
    ImpactAnswer,
    ImpactRequest,
    ImportGraph,
    IndexedView,
    IndexEstimate,
    IndexProgress,
    IndexReport,
    OrphansAnswer,
    OwnersAnswer,
    PathAnswer,
    Place,
    Principal,
    RelatedFile,
    RepoId,
    RepositoryMap,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    SymbolAnswer,
    Verdict,
    VerifyReport,
    ViewStatus,
)

ProgressListener = Callable[[IndexProgress], None]
"""Called at most every 0.1 s or so."""

Check = Callable[[], None]
"""Returns where the work is to go on, and raises Cancelled or DeadlineExceeded where nobody waits for it any more."""

_NAME = re.compile(r"[\w.+/-]{1,100}")


class ContextService(Protocol):
    """The use cases. Every method says who asks, and raises the errors of :mod:`conexus.errors`."""

    def index(
        self,
        checkout: Checkout,
        who: Principal,
        listener: ProgressListener = ...,
        is_cancelled: Callable[[], bool] = ...,
        model: str = "",
        changed: Collection[str] | None = None,
    ) -> IndexReport:
        """Bring the index of a working tree in line with it.

        Args:
            checkout: The tree.
            who: Who asks.
            listener: Told of the progress.
            is_cancelled: Asked between files.
            model: Embedding model, as the setting ``index.model``; empty for what the settings say.
            changed: Paths that alone may have changed since the last run; a service may look at all others too.
        """
        ...

    def estimate(self, checkout: Checkout, model: str = "") -> IndexEstimate:
        """Say what :meth:`index` would do. Changes nothing."""
        ...

    def search(self, request: SearchRequest, who: Principal, check: Check = ...) -> SearchResponse:
        """Return the chunks that fit a request."""
        ...

    def similar(self, place: Place, request: SearchRequest, who: Principal, check: Check = ...) -> SearchResponse:
        """Return the chunks most like the one at a place."""
        ...

    def context(self, request: ContextRequest, who: Principal, check: Check = ...) -> ContextResponse:
        """Return the best chunks for a question as one text, within a budget."""
        ...

    def symbols(
        self,
        name: str,
        where: SearchFilter,
        limit: int,
        who: Principal,
        *,
        uses: bool = False,
        callees: bool = False,
    ) -> SymbolAnswer:
        """Find where a name is defined and, if asked for, where it is used and what its definitions use."""
        ...

    def related(self, root: str, path: str, limit: int, who: Principal) -> tuple[RelatedFile, ...]:
        """Return the files most tied to one by what they define and use."""
        ...

    def read(self, root: str, path: str, lines: tuple[int, int | None], who: Principal) -> FileText:
        """Return lines of an indexed file, as indexed."""
        ...

    def map(self, root: str, limit: int, who: Principal) -> RepositoryMap:
        """Return the most used files of a tree and what they define."""
        ...

    def graph(self, request: GraphRequest, who: Principal) -> ImportGraph:
        """Return what imports what within a tree."""
        ...

    def graph_repos(self, request: DependenciesRequest, who: Principal, check: Check = ...) -> DependencyGraph:
        """Return which repository provides and requires which package, and which imports and calls which."""
        ...

    def graph_impact(self, request: ImpactRequest, who: Principal, check: Check = ...) -> ImpactAnswer:
        """Return what a change may break across repositories, with the path that shows it."""
        ...

    def graph_owners(self, request: ImpactRequest, who: Principal, check: Check = ...) -> OwnersAnswer:
        """Return the owners of what a change may break."""
        ...

    def graph_path(self, source: str, target: str, who: Principal, check: Check = ...) -> PathAnswer:
        """Return how one thing depends on another by the fewest steps."""
        ...

    def graph_drift(self, package: str, limit: int, who: Principal) -> DriftAnswer:
        """Return packages of which repositories ask for different versions; of one package, all uses."""
        ...

    def graph_orphans(self, limit: int, who: Principal) -> OrphansAnswer:
        """Return what nobody uses, and what is called and nobody serves."""
        ...

    def graph_cycles(self, limit: int, who: Principal) -> CyclesAnswer:
        """Return repositories that depend on each other."""
        ...

    def views(self, who: Principal) -> list[IndexedView]:
        """Return the working trees that a caller may read, by name."""
        ...

    def status(self, who: Principal) -> list[ViewStatus]:
        """Return figures of every indexed working tree that a caller may read."""
        ...

    def remove(self, view: IndexedView, who: Principal) -> None:
        """Delete the index of a working tree; the tree itself is not touched."""
        ...

    def rename(self, repo: RepoId, name: str, who: Principal) -> None:
        """Give a repository another short name."""
        ...

    def roll_back(self, view: IndexedView, who: Principal) -> None:
        """Make the generation before the present one of a tree answer again."""
        ...

    def collect(self, who: Principal, *, dry_run: bool = False, everything: bool = False) -> Collected:
        """Remove what is not needed any more."""
        ...

    def explain(self, checkout: Checkout, path: str, who: Principal) -> Verdict:
        """Say whether a path of a working tree is indexed, and the rule that decides."""
        ...

    def has_read(self, checkout: Checkout, path: str, who: Principal) -> bool:
        """Whether the index of a working tree knows a file, be it as one that is left out."""
        ...

    def verify(self, who: Principal, *, repair: bool, views: Sequence[IndexedView] | None = None) -> VerifyReport:
        """Prove that catalog and vectors agree and are as they were written."""
        ...

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        ...


def view_at(views: Sequence[IndexedView], path: Path) -> IndexedView | None:
    """Return the indexed working tree that holds a path, the innermost if several do."""
    holding = [view for view in views if view.live and not view.ref and path.is_relative_to(view.root)]
    return max(holding, key=lambda view: len(view.root.parts), default=None)


def named(views: Sequence[IndexedView], name: str) -> list[IndexedView]:
    """Return the views of the repository that a person means by a name: its short name, id, or folder.

    Raises:
        RepositoryNotIndexed: There is none, or the name fits several repositories.
    """
    for fits in (
        [view for view in views if name in {view.name, view.repo}],
        [view for view in views if str(view.root) == name.rstrip("/")],
        [view for view in views if view.repo.endswith("/" + name)],
    ):
        if len({view.repo for view in fits}) > 1:
            found = ", ".join(sorted({view.repo for view in fits}))
            raise RepositoryNotIndexed(f"{name!r} fits several repositories: {found}", hint="use the whole id")
        if fits:
            return fits
    known = ", ".join(sorted({view.name for view in views})) or "none"
    raise RepositoryNotIndexed(f"no indexed repository is called {name!r}", hint=f"indexed are: {known}")


def check_name(name: str) -> None:
    """Refuse what cannot be a repository's short name: it must not read as a path, nor need quotes.

    Raises:
        SourceError: It cannot.
    """
    if not _NAME.fullmatch(name) or any(part in {"", ".", ".."} for part in name.split("/")):
        raise SourceError(
            f"{name!r} cannot be a name",
            hint="use at most 100 letters, digits, '-', '_', '.', '+' or '/', and no path as '/a' or '../a'",
        )
