# SPDX-License-Identifier: FSL-1.1-MIT
"""The retriever for Haystack, with the real package."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from frameworks import HIDDEN, QUESTION, check_documents, small_tree
from haystack import Document, Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import MockChatGenerator
from haystack.core.errors import DeserializationError
from haystack.dataclasses import ChatMessage, ToolCall
from haystack.telemetry import _telemetry
from haystack.tools import ComponentTool
from haystack.utils import Secret
from program import serving

import conexus
from conexus.errors import ConfigError, InvalidRequest, QueryError, StoreError, Unauthenticated
from conexus.haystack import ConexusRetriever
from conexus.tokens import count_tokens

PROMPT = (
    "{% for document in documents %}{{ document.meta.source }}\n{{ document.content }}\n{% endfor %}"
    "Question: {{ question }}"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small tree."""
    with small_tree(tmp_path_factory.mktemp("haystack")) as found:
        yield found


@pytest.fixture(scope="module")
def retriever(root: Path) -> Iterator[ConexusRetriever]:
    """One that has the tree open."""
    found = ConexusRetriever(root)
    found.warm_up()
    yield found
    found.close()


def found_by(component: ConexusRetriever, query: str = QUESTION, **options: Any) -> list[Document]:
    return component.run(query, **options)["documents"]


def rag(component: ConexusRetriever) -> Pipeline:
    """Retrieve, fill a prompt, ask a model: Haystack's own fake answers with what it was asked."""
    pipeline = Pipeline()
    pipeline.add_component("retriever", component)
    pipeline.add_component("prompt", ChatPromptBuilder([ChatMessage.from_user(PROMPT)], required_variables="*"))
    pipeline.add_component("model", MockChatGenerator())
    pipeline.connect("retriever.documents", "prompt.documents")
    pipeline.connect("prompt.prompt", "model.messages")
    return pipeline


def test_telemetry_is_off() -> None:
    """Nothing is sent while the tests run."""
    assert _telemetry.telemetry is None


def test_documents_say_where_they_are_from(retriever: ConexusRetriever) -> None:
    """Content, score, id and meta, which survive being written down."""
    documents = found_by(retriever)
    check_documents([(document.content or "", document.meta) for document in documents])
    assert [document.score for document in documents] == [document.meta["score"] for document in documents]
    assert [Document.from_dict(document.to_dict()) for document in documents] == documents
    assert len({document.id for document in documents}) == len(documents)


def test_filters_and_budgets_hold(root: Path, retriever: ConexusRetriever) -> None:
    """Those of the component, and those of one run in their place."""
    component = ConexusRetriever(root, where=conexus.Filter(tests=False, paths=["src/**"]), top_k=2)
    documents = found_by(component)
    assert len(documents) == 2
    assert all(document.meta["path"].startswith("src/") for document in documents)
    only_tests = found_by(component, where={"paths": ["tests/**"]})
    assert {document.meta["path"] for document in only_tests} == {"tests/test_sessions.py"}
    everything = found_by(retriever)
    assert len(found_by(component, top_k=1)) == 1
    assert found_by(component, where={}, top_k=20) == everything
    component.close()
    room = sum(count_tokens(document.content or "") for document in everything[:2])
    for budget, count in ((room, 2), (room - 1, 1), (1, 0)):
        small = ConexusRetriever(root, max_tokens=budget)
        assert found_by(small) == everything[:count]
        small.close()


@pytest.mark.parametrize("wrong", [0, -1, 10**9, True, "5"])
def test_what_is_wrong_is_refused(root: Path, retriever: ConexusRetriever, wrong: Any) -> None:
    """When the component is made, or in a run before anything is asked."""
    for option in ("top_k", "max_tokens", "where"):
        with pytest.raises(InvalidRequest, match=f"{option} is"):
            ConexusRetriever(root, **{option: wrong})
    for option in ("top_k", "where"):
        with pytest.raises(InvalidRequest, match=f"{option} is"):
            retriever.run(QUESTION, **{option: wrong})
    with pytest.raises(InvalidRequest, match="a filter has no 'path'"):
        retriever.run(QUESTION, where={"path": ["src/**"]})
    with pytest.raises(QueryError):
        retriever.run("?")


def test_what_to_search_must_be_clear(root: Path) -> None:
    """One of path and URL; a token is a secret, and is in no URL."""
    for given in ({}, {"path": root, "url": "http://127.0.0.1:1"}, {"path": root, "repository": "x"}):
        with pytest.raises(InvalidRequest):
            ConexusRetriever(**given)
    with pytest.raises(InvalidRequest, match="the token is no Secret") as told:
        ConexusRetriever(url="http://127.0.0.1:1", token="abc-token")  # noqa: S106
    assert "abc-token" not in f"{told.value.message}{told.value.hint}"
    for url in ("http://user:word@127.0.0.1:1", "http://127.0.0.1:1/?token=abc", "127.0.0.1:1"):
        with pytest.raises(ConfigError, match="no address of a daemon"):
            ConexusRetriever(url=url)


