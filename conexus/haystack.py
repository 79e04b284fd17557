# SPDX-License-Identifier: FSL-1.1-MIT
"""Haystack: a retriever for pipelines. Needs the extra ``haystack``.

from conexus.haystack import ConexusRetriever

retriever = ConexusRetriever(path="~/src/flask", top_k=5)
documents = retriever.run("where are sessions stored")["documents"]
retriever.close()
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.utils import Secret

from conexus.client import MAX_RESULTS, Code, Filter, connect, require, require_address
from conexus.client import open as open_code
from conexus.errors import InvalidRequest
from conexus.frameworks import fitting, metadata_of, require_budget, required_filter, text_of
from conexus.types import Hit, Snapshot

_FIELDS = tuple(field.name for field in fields(Filter))
_TOKEN = Secret.from_env_var("CONEXUS_TOKEN")


class _Trees:
    """The trees that are open in this process. Each is open once, or one component would keep the next one out."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._open: dict[str | None, tuple[Code, int]] = {}

    def take(self, path: str) -> Code:
        """Open a tree, or share it."""
        with self._mutex:
            code = open_code(path)
            shared, users = self._open.get(code.root, (code, 0))
            if shared is not code:
                code.close()
            self._open[code.root] = (shared, users + 1)
            return shared

    def give_back(self, code: Code) -> None:
        """Close a tree, unless others use it."""
        with self._mutex:
            _, users = self._open.pop(code.root)
            if users > 1:
                self._open[code.root] = (code, users - 1)
            else:
                code.close()


_TREES = _Trees()


@component
class ConexusRetriever:
    """Retrieves chunks of code as documents.

    The content is the code, made harmless as packed context is: what hides is visible, tags of tools are escaped.
    The meta are ``source``
    (``path:start-end``), ``path``, ``start_line``, ``end_line``, ``line`` to land on, ``symbol``, ``kind``,
    ``language``, ``score``, ``freshness``, ``repository``, ``root`` and ``tags``; and of the state of the index that
    it was found in ``snapshot``, ``commit``, ``files_indexed`` of ``files_seen`` and ``indexing``. The id is the
    chunk's.

    What is searched is opened when it is first needed and stays open until :meth:`close`.

    Args:
        path: A folder of the working tree that is searched: in this process, or at the daemon that has the indexes.
        url: The address of the daemon that is asked instead, as ``http://127.0.0.1:7520``.
        token: Its token, or an API key; what the variable ``CONEXUS_TOKEN`` holds where ``None``.
        repository: The daemon's repository to ask about; all that the token may read where empty.
        top_k: Most documents.
        where: What the search is limited to, as a :class:`conexus.Filter` or as a dictionary of its fields.
        max_tokens: Most tokens of all documents together; the first that does not fit ends them.

    Raises:
        InvalidRequest: Not just one of path and URL is given, a number is out of range, or the filter is none.
        ConfigError: The URL is no address of a daemon.
    """

    def __init__(  # noqa: PLR0913 -- pipelines are written down as arguments
        self,
        path: str | Path | None = None,
        *,
        url: str | None = None,
        token: Secret | None = None,
        repository: str = "",
        top_k: int = 10,
        where: Filter | dict[str, Any] | None = None,
        max_tokens: int | None = None,
    ) -> None:
        if (path is None) == (url is None):
            raise InvalidRequest("give either a path or a url")
        if url is None and (token is not None or repository):
            raise InvalidRequest("a token and a repository go with a url", hint="a path names the repository")
        if url is not None:
            require_address(url)
        if token is not None and not isinstance(token, Secret):
            raise InvalidRequest("the token is no Secret", hint='give Secret.from_env_var("CONEXUS_TOKEN")')
        require("top_k", top_k, 1, MAX_RESULTS)
        require_budget(max_tokens)
        self._path = None if path is None else str(path)
        self._url, self._token, self._repository = url, token or _TOKEN, repository
        self._top_k, self._where, self._max_tokens = top_k, _filter(where), max_tokens
        self._code: Code | None = None
        self._mutex = threading.Lock()

    def to_dict(self) -> dict[str, Any]:
        """Return it as Haystack writes it down: without the token, only the name of the variable that holds it.

        Raises:
            ValueError: The token is in no variable: it was given by ``Secret.from_token``.
        """
        source: dict[str, Any] = {"path": self._path}
        if self._url is not None:
            source = {"url": self._url, "token": self._token, "repository": self._repository}
        where = {
            field: value if isinstance(value, bool | str) else sorted(value)
            for field in _FIELDS
            if (value := getattr(self._where, field)) not in (None, "")
        }
        return default_to_dict(self, **source, top_k=self._top_k, where=where, max_tokens=self._max_tokens)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ConexusRetriever:
        """Return one as :meth:`to_dict` wrote it."""
        return default_from_dict(cls, data)

    def warm_up(self) -> None:
        """Open what is searched; a tree that is not indexed yet is indexed now. Idempotent."""
        self._opened()

    async def warm_up_async(self) -> None:
        """As :meth:`warm_up`, in a thread."""
        await asyncio.to_thread(self.warm_up)

    def close(self) -> None:
        """Let go of what is searched. Idempotent."""
        with self._mutex:
            code, self._code = self._code, None
        if code is None:
            return
        if self._path is None:
            code.close()
        else:
            _TREES.give_back(code)

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, top_k: int | None = None, where: dict[str, Any] | None = None
    ) -> dict[str, list[Document]]:
        """Return the documents that fit a question or a name, best first.

        Args:
            query: The question.
            top_k: Most documents, instead of what the component has.
            where: What the search is limited to, instead of what the component has: any of ``languages``, ``paths``
                and ``kinds``, each a list, and ``tests``, as ``{"paths": ["src/**"], "tests": False}``.

        Raises:
            InvalidRequest: A number is out of range, or the filter is none.
            QueryError: The query has no word, or a path pattern is malformed.
        """
        if top_k is not None:
            require("top_k", top_k, 1, MAX_RESULTS)
        wanted = self._where if where is None else _filter(where)
        found = self._opened().search(query, limit=self._top_k if top_k is None else top_k, where=wanted)
        documents = [document_of(hit, found.snapshots) for hit in found.hits]
        if self._max_tokens is not None:
            documents = documents[: fitting((document.content or "" for document in documents), self._max_tokens)[0]]
        return {"documents": documents}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, top_k: int | None = None, where: dict[str, Any] | None = None
    ) -> dict[str, list[Document]]:
        """As :meth:`run`; the work is done in a thread, so that the loop goes on."""
        return await asyncio.to_thread(self.run, query, top_k, where)

    def _opened(self) -> Code:
        with self._mutex:
            if self._code is None:
                if self._path is not None:
                    self._code = _TREES.take(self._path)
                else:
                    url, token = str(self._url), str(self._token.resolve_value())
                    self._code = connect(url, token, repository=self._repository)
            return self._code


def document_of(hit: Hit, snapshots: Sequence[Snapshot] = ()) -> Document:
    """Return a result of a search as a document, with the state of the index that the search told."""
    return Document(id=hit.chunk.id, content=text_of(hit), meta=metadata_of(hit, snapshots), score=hit.score)


def _filter(where: Filter | dict[str, Any] | None) -> Filter:
    if isinstance(where, dict):
        if unknown := set(where) - set(_FIELDS):
            raise InvalidRequest(f"a filter has no {min(map(repr, unknown))}", hint=f"it has {', '.join(_FIELDS)}")
        where = Filter(**where)
    return required_filter(where)


__all__ = ["ConexusRetriever", "document_of"]
