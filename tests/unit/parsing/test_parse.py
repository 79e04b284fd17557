# SPDX-License-Identifier: FSL-1.1-MIT
"""From text to chunks, symbols and references."""

import json

import pytest

from conexus.parsing.languages import BY_NAME
from conexus.parsing.parse import parse_text
from conexus.types import ParsedFile, ParseMode


def parsed(text: str, language: str, limit: int = 1500) -> ParsedFile:
    return parse_text(text, BY_NAME[language], limit)


def symbols(result: ParsedFile) -> list[tuple[str, str, int]]:
    return [(str(symbol.kind), symbol.qualified_name, symbol.name_line) for symbol in result.symbols]


def test_an_unknown_language_is_cut_by_lines() -> None:
    """Text of no known language has chunks and nothing else."""
    result = parse_text("one\ntwo\n", None, 1500)
    assert (result.language, result.mode, result.symbols) == (None, ParseMode.LINES, ())
    assert [chunk.text for chunk in result.chunks] == ["one\ntwo\n"]


def test_a_language_without_a_grammar_is_cut_by_lines() -> None:
    """The language is still known, so that it can be filtered."""
    result = parsed("all:\n\tcc a.c\n", "make")
    assert (result.language, result.mode) == ("make", ParseMode.LINES)


def test_the_tree_can_be_left_out() -> None:
    """A file that its parser failed on is cut by lines, and says that this is a fall-back."""
    result = parse_text("def f():\n    pass\n", BY_NAME["python"], 1500, use_tree=False)
    assert (result.mode, result.symbols, len(result.chunks)) == (ParseMode.FALLBACK, (), 1)


def test_lone_surrogates_do_no_harm() -> None:
    """Characters that UTF-8 cannot hold are replaced."""
    assert parsed("x = '\ud800'\n", "python").chunks[0].text == "x = '?'\n"


def test_broken_code_still_has_symbols() -> None:
    """An error in one place leaves the definitions elsewhere."""
    result = parsed("def first():\n    return (\n\ndef second(:\n    pass\n\nclass Third:\n    pass\n", "python")
    assert "Third" in [symbol.name for symbol in result.symbols]


def test_references_are_in_order_and_once_a_name() -> None:
    """A name that is used often is one reference with its lines."""
    result = parsed("b()\na()\nb()\n", "python")
    assert [(item.name, item.lines) for item in result.references] == [("b", (1, 3)), ("a", (2,))]


# ---------------------------------------------------------------- pages with scripts


PAGE = """<html>
<script type="application/json">{"no": "function f() {}"}</script>
<script type="text/template"><b>function g() {}</b></script>
<script src="a.js"></script>
<script>
function first() { second(); }
</script>
<p>é</p>
<script type="module" async>
  class Box { open() {} }
</script>
<style>.box { color: red }</style>
<style lang="scss">.no { .yes & { a: b } }</style>
</html>
"""


def test_scripts_of_a_page_have_symbols_in_place() -> None:
    """Scripts and styles are read in the file's own positions; data and templates are not scripts."""
    result = parsed(PAGE, "html")
    assert symbols(result) == [
        ("function", "first", 6),
        ("class", "Box", 10),
        ("method", "Box.open", 10),
        ("rule", ".box", 12),
    ]
    source = PAGE.encode()
    for symbol in result.symbols:
        assert symbol.name in source[symbol.span.start_byte : symbol.span.end_byte].decode()
    assert ("second", (6,)) in [(item.name, item.lines) for item in result.references]


@pytest.mark.parametrize("language", ["vue", "svelte"])
@pytest.mark.parametrize("tag", ["script", 'script lang="ts"', "script setup lang='ts'"])
def test_components_have_the_symbols_of_their_script(language: str, tag: str) -> None:
    """Single-file components are found by what their script defines."""
    text = f"<{tag}>\nimport {{ a }} from './a';\nexport function go() {{\n  return a();\n}}\n</script>\n<p>{{x}}</p>\n"
    result = parsed(text, language)
    assert symbols(result) == [("function", "go", 3)]
    assert [(item.target, item.line) for item in result.imports] == [("./a", 2)]