def test_it_can_be_awaited_and_the_loop_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same documents; the loop serves others while it searches."""
    component, released = ConexusRetriever(root, top_k=2), asyncio.Event()
    search = conexus.Code.search

    async def ask() -> list[Document]:
        loop = asyncio.get_running_loop()

        def waits_for_the_loop(*args: Any, **options: Any) -> Any:
            asyncio.run_coroutine_threadsafe(released.wait(), loop).result(timeout=30)
            return search(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(conexus.Code, "search", waits_for_the_loop)
            task = asyncio.create_task(component.run_async(QUESTION))
            await asyncio.sleep(0.05)
            released.set()
            return (await task)["documents"]

    assert asyncio.run(ask()) == found_by(component)
    component.close()


def test_components_share_a_tree_and_let_go_of_it(tmp_path: Path) -> None:
    """The last one closes it, also for others; each can be opened again."""
    with small_tree(tmp_path) as root:
        one, other = ConexusRetriever(root), ConexusRetriever(root / "src")
        assert found_by(one) == found_by(other)
        opened = one._code
        assert opened is other._code
        for component in (one, one):  # twice is once
            component.close()
        assert found_by(other)
        other.close()
        with pytest.raises(StoreError, match="it is closed"):
            opened.search(QUESTION)
        with conexus.open(root) as code:
            assert code.search(QUESTION).hits
        assert found_by(one)
        one.close()


def test_a_pipeline_is_written_down_and_loaded(root: Path) -> None:
    """With all that was set; it answers the same."""
    where = conexus.Filter(languages={"python"}, paths=["src/**"], kinds=None, tests=False)
    pipeline = rag(ConexusRetriever(root, top_k=3, where=where, max_tokens=500))
    text = pipeline.dumps()
    with pytest.raises(DeserializationError):
        Pipeline.loads(text)
    loaded = Pipeline.loads(text, allowed_modules=["conexus.haystack"])
    assert loaded.get_component("retriever").to_dict() == pipeline.get_component("retriever").to_dict()
    assert loaded.get_component("retriever").to_dict()["init_parameters"] == {
        "path": str(root),
        "top_k": 3,
        "where": {"languages": ["python"], "paths": ["src/**"], "tests": False},
        "max_tokens": 500,
    }
    asked = {"retriever": {"query": QUESTION}, "prompt": {"question": QUESTION}}
    assert loaded.run(asked)["model"]["replies"][0].text == pipeline.run(asked)["model"]["replies"][0].text
    loaded.close()
    pipeline.close()
    with pytest.raises((InvalidRequest, DeserializationError), match="a filter has no 'pathes'"):
        Pipeline.loads(text.replace("paths:", "pathes:"), allowed_modules=["conexus.haystack"])


def test_no_token_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the variable's name; what is in none cannot be written at all."""
    monkeypatch.setenv("CONEXUS_TOKEN", "token-one")
    monkeypatch.setenv("MY_TOKEN", "token-two")
    for token in (None, Secret.from_env_var("MY_TOKEN")):
        component = ConexusRetriever(url="http://127.0.0.1:7520", token=token, repository="flask")
        text = rag(component).dumps()
        assert ("CONEXUS_TOKEN" if token is None else "MY_TOKEN") in text
        assert "token-" not in text + repr(component)
        loaded = Pipeline.loads(text, allowed_modules=["conexus.haystack"]).get_component("retriever")
        assert loaded.to_dict() == component.to_dict()
    with pytest.raises(ValueError, match="Cannot serialize token-based secret"):
        rag(ConexusRetriever(url="http://127.0.0.1:7520", token=Secret.from_token("token-three"))).dumps()


def test_a_daemon_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its address, with the token of a variable; a wrong one is refused."""
    with small_tree(tmp_path) as root:
        with conexus.open(root) as code:
            ids = [hit.chunk.id for hit in code.search(QUESTION).hits]
        with serving(tmp_path / "program", tmp_path / "data") as (url, token):
            monkeypatch.setenv("CONEXUS_TOKEN", token)
            for repository in ("", "tree"):
                component = ConexusRetriever(url=url, repository=repository)
                assert [document.id for document in found_by(component)] == ids
                component.close()
            by_path = ConexusRetriever(root)
            assert [document.id for document in found_by(by_path)] == ids
            by_path.close()
            with pytest.raises(Unauthenticated):
                ConexusRetriever(url=url, token=Secret.from_token("x" * 43)).warm_up()
        monkeypatch.delenv("CONEXUS_TOKEN")
        with pytest.raises(ValueError, match="CONEXUS_TOKEN"):
            ConexusRetriever(url=url).warm_up()


def test_a_pipeline_answers_from_code(root: Path) -> None:
    """Offline, awaited or not; code is no template, and what hides in it is seen."""
    pipeline = rag(ConexusRetriever(root))
    asked = {"retriever": {"query": QUESTION}, "prompt": {"question": QUESTION}}
    answers = [pipeline.run(asked), asyncio.run(pipeline.run_async(asked))]
    asyncio.run(pipeline.close_async())
    for answer in answers:
        text = answer["model"]["replies"][0].text
        assert text.startswith("src/sessions.py:1-4\nclass Session:")
        assert "{context_str} {{query_str}}" in text
        assert not set(HIDDEN) & set(text)


def test_an_agent_uses_it_as_a_tool(root: Path) -> None:
    """Haystack makes the tool; what is wrong with a question is told to the agent, which goes on."""
    tool = ComponentTool(ConexusRetriever(root, top_k=1), name="search_code", description="Find code.")
    assert set(tool.parameters["properties"]) == {"query", "top_k", "where"}
    calls = [ToolCall("search_code", {"query": "?"}), ToolCall("search_code", {"query": QUESTION})]
    model = MockChatGenerator([*(ChatMessage.from_assistant(tool_calls=[call]) for call in calls), "In a cookie."])
    messages = Agent(chat_generator=model, tools=[tool]).run([ChatMessage.from_user(QUESTION)])["messages"]
    told, found = [str(result.result) for message in messages for result in message.tool_call_results]
    assert "has no word to look for" in told
    assert "sessions are stored in a cookie" in found
    assert messages[-1].text == "In a cookie."
    tool._component.close()
