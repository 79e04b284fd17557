# SPDX-License-Identifier: FSL-1.1-MIT
"""LangChain: a retriever, a compressor that keeps to a budget, and a tool. Needs the extra ``langchain``.

import conexus
from conexus.langchain import ConexusRetriever

with conexus.open("~/src/flask") as code:
    documents = ConexusRetriever(code=code, k=5).invoke("where are sessions stored")
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun, Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import StructuredTool
from pydantic import ConfigDict, Field

from conexus.client import CONTEXT_TOKENS, MAX_RESULTS, Code, Filter, require
from conexus.errors import ConexusError
from conexus.frameworks import MAX_BUDGET, first_lines, fitting, metadata_of, required_filter, text_of
from conexus.search.neutral import clean
from conexus.types import Hit, SearchResponse, Snapshot

_TOOL = (
    "Find the code that answers a question or defines a name, in the repository at hand. Returns whole definitions "
    "with path:start-end of each, the imports they use and where what they call is defined. Ask in words for what "
    "code does, or for a name."
)


class ConexusRetriever(BaseRetriever):
    """Retrieves chunks of code as documents.

    The page content is the code, made harmless as packed context is: what hides is visible, tags of tools are escaped.
    The metadata are ``source``
    (``path:start-end``), ``path``, ``start_line``, ``end_line``, ``line`` to land on, ``symbol``, ``kind``,
    ``language``, ``score``, ``freshness``, ``repository``, ``root`` and ``tags``; and of the state of the index that
    it was found in ``snapshot``, ``commit``, ``files_indexed`` of ``files_seen`` and ``indexing``. The id is the
    chunk's.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, validate_assignment=True)

    code: Code
    """What is searched: ``conexus.open(path)`` in this process, ``conexus.connect(url, token)`` at a daemon."""
    k: int = Field(default=10, ge=1, le=MAX_RESULTS, strict=True)
    """Most documents."""
    where: Filter = Filter()
    """What the search is limited to."""
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_BUDGET, strict=True)
    """Most tokens of all documents together; the first that does not fit ends them."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return self._documents(self._found(query, k))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return self._documents(await asyncio.to_thread(self._found, query, k))

    def _found(self, query: str, k: int | None) -> SearchResponse:
        if k is not None:
            require("k", k, 1, MAX_RESULTS)
        return self.code.search(query, limit=self.k if k is None else k, where=self.where)

    def _documents(self, found: SearchResponse) -> list[Document]:
        documents = [document_of(hit, found.snapshots) for hit in found.hits]
        if self.max_tokens is None:
            return documents
        return documents[: fitting((document.page_content for document in documents), self.max_tokens)[0]]


class TokenBudget(BaseDocumentCompressor):
    """Keeps as many of the first documents as fit a budget, and of the next one the lines that do."""

    max_tokens: int = Field(default=4000, ge=1, le=MAX_BUDGET, strict=True)
    """Most tokens of all together."""

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Return the documents that fit; the query plays no part."""
        count, left = fitting((document.page_content for document in documents), self.max_tokens)
        kept = list(documents[:count])
        if count < len(documents):
            following = documents[count]
            if lines := first_lines(following.page_content, left):
                kept.append(Document(page_content=lines, metadata={**following.metadata, "cut": True}, id=following.id))
        return kept


def context_tool(code: Code, *, max_tokens: int = 2000, where: Filter | None = None) -> StructuredTool:
    """Return a tool for agents: packed context for a question, or in words why there is none.

    Args:
        code: What is searched.
        max_tokens: Most tokens of an answer.
        where: What the search is limited to.

    Raises:
        InvalidRequest: The budget or the filter is none.
    """
    require("max_tokens", max_tokens, *CONTEXT_TOKENS)
    wanted = required_filter(where)

    def search_code(question: str) -> str:
        try:
            answer = code.context(question, max_tokens=max_tokens, where=wanted)
        except ConexusError as error:
            return clean(error.in_words)
        return answer.text or "Nothing found."

    async def search_code_async(question: str) -> str:
        return await asyncio.to_thread(search_code, question)

    return StructuredTool.from_function(
        func=search_code, coroutine=search_code_async, name="search_code", description=_TOOL
    )


def document_of(hit: Hit, snapshots: Sequence[Snapshot] = ()) -> Document:
    """Return a result of a search as a document, with the state of the index that the search told."""
    return Document(page_content=text_of(hit), metadata=metadata_of(hit, snapshots), id=hit.chunk.id)


__all__ = ["ConexusRetriever", "TokenBudget", "context_tool", "document_of"]
