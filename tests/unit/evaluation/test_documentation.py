# SPDX-License-Identifier: FSL-1.1-MIT
"""Questions made of documentation, in several languages: what they ask, what answers, and what is taken out."""

from __future__ import annotations

from pathlib import Path

import pytest

from conexus.evaluation.documentation import Documented, documented, question_of, sampled, without_documentation
from conexus.parsing.languages import BY_NAME, detect
from conexus.parsing.parse import parse_text
from conexus.types import Span, Symbol, SymbolKind

SAMPLES = Path(__file__).parents[2] / "golden" / "samples"
MIN_WITH_QUESTIONS = 15

PYTHON = '''"""Module."""


class Session:
    """Keeps cookies between the requests of one user.

    Some more words.
    """

    def send(self, request):
        """Hand a prepared request over to the right adapter.

        Args:
            request: What is sent.
        """
        return self.adapter(request)  # as it is

    def close(self):
        """Close all adapters that were ever opened here."""


def undocumented():
    return 1
'''
TYPESCRIPT = """import x from "y";

/**
 * Turns a relative address into an absolute one.
 *
 * @param base - Where it is relative to.
 */
export function resolve(base: string, path: string): string {
  return base + path;
}

/**
 * @param a - First of the two numbers to add.
 */
export function add(a: number): number {
  return a;
}
"""
GO = """package web

// Engine is what dispatches incoming requests to their handlers.
type Engine struct {
	routes map[string]Handler
}

// ServeHTTP looks the path up
// and runs the handler that it finds.
func (engine *Engine) ServeHTTP(w Writer, r *Request) {
	engine.routes[r.Path](w, r)
}
"""
RUST = """/// Holds the tasks that wait for a worker.
///
/// # Examples
/// ```
/// Queue::new();
/// ```
#[derive(Debug)]
pub struct Queue {
    tasks: Vec<Task>,
}

impl Queue {
    /// Takes the oldest task out, waiting until there is one.
    pub async fn pop(&mut self) -> Task {
        self.tasks.remove(0)
    }
}
"""
JAVA = """package a.b;

public class Reader {
  /**
   * Skips everything up to the end of the {@link Token current} object.
   *
   * @throws IOException if it cannot be read
   */
  @Override
  public void skip() throws IOException {
    depth--;
  }
}
"""
ELIXIR = """defmodule Store do
  @doc \"\"\"
  Writes a value under its key and tells the listeners.
  \"\"\"
  @spec put(atom, term) :: :ok
  def put(key, value) do
    {key, value}
  end
end
"""

CASES = {
    "a.py": (
        PYTHON,
        [
            ("Keeps cookies between the requests of one user", "class Session:", 7),
            ("Hand a prepared request over to the right adapter", "def send(self, request):", 2),
            ("Close all adapters that were ever opened here", "def close(self):", 2),
        ],
    ),
    "a.ts": (TYPESCRIPT, [("Turns a relative address into an absolute one", "export function resolve(", 3)]),
    "a.go": (
        GO,
        [
            ("what dispatches incoming requests to their handlers", "type Engine struct", 3),
            ("looks the path up and runs the handler that it finds", "func (engine *Engine) ServeHTTP(", 3),
        ],
    ),
    "a.rs": (
        RUST,
        [
            ("Holds the tasks that wait for a worker", "pub struct Queue", 3),
            ("Takes the oldest task out, waiting until there is one", "pub async fn pop(", 3),
        ],
    ),
    "Reader.java": (
        JAVA,
        [("Skips everything up to the end of the Token current object", "@Override", 4)],
    ),
    "store.ex": (ELIXIR, [("Writes a value under its key and tells the listeners", "def put(key, value)", 3)]),
}


def asked_of(path: str, text: str) -> tuple[Documented, ...]:
    language = detect(path, text[:2000].encode())
    assert language is not None
    return documented(path, text, language)


@pytest.mark.parametrize("path", CASES)
def test_the_first_sentence_asks_for_the_definition(path: str) -> None:
    """The target is the definition's lines in the file without the documentation, of which no word remains."""
    text, expected = CASES[path]
    changed, questions = without_documentation(text, asked_of(path, text))
    lines = changed.splitlines()
    assert [question.text for question in questions] == [asked for asked, _, _ in expected]
    for question, (_, head, length) in zip(questions, expected, strict=True):
        [target] = question.targets
        assert target.start_line is not None
        assert target.end_line is not None
        assert (target.path, target.end_line - target.start_line + 1) == (path, length)
        assert lines[target.start_line - 1].lstrip().startswith(head)
        assert question.text not in " ".join(changed.split())


def test_only_what_is_asked_is_taken_out() -> None:
    """The rest of the file stays as it is, byte for byte; a body that was only a docstring stays a body."""
    found = asked_of("a.py", PYTHON)
    changed, _ = without_documentation(PYTHON, found[1:])
    assert changed == PYTHON.replace(
        '''        """Hand a prepared request over to the right adapter.

        Args:
            request: What is sent.
        """
''',
        "",
    ).replace('"""Close all adapters that were ever opened here."""', "...")
    compile(changed, "a.py", "exec")