def test_typescript_in_a_component_is_read_as_such() -> None:
    """``lang="ts"`` brings interfaces and types."""
    result = parsed('<script lang="ts">\ninterface Row { id: string }\ntype Id = string;\n</script>\n', "svelte")
    assert [name for _, name, _ in symbols(result)] == ["Row", "Row.id", "Id"]


def test_functions_of_a_long_script_are_chunks() -> None:
    """A script that is too large is cut where its functions end, as a file of its own would be."""
    functions = "\n".join(f"function f{n}() {{\n" + f"  call({n});\n" * 40 + "}\n" for n in range(4))
    result = parsed(f"<html>\n<script>\n{functions}</script>\n</html>\n", "html", 800)
    assert [chunk.symbol for chunk in result.chunks if chunk.kind == "function"] == ["f0", "f1", "f2", "f3"]


# ---------------------------------------------------------------- documents


def test_headings_nest_whatever_their_style() -> None:
    """Headings with signs and underlined ones make one outline; a section ends at the next of its level."""
    text = "# A\n\nB\n-\n\n### C\n\n## D\n\nE\n=\n\ntext\n\n```\n# no\n```\n\n> # no\n\n## F"
    result = parsed(text, "markdown")
    assert [(name, line) for _, name, line in symbols(result)] == [
        ("A", 1), ("A.B", 3), ("A.B.C", 6), ("A.D", 8), ("E", 10), ("E.F", 21),
    ]  # fmt: skip
    ends = {symbol.name: symbol.span.end_line for symbol in result.symbols}
    assert ends == {"A": 9, "B": 7, "C": 7, "D": 9, "E": 21, "F": 21}


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("# Plain ##", "Plain"),
        ("# With `code` and *stress*", "With code and stress"),
        ("# [Link](http://example.test/a_b_c)", "Link"),
        ("# ![logo](logo.png) Name", "logo Name"),
        ("# snake_case_name", "snake_case_name"),
        ("# C# and F#", "C# and F#"),
        ("# Title {#anchor}", "Title"),
        ('# <a name="x"></a>Old anchor', "Old anchor"),
        ('# Say "yes"', 'Say "yes"'),
    ],
)
def test_names_of_headings_are_plain(heading: str, name: str) -> None:
    """Marks are no part of a heading's name."""
    assert [symbol.name for symbol in parsed(f"{heading}\n\ntext\n", "markdown").symbols] == [name]


def test_characters_beyond_ascii_do_not_crash_markdown() -> None:
    """Any character may follow a digit or a mark, on which the grammar would read beyond a table."""
    for point in (0x80, 0xE9, 0x4E2D, 0xFFFD, 0x1F41D, 0xFB835, 0x10FFFF):
        text = "\n".join(f"{mark}{chr(point)}O" for mark in ("1", "# ", "> 2", "*", "| ", "[", "<", "&", "~~~", "\\"))
        assert "".join(chunk.text for chunk in parsed(text, "markdown").chunks) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("markdown", "> " * 300 + "x"),
        ("markdown", ">" * 5_000 + "x"),
        ("markdown", "> " * 20_000),
        ("markdown", "\n".join("  " * depth + "- a" for depth in range(700))),
        ("markdown", "1. " * 300 + "x"),
        ("yaml", "- " * 20_000 + "x"),
        ("yaml", "? " * 300 + "x"),
        ("yaml", "\n".join(" " * depth + "a:" for depth in range(1500))),
    ],
)
def test_blocks_nested_too_deep_are_cut_by_lines(language: str, text: str) -> None:
    """Text on which the grammar would overrun its buffer never reaches it."""
    result = parsed(text, language)
    assert (result.mode, bool(result.note)) == (ParseMode.FALLBACK, True)
    assert "".join(chunk.text for chunk in result.chunks) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [("markdown", "- " * 90 + "x\n\n" + "-" * 900 + "\n"), ("markdown", " " * 900), ("yaml", "a: " + "b - c: " * 300)],
)
def test_long_lines_are_not_deep(language: str, text: str) -> None:
    """Rulers, blank lines and long values are read as ever."""
    assert parsed(text, language).mode is ParseMode.TREE


