"""The parts for LangChain, with the real package; its own suite is run by ``make test-langchain``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from pydantic import ValidationError

import conexus
from conexus.langchain import ConexusRetriever, TokenBudget, context_tool
from conexus.tokens import count_tokens

APP = {
    "src/sessions.py": "class Session:\n    def store(self, data):\n        # sessions are stored in a cookie\n"
    "        return data\n",
    "src/mail.py": "def send_mail(to, body):\n    return (to, body)\n",
    "tests/test_sessions.py": "def test_sessions_are_stored():\n    assert True\n",
    "src/hidden.py": "def stored_session():\n    return 'a\u202eb'\n",
}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[conexus.Code]:
    """A small tree, open in this process."""
    folder = tmp_path_factory.mktemp("langchain")
    for path, text in APP.items():
        (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / path).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("CONEXUS_HOME", str(folder / "data"))
        for name in [name for name in os.environ if name.startswith("XDG_")]:
            patch.delenv(name)
        with conexus.open(folder / "tree") as found:
            yield found


def test_documents_say_where_they_are_from(code: conexus.Code) -> None:
    """Place, score and freshness; hidden characters are made visible."""
    documents = ConexusRetriever(code=code).invoke("where are sessions stored")
    best = documents[0]
    assert best.metadata["path"] == "src/sessions.py"
    assert best.metadata["source"] == "src/sessions.py:1-4"
    assert best.metadata["freshness"] == "fresh"
    assert best.metadata["score"] >= documents[-1].metadata["score"]
    assert best.id
    lines = (Path(best.metadata["root"]) / best.metadata["path"]).read_text().splitlines(keepends=True)
    assert best.page_content == "".join(lines[best.metadata["start_line"] - 1 : best.metadata["end_line"]])
    [hidden] = [document for document in documents if document.metadata["path"] == "src/hidden.py"]
    assert "\u202e" not in hidden.page_content
    assert "\\u202e" in hidden.page_content


def test_filters_and_budgets_hold(code: conexus.Code) -> None:
    """The number of documents, what they are from, and what they take together."""
    retriever = ConexusRetriever(code=code, where=conexus.Filter(tests=False, paths=["src/**"]), max_tokens=60)
    documents = retriever.invoke("where are sessions stored")
    assert documents
    assert all(document.metadata["path"].startswith("src/") for document in documents)
    assert sum(count_tokens(document.page_content) for document in documents) <= 60
    assert len(ConexusRetriever(code=code).invoke("sessions", k=1)) == 1
    with pytest.raises(ValidationError):
        ConexusRetriever(code=code, k=0)


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
