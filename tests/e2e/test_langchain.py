# SPDX-License-Identifier: FSL-1.1-MIT
"""The parts for LangChain, with the real package; its own suite is run by ``make test-langchain``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from frameworks import QUESTION, check_documents, small_tree
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from pydantic import ValidationError

import conexus
from conexus.errors import InvalidRequest, RepositoryNotIndexed
from conexus.langchain import ConexusRetriever, TokenBudget, context_tool
from conexus.tokens import count_tokens


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[conexus.Code]:
    """A small tree, open in this process."""
    with small_tree(tmp_path_factory.mktemp("langchain")) as root, conexus.open(root) as found:
        yield found


def test_documents_say_where_they_are_from(code: conexus.Code) -> None:
    """Place, score, freshness and id; hidden characters are made visible."""
    documents = ConexusRetriever(code=code).invoke(QUESTION)
    check_documents([(document.page_content, document.metadata) for document in documents])
    hits = code.search(QUESTION).hits
    assert [(document.id, document.metadata["score"]) for document in documents] == [
        (hit.chunk.id, hit.score) for hit in hits
    ]


def test_filters_and_budgets_hold(code: conexus.Code) -> None:
    """The number of documents, what they are from, and what they take together."""
    retriever = ConexusRetriever(code=code, where=conexus.Filter(tests=False, paths=["src/**"]), max_tokens=60)
    documents = retriever.invoke("where are sessions stored")
    assert documents
    assert all(document.metadata["path"].startswith("src/") for document in documents)
    assert sum(count_tokens(document.page_content) for document in documents) <= 60
    assert len(ConexusRetriever(code=code).invoke("sessions", k=1)) == 1


@pytest.mark.parametrize("wrong", [0, -1, 1001, True, "5", 2.5])
def test_a_wrong_number_of_documents_is_refused(code: conexus.Code, wrong: object) -> None:
    """When the retriever is made, when it is changed and when it is asked."""
    with pytest.raises(ValidationError, match="\nk\n"):
        ConexusRetriever(code=code, k=wrong)
    retriever = ConexusRetriever(code=code)
    with pytest.raises(ValidationError, match="\nk\n"):
        retriever.k = wrong
    with pytest.raises(InvalidRequest, match=r"k is .+; it must be between 1 and 1000"):
        retriever.invoke("sessions", k=wrong)
    with pytest.raises(InvalidRequest, match=r"k is .+; it must be between 1 and 1000"):
        asyncio.run(retriever.ainvoke("sessions", k=wrong))


@pytest.mark.parametrize("wrong", [0, -5, 10**9, True, "many"])
def test_a_wrong_budget_is_refused(code: conexus.Code, wrong: object) -> None:
    """By all that take one, before anything is asked; a filter that is none as well."""
    with pytest.raises(ValidationError, match="\nmax_tokens\n"):
        ConexusRetriever(code=code, max_tokens=wrong)
    with pytest.raises(ValidationError, match="\nmax_tokens\n"):
        TokenBudget(max_tokens=wrong)
    with pytest.raises(InvalidRequest, match="max_tokens is"):
        context_tool(code, max_tokens=wrong)
    with pytest.raises(InvalidRequest, match="no language"):
        context_tool(code, where=conexus.Filter(languages=["klingon"]))


def test_it_can_be_awaited(code: conexus.Code) -> None:
    """With the same documents."""
    retriever = ConexusRetriever(code=code, k=2)
    assert asyncio.run(retriever.ainvoke("sessions")) == retriever.invoke("sessions")


def test_a_compressor_keeps_to_a_budget() -> None:
    """Whole documents first, then the lines of the next one that fit, marked as cut."""
    documents = [Document(page_content="word\n" * 10, metadata={"n": number}) for number in range(4)]
    kept = TokenBudget(max_tokens=50).compress_documents(documents, "anything")
    assert [document.metadata for document in kept] == [{"n": 0}, {"n": 1}, {"n": 2, "cut": True}]
    assert sum(count_tokens(document.page_content) for document in kept) <= 50
    assert list(TokenBudget(max_tokens=500).compress_documents(documents, "anything")) == documents
    assert TokenBudget(max_tokens=1).compress_documents(documents, "anything") == []


def test_a_chain_answers_from_code(code: conexus.Code) -> None:
    """Retrieve, fill a prompt, ask a model, offline: the model here is a fake of LangChain's own."""
    prompt = ChatPromptTemplate.from_template("Answer from this code:\n{code}\n\nQuestion: {question}")
    seen: list[str] = []

    def joined(documents: list[Document]) -> str:
        seen.extend(document.metadata["source"] for document in documents)
        return "\n\n".join(f"{document.metadata['source']}\n{document.page_content}" for document in documents)

    chain = (
        {"code": ConexusRetriever(code=code, k=3) | joined, "question": RunnablePassthrough()}
        | prompt
        | FakeListChatModel(responses=["in a cookie"])
        | StrOutputParser()
    )
    assert chain.invoke("where are sessions stored") == "in a cookie"
    assert seen[0] == "src/sessions.py:1-4"


def test_a_tool_answers_agents(code: conexus.Code) -> None:
    """Packed context within its budget, and a word where there is nothing."""
    tool = context_tool(code, max_tokens=200)
    answer = tool.invoke({"question": "where are sessions stored"})
    assert "src/sessions.py:1-4" in answer
    assert count_tokens(answer) <= 200
    assert asyncio.run(tool.ainvoke({"question": "where are sessions stored"})) == answer
    nowhere = context_tool(code, where=conexus.Filter(paths=["nowhere/**"]))
    assert nowhere.invoke({"question": "sessions"}) == "Nothing found."


@pytest.mark.parametrize("question", ["", "  ", "?!", "a\0b"])
def test_a_tool_tells_agents_what_is_wrong(code: conexus.Code, question: str) -> None:
    """An agent goes on from a text; an error would end it."""
    tool = context_tool(code)
    answer = tool.invoke({"question": question})
    assert "the query" in answer or "is no text" in answer
    assert "\0" not in answer
    assert "Traceback" not in answer
    assert asyncio.run(tool.ainvoke({"question": question})) == answer


def test_a_tool_tells_agents_that_nothing_is_indexed(tmp_path: Path) -> None:
    """Message and hint."""
    (tmp_path / "tree").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path))
        patch.setenv("CONEXUS_HOME", str(tmp_path / "data"))
        with conexus.open(tmp_path / "tree", index=False) as code:
            with pytest.raises(RepositoryNotIndexed) as told:
                code.search("sessions")
            assert context_tool(code).invoke({"question": "sessions"}) == f"{told.value.message} ({told.value.hint})"
