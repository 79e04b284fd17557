# SPDX-License-Identifier: FSL-1.1-MIT
"""What each tool answers: asks the operation behind it, and puts as much of the answer as fits into words."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from conexus.daemon import cursors, schema
from conexus.daemon import mcp_graph as graphs
from conexus.daemon import mcp_tools as tools
from conexus.daemon import mcp_words as words
from conexus.daemon.api import Api
from conexus.daemon.call import Surface
from conexus.daemon.mcp_pages import Budget, Entry, cleaned, fenced, fill, json_tokens, notes_within, shortened
from conexus.daemon.mcp_places import Caller, Places, listed
from conexus.daemon.operations import BY_NAME
from conexus.errors import InvalidRequest, RepositoryNotIndexed
from conexus.search.neutral import inline
from conexus.tokens import count_tokens
from conexus.types import JobState
from conexus.values import dataclass

_M = TypeVar("_M", bound=schema.Message)
_T = TypeVar("_T")
_CONTEXT_FRAME_TOKENS = 200  # for notes and a cursor beside the packed text
_BASE_TOKENS = 50
_SIMILAR_AT_ONCE = 100
_LINES_AT_ONCE = 5_000
_MAX_JOBS = 5
_MAX_LINES = 2**31 - 1
_MORE = "More: the same call with cursor="
_LONGEST_CURSOR = "M" * 16
_LAST = _MORE + _LONGEST_CURSOR
_NOTHING = "Nothing found."
_LIMITS = ("languages", "paths", "kinds", "tests", "ref", "dependents_of", "dependencies_of")
_FEW_CHANGED, _FEW_REPOSITORIES = 5, 20
_NOT_FINISHED = "the index is not finished: there may be more in a moment"
_CUT_LINE = "the first line is longer than the answer may be, and cut"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool says."""

    text: str
    data: dict[str, Any] | None = None
    """The same as JSON."""
    ids: tuple[str, ...] = ()
    """Ids of the chunks that it shows, for programs: no model is given them."""
    snapshots: tuple[schema.Snapshot, ...] = ()
    """States of the indexes that it comes from, for programs as well."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """An answer that lists things, before it is known how many of them fit."""

    head: str
    notes: Sequence[str]
    data: dict[str, Any] | None = None
    """JSON form without the things."""


class Answers:
    """Answers tool calls.

    Args:
        api: The daemon.
        places: Finds the repository that is meant.
    """

    def __init__(self, api: Api, places: Places) -> None:
        self._api = api
        self._places = places
        self._by_tool: Mapping[str, Callable[[Any, Caller], Awaitable[Answer]]] = {
            "search_code": self._search,
            "get_context": self._context,
            "find_similar": self._similar,
            "find_symbol": self._symbol,
            "related_files": self._related,
            "read_file": self._file,
            "repository_map": self._map,
            "index_status": self._status,
            "explain_skip": self._why,
            "impact_of_change": self._impact,
            "dependency_graph": self._graph,
        }

    async def answer(self, tool: tools.Tool, arguments: tools.Arguments, caller: Caller) -> Answer:
        """Answer a call.

        Raises:
            ConexusError: It cannot be answered.
        """
        try:
            return await self._by_tool[tool.name](arguments, caller)
        except RepositoryNotIndexed as error:
            raise await self._better(error, arguments.repository, caller) from error

    async def repositories(self, caller: Caller) -> list[str]:
        """Return the ids of the repositories that a caller may read.

        Raises:
            ConexusError: The caller may not ask now.
        """
        found = await self._ask("repositories", schema.Empty(), schema.RepositoriesResponse, caller)
        return sorted({one.repository for one in found.repositories})

    async def _better(self, error: RepositoryNotIndexed, given: str | None, caller: Caller) -> RepositoryNotIndexed:
        """Return the error for a name that is not known, with the names that are."""
        names = await self._places.names(caller.who)
        near = difflib.get_close_matches((given or "")[:100], names, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        hint = f"{meant}indexed are: {listed(names)}" if given else error.hint
        return RepositoryNotIndexed(error.message, hint=hint, details=error.details)

    async def _ask(self, name: str, request: schema.Message, answer: type[_M], caller: Caller) -> _M:
        operation = BY_NAME[name]
        call = self._api.new_call(operation, caller.who, Surface.MCP, caller.request_id)
        found = await self._api.answer(operation, request, call)
        return found if isinstance(found, answer) else answer.model_validate(found)

    async def _filter(
        self, arguments: tools.Asking | tools.FindSymbol, caller: Caller
    ) -> tuple[schema.Filter, list[str]]:
        limits: dict[str, Any] = {}
        if isinstance(arguments, tools.Asking):
            limits = {name: getattr(arguments, name) for name in _LIMITS}
        if arguments.repository is not None:
            return schema.Filter(repositories=[arguments.repository], **limits), []
        if limits.get("dependents_of") or limits.get("dependencies_of"):
            return schema.Filter(**limits), []
        scope = await self._places.scope(caller)
        return schema.Filter(roots=None if scope.roots is None else list(scope.roots), **limits), list(scope.notes)

    async def _one(self, arguments: tools.Arguments, path: str, caller: Caller) -> tuple[str, list[str]]:
        if arguments.repository is not None:
            return arguments.repository, []
        root, notes = await self._places.one(caller, path)
        return root, list(notes)

    # --------------------------------------------------------------------------- code

    async def _search(self, arguments: tools.SearchCode, caller: Caller) -> Answer:
        where, notes = await self._filter(arguments, caller)
        request = schema.SearchRequest(
            query=arguments.query, limit=arguments.limit, filter=where, cursor=arguments.cursor
        )
        found = await self._ask("search", request, schema.SearchResponse, caller)
        [start] = cursors.numbers_of(arguments.cursor, 1, schema.MAX_RESULTS) if arguments.cursor else [0]
        notes += found.notices or ([] if found.complete or notes else [_NOT_FINISHED])
        return _results(found, notes, start, arguments.max_tokens)

    async def _similar(self, arguments: tools.FindSimilar, caller: Caller) -> Answer:
        root, notes = await self._one(arguments, arguments.path, caller)
        start = _start(arguments.cursor)
        request = schema.SimilarRequest(
            repository=root, path=arguments.path, line=arguments.line, limit=_SIMILAR_AT_ONCE
        )
        found = await self._ask("similar", request, schema.SearchResponse, caller)
        shown = found.results[start : start + arguments.limit]
        more = cursors.cursor_of([start + len(shown)]) if start + len(shown) < len(found.results) else ""
        part = found.model_copy(update={"results": shown, "next_cursor": more})
        return _results(part, [*notes, *found.notices], start, arguments.max_tokens)

    async def _context(self, arguments: tools.GetContext, caller: Caller) -> Answer:
        where, notes = await self._filter(arguments, caller)
        request = schema.ContextRequest(
            query=arguments.query,
            filter=where,
            max_tokens=arguments.max_tokens - _CONTEXT_FRAME_TOKENS,
            cursor=arguments.cursor,
        )
        found = await self._ask("context", request, schema.ContextResponse, caller)
        notes += found.notices or ([] if found.complete or notes else [_NOT_FINISHED])
        more = f"{_MORE}{found.next_cursor}" if found.next_cursor else ""
        body = found.text or (_NOTHING if not found.left_out else "Nothing fits: raise max_tokens.")
        base = (
            f"{words.DATA} {_base({block.root or block.repository for block in found.blocks}, _BASE_TOKENS)}".rstrip()
        )
        left = arguments.max_tokens - sum(count_tokens(part) for part in (base, body, more)) - 5
        said = [words.note(one) for one in notes_within(notes, left, 1)]
        text = "\n".join(part for part in (base, body.rstrip("\n"), *said, more) if part)
        return Answer(text, snapshots=tuple(found.snapshots))

    async def _file(self, arguments: tools.ReadFile, caller: Caller) -> Answer:
        root, notes = await self._one(arguments, arguments.path, caller)
        first, last = arguments.start_line, arguments.end_line
        if arguments.cursor:
            [first] = cursors.numbers_of(arguments.cursor, 1, _MAX_LINES)
        page = await self.file_page(
            schema.FileRequest(repository=root, path=arguments.path, start_line=max(1, first), end_line=last),
            caller,
            arguments.max_tokens,
            notes,
        )
        return Answer(page.text)

    async def file_page(
        self, request: schema.FileRequest, caller: Caller, max_tokens: int, notes: Sequence[str] = ()
    ) -> words.FilePage:
        """Return as many lines of a file as fit.

        Raises:
            ConexusError: There is no such file, or it has no such lines.
        """
        last = min(request.end_line or _MAX_LINES, request.start_line + _LINES_AT_ONCE - 1)
        part = request.model_copy(update={"end_line": last})
        found = await self._ask("file", part, schema.FileResponse, caller)
        return page_of_file(found, min(request.end_line or found.lines_total, found.lines_total), max_tokens, notes)

    # --------------------------------------------------------------------------- facts

    async def _symbol(self, arguments: tools.FindSymbol, caller: Caller) -> Answer:
        where, notes = await self._filter(arguments, caller)
        request = schema.SymbolsRequest(
            name=arguments.name,
            filter=where,
            limit=schema.MAX_LIST,
            uses=arguments.uses,
            callees=arguments.callees,
        )
        found = await self._ask("symbols", request, schema.SymbolsResponse, caller)
        if not found.complete:
            notes.append(f"there are more than {schema.MAX_LIST}: ask for a more exact name")
        several: list[schema.Definition | schema.Use] = [*found.definitions, *found.uses, *found.callees]
        things, base = words.without_root(several)
        notes += base
        head = f"{words.DATA} Definitions: {len(found.definitions)}"
        head += f", then uses: {len(found.uses)}" if arguments.uses else ""
        head += f", then what they use: {len(found.callees)}" if arguments.callees else ""
        data: dict[str, Any] = {"definitions": [], "uses": [], "callees": [], "complete": found.complete}
        spread = len({thing.root or thing.repository for thing in things}) > 1  # a root that all share is gone
        listing = _Listing(head if things else _NOTHING, notes, data)
        kinds = ["definitions"] * len(found.definitions) + ["uses"] * len(found.uses)
        return _listed(
            listing,
            things,
            lambda thing, lines: words.place(thing, lines, spread=spread),
            arguments,
            lambda at: kinds[at] if at < len(kinds) else "callees",
        )

    async def _related(self, arguments: tools.RelatedFiles, caller: Caller) -> Answer:
        root, notes = await self._one(arguments, arguments.path, caller)
        request = schema.RelatedRequest(repository=root, path=arguments.path, limit=schema.MAX_LIST)
        found = await self._ask("related", request, schema.RelatedResponse, caller)
        files, base = words.without_root(found.files)
        head = f"{len(files)} files, the most tied first:" if files else _NOTHING
        listing = _Listing(head, [*notes, *base], {"files": []})
        return _listed(listing, files, words.related, arguments, lambda _: "files")

    async def _map(self, arguments: tools.RepositoryMap, caller: Caller) -> Answer:
        root, notes = await self._one(arguments, "", caller)
        request = schema.MapRequest(repository=root, limit=schema.MAX_LIST)
        found = await self._ask("map", request, schema.MapResponse, caller)
        data = {
            "repository": shortened(found.repository, arguments.max_tokens // 8, json_tokens),
            "root": shortened(found.root, arguments.max_tokens // 8, json_tokens),
            "files": [],
            "files_total": found.files_total,
        }
        listing = _Listing(words.map_head(found), notes, data)
        return _listed(listing, found.files, words.mapped, arguments, lambda _: "files")

    async def _impact(self, arguments: tools.ImpactOfChange, caller: Caller) -> Answer:
        notes: list[str] = []
        # Where names are looked up first; everywhere else comes after it.
        home = arguments.repository or await self._places.home(caller)
        request = schema.GraphImpactRequest(
            targets=arguments.targets or [],
            diff=arguments.diff,
            repository=home,
            depth=arguments.depth,
            limit=schema.MAX_LIST,
            elsewhere=arguments.elsewhere,
        )
        found = await self._ask("graph_impact", request, schema.ImpactAnswer, caller)
        changed = ", ".join(map(graphs.name_of, found.changed[:_FEW_CHANGED]))
        head = f"{found.total} hits of a change of {changed}:" if found.hits else f"Nothing depends on {changed}."
        data = {
            "changed": [graphs.as_json(one) for one in found.changed[:_FEW_CHANGED]],
            "hits": [],
            "repositories": [graphs.as_json(one) for one in found.repositories[:_FEW_REPOSITORIES]],
            "total": found.total,
            "complete": found.complete,
        }
        by_repository = ", ".join(f"{one.repository} {one.hits}" for one in found.repositories[:_FEW_REPOSITORIES])
        notes += [f"hits by repository: {by_repository}"] if found.repositories else []
        return _listed(
            _Listing(head, [*notes, *found.notices], data), found.hits, graphs.hit, arguments, lambda _: "hits"
        )

    async def _graph(self, arguments: tools.DependencyGraph, caller: Caller) -> Answer:
        ask = {
            tools.GraphQuestion.REPOS: self._graph_repos,
            tools.GraphQuestion.PATH: self._graph_path,
            tools.GraphQuestion.DRIFT: self._graph_drift,
            tools.GraphQuestion.OWNERS: self._graph_owners,
            tools.GraphQuestion.ORPHANS: self._graph_orphans,
            tools.GraphQuestion.CYCLES: self._graph_cycles,
        }[arguments.question]
        head, lines = await ask(arguments, caller)
        listing = _Listing(head if lines else _NOTHING, [], {})
        answer = _listed(listing, lines, lambda line, _: Entry(line), arguments, lambda _: "")
        return Answer(answer.text)

    async def _graph_repos(self, arguments: tools.DependencyGraph, caller: Caller) -> tuple[str, list[str]]:
        only = [one for one in (arguments.source, arguments.repository) if one]
        request = schema.GraphReposRequest(repositories=only or None, limit=schema.MAX_RESULTS)
        found = await self._ask("graph_repos", request, schema.DependencyGraph, caller)
        return f"{found.edges_total} ties between {found.nodes_total} things:", list(graphs.repos(found))

    async def _graph_path(self, arguments: tools.DependencyGraph, caller: Caller) -> tuple[str, list[str]]:
        if not arguments.source or not arguments.target:
            raise InvalidRequest("a path has a source and a target", details={"field": "source"})
        request = schema.GraphPathRequest(source=arguments.source, target=arguments.target)
        found = await self._ask("graph_path", request, schema.PathAnswer, caller)
        head = f"{graphs.name_of(found.source)} depends on {graphs.name_of(found.target)}"
        return head + (", not the other way round:" if found.swapped else ":"), list(map(graphs.tie_line, found.ties))

    async def _graph_drift(self, arguments: tools.DependencyGraph, caller: Caller) -> tuple[str, list[str]]:
        request = schema.GraphDriftRequest(package=arguments.source, limit=schema.MAX_LIST)
        found = await self._ask("graph_drift", request, schema.DriftAnswer, caller)
        return f"{found.total} packages:", list(graphs.drift(found))

    async def _graph_owners(self, arguments: tools.DependencyGraph, caller: Caller) -> tuple[str, list[str]]:
        if not arguments.source:
            raise InvalidRequest("say what changes", details={"field": "source"})
        request = schema.GraphImpactRequest(targets=[arguments.source], repository=arguments.repository or "")
        found = await self._ask("graph_owners", request, schema.OwnersAnswer, caller)
        return f"owners of {found.total} hits:", list(graphs.owners(found))

    async def _graph_orphans(self, arguments: tools.DependencyGraph, caller: Caller) -> tuple[str, list[str]]:
        found = await self._ask("graph_orphans", schema.GraphListRequest(), schema.OrphansAnswer, caller)
        return "what nobody uses:", list(graphs.orphans(found))

    async def _graph_cycles(self, arguments: tools.DependencyGraph, caller: Caller) -> tuple[str, list[str]]:
        found = await self._ask("graph_cycles", schema.GraphListRequest(), schema.CyclesAnswer, caller)
        return f"{found.total} cycles:", list(graphs.cycles(found))

    async def _status(self, arguments: tools.IndexStatus, caller: Caller) -> Answer:
        status = await self._ask("status", schema.Empty(), schema.StatusResponse, caller)
        jobs = await self._ask("jobs", schema.JobsRequest(limit=50), schema.JobsResponse, caller)
        if arguments.repository is None:
            found = await self._ask("repositories", schema.Empty(), schema.RepositoriesResponse, caller)
        else:
            request = schema.RepositoryRequest(repository=arguments.repository)
            found = await self._ask("repository", request, schema.RepositoriesResponse, caller)
        names = {one.repository for one in found.repositories}
        open_jobs = [
            job
            for job in jobs.jobs
            if job.state in {JobState.RUNNING, JobState.QUEUED}
            and (arguments.repository is None or job.repository in names)
        ]
        running = [words.job(job) for job in open_jobs[:_MAX_JOBS]]
        budget = Budget(arguments.max_tokens // 4, "")
        told = fill(len(running), lambda at, _: Entry("", words.short_job(open_jobs[at])), budget)
        data = {
            "version": status.version,
            "repositories": [],
            "jobs": [entry.data for entry in told if entry.data is not None],
        }
        head = f"Conexus {status.version}, {len(found.repositories)} indexed working trees"
        listing = _Listing(head, running, data)
        return _listed(listing, found.repositories, words.repository, arguments, lambda _: "repositories")

    async def _why(self, arguments: tools.ExplainSkip, caller: Caller) -> Answer:
        notes: list[str] = []
        root = arguments.repository or ""
        if not root and not (caller.who.local and arguments.path.startswith("/")):
            root, notes = await self._one(arguments, arguments.path, caller)
        request = schema.WhyRequest(path=arguments.path, repository=root)
        found = await self._ask("why", request, schema.WhyResponse, caller)
        text = "\n".join([words.verdict(found), *(words.note(one) for one in notes_within(notes, tools.MIN_TOKENS))])
        most = tools.DEFAULT_TOKENS // 4
        short = {"path": shortened(found.path, most, json_tokens), "rule": shortened(found.rule, most, json_tokens)}
        data = cast("dict[str, Any]", cleaned(found.model_copy(update=short).model_dump(mode="json")))
        return Answer(shortened(text, tools.DEFAULT_TOKENS), data)


# ------------------------------------------------------------------------------ pages


def _results(found: schema.SearchResponse, notes: Sequence[str], start: int, max_tokens: int) -> Answer:
    """Return code that was found, as much of it as fits."""
    said = [words.note(one) for one in notes_within(notes, max_tokens)]
    if not found.results:
        return Answer("\n".join([_NOTHING, *said]), snapshots=tuple(found.snapshots))
    roots = {one.root or one.repository for one in found.results}
    spread = len(roots) > 1
    base = _base(roots, max_tokens // 4)
    budget = Budget(max_tokens, "\n".join([_results_head(schema.MAX_RESULTS, schema.MAX_RESULTS, base), *said, _LAST]))
    shown = fill(len(found.results), lambda at, lines: words.result(found.results[at], lines, spread=spread), budget)
    after = start + len(shown)
    more = found.next_cursor if len(shown) == len(found.results) else cursors.cursor_of([after])
    head = _results_head(start + 1, after, base)
    body = "\n".join(entry.text for entry in shown)
    text = "\n".join(part for part in (head, *said, body, f"{_MORE}{more}" if more else "") if part)
    ids = tuple(one.id for one in found.results[: len(shown)])
    return Answer(text, ids=ids, snapshots=tuple(found.snapshots))


def page_of_file(found: schema.FileResponse, wanted: int, max_tokens: int, notes: Sequence[str]) -> words.FilePage:
    """Return as many lines of a part of a file as fit.

    Args:
        found: The part.
        wanted: Last line that was asked for.
        max_tokens: Cap of the answer.
        notes: What is said beside it.
    """
    said = notes_within(notes, max_tokens)
    frame = [words.file_head(found), fenced("\n", found.language or ""), *map(words.note, [*said, _CUT_LINE]), _LAST]
    budget = Budget(max_tokens, "\n".join(frame))
    lines = found.text.split("\n")[: found.end_line - found.start_line + 1]
    if not budget.has_room(words.file_line(lines[0])):
        lines[0] = shortened(lines[0], max_tokens // 4, words.line_tokens)
        said = [*said, _CUT_LINE]
    shown = fill(len(lines), lambda at, _: words.file_line(lines[at]), budget)
    return words.file_page(found, lines[: len(shown)], wanted, said, _MORE)


def _results_head(first: int, last: int, base: str) -> str:
    return f"Results {first}-{last}, best first. {words.DATA} {base}".rstrip()


def _base(roots: set[str], max_tokens: int) -> str:
    """Return what paths are relative to, where all are to the same."""
    return shortened(f"Paths are relative to {inline(next(iter(roots)))}.", max_tokens) if len(roots) == 1 else ""


def _listed(
    listing: _Listing,
    things: Sequence[_T],
    render: Callable[[_T, int], Entry],
    arguments: tools.Paged,
    key: Callable[[int], str],
) -> Answer:
    """Return a list of facts, as much of it as fits, in both forms.

    Args:
        listing: What is said beside the list.
        things: All that the list holds.
        render: Puts one of them into words, with at most so many lines of its own.
        arguments: Of the call.
        key: Field of the JSON form that holds the thing at a position.
    """
    start = min(_start(arguments.cursor), len(things))
    said = notes_within(listing.notes, arguments.max_tokens)
    data = {**cast("dict[str, Any]", cleaned(listing.data)), "notices": said, "next_cursor": _LONGEST_CURSOR}
    head = shortened(listing.head, arguments.max_tokens // 4)
    frame = "\n".join([head, *map(words.note, said), _LAST])
    budget = Budget(arguments.max_tokens, frame, data)
    shown = fill(len(things) - start, lambda at, lines: render(things[start + at], lines), budget)
    after = start + len(shown)
    more = cursors.cursor_of([after]) if after < len(things) else ""
    for at, entry in enumerate(shown, start):
        if entry.data is not None:
            data[key(at)].append(entry.data)
    body = "\n".join(entry.text for entry in shown)
    parts = (head, *map(words.note, said), body, f"{_MORE}{more}" if more else "")
    return Answer("\n".join(part for part in parts if part), {**data, "next_cursor": more})


def _start(cursor: str) -> int:
    return cursors.numbers_of(cursor, 1, schema.MAX_LIST * 1000)[0] if cursor else 0
