# SPDX-License-Identifier: FSL-1.1-MIT
"""The parts for LlamaIndex, with the real package."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from frameworks import HIDDEN, QUESTION, check_documents, small_tree
from llama_index.core.llms.mock import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import ImageNode, MetadataMode, NodeWithScore, TextNode
from pydantic import ValidationError

import conexus
from conexus.errors import InvalidRequest, QueryError
from conexus.llamaindex import ConexusRetriever, TokenBudget, node_of
from conexus.tokens import count_tokens


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[conexus.Code]:
    """A small tree, open in this process."""
    with small_tree(tmp_path_factory.mktemp("llamaindex")) as root, conexus.open(root) as found:
        yield found


def shown(node: NodeWithScore) -> str:
    return node.get_content(metadata_mode=MetadataMode.LLM)


def test_nodes_say_where_they_are_from(code: conexus.Code) -> None:
    """Text, score, id and metadata; models are shown the place alone."""
    nodes = ConexusRetriever(code).retrieve(QUESTION)
    check_documents([(node.text, node.metadata) for node in nodes])
    hits = code.search(QUESTION).hits
    assert [(node.node_id, node.score) for node in nodes] == [(hit.chunk.id, hit.score) for hit in hits]
    assert shown(nodes[0]) == f"source: src/sessions.py:1-4\n\n{nodes[0].text.rstrip()}"


def test_filters_and_budgets_hold(code: conexus.Code) -> None:
    """The number of nodes, what they are from, and what models are shown of them together."""
    everything = ConexusRetriever(code, where=conexus.Filter(tests=False, paths=["src/**"])).retrieve(QUESTION)
    assert {node.metadata["path"].split("/")[0] for node in everything} == {"src"}
    room = sum(count_tokens(shown(node)) for node in everything[:2])
    where = conexus.Filter(tests=False, paths=["src/**"])
    assert len(ConexusRetriever(code, where=where, max_tokens=room).retrieve(QUESTION)) == 2
    assert len(ConexusRetriever(code, where=where, max_tokens=room - 1).retrieve(QUESTION)) == 1
    assert len(ConexusRetriever(code, similarity_top_k=1).retrieve(QUESTION)) == 1


@pytest.mark.parametrize("wrong", [0, -1, 10**9, True, "5"])
def test_what_is_wrong_is_refused(code: conexus.Code, wrong: object) -> None:
    """When the retriever is made; a question without a word when it is asked."""
    with pytest.raises(InvalidRequest, match="similarity_top_k is"):
        ConexusRetriever(code, similarity_top_k=wrong)
    with pytest.raises(InvalidRequest, match="max_tokens is"):
        ConexusRetriever(code, max_tokens=wrong)
    with pytest.raises(ValidationError, match="\nmax_tokens\n"):
        TokenBudget(max_tokens=wrong)
    with pytest.raises(InvalidRequest, match="where is"):
        ConexusRetriever(code, where=wrong)
    with pytest.raises(InvalidRequest, match="no language"):
        ConexusRetriever(code, where=conexus.Filter(languages=["klingon"]))
    with pytest.raises(QueryError):
        ConexusRetriever(code).retrieve("?")


def test_it_can_be_awaited_and_the_loop_goes_on(code: conexus.Code, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same nodes; the loop serves others while it searches."""
    retriever = ConexusRetriever(code, similarity_top_k=2)
    search, released = code.search, asyncio.Event()

    async def ask() -> list[NodeWithScore]:
        loop = asyncio.get_running_loop()

        def waits_for_the_loop(*args, **options):
            asyncio.run_coroutine_threadsafe(released.wait(), loop).result(timeout=30)
            return search(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(code, "search", waits_for_the_loop)
            task = asyncio.create_task(retriever.aretrieve(QUESTION))
            await asyncio.sleep(0.05)
            released.set()
            return await task

    assert asyncio.run(ask()) == retriever.retrieve(QUESTION)


def test_a_postprocessor_keeps_to_a_budget() -> None:
    """Whole nodes first, then the lines of the next one that fit, marked as cut; what models are shown is counted."""
    nodes = [
        NodeWithScore(node=TextNode(text="word\n" * 10, metadata={"source": f"a.py:{number}"}), score=1.0 - number / 10)
        for number in range(4)
    ]
    whole = count_tokens(shown(nodes[0]))
    for budget in range(whole * 2 + 1, whole * 3):
        kept = TokenBudget(max_tokens=budget).postprocess_nodes(nodes)
        assert kept[:2] == nodes[:2]
        assert sum(count_tokens(shown(node)) for node in kept) <= budget
    assert (kept[2].text, kept[2].score) == ("word\n" * 9, nodes[2].score)
    assert kept[2].metadata == {"source": "a.py:2", "cut": True}
    assert "cut" not in shown(kept[2])
    assert nodes[2].metadata == {"source": "a.py:2"}
    assert TokenBudget(max_tokens=5000).postprocess_nodes(nodes) == nodes
    assert TokenBudget(max_tokens=1).postprocess_nodes(nodes) == []
    assert asyncio.run(TokenBudget(max_tokens=budget).apostprocess_nodes(nodes)) == kept


def test_what_is_no_text_is_not_cut() -> None:
    """A picture has lines of nothing."""
    picture = NodeWithScore(node=ImageNode(image="YQ==", text=""), score=1.0)
    long = NodeWithScore(node=TextNode(text="word " * 100), score=0.5)
    assert TokenBudget(max_tokens=50).postprocess_nodes([picture, long]) == [picture]


def test_a_query_engine_answers_from_code(code: conexus.Code) -> None:
    """Retrieve, keep to a budget, fill a prompt, ask a model, offline: LlamaIndex's own fake says what it was asked."""
    engine = RetrieverQueryEngine.from_args(
        ConexusRetriever(code), llm=MockLLM(), node_postprocessors=[TokenBudget(max_tokens=5000)]
    )
    for answer in (engine.query(QUESTION), asyncio.run(engine.aquery(QUESTION))):
        asked = str(answer)
        assert "source: src/sessions.py:1-4" in asked
        assert "sessions are stored in a cookie" in asked
        assert "{context_str} {{query_str}}" in asked  # code is no template
        assert not set(HIDDEN) & set(asked)
        assert asked.encode("utf-8")
        assert answer.source_nodes[0].metadata["path"] == "src/sessions.py"


def test_a_strange_name_can_be_shown(code: conexus.Code) -> None:
    """A model is sent UTF-8, the place on one line; the path stays as it is."""
    [hit] = code.search(QUESTION, limit=1).hits
    node = node_of(replace(hit, chunk=replace(hit.chunk, path="odd\n\u202ename\udcff.py")))
    assert shown(node).encode("utf-8").startswith(b"source: odd\\n\\u202ename\\udcff.py:1-4\n\nclass Session")
    assert node.metadata["path"] == "odd\n\u202ename\udcff.py"
