# SPDX-License-Identifier: FSL-1.1-MIT
"""LlamaIndex: a retriever, and a postprocessor that keeps to a budget. Needs the extra ``llamaindex``.

import conexus
from conexus.llamaindex import ConexusRetriever

with conexus.open("~/src/flask") as code:
    nodes = ConexusRetriever(code, similarity_top_k=5).retrieve("where are sessions stored")
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from llama_index.core.callbacks import CallbackManager
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode
from pydantic import Field

from conexus.client import MAX_RESULTS, Code, Filter, require
from conexus.frameworks import MAX_BUDGET, first_lines, fitting, metadata_of, require_budget, required_filter, text_of
from conexus.types import Hit, SearchResponse, Snapshot


class ConexusRetriever(BaseRetriever):
    """Retrieves chunks of code as nodes.

    The text is the code, made harmless as packed context is: what hides is visible, tags of tools are escaped.
    The metadata are ``source``
    (``path:start-end``), ``path``, ``start_line``, ``end_line``, ``line`` to land on, ``symbol``, ``kind``,
    ``language``, ``score``, ``freshness``, ``repository``, ``root`` and ``tags``; and of the state of the index that
    it was found in ``snapshot``, ``commit``, ``files_indexed`` of ``files_seen`` and ``indexing``. Models are shown
    ``source`` alone. The id is the chunk's.

    Args:
        code: What is searched: ``conexus.open(path)`` in this process, ``conexus.connect(url, token)`` at a daemon.
        similarity_top_k: Most nodes.
        where: What the search is limited to; nothing where ``None``.
        max_tokens: Most tokens of all nodes together, as models are shown them; the first that does not fit ends them.
        callback_manager: LlamaIndex's own.

    Raises:
        InvalidRequest: A number is out of range, or the filter is none.
    """

    def __init__(
        self,
        code: Code,
        *,
        similarity_top_k: int = 10,
        where: Filter | None = None,
        max_tokens: int | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        require("similarity_top_k", similarity_top_k, 1, MAX_RESULTS)
        require_budget(max_tokens)
        self._code = code
        self._limit = similarity_top_k
        self._where = required_filter(where)
        self._max_tokens = max_tokens
        super().__init__(callback_manager=callback_manager)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._nodes(self._found(query_bundle))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._nodes(await asyncio.to_thread(self._found, query_bundle))

    def _found(self, query_bundle: QueryBundle) -> SearchResponse:
        return self._code.search(query_bundle.query_str, limit=self._limit, where=self._where)

    def _nodes(self, found: SearchResponse) -> list[NodeWithScore]:
        nodes = [node_of(hit, found.snapshots) for hit in found.hits]
        return nodes if self._max_tokens is None else nodes[: fitting(map(_shown, nodes), self._max_tokens)[0]]


class TokenBudget(BaseNodePostprocessor):
    """Keeps as many of the first nodes as fit a budget, and of the next one the lines that do."""

    max_tokens: int = Field(default=4000, ge=1, le=MAX_BUDGET, strict=True)
    """Most tokens of all together, as models are shown them."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex has for it."""
        return "ConexusTokenBudget"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        count, left = fitting(map(_shown, nodes), self.max_tokens)
        kept = nodes[:count]
        if count < len(nodes) and (cut := _cut(nodes[count], left)) is not None:
            kept.append(cut)
        return kept


def node_of(hit: Hit, snapshots: Sequence[Snapshot] = ()) -> NodeWithScore:
    """Return a result of a search as a node, with the state of the index that the search told."""
    metadata = metadata_of(hit, snapshots)
    hidden = [key for key in metadata if key != "source"]
    node = TextNode(
        id_=hit.chunk.id,
        text=text_of(hit),
        metadata=metadata,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
    )
    return NodeWithScore(node=node, score=hit.score)


def _shown(node: NodeWithScore) -> str:
    return node.get_content(metadata_mode=MetadataMode.LLM)


def _cut(node: NodeWithScore, max_tokens: int) -> NodeWithScore | None:
    """Return a node with the first lines that fit, marked as cut; nothing where none does or it is no text."""
    whole = node.node
    if not isinstance(whole, TextNode):
        return None
    changes = {
        "metadata": {**whole.metadata, "cut": True},
        "excluded_llm_metadata_keys": [*whole.excluded_llm_metadata_keys, "cut"],
        "excluded_embed_metadata_keys": [*whole.excluded_embed_metadata_keys, "cut"],
    }

    def with_text(text: str) -> NodeWithScore:
        return NodeWithScore(node=whole.model_copy(update={**changes, "text": text}), score=node.score)

    lines = first_lines(whole.text, max_tokens, lambda text: _shown(with_text(text)))
    return with_text(lines) if lines else None


__all__ = ["ConexusRetriever", "TokenBudget", "node_of"]