def test_nothing_chosen_changes_nothing() -> None:
    """A file that nothing is asked of is returned as it was."""
    assert without_documentation(PYTHON, ()) == (PYTHON, ())


def test_parts_of_a_documentation_by_tags_ask_nothing() -> None:
    """What begins with a tag for parameters is no question."""
    assert "First of the two" not in " ".join(item.sentence for item in asked_of("a.ts", TYPESCRIPT))


@pytest.mark.parametrize("path", ["tests/test_a.py", "examples/a.py", "docs/conf.py", "a.json", "a.md", "a.html"])
def test_tests_examples_and_documents_ask_nothing(path: str) -> None:
    """Only code that people look for is asked for."""
    assert asked_of(path, PYTHON) == ()


@pytest.mark.parametrize("name", sorted(name for name, language in BY_NAME.items() if language.grammar))
def test_a_real_program_keeps_its_definitions(name: str) -> None:
    """Of the sample of any language, each definition asked for is where its target says, and nothing else has gone."""
    [path] = [path for path in (SAMPLES / name).iterdir() if path.name != "expected.json"]
    text = path.read_text(encoding="utf-8")
    before = parse_text(text, detect(path.name, text.encode()[:2000]), 1500).symbols
    found = documented(path.name, text, BY_NAME[name])
    changed, questions = without_documentation(text, found)
    after = parse_text(changed, BY_NAME[name], 1500).symbols
    assert [item.qualified_name for item in after] == [item.qualified_name for item in before]
    spans = {(item.span.start_line, item.span.end_line) for item in after}
    for item, question in zip(found, questions, strict=True):
        [target] = question.targets
        assert (target.start_line, target.end_line) in spans
        assert text.encode()[item.span.start_byte : item.span.start_byte + 5] in changed.encode()


def test_most_languages_have_questions() -> None:
    """The samples of most languages hold documentation that makes a question."""
    with_questions = set()
    for folder in SAMPLES.iterdir():
        for path in folder.iterdir():
            if path.name != "expected.json" and asked_of(path.name, path.read_text(encoding="utf-8")):
                with_questions.add(folder.name)
    assert len(with_questions) >= MIN_WITH_QUESTIONS, with_questions


def symbol(name: str, doc: str) -> Symbol:
    return Symbol(name, SymbolKind.FUNCTION, Span(0, 1, 1, 1), 1, "Session", doc=doc)


@pytest.mark.parametrize(
    ("name", "doc", "asked"),
    [
        (
            "Serve",
            "Serve accepts connections until it is told to stop.",
            "accepts connections until it is told to stop",
        ),
        ("uv_run", "uv_run() - runs the loop until nothing is left.", "runs the loop until nothing is left"),
        ("send", "Send the request and wait for its answer.", "Send the request and wait for its answer"),
        ("send", "Return the :class:`Response` of a request once sent.", "Return the Response of a request once sent"),
        ("get", "See the documentation of the class above.", ""),
        ("get", "TODO: make this one work for all of them", ""),
        ("get", "Copyright 2020 by nobody in particular at all.", ""),
        ("get", "Too short to ask.", ""),
        ("get", "---------- ======== ++++++++ a b c d e f", ""),
        ("send_request_with_body", "Send a request, with its body, in a session.", ""),
        ("get", "", ""),
    ],
)
def test_what_a_sentence_asks(name: str, doc: str, asked: str) -> None:
    """Its own name in front is taken off; what says no more than the name, or speaks to a tool, asks nothing."""
    assert question_of(symbol(name, doc)) == asked


def item(path: str, sentence: str, start: int = 0) -> Documented:
    return Documented(path, sentence, Span(start, start + 1, 1, 1), ())


def test_questions_are_spread_over_files() -> None:
    """Every file gives its first question before any gives a second."""
    many = [item("a.py", f"a{number}", number) for number in range(50)]
    few = [item(f"f{number}.py", f"f{number}") for number in range(5)]
    chosen = sampled([*many, *few], 8)
    assert len(chosen) == 8
    assert {one.path for one in chosen} == {"a.py", *(f"f{number}.py" for number in range(5))}


def test_the_draw_is_the_same_every_time() -> None:
    """Order does not matter, a seed does, and a file that changes leaves the choice in others as it is."""
    found = [item(f"f{number % 7}.py", f"sentence {number}", number) for number in range(60)]
    chosen = sampled(found, 7)
    assert sampled(found[::-1], 7) == chosen
    assert sampled(found, 7, seed=1) != chosen
    more = [*found, item("f0.py", "another one", 99)]
    assert {one for one in sampled(more, 7) if one.path != "f0.py"} == {one for one in chosen if one.path != "f0.py"}


def test_what_is_asked_twice_is_not_asked() -> None:
    """A sentence that stands at two definitions has no one right answer."""
    assert sampled([item("a.py", "Same"), item("b.py", "same"), item("c.py", "other")], 9) == (item("c.py", "other"),)
