"""LangChain: a retriever, a compressor that keeps to a budget, and a tool. Needs the extra ``langchain``.

import conexus
from conexus.langchain import ConexusRetriever

with conexus.open("~/src/flask") as code:
    documents = ConexusRetriever(code=code, k=5).invoke("where are sessions stored")
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun, Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import StructuredTool
from pydantic import ConfigDict, Field

from conexus.client import Code, Filter
from conexus.search.neutral import clean
from conexus.tokens import count_tokens
from conexus.types import Hit, SearchResponse

_TOOL = (
    "Find the code that answers a question or defines a name, in the repository at hand. Returns whole definitions "
    "with path:start-end of each, the imports they use and where what they call is defined. Ask in words for what "
    "code does, or for a name."
)


class ConexusRetriever(BaseRetriever):
    """Retrieves chunks of code as documents.

    The page content is the code, with control, bidi and invisible characters made visible. The metadata are ``source``
    (``path:start-end``), ``path``, ``start_line``, ``end_line``, ``line`` to land on, ``symbol``, ``kind``,
    ``language``, ``score``, ``freshness``, ``repository``, ``root`` and ``tags``; the id is the chunk's.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    code: Code
    """What is searched: ``conexus.open(path)`` in this process, ``conexus.connect(url, token)`` at a daemon."""
    k: int = Field(default=10, ge=1, le=1000)
    """Most documents."""
    where: Filter = Filter()
    """What the search is limited to."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of all documents together; the first that does not fit ends them."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return self._documents(self.code.search(query, limit=k or self.k, where=self.where))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        found = await asyncio.to_thread(self.code.search, query, limit=k or self.k, where=self.where)
        return self._documents(found)

    def _documents(self, found: SearchResponse) -> list[Document]:
        documents = [document_of(hit) for hit in found.hits]
        return documents if self.max_tokens is None else within(documents, self.max_tokens)


class TokenBudget(BaseDocumentCompressor):
    """Keeps as many of the first documents as fit a budget, and of the next one the lines that do."""

    max_tokens: int = Field(default=4000, ge=1)
    """Most tokens of all together."""

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Return the documents that fit; the query plays no part."""
        whole = within(documents, self.max_tokens)
        if len(whole) == len(documents):
            return whole
        left = self.max_tokens - sum(count_tokens(document.page_content) for document in whole)
        following = documents[len(whole)]
        lines: list[str] = []
        for line in following.page_content.splitlines(keepends=True):
            left -= count_tokens(line)
            if left < 0:
                break
            lines.append(line)
        if lines:
            metadata = {**following.metadata, "cut": True}
            whole.append(Document(page_content="".join(lines), metadata=metadata, id=following.id))
        return whole


def context_tool(code: Code, *, max_tokens: int = 2000, where: Filter | None = None) -> StructuredTool:
    """Return a tool for agents: packed context for a question.

    Args:
        code: What is searched.
        max_tokens: Most tokens of an answer.
        where: What the search is limited to.
    """
    wanted = Filter() if where is None else where

    def search_code(question: str) -> str:
        answer = code.context(question, max_tokens=max_tokens, where=wanted)
        return answer.text or "Nothing found."

    async def search_code_async(question: str) -> str:
        return await asyncio.to_thread(search_code, question)

    return StructuredTool.from_function(
        func=search_code, coroutine=search_code_async, name="search_code", description=_TOOL
    )


def document_of(hit: Hit) -> Document:
    """Return a result of a search as a document."""
    chunk, span = hit.chunk, hit.chunk.span
    metadata: dict[str, Any] = {
        "source": f"{clean(chunk.path)}:{span.start_line}-{span.end_line}",
        "path": chunk.path,
        "start_line": span.start_line,
        "end_line": span.end_line,
        "line": hit.focus_line,
        "symbol": chunk.symbol,
        "kind": chunk.kind,
        "language": chunk.language,
        "score": hit.score,
        "freshness": hit.freshness.value,
        "repository": chunk.repo,
        "root": hit.root,
        "tags": sorted(chunk.tags),
    }
    return Document(page_content=clean(chunk.text.replace("\r\n", "\n")), metadata=metadata, id=chunk.id)


def within(documents: Sequence[Document], max_tokens: int) -> list[Document]:
    """Return the first documents that fit together, each whole."""
    kept: list[Document] = []
    for document in documents:
        max_tokens -= count_tokens(document.page_content)
        if max_tokens < 0:
            break
        kept.append(document)
    return kept


__all__ = ["ConexusRetriever", "TokenBudget", "context_tool", "document_of"]
