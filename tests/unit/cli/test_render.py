# SPDX-License-Identifier: FSL-1.1-MIT
"""Search results in every form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from builders import stored_of
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.cli.console import clean
from conexus.cli.render import OutputFormat, hit_json, render
from conexus.cli.rich_render import show
from conexus.types import Factor, FileTag, Freshness, Hit, Retriever, SearchRequest, SearchResponse

GOLDEN = Path(__file__).parents[2] / "golden" / "render"
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "schemas" / "search.v1.json").read_text(encoding="utf-8"))
CWD = Path("/home/a/app")
TEXT_FORMATS = [OutputFormat.PLAIN, OutputFormat.VIMGREP, OutputFormat.MARKDOWN]
FORMATS = [*TEXT_FORMATS, OutputFormat.JSON, OutputFormat.JSONL]

SEND = """\
    def send(self, request):
        \"\"\"Send a request and wait for the answer.\"\"\"
        connection = self.pool.take()

        return connection.write(request)
"""
README = "# Notes\n\n```python\nprint(1)\n```\n\n````\nmore\n````\n"
WINDOWS = "\ufeffusing System;\r\n\tclass A {}\r\n"
HOSTILE = "x = 1\x1b[2J\u202e # \x9b31m\x07\n<script>alert(1)</script>\n"


def hit(path: str, text: str, *, line: int = 1, focus: int | None = None, **fields: object) -> Hit:
    stored = stored_of(path, text, line=line, **fields)
    return Hit(
        stored.chunk, 2.5, frozenset({Retriever.BM25}), root="/home/a/app", focus_line=line if focus is None else focus
    )


def sample() -> tuple[SearchRequest, SearchResponse]:
    """A result of every sort."""
    session = hit(
        "src/session.py",
        SEND,
        line=40,
        focus=41,
        kind="method",
        symbol="Session.send",
        signature="def send(self, request)",
    )
    hits = (
        replace(
            session,
            score=4.217,
            found_by=frozenset({Retriever.SYMBOL, Retriever.BM25, Retriever.DENSE}),
            factors=(
                Factor("bm25", 1.0, "9.31"),
                Factor("definition", 3.6, "Session.send"),
                Factor("test", -0.38, "x0.6"),
            ),
        ),
        replace(
            hit(
                "README.md", README, language="markdown", symbol="Notes", kind="section", tags=frozenset({FileTag.DOCS})
            ),
            freshness=Freshness.STALE,
        ),
        replace(
            hit("Old.cs", WINDOWS, language="csharp", symbol="A", tags=frozenset({FileTag.TEST})),
            freshness=Freshness.MISSING,
        ),
        hit("we`ird\x1b[31m\n.p`y", HOSTILE, language=None, symbol="`x` <b>\n# y", kind="key"),
        replace(hit("lib/caf\udce9.rb", "def x; end", language="ruby"), root="/srv/other"),
    )
    request = SearchRequest("where is a request sent\n# `now`?", explain=True)
    return request, SearchResponse(hits, 3.14159, complete=False, notices=("2 of 5 results changed on disk",))


def rendered(output: OutputFormat, context: int = 4) -> list[str]:
    request, response = sample()
    return list(render(request, response, output, CWD, context))


@pytest.mark.parametrize("output", FORMATS, ids=str)
def test_results_are_written_as_recorded(output: OutputFormat, update_golden: bool) -> None:
    """In each form, as the golden file has it."""
    found = "".join(line + "\n" for line in rendered(output)).encode("utf-8", "surrogateescape")
    golden = GOLDEN / f"search.{output}.txt"
    if update_golden:
        golden.write_bytes(found)
    assert found == golden.read_bytes()


def test_results_on_a_terminal_are_as_recorded(capsys: pytest.CaptureFixture[str], update_golden: bool) -> None:
    """Without the colours, which a pipe does not get."""
    show(sample()[1], CWD, 4)
    found = "\n".join(line.rstrip() for line in capsys.readouterr().out.split("\n"))
    golden = GOLDEN / "search.rich.txt"
    if update_golden:
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_a_terminal_gets_no_escape_of_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only colours and links of ours: what a file holds stays text."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    show(sample()[1], CWD, 9)
    found = capsys.readouterr().out
    assert "\x1b[" in found
    left = re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", found)
    assert all(char.isprintable() or char in "\n\t" for char in left), ascii(left)
    links = re.findall(r"\x1b\]8;[^;]*;([^\x1b]+)\x1b", found)
    assert "file:///home/a/app/src/session.py#41" in links
    assert "file:///srv/other/lib/caf%E9.rb#1" in links
    assert all(re.fullmatch(r"file://[\w./%-]+#\d+", link) for link in links), links


def test_an_answer_without_hits_is_empty() -> None:
    """Text forms print nothing, JSON an empty list."""
    response = SearchResponse((), 1.0)
    for output in (OutputFormat.PLAIN, OutputFormat.VIMGREP, OutputFormat.JSONL):
        assert list(render(SearchRequest("x"), response, output, CWD, 3)) == []
    [text] = render(SearchRequest("x"), response, OutputFormat.JSON, CWD, 3)
    assert json.loads(text)["results"] == []
    assert list(render(SearchRequest("x"), response, OutputFormat.MARKDOWN, CWD, 3)) == ["# x"]


def test_no_lines_of_code_may_be_asked_for() -> None:
    """Then each result is one line."""
    request, response = sample()
    bare = SearchResponse(tuple(replace(hit, factors=()) for hit in response.hits), 1.0)
    assert len(list(render(request, bare, OutputFormat.PLAIN, CWD, 0))) == len(bare.hits)


def test_paths_can_be_opened_from_here() -> None:
    """Relative below the folder one is in, else absolute."""
    request, response = sample()
    lines = list(render(request, response, OutputFormat.VIMGREP, CWD / "src", 1))
    assert lines[0].startswith("/home/a/app/src/session.py:41:1:") is False
    assert lines[0].startswith("session.py:41:1:")
    assert lines[1].startswith("/home/a/app/README.md:1:1:")
    assert lines[4].startswith("/srv/other/lib/caf\udce9.rb:1:1:")


hostile = st.text(st.sampled_from("`~#\n\r\t ab<>[]()\\\x1b\u202e\u2028\x0c\udce9_*"), max_size=24)
hostile_text = hostile.map(
    lambda text: text.replace("\udce9", "")
)  # a name may hold bytes that are no UTF-8, a text not
hits = st.builds(
    lambda path, text, symbol, language, line: hit(
        path or "a", text, symbol=symbol, kind="key", line=line, language=language, focus=line
    ),
    hostile.map(lambda path: path.replace("/", "")),
    hostile_text,
    hostile_text,
    st.sampled_from([None, "python"]),
    st.integers(1, 9),
)


def steers(line: str) -> bool:
    """Whether a line does more to a terminal than to show."""
    return clean(line) != line or "\n" in line


@settings(deadline=None)
@given(hits, hostile, st.sampled_from(TEXT_FORMATS), st.integers(0, 6))
def test_no_line_of_others_steers_the_terminal(found: Hit, query: str, output: OutputFormat, context: int) -> None:
    """Control and bidi characters are shown in every form; every line that is yielded is one line."""
    lines = list(render(SearchRequest(query), SearchResponse((found,), 1.0), output, CWD, context))
    assert not any(map(steers, lines))


@settings(deadline=None)
@given(st.lists(hits, max_size=5))
def test_vimgrep_is_one_line_a_hit(found: list[Hit]) -> None:
    """With path, line and column in front."""
    lines = list(render(SearchRequest("x"), SearchResponse(tuple(found), 1.0), OutputFormat.VIMGREP, CWD, 3))
    assert len("\n".join(lines).splitlines()) == len(lines) == len(found)
    for line, one in zip(lines, found, strict=True):
        assert re.search(rf":{one.focus_line}:1:", line)


def outside_fences(lines: list[str]) -> list[str]:
    """The lines of Markdown that are not code, by CommonMark's rules for fences."""
    fence = ""
    outside = []
    for line in lines:
        opening = re.match(r" {0,3}(`{3,}|~{3,})([^`]*)$", line) or re.match(r" {0,3}(~{3,})(.*)$", line)
        if fence:
            closing = re.fullmatch(r" {0,3}(`{3,}|~{3,})[ \t]*", line)
            if closing and closing[1][0] == fence[0] and len(closing[1]) >= len(fence):
                fence = ""
        elif opening:
            fence = opening[1]
        else:
            outside.append(line)
    assert not fence, "a fence is left open"
    return outside