def test_a_section_of_some_size_begins_a_chunk() -> None:
    """Chunks of a document begin at headings, so that none says two things."""
    sections = [f"{'#' * level} Part {number}\n\n{'Words of it. ' * 40}\n" for number, level in enumerate([1, 2, 2, 1])]
    chunks = parsed("\n".join(sections), "markdown").chunks
    assert [chunk.text.splitlines()[0] for chunk in chunks] == ["# Part 0", "## Part 1", "## Part 2", "# Part 3"]
    assert [chunk.symbol for chunk in chunks] == ["Part 0", "Part 0.Part 1", "Part 0.Part 2", "Part 3"]


def test_headings_and_ids_of_a_page_are_sections() -> None:
    """Headings nest by level and inside the elements around them."""
    text = '<div id="a"><h2>One <b>x</b></h2><h3>Two</h3></div>\n<h1></h1>\n<h3 id="t">Three &amp; more</h3>\n'
    assert symbols(parsed(text, "html")) == [
        ("section", "a", 1),
        ("section", "a.One x", 1),
        ("section", "a.One x.Two", 1),
        ("section", "Three & more", 3),
    ]


def test_stages_of_an_image_reach_to_the_next() -> None:
    """A build stage holds what follows its FROM."""
    result = parsed("ARG V=1\nFROM a:${V} AS x\nENV K=1\nRUN y\nFROM x\nRUN z\n", "dockerfile")
    spans = [(s.qualified_name, s.span.start_line, s.span.end_line) for s in result.symbols]
    assert spans == [("V", 1, 1), ("x", 2, 4), ("x.K", 3, 3), ("x", 5, 6)]


# ---------------------------------------------------------------- SQL


@pytest.mark.parametrize(
    ("text", "kind", "name", "end_line"),
    [
        (
            "CREATE PROCEDURE p(a int) LANGUAGE SQL AS $$\nINSERT INTO t VALUES (a);\n$$;\nSELECT 1;\n",
            "function",
            "p",
            3,
        ),
        ("CREATE OR ALTER PROC [dbo].[GetAll] @id int AS\nBEGIN\n  SELECT 1;\nEND\nGO\n", "function", "dbo.GetAll", 4),
        ("DELIMITER //\nCREATE PROCEDURE `q`()\nBEGIN\n  SELECT 1;\nEND//\nDELIMITER ;\n", "function", "q", 5),
        ("CREATE DOMAIN s.positive AS int CHECK (VALUE > 0);\n", "type", "s.positive", 1),
        ("create table if not exists a.b (c int);\n", "table", "a.b", 1),
        ('CREATE VIEW "My View" AS SELECT 1;\n', "table", "My View", 1),
    ],
)
def test_definitions_of_sql_dialects(text: str, kind: str, name: str, end_line: int) -> None:
    """Definitions that the grammar cannot read are found all the same, once each, with their schema."""
    found = [symbol for symbol in parsed(text, "sql").symbols if symbol.kind != "field"]
    assert [(str(s.kind), s.qualified_name, s.span.end_line) for s in found] == [(kind, name, end_line)]


def test_definitions_of_sql_end_before_the_next() -> None:
    """A body that the grammar cannot read does not take in the definitions after it."""
    text = (
        "CREATE FUNCTION f() RETURNS void AS $_$\nDECLARE\n  r RECORD;\nBEGIN\n  FOR r IN EXECUTE 'x' LOOP\n"
        "    RAISE NOTICE '%', $1.a;\n  END LOOP;\nEND\n$_$ LANGUAGE plpgsql;\n\n"
        "ALTER FUNCTION f() OWNER TO me;\n\nCREATE TABLE t (a int IDENTITY, b DATETIME DEFAULT GETDATE() CHECK);\n"
        "CREATE PROCEDURE p AS BEGIN SELECT 1; END;\nCREATE VIEW v AS SELECT 1;\n"
    )
    found = [symbol for symbol in parsed(text, "sql").symbols if symbol.kind != "field"]
    spans = [(symbol.name, symbol.span.start_line, symbol.span.end_line) for symbol in found]
    assert spans == [("f", 1, 9), ("t", 13, 13), ("p", 14, 14), ("v", 15, 15)]


