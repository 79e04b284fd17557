# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds out which repository an agent means that names none: the one of the folder it works in.

A client says where it works by its MCP roots, and the shim by the header ``Conexus-Folder``. What is not indexed yet
and is a git repository is indexed then; the answer comes from what is there after a short wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from conexus.context_service import view_at
from conexus.daemon import schema
from conexus.daemon.api import Api
from conexus.daemon.call import Surface
from conexus.daemon.operations import BY_NAME
from conexus.errors import ConexusError, FeatureNotAvailable, InvalidRequest
from conexus.types import IndexedView, JobState, Permission, Principal
from conexus.values import dataclass

FOLDER_HEADER = "conexus-folder"
"""Absolute path of the folder that a client works in, percent-encoded. Counts for the local user alone."""

MAX_FOLDERS = 20
WAIT_S = 8.0
"""Small repositories are indexed in less, and agents wait longer for a test run."""
_MAX_PATH_BYTES = 4096
_AGAIN_S = 60.0
_MAX_JOBS = 1000
_MAX_LISTED = 40


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and where they work."""

    who: Principal
    request_id: str
    folders: tuple[Path, ...] = ()
    """Absolute; empty for all but the local user."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is searched where no repository is named."""

    roots: tuple[str, ...] | None
    """Working trees; ``None`` for all that the caller may read."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Started:
    """An index job that a question gave rise to."""

    job: str
    at: float


class Places:
    """Leads folders to indexed working trees.

    Args:
        api: The daemon.
        wait_s: How long a question waits for the index of a repository that it is the first to ask about.
    """

    def __init__(self, api: Api, wait_s: float = WAIT_S) -> None:
        self._api = api
        self._wait_s = wait_s
        self._started: OrderedDict[str, _Started] = OrderedDict()
        self._mutex = asyncio.Lock()

    async def scope(self, caller: Caller) -> Scope:
        """Return where to search for a caller that names no repository."""
        roots: list[str] = []
        notes: list[str] = []
        for folder in caller.folders[:MAX_FOLDERS]:
            root, note = await self._tree(folder, caller)
            if root:
                roots.append(root)
            if note:
                notes.append(note)
        if roots:
            return Scope(tuple(dict.fromkeys(roots)), tuple(notes))
        if caller.folders:
            notes.append("searched all indexed repositories instead")
        return Scope(None, tuple(notes))

    async def home(self, caller: Caller) -> str:
        """Return the one indexed tree that a caller works in; an empty text where there is none, or several."""
        views = [view for view in await self._views(caller.who) if view.live is not None]
        found = [view_at(views, folder) for folder in caller.folders[:MAX_FOLDERS]]
        roots = {str(view.root) for view in found if view is not None}
        return roots.pop() if len(roots) == 1 else ""

    async def one(self, caller: Caller, path: str = "") -> tuple[str, tuple[str, ...]]:
        """Return the one repository that is meant, and notes.

        Args:
            caller: Who asks.
            path: What is asked about; of the local user it may be absolute, and then tells the repository.

        Raises:
            InvalidRequest: It cannot be told which.
        """
        views = await self._views(caller.who)
        if caller.who.local and path.startswith("/"):
            view = view_at(views, Path(path))
            if view is not None:
                return str(view.root), ()
        scope = await self.scope(caller)
        if scope.roots is not None and len(scope.roots) == 1:
            return scope.roots[0], scope.notes
        live = [view for view in await self._views(caller.who) if view.live is not None]
        known = [view for view in live if not view.ref and (scope.roots is None or str(view.root) in scope.roots)]
        if len(known) == 1:
            return (str(known[0].root) if caller.who.local else known[0].repo), scope.notes
        names = listed([view.name for view in known])
        started = f" {scope.notes[0]}." if scope.notes and not known else ""
        raise InvalidRequest(
            f"say which repository is meant.{started}",
            hint=f"give repository; indexed are: {names}",
            details={"field": "repository"},
        )

    async def names(self, who: Principal) -> list[str]:
        """Return the short names of the repositories that a caller may read."""
        return sorted({view.name for view in await self._views(who)})

    async def _views(self, who: Principal) -> list[IndexedView]:
        return await asyncio.to_thread(self._api.handlers.trees, who)

    async def _tree(self, folder: Path, caller: Caller) -> tuple[str, str]:
        """Return the indexed working tree that holds a folder, or nothing, and what is to be said of it."""
        view, _, top = await asyncio.to_thread(tree_of, folder, await self._views(caller.who))
        if view is not None:
            return str(view.root), ""
        if top is None:
            return "", f"{folder} is in no git repository and not indexed: `conexus index` would index it"
        if not caller.who.may(Permission.INDEX):
            return "", f"{folder} is not indexed, and you may not index it"
        return await self._indexed(top, caller)

    async def _indexed(self, top: Path, caller: Caller) -> tuple[str, str]:
        """Index a repository, wait a little, and return what there is of it by then."""
        try:
            job = await self._job(top, caller)
            if not job.state.is_over:
                job = await self._awaited(job, caller)
        except FeatureNotAvailable:
            raise  # as on every surface
        except ConexusError as error:
            return "", f"{top} is not indexed, and cannot be: {error.message}"
        if job.state is JobState.FAILED and job.error is not None:
            if job.error.code == FeatureNotAvailable.code:
                told = job.error
                raise FeatureNotAvailable(told.message, hint=told.hint, details=told.details)
            return "", f"{top} is not indexed, and cannot be: {job.error.message}"
        view = view_at(await self._views(caller.who), top)
        there = view is not None and view.root == top
        if job.state.is_over:
            return (str(top), f"{job.name} was not indexed and is now") if there else ("", f"{top} is not indexed")
        note = f"{job.name} is not indexed yet: indexing began {_far(job)}; ask again in a moment for more"
        return (str(top) if there else ""), note

    async def _job(self, top: Path, caller: Caller) -> schema.Job:
        async with self._mutex:
            known = self._started.get(str(top))
            if known is not None:
                request = schema.JobRequest(id=known.job)
                job = await self._ask("job", request, caller)
                if not job.state.is_over or time.monotonic() - known.at < _AGAIN_S:
                    return job
            job = await self._ask("index", schema.IndexRequest(path=str(top)), caller)
            self._started[str(top)] = _Started(job.id, time.monotonic())
            while len(self._started) > _MAX_JOBS:
                self._started.popitem(last=False)
            return job

    async def _ask(self, name: str, request: schema.Message, caller: Caller) -> schema.Job:
        operation = BY_NAME[name]
        call = self._api.new_call(operation, caller.who, Surface.MCP, caller.request_id)
        answer = await self._api.answer(operation, request, call)
        return schema.Job.model_validate(answer)

    async def _awaited(self, job: schema.Job, caller: Caller) -> schema.Job:
        """Return a job when it is over, or as it is after a while."""
        call = self._api.new_call(BY_NAME["job"], caller.who, Surface.MCP, caller.request_id)
        changes = self._api.watch(job.id, call)
        async with contextlib.aclosing(changes):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s):
                    async for changed in changes:
                        job = changed
        return job


def folder_of_header(value: str) -> Path | None:
    """Return the folder that a header names, or ``None`` where it names none that can be."""
    return _absolute(unquote_to_bytes(value)) if len(value) <= 3 * _MAX_PATH_BYTES else None


def folder_of_root(uri: str) -> Path | None:
    """Return the folder of an MCP root, as ``file:///home/me/src``, or ``None`` where it is none of this machine."""
    if len(uri) > 3 * _MAX_PATH_BYTES:
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        return None
    return _absolute(unquote_to_bytes(parts.path))