@settings(deadline=None)
@given(st.lists(hits, max_size=3), hostile, st.integers(0, 8))
def test_markdown_cannot_be_broken_out_of(found: list[Hit], query: str, context: int) -> None:
    """Outside the fences stand our headings alone, and what they hold of others is code."""
    response = SearchResponse(tuple(found), 1.0)
    title, *lines = outside_fences(list(render(SearchRequest(query), response, OutputFormat.MARKDOWN, CWD, context)))
    assert title.startswith("# ")
    headings = [line for line in lines if line]
    assert len(headings) == len(found)
    for heading in headings:
        span = r"(`+)(?!`)(?:.*?[^`])\{}(?!`)"
        assert re.fullmatch(f"## {span.format(1)}(?: {span.format(2)})?", heading), heading


def test_a_fence_is_longer_than_those_inside() -> None:
    """Code that shows Markdown stays code."""
    lines = rendered(OutputFormat.MARKDOWN, 20)
    at = lines.index("````python") if "````python" in lines else -1
    assert at == -1
    assert "`````markdown" in lines
    assert lines.count("`````") == 1


# --------------------------------------------------------------------------------------------- JSON


@pytest.fixture(scope="module")
def validate() -> Callable[[object], None]:
    """Checks a value against the published schema."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA).validate  # type: ignore[no-any-return]


def test_an_answer_follows_the_schema(validate: Callable[[object], None]) -> None:
    """The whole, and each line of JSON lines."""
    answer = json.loads("\n".join(rendered(OutputFormat.JSON)))
    validate(answer)
    lines = [json.loads(line) for line in rendered(OutputFormat.JSONL)]
    assert [{key: value for key, value in line.items() if key != "schema"} for line in lines] == answer["results"]
    for line in lines:
        validate(line)


@settings(deadline=None)
@given(st.lists(hits, max_size=2), hostile)
def test_any_answer_follows_the_schema(found: list[Hit], query: str) -> None:
    """Whatever the files hold; and JSON is text that every program can read."""
    response = SearchResponse(tuple(found), 1.0)
    lines = list(render(SearchRequest(query), response, OutputFormat.JSON, CWD, 3))
    jsonschema.validate(json.loads("\n".join(lines)), SCHEMA)
    assert "\n".join(lines).isascii()


def test_every_field_is_described() -> None:
    """What is printed is in the schema, and everything in the schema has a description."""
    request, response = sample()
    printed = set(hit_json(response.hits[0]))
    assert printed == set(SCHEMA["$defs"]["result"]["properties"])
    assert printed - {"factors"} == set(SCHEMA["$defs"]["result"]["required"])
    answer = json.loads("\n".join(render(request, response, OutputFormat.JSON, CWD, 3)))
    assert set(answer) == set(SCHEMA["$defs"]["answer"]["properties"]) == set(SCHEMA["$defs"]["answer"]["required"])
    for definition in SCHEMA["$defs"].values():
        assert definition["description"]
        for field in definition.get("properties", {}).values():
            assert field.get("description") or field["$ref"]


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: answer.pop("complete"),
        lambda answer: answer.update(schema="conexus.search/2"),
        lambda answer: answer["results"][0].pop("path"),
        lambda answer: answer["results"][0].update(freshness="new"),
        lambda answer: answer["results"][0].update(line="41"),
        lambda answer: answer["results"][0]["factors"][0].pop("value"),
    ],
)
def test_the_schema_refuses_what_is_not_an_answer(
    validate: Callable[[object], None], change: Callable[[dict[str, object]], object]
) -> None:
    """A schema that takes everything would prove nothing."""
    answer = json.loads("\n".join(rendered(OutputFormat.JSON)))
    change(answer)
    with pytest.raises(jsonschema.ValidationError):
        validate(answer)


def test_fields_may_be_added(validate: Callable[[object], None]) -> None:
    """A reader of version 1 passes over what it does not know."""
    answer = json.loads("\n".join(rendered(OutputFormat.JSON)))
    answer["later"] = answer["results"][0]["later"] = 1
    validate(answer)
