# SPDX-License-Identifier: FSL-1.1-MIT
"""The Python API: ``conexus.open(path)`` in this process, ``conexus.connect(url)`` at a daemon.

Both give a :class:`Code`, and the ``_async`` forms an :class:`AsyncCode`, whose methods are the same::

    import conexus

    with conexus.open("~/src/flask") as code:
        for hit in code.search("where are sessions stored", limit=5).hits:
            print(hit.chunk.location, hit.score)
        prompt = code.context("how are sessions stored", max_tokens=2000).text
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, TypeVar

from conexus import __version__
from conexus.adapters import config_files
from conexus.adapters.roots import checkout_of
from conexus.context_service import ContextService, ProgressListener, named, view_at
from conexus.daemon import discovery
from conexus.daemon.client import DaemonClient
from conexus.daemon.discovery import Address
from conexus.errors import ConfigError, InvalidRequest, SourceError, StoreError
from conexus.parsing.languages import canonical
from conexus.types import (
    LOCAL_USER,
    Checkout,
    ContextFormat,
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
    IndexReport,
    OrphansAnswer,
    OwnersAnswer,
    PathAnswer,
    Place,
    RelatedFile,
    RepoId,
    RepositoryMap,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    SymbolAnswer,
    SymbolKind,
)
from conexus.values import dataclass

_T = TypeVar("_T")
_ADDRESS = re.compile(r"http://[\w.\-\[\]:]+:\d{1,5}/?", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")
MAX_RESULTS: Final = 1000  # these, as the daemon's schema has them
CONTEXT_TOKENS: Final = (100, 200_000)
_MAX_MAP_FILES, _MAX_NODES, _MAX_LINE = 200, 2000, 2**31 - 1
_MAX_EDGES, _MAX_DEPTH = 100_000, 10


@dataclass(frozen=True, slots=True)
class Filter:
    """What a search is limited to; everything where a field is ``None``."""

    languages: Collection[str] | None = None
    """As ``python``."""
    paths: Collection[str] | None = None
    """Patterns, as ``src/**`` or ``*.py``."""
    kinds: Collection[str] | None = None
    """Of definitions, as ``function`` or ``class``."""
    tests: bool = True
    """Whether tests may be found."""
    ref: str = ""
    """An indexed branch, tag or commit that is searched in the place of the files on disk."""
    dependents_of: str = ""
    """In place of the tree, the repositories that depend on this repository or package, as ``npm:react``."""
    dependencies_of: str = ""
    """In place of the tree, the repositories that this one depends on."""

    def within(self, root: str | None) -> SearchFilter:
        """Return the filter for one working tree, or for all where ``None``.

        Raises:
            InvalidRequest: A field is no list of texts, or names no language or kind.
        """
        for field in ("languages", "paths", "kinds"):
            value = getattr(self, field)
            is_list = value is None or (isinstance(value, Collection) and not isinstance(value, str))
            if not is_list or not all(isinstance(one, str) and one for one in value or ()):
                raise InvalidRequest(f"Filter.{field} is {value!r}", hint=f'give a list, as {field}=["…"]')
        if not isinstance(self.tests, bool):
            raise InvalidRequest(f"Filter.tests is {self.tests!r}", hint="give True or False")
        if not isinstance(self.ref, str):
            raise InvalidRequest(f"Filter.ref is {self.ref!r}", hint="give the name of a branch, tag or commit")
        for name in self.languages or ():
            if canonical(name) is None:
                raise InvalidRequest(f"{name!r} is no language that Conexus knows")
        for name in self.kinds or ():
            if name not in set(SymbolKind):
                raise InvalidRequest(f"{name!r} is no kind of definition", hint=f"known are: {', '.join(SymbolKind)}")
        return SearchFilter(
            roots=None if root is None or self.dependents_of or self.dependencies_of else frozenset({root}),
            languages=None if self.languages is None else frozenset(filter(None, map(canonical, self.languages))),
            path_globs=None if self.paths is None else tuple(self.paths),
            kinds=None if self.kinds is None else frozenset(self.kinds),
            tests=self.tests,
            ref=self.ref,
            dependents_of=self.dependents_of,
            dependencies_of=self.dependencies_of,
        )


_ANYTHING = Filter()


class Code(AbstractContextManager["Code"]):
    """The code of one working tree, or of all that are indexed. Threads may share it.

    Args:
        service: What does the work.
        root: The working tree; all where ``None``.
        checkout: The same, where it is on this machine; :meth:`index` needs it.
    """

    def __init__(self, service: ContextService, root: str | None, checkout: Checkout | None = None) -> None:
        self._open_service: ContextService | None = service
        self._root = root
        self._checkout = checkout

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        service, self._open_service = self._open_service, None
        if service is not None:
            service.close()

    @property
    def _service(self) -> ContextService:
        if self._open_service is None:
            raise StoreError("it is closed", hint="use it inside its `with`")
        return self._open_service

    @property
    def root(self) -> str | None:
        """The working tree; ``None`` for all of them."""
        return self._root

    def index(self, listener: ProgressListener = lambda _: None) -> IndexReport:
        """Bring the index in line with the tree.

        Raises:
            ConfigError: There is no tree: it was connected to all of a daemon's.
            StoreBusy: Another process works on it.
        """
        if self._checkout is None:
            raise ConfigError("no working tree was named to be indexed", hint="use conexus.open(path)")
        return self._service.index(self._checkout, LOCAL_USER, listener)

    def search(
        self, query: str, *, limit: int = 10, where: Filter = _ANYTHING, explain: bool = False
    ) -> SearchResponse:
        """Return the chunks that fit a question or a name, best first.

        Raises:
            QueryError: The query has no word, or a path pattern is malformed.
            RepositoryNotIndexed: Nothing is indexed.
        """
        return self._service.search(replace(self._asked(query, limit, where), explain=explain), LOCAL_USER)

    def context(  # noqa: PLR0913 -- all by name
        self,
        question: str,
        *,
        max_tokens: int = 4000,
        max_bytes: int = 200_000,
        style: Literal["markdown", "xml"] = "markdown",
        limit: int = 30,
        where: Filter = _ANYTHING,
        only: Collection[int] | None = None,
    ) -> ContextResponse:
        """Return the code that answers a question as one text, within a budget.

        Args:
            question: The question.
            max_tokens: Most tokens of the text, as :func:`conexus.tokens.count_tokens` counts.
            max_bytes: Most bytes of the text in UTF-8.
            style: How it is written.
            limit: Most chunks that are considered.
            where: What the search is limited to.
            only: What ``left_out`` of an earlier answer to the same question had, to go on after it.

        Raises:
            QueryError: As :meth:`search`.
        """
        require("max_tokens", max_tokens, *CONTEXT_TOKENS)
        require("max_bytes", max_bytes, 400, 2_000_000)
        require("limit", limit, 1, 100)
        if style not in set(ContextFormat):
            raise InvalidRequest(f"style is {style!r}", hint=f"known are: {', '.join(ContextFormat)}")
        search = self._asked(question, limit, where)
        rest = None if only is None else tuple(only)
        wanted = ContextRequest(search, max_tokens, max_bytes, ContextFormat(style), rest)
        return self._service.context(wanted, LOCAL_USER)

    def similar(self, path: str, line: int, *, limit: int = 10, where: Filter = _ANYTHING) -> SearchResponse:
        """Return the chunks most like the one at a line of a file of the tree.

        Raises:
            NotFound: The index has nothing there.
        """
        require("line", line, 1, _MAX_LINE)
        wanted = self._asked("", limit, where)
        return self._service.similar(Place(self._tree(), self._inside(path), line), wanted, LOCAL_USER)

    def symbols(self, name: str, *, uses: bool = False, callees: bool = False, limit: int = 50) -> SymbolAnswer:
        """Return where a name is defined and, if asked for, what uses it and what its definitions use.

        Raises:
            InvalidRequest: The name holds no letter or digit.
        """
        require("limit", limit, 1, MAX_RESULTS)
        if not _text(name).strip():
            raise InvalidRequest(f"{name!r} is no name", hint="give a name as Session.send")
        where = _ANYTHING.within(self._root)
        return self._service.symbols(name, where, limit, LOCAL_USER, uses=uses, callees=callees)

    def related(self, path: str, *, limit: int = 10) -> tuple[RelatedFile, ...]:
        """Return the files most tied to one of the tree by what they define and use.

        Raises:
            NotFound: The file is not in the index.
        """
        require("limit", limit, 1, MAX_RESULTS)
        return self._service.related(self._tree(), self._inside(path), limit, LOCAL_USER)

    def read(self, path: str, first_line: int = 1, last_line: int | None = None) -> FileText:
        """Return lines of an indexed file, secrets redacted.

        Raises:
            NotFound: The file is not in the index.
            InvalidRequest: There are no such lines.
        """
        require("first_line", first_line, 1, _MAX_LINE)
        if last_line is not None:
            require("last_line", last_line, 1, _MAX_LINE)
        return self._service.read(self._tree(), self._inside(path), (first_line, last_line), LOCAL_USER)

    def map(self, *, limit: int = 40) -> RepositoryMap:
        """Return the most used files of the tree and what they define."""
        require("limit", limit, 1, _MAX_MAP_FILES)
        return self._service.map(self._tree(), limit, LOCAL_USER)

    def graph(
        self,
        path: str = "",
        *,
        limit: int = 200,
        folders: bool = False,
        tests: bool = True,
        central: bool = False,
        cycles: bool = False,
    ) -> ImportGraph:
        """Return what imports what within the tree.

        Args:
            path: Only below this folder of the tree.
            limit: Most files or folders: those with most imports, to or from them.
            folders: Whether folders are wanted in place of files.
            tests: Whether files of tests count.
            central: Whether those are wanted that are most central, with their ranks, in place of those with most
                imports.
            cycles: Whether only what is in cycles of imports is wanted, with the cycles.

        Raises:
            NotFound: The index has no file below ``path``.
        """
        require("limit", limit, 1, _MAX_NODES)
        below = self._inside(path) if path else ""
        wanted = GraphRequest(self._tree(), below, limit, folders=folders, tests=tests, central=central, cycles=cycles)
        return self._service.graph(wanted, LOCAL_USER)

    # --------------------------------------------------------------------------- across repositories

    def graph_repos(
        self,
        repositories: Collection[str] | None = None,
        *,
        ecosystems: Collection[str] | None = None,
        scopes: Collection[str] | None = None,
        external: bool = False,
        files: bool = False,
        limit: int = 1000,
    ) -> DependencyGraph:
        """Return which repository provides and requires which package, and which imports and calls which.

        Args:
            repositories: Ids of repositories; only what these have to do with.
            ecosystems: Only packages of these, as ``pypi``.
            scopes: Only requirements of these, as ``runtime``.
            external: Whether packages are wanted that no indexed repository provides.
            files: Whether the imports between files are wanted too.
            limit: Most edges.

        Raises:
            FeatureNotAvailable: The edition has no graph across repositories; the same for those below.
        """
        require("limit", limit, 1, _MAX_EDGES)
        wanted = DependenciesRequest(
            None if repositories is None else frozenset(map(RepoId, repositories)),
            None if ecosystems is None else frozenset(ecosystems),
            None if scopes is None else frozenset(scopes),
            external=external,
            files=files,
            limit=limit,
        )
        return self._service.graph_repos(wanted, LOCAL_USER)

    def graph_impact(self, *targets: str, **options: Any) -> ImpactAnswer:  # noqa: ANN401 -- those of ImpactRequest
        """Return what a change may break, in all repositories.

        Args:
            targets: What changes: a definition, ``shop:src/cart.py``, ``npm:react``, ``GET /users/{}``, a repository.
            options: ``diff`` in place of targets, ``depth``, ``limit``, ``min_confidence``, ``elsewhere``; see
                :class:`conexus.types.ImpactRequest`.

        Raises:
            NotFound: There is nothing of a name; the hint says what is near.
        """
        return self._service.graph_impact(self._change(targets, options), LOCAL_USER)

    def graph_owners(self, *targets: str, **options: Any) -> OwnersAnswer:  # noqa: ANN401 -- as above
        """Return the owners of what a change may break; arguments as for :meth:`graph_impact`."""
        return self._service.graph_owners(self._change(targets, options), LOCAL_USER)

    def _change(self, targets: tuple[str, ...], options: dict[str, Any]) -> ImpactRequest:
        known = {"diff", "depth", "limit", "min_confidence", "elsewhere"}
        if unknown := sorted(options.keys() - known):
            raise InvalidRequest(f"there is no argument {unknown[0]!r}", hint="known are: " + ", ".join(sorted(known)))
        home = next((view.repo for view in self._service.views(LOCAL_USER) if str(view.root) == self._root), None)
        found = ImpactRequest(tuple(map(_text, targets)), repo=home, **options)
        require("depth", found.depth, 1, _MAX_DEPTH)
        require("limit", found.limit, 1, MAX_RESULTS)
        return found

    def graph_path(self, source: str, target: str) -> PathAnswer:
        """Return how one thing depends on another by the fewest steps."""
        return self._service.graph_path(_text(source), _text(target), LOCAL_USER)

    def graph_drift(self, package: str = "", *, limit: int = 100) -> DriftAnswer:
        """Return packages of which repositories ask for different versions; of one package, all uses."""
        require("limit", limit, 1, MAX_RESULTS)
        return self._service.graph_drift(_text(package), limit, LOCAL_USER)

    def graph_orphans(self, *, limit: int = 100) -> OrphansAnswer:
        """Return what nobody uses, and what is called and nobody serves."""
        require("limit", limit, 1, MAX_RESULTS)
        return self._service.graph_orphans(limit, LOCAL_USER)

    def graph_cycles(self, *, limit: int = 100) -> CyclesAnswer:
        """Return repositories that depend on each other."""
        require("limit", limit, 1, MAX_RESULTS)
        return self._service.graph_cycles(limit, LOCAL_USER)

    def _asked(self, query: str, limit: int, where: Filter) -> SearchRequest:
        require("limit", limit, 1, MAX_RESULTS)
        if not isinstance(where, Filter):
            raise InvalidRequest(f"where is {where!r}", hint="give a conexus.Filter")
        return SearchRequest(_text(query), limit, where.within(self._root))

    def _inside(self, path: str) -> str:
        """Return a path as the index has it: relative to the tree."""
        full = Path(self._tree(), _text(path))
        return full.relative_to(self._tree()).as_posix() if full.is_relative_to(self._tree()) else path

    def _tree(self) -> str:
        if self._root is None:
            raise ConfigError(
                "this asks about one working tree", hint="name it: conexus.connect(url, token, repository=…)"
            )
        return self._root


def require(name: str, value: object, least: int, most: int) -> None:
    """Refuse a number that is out of range, as a daemon does.

    Raises:
        InvalidRequest: It is.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidRequest(f"{name} is {value!r}; it must be between {least} and {most}", details={"field": name})


def require_address(url: object) -> None:
    """Refuse what is no address of a daemon, as one that holds a password.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(url, str) or not _ADDRESS.fullmatch(url):
        raise ConfigError(f"{url!r} is no address of a daemon", hint="give it as http://127.0.0.1:7520")


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise InvalidRequest(f"{value!r} is no text without null characters")
    return value


class AsyncCode(AbstractAsyncContextManager["AsyncCode"]):
    """A :class:`Code` whose methods are awaited; the work is done in threads, so that the loop goes on.

    Args:
        open_code: Opens it.
    """

    def __init__(self, open_code: Callable[[], Code]) -> None:
        self._open = open_code
        self._code: Code | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> AsyncCode:
        """Open it."""
        await self._opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
        if self._code is not None:
            await asyncio.to_thread(self._code.close)

    async def index(self, listener: ProgressListener = lambda _: None) -> IndexReport:
        """As :meth:`Code.index`; the listener is called in a thread."""
        return await self._do(lambda code: code.index(listener))

    async def search(
        self, query: str, *, limit: int = 10, where: Filter = _ANYTHING, explain: bool = False
    ) -> SearchResponse:
        """As :meth:`Code.search`."""
        return await self._do(lambda code: code.search(query, limit=limit, where=where, explain=explain))

    async def context(  # noqa: PLR0913 -- all by name
        self,
        question: str,
        *,
        max_tokens: int = 4000,
        max_bytes: int = 200_000,
        style: Literal["markdown", "xml"] = "markdown",
        limit: int = 30,
        where: Filter = _ANYTHING,
        only: Collection[int] | None = None,
    ) -> ContextResponse:
        """As :meth:`Code.context`."""
        return await self._do(
            lambda code: code.context(
                question, max_tokens=max_tokens, max_bytes=max_bytes, style=style, limit=limit, where=where, only=only
            )
        )

    async def similar(self, path: str, line: int, *, limit: int = 10, where: Filter = _ANYTHING) -> SearchResponse:
        """As :meth:`Code.similar`."""
        return await self._do(lambda code: code.similar(path, line, limit=limit, where=where))

    async def symbols(self, name: str, *, uses: bool = False, callees: bool = False, limit: int = 50) -> SymbolAnswer:
        """As :meth:`Code.symbols`."""
        return await self._do(lambda code: code.symbols(name, uses=uses, callees=callees, limit=limit))

    async def related(self, path: str, *, limit: int = 10) -> tuple[RelatedFile, ...]:
        """As :meth:`Code.related`."""
        return await self._do(lambda code: code.related(path, limit=limit))

    async def read(self, path: str, first_line: int = 1, last_line: int | None = None) -> FileText:
        """As :meth:`Code.read`."""
        return await self._do(lambda code: code.read(path, first_line, last_line))

    async def map(self, *, limit: int = 40) -> RepositoryMap:
        """As :meth:`Code.map`."""
        return await self._do(lambda code: code.map(limit=limit))

    async def graph(
        self,
        path: str = "",
        *,
        limit: int = 200,
        folders: bool = False,
        tests: bool = True,
        central: bool = False,
        cycles: bool = False,
    ) -> ImportGraph:
        """As :meth:`Code.graph`."""
        return await self._do(
            lambda code: code.graph(path, limit=limit, folders=folders, tests=tests, central=central, cycles=cycles)
        )

    async def graph_repos(self, repositories: Collection[str] | None = None, **options: Any) -> DependencyGraph:  # noqa: ANN401 -- handed on
        """As :meth:`Code.graph_repos`."""
        return await self._do(lambda code: code.graph_repos(repositories, **options))

    async def graph_impact(self, *targets: str, **options: Any) -> ImpactAnswer:  # noqa: ANN401 -- handed on
        """As :meth:`Code.graph_impact`."""
        return await self._do(lambda code: code.graph_impact(*targets, **options))

    async def graph_owners(self, *targets: str, **options: Any) -> OwnersAnswer:  # noqa: ANN401 -- handed on
        """As :meth:`Code.graph_owners`."""
        return await self._do(lambda code: code.graph_owners(*targets, **options))

    async def graph_path(self, source: str, target: str) -> PathAnswer:
        """As :meth:`Code.graph_path`."""
        return await self._do(lambda code: code.graph_path(source, target))

    async def graph_drift(self, package: str = "", *, limit: int = 100) -> DriftAnswer:
        """As :meth:`Code.graph_drift`."""
        return await self._do(lambda code: code.graph_drift(package, limit=limit))

    async def graph_orphans(self, *, limit: int = 100) -> OrphansAnswer:
        """As :meth:`Code.graph_orphans`."""
        return await self._do(lambda code: code.graph_orphans(limit=limit))

    async def graph_cycles(self, *, limit: int = 100) -> CyclesAnswer:
        """As :meth:`Code.graph_cycles`."""
        return await self._do(lambda code: code.graph_cycles(limit=limit))

    async def _opened(self) -> Code:
        async with self._opening:
            if self._code is None:
                self._code = await asyncio.to_thread(self._open)
            return self._code

    async def _do(self, work: Callable[[Code], _T]) -> _T:
        return await asyncio.to_thread(work, await self._opened())


def open(path: str | Path = ".", *, index: bool = True, ref: str = "") -> Code:  # noqa: A001 -- read as conexus.open
    """Open the working tree that holds a folder: in this process, or at the daemon that has the indexes.

    Args:
        path: The folder.
        index: Whether to index the tree first where it is not indexed yet.
        ref: A branch, tag or commit whose files are meant, in the place of those on disk. It is indexed again where it
            names another commit by now.

    Raises:
        SourceError: There is no such folder or ref, or it should not be indexed.
        ConfigError: A setting is wrong.
        StoreError: The data folder cannot be used.
    """
    if path == "":
        raise SourceError("the path is empty", hint='use "." for the folder you are in')
    folder = Path(path).expanduser()
    checkout = _ref(folder, ref) if ref else checkout_of(folder, Path.home(), force=True)
    loaded = config_files.load(config_files.current_environ(), checkout.project, {})
    address = None
    if loaded.config.store.path != config_files.MEMORY:
        address = discovery.find(config_files.data_dir(loaded.config))
    service: ContextService
    if address is not None:
        service = DaemonClient(address, surface="python")
    else:
        from conexus import bootstrap  # noqa: PLC0415 -- a client of a daemon does not need it

        service = bootstrap.build(loaded.config, keep_open=True).service
    try:
        views = service.views(LOCAL_USER)
        view = next((one for one in views if one.root == checkout.root), None) or view_at(views, checkout.root)
        if checkout.ref:
            view = view if view is not None and view.root == checkout.root and view.head == checkout.head else None
        if view is None and index:
            if not checkout.ref:
                checkout_of(folder, Path.home())  # refuses a home folder
            service.index(checkout, LOCAL_USER)
    except BaseException:
        service.close()
        raise
    return Code(service, str(view.root if view is not None else checkout.root), checkout)


def _ref(folder: Path, name: str) -> Checkout:
    from conexus.adapters.git_refs import ref_checkout  # noqa: PLC0415 -- brings dulwich

    return ref_checkout(folder, name)


def connect(url: str, token: str, *, repository: str = "") -> Code:
    """Connect to a daemon.

    Args:
        url: Where it listens, as ``http://127.0.0.1:7520``.
        token: Its token, or an API key.
        repository: Short name, id or folder of the one to ask about; all that the token may read where empty.

    Raises:
        ConfigError: The address is none.
        DaemonUnavailable: There is no daemon.
        Unauthenticated: The token is not valid.
        RepositoryNotIndexed: The repository is not there.
    """
    require_address(url)
    if not _TOKEN.fullmatch(token):
        raise ConfigError("the token has characters that no token has")
    service = DaemonClient(Address(0, __version__, url.rstrip("/"), "", 0.0, token=token), surface="python")
    try:
        views = service.views(LOCAL_USER)  # tells at once what is wrong
        # Of several trees of one repository the first by path; refs only where there is nothing else.
        meant = min(named(views, repository), key=lambda view: (bool(view.ref), view.root)) if repository else None
        root = None if meant is None else str(meant.root)
    except BaseException:
        service.close()
        raise
    return Code(service, root)


def open_async(path: str | Path = ".", *, index: bool = True, ref: str = "") -> AsyncCode:
    """As :func:`open`, to be used as ``async with``."""
    return AsyncCode(partial(open, path, index=index, ref=ref))


def connect_async(url: str, token: str, *, repository: str = "") -> AsyncCode:
    """As :func:`connect`, to be used as ``async with``."""
    return AsyncCode(partial(connect, url, token, repository=repository))


__all__ = ["AsyncCode", "Code", "Filter", "connect", "connect_async", "open", "open_async"]
