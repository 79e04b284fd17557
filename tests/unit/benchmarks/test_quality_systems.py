# SPDX-License-Identifier: FSL-1.1-MIT
"""The quality benchmark from a git repository to scores: the sets it makes and the searches that answer them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prepare import Library, Prepared
from question_sets import SETS, Case
from scores import rows_of
from systems import Bm25Windows, Conexus, Ripgrep, System
from test_quality_prepare import git, repository

from conexus.evaluation.questions import Place

CODE = '''"""Sending."""


def send(message, attempts=3):
    """Deliver a message and try again after a network failure."""
    for _ in range(attempts):
        if transmit(message):
            return True
    return False
'''
CACHE = '''"""Remembering."""


def lookup(store, key):
    """Return what is remembered under a key unless it is too old."""
    return store.get(key)
'''
ANNOTATIONS = [
    {"query": "retry after network failure", "relevant": ["src/mail/sender.py"], "category": "semantic"},
    {"query": "lookup", "relevant": ["src/mail/cache.py"], "category": "symbol"},
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Library, Prepared]:
    """A library with one repository of two commits, as preparing would leave it."""
    folder = tmp_path_factory.mktemp("library")
    tree = folder / "whole" / "mail"
    files = {"src/mail/sender.py": CODE, "src/mail/cache.py": CACHE, "README.md": "# Mail\n"}
    repository(tree, files)
    commit = repository(tree, {"src/mail/sender.py": CODE.replace("attempts=3", "attempts=5")})
    git(tree, "commit", "--quiet", "--amend", "--message", "try harder to deliver a message")
    commit = git(tree, "rev-parse", "HEAD")
    shutil.copytree(tree / "src", folder / "source" / "mail" / "src")
    library = Library(folder)
    ready = Prepared("mail", "python", "https://example.org/x/mail", "src/mail", commit, commit, str(tree / ".git"))
    library.keep(ready, ANNOTATIONS)
    return library, ready


def cases(prepared: tuple[Library, Prepared], name: str, folder: Path) -> list[Case]:
    """Every case of a set."""
    return list(SETS[name](*prepared, folder / name))


def test_public_questions_keep_their_paths(prepared: tuple[Library, Prepared], tmp_path: Path) -> None:
    """The source folder is indexed alone, and a prefix makes its paths those of the repository."""
    (case,) = cases(prepared, "source", tmp_path)
    assert (case.tree.name, case.prefix) == ("mail", "src/mail/")
    assert [question.text for question in case.questions] == ["retry after network failure", "lookup"]
    (stripped,) = cases(prepared, "whole-nostem", tmp_path)
    assert [question.text for question in stripped.questions] == ["retry after network failure"]


def test_documentation_asks_of_a_tree_without_it(prepared: tuple[Library, Prepared], tmp_path: Path) -> None:
    """First sentences are questions, and are gone from the tree that is searched."""
    (case,) = cases(prepared, "docs", tmp_path)
    asked = {question.text: question.targets[0].path for question in case.questions}
    assert asked["Deliver a message and try again after a network failure"] == "src/mail/sender.py"
    assert "Deliver a message" not in (case.tree / "src/mail/sender.py").read_text(encoding="utf-8")


def test_history_asks_of_the_tree_before(prepared: tuple[Library, Prepared], tmp_path: Path) -> None:
    """A commit's subject asks of its parent's tree for the files that it changed."""
    (case,) = cases(prepared, "history", tmp_path)
    assert [(question.text, question.targets[0].path) for question in case.questions] == [
        ("try harder to deliver a message", "src/mail/sender.py")
    ]
    assert "attempts=3" in (case.tree / "src/mail/sender.py").read_text(encoding="utf-8")


def test_searches_answer_with_places_of_the_tree(prepared: tuple[Library, Prepared], tmp_path: Path) -> None:
    """Every search says where in the tree it found what was asked; those that know words find these questions."""
    (case,) = cases(prepared, "source", tmp_path)
    texts = [question.text for question in case.questions]
    systems: dict[str, System] = {"conexus": Conexus(tmp_path), "bm25-windows": Bm25Windows()}
    if (program := shutil.which("rg")) is not None:
        systems["ripgrep"] = Ripgrep(program)
    for name, system in systems.items():
        answers = [answer.places for answer in system.answers(case.tree, texts)]
        assert all((case.tree / place.path).is_file() and place.size_bytes for found in answers for place in found)
        prefixed = [[Place(case.prefix + p.path, p.start_line, p.end_line, p.size_bytes) for p in a] for a in answers]
        scored = rows_of(("source", "mail", "python"), name, case.questions, prefixed)
        expected = {"semantic": 0.0 if name == "ripgrep" else 1.0, "symbol": 1.0}
        assert {row.kind: row.mrr for row in scored} == expected


def test_changed_tree_is_indexed_again(tmp_path: Path) -> None:
    """A tree that changes between two questions is answered from what it is now."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a.py").write_text("def apples():\n    return 1\n", encoding="utf-8")
    conexus = Conexus(tmp_path / "scratch")
    assert [place.path for place in conexus.answers(tree, ["apples"])[0].places] == ["a.py"]
    (tree / "a.py").unlink()
    (tree / "b.py").write_text("def apples(basket):\n    return basket\n", encoding="utf-8")
    assert [place.path for place in conexus.answers(tree, ["apples"])[0].places] == ["b.py"]


def test_question_without_a_word_has_no_answer(tmp_path: Path) -> None:
    """What is no query is not answered, rather than ending the run."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a.py").write_text("x = 1\n", encoding="utf-8")
    for system in (Conexus(tmp_path / "scratch"), Bm25Windows()):
        assert [answer.places for answer in system.answers(tree, ["???"])] == [[]]