# ---------------------------------------------------------------- notebooks


def notebook(*cells: dict[str, object], **metadata: object) -> str:
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4}, indent=1)


def code(source: object) -> dict[str, object]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}


def test_cells_of_a_notebook_are_chunks() -> None:
    """A cell's text is its source alone; spans lie end to end over the file."""
    text = notebook(
        {"cell_type": "markdown", "source": ["# Title\n", "Text “é” 🐝"]},
        code(["import os\n", "def f(x):\n", '    return "a\\n"\n']),
        code([]),
        code("y = 1\ny"),
        {"cell_type": "raw", "source": "# raw"},
    )
    result = parsed(text, "notebook")
    assert [chunk.text for chunk in result.chunks] == [
        "# Title\nText “é” 🐝",
        'import os\ndef f(x):\n    return "a\\n"\n',
        "y = 1\ny",
        "# raw",
    ]
    assert [c.span.start_byte for c in result.chunks] == [0, *(c.span.end_byte for c in result.chunks[:-1])]
    assert result.chunks[-1].span.end_byte == len(text.encode())


def test_symbols_of_a_notebook_are_at_their_lines() -> None:
    """What a cell defines is found at its line of the file."""
    text = notebook(code(["%load_ext x\n", "!ls\n", "\n", "def f():\n", '    """Does it."""\n', "    return g()\n"]))
    result = parsed(text, "notebook")
    line = next(number for number, line in enumerate(text.splitlines(), start=1) if "def f" in line)
    assert symbols(result) == [("function", "f", line)]
    assert result.symbols[0].doc == "Does it."
    assert [(item.name, item.lines) for item in result.references] == [("g", (line + 2,))]


def test_a_long_cell_is_cut() -> None:
    """Nothing of a cell is lost: a long one is several chunks."""
    source = "".join(f"def f{n}():\n" + "    call()\n" * 40 for n in range(5))
    result = parsed(notebook(code(source.splitlines(keepends=True))), "notebook", 600)
    assert "".join(chunk.text for chunk in result.chunks) == source
    assert [chunk.symbol for chunk in result.chunks] == ["f0", "f1", "f2", "f3", "f4"]


def test_the_language_of_a_notebook_is_its_kernel() -> None:
    """Cells are read in the language that the notebook names; one we do not know is text."""
    cell = code(["function area(r)\n", "  return r\n", "end\n"])
    known = parsed(notebook(cell, kernelspec={"language": "lua"}), "notebook")
    unknown = parsed(notebook(cell, language_info={"name": "brainstorm"}), "notebook")
    assert ([s.name for s in known.symbols], unknown.symbols) == (["area"], ())
    assert unknown.chunks[0].text == known.chunks[0].text


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"cells": {}}', '{"cells": [1, {}, {"source": 3}]}', '{"cells": [{"source": ["a', "é"],
)
def test_what_is_no_notebook_is_cut_as_data(text: str) -> None:
    """A damaged notebook is no failure: its text is still in chunks."""
    result = parsed(text, "notebook")
    assert "".join(chunk.text for chunk in result.chunks) == text


def test_escapes_of_a_notebook_are_undone() -> None:
    """Escapes, pairs of surrogates among them, become the characters they stand for; a lone half is replaced."""
    text = '{"cells": [{"cell_type": "raw", "source": ["\\u00e9\\t\\ud83d\\ude00\\/", "\\ud83d\\n"]}]}'
    assert parsed(text, "notebook").chunks[0].text == "é\t😀/?\n"


def test_without_a_grammar_file_parts_are_not_read() -> None:
    """A page with a great many scripts is read as far as is sensible."""
    result = parsed("<script>function f() {}</script>\n" * 1000, "html")
    assert 0 < len(result.symbols) < 1000