def folder_of_path(path: str) -> Path | None:
    """Return the folder at a path, or ``None`` where it can be none, as that of another system."""
    return _absolute(path.encode("utf-8", "surrogateescape"))


def _absolute(raw: bytes) -> Path | None:
    if not raw.startswith(b"/") or b"\x00" in raw or len(raw) > _MAX_PATH_BYTES:
        return None
    return Path(raw.decode("utf-8", "surrogateescape"))


def tree_of(folder: Path, views: Sequence[IndexedView]) -> tuple[IndexedView | None, Path, Path | None]:
    """Return the indexed tree that holds a folder, the folder without links, and the git working tree that holds it."""
    real, top = _on_disk(folder)
    view = view_at(views, real)
    # A repository inside another is never part of that one's index.
    mine = view is not None and (top is None or view.root == top or not top.is_relative_to(view.root))
    return view if mine else None, real, top


def _on_disk(folder: Path) -> tuple[Path, Path | None]:
    """Return a folder without links, and the innermost git working tree that holds it."""
    try:
        real = folder.resolve()
        return real, next((top for top in (real, *real.parents) if (top / ".git").exists()), None)
    except (OSError, RuntimeError):
        return folder, None


def _far(job: schema.Job) -> str:
    done = job.progress
    return f"({done.files_done} of {done.files_total} files)" if done is not None and done.files_total else "just now"


def listed(names: Sequence[str]) -> str:
    """Return names in a row, not too many."""
    known = sorted(set(names))
    more = f", and {len(known) - _MAX_LISTED} more" if len(known) > _MAX_LISTED else ""
    return (", ".join(known[:_MAX_LISTED]) + more) or "none"
