# SPDX-License-Identifier: FSL-1.1-MIT
"""Code for language models and readers, from the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from program import ERROR, NOTHING, Program

from conexus.tokens import count_tokens


def test_context_is_packed_within_its_budget(lending: tuple[Program, Path]) -> None:
    """What is cited is in the files at these lines; the cap is hard, in tokens and in bytes."""
    program, root = lending
    for options in ((), ("--max-tokens", "400"), ("--max-bytes", "900"), ("--format", "xml")):
        ended = program.ok("context", "how is the fine of a late loan counted", root, *options)
        assert "desk/lending.py" in ended.out
        if "--max-tokens" in options:
            assert count_tokens(ended.out) <= 400
        if "--max-bytes" in options:
            assert len(ended.out.encode()) <= 900
    packed = program.ok("context", "how is the fine of a late loan counted", root, "--json").json
    for block in packed["blocks"]:
        if not block["outline"]:
            lines = (root / block["path"]).read_text().split("\n")[block["start_line"] - 1 : block["end_line"]]
            assert block["text"].strip() == "\n".join(lines).strip()


def test_what_was_left_out_comes_after_it(lending: tuple[Program, Path]) -> None:
    """With the cursor of the answer before, until there is nothing more; nothing comes twice."""
    program, root = lending
    seen: list[tuple[str, int]] = []
    more: list[str] = []
    while True:
        options = ["--cursor", more[-1]] if more else []
        packed = program.ok("context", "loan", root, "-t", "800", "--json", *options).json
        seen += [(block["path"], block["start_line"]) for block in packed["blocks"] if not block["outline"]]
        if not packed["next_cursor"]:
            break
        more.append(packed["next_cursor"])
    assert len(more) > 3
    assert len(seen) == len(set(seen)) > 10
    assert f"for what was left out: --cursor {more[0]}" in program.ok("context", "loan", root, "-t", "800").err
    assert "the cursor is not valid" in program.run("context", "loan", root, "--cursor", "x").err


def test_what_stands_around_comes_with_it(lending: tuple[Program, Path]) -> None:
    """The class around a method, and where what it uses is defined."""
    program, root = lending
    packed = program.ok("context", "Desk.lend", root, "--json").json
    told = [line for block in packed["blocks"] for line in (*block["before"], *block["after"])]
    assert any(line.startswith("class ") for line in told), told
    assert any(re.match(r"desk/lending\.py:\d+ ", line) for line in told), told


def test_what_is_wrong_is_told(lending: tuple[Program, Path]) -> None:
    """Each with what to do, before anything is looked at."""
    program, root = lending
    for arguments, said in (
        (("context", "x", root, "--max-tokens", "5"), "--max-tokens is 5; it must be between 100 and 200000"),
        (("context", "", root), "the query is empty"),
        (("similar", "lending.py"), "'lending.py' names no line"),
        (("similar", f"{root}/nowhere.py:3"), "nowhere.py is not there"),
        (("similar", f"{root}/desk:3"), "desk is no file"),
        (("similar", f"{root}/web/logo.png:1"), "has nothing at web/logo.png:1"),
        (("similar", f"{root}/desk/lending.py:99999"), "has nothing at desk/lending.py:99999"),
        (("symbols", "...", root), "'...' is no name"),
        (("similar", f"{root}/desk/lending.py:0"), "names line 0"),
        (("map", root, "-n", "0"), "-n is 0; it must be between 1 and 200"),
    ):
        ended = program.run(*arguments)
        assert (ended.code, ended.out) == (ERROR, ""), arguments
        assert said in ended.err
        assert "hint:" in ended.err or "must be between" in ended.err, ended.err
    assert program.run("symbols", "no_such_name_anywhere", root).code == NOTHING


def test_names_look_alikes_and_the_map(lending: tuple[Program, Path]) -> None:
    """Places can be clicked; a map stays within its budget."""
    program, root = lending
    found = program.ok("symbols", "statement", "--uses", cwd=root)
    assert re.search(r"^desk/lending\.py:\d+  function statement  def statement\(", found.out, re.MULTILINE), found.out
    alike = program.ok("similar", "desk/lending.py:30", "-n", "3", cwd=root)
    assert len(alike.out.splitlines()) == 3
    whole, short = program.ok("map", cwd=root), program.ok("map", "--max-tokens", "100", cwd=root)
    assert "desk/lending.py" in whole.out
    assert whole.out.startswith(short.out)
    assert count_tokens(short.out) <= 100
    assert "raise --max-tokens" in short.err


def test_callers_and_callees_of_a_name(program: Program, tree: Path) -> None:
    """By the innermost definition that a line is in; what is defined in the same file is meant before others."""
    (tree / "app.py").write_text(
        "from util import clean\n\n\nclass Session:\n    def send(self, text):\n"
        "        return clean(text) + self.sign(text)\n\n    def sign(self, text):\n        return text\n\n\n"
        "clean('x')\n"
    )
    (tree / "util.py").write_text("def clean(text):\n    return _strip(text)\n\n\ndef _strip(text):\n    return text\n")
    (tree / "other.py").write_text("def _strip(x):\n    return x\n")
    program.ok("index", tree)
    callers = program.ok("symbols", "clean", "--callers", "--callees", cwd=tree).out.split("\n\n")
    assert callers[1] == "used by\napp.py:5  Session.send  line 6"
    assert callers[2] == "uses\nutil.py:5  function _strip  def _strip(text)\n"
    found = program.ok("symbols", "clean", "--uses", "--json", cwd=tree).json
    assert [(use["line"], use["symbol"], use["symbol_line"]) for use in found["uses"]] == [
        (1, "", 0),
        (6, "Session.send", 5),
        (12, "", 0),
    ]
    assert found["callees"] == []
    assert "app.py:6  in Session.send" in program.ok("symbols", "clean", "--uses", cwd=tree).out.splitlines()


def test_who_asks_for_callers_or_tests_gets_their_code(program: Program, tree: Path) -> None:
    """Right after what they call, not as a line; what a filter leaves out stays out."""
    fillers = {f"part_{n}.py": f"def clean_part_{n}(text):\n    return text  # clean the text {n}\n" for n in range(30)}
    files = {
        **fillers,
        "phone.py": "def calls(who):\n    return clean_text, who  # who calls\n",
        "util.py": "def clean_text(text):\n    return text.strip()\n",
        "web/view.py": "import util\n\n\ndef show(page):\n    return util.clean_text(page)\n",
        "tests/test_util.py": "import util\n\n\ndef test_blank_lines():\n    assert util.clean_text(' ') == ''\n",
    }
    for path, text in files.items():
        (tree / path).parent.mkdir(exist_ok=True)
        (tree / path).write_text(text)
    program.ok("index", tree)

    def paths(question: str, *options: str) -> list[str]:
        packed = program.ok("context", question, tree, "-t", "300", "--json", *options).json
        return [block["path"] for block in packed["blocks"] if not block["outline"]]

    assert paths("who calls clean_text")[:2] == ["util.py", "web/view.py"]
    assert paths("tests of clean_text")[:2] == ["util.py", "tests/test_util.py"]
    assert "tests/test_util.py" not in paths("tests of clean_text", "--no-tests")
    assert "web/view.py" not in paths("who calls clean_text", "--path", "util.py")


def test_what_a_trace_names_is_extracted(lending: tuple[Program, Path]) -> None:
    """The innermost frame first; frames of other code are passed over."""
    program, root = lending
    lines = (root / "desk" / "lending.py").read_text().split("\n")
    raised = next(number for number, line in enumerate(lines, start=1) if "raise " in line)
    trace = (
        "Traceback (most recent call last):\n"
        f'  File "/srv/{root.name}/tests/test_lending.py", line 6, in test\n'
        f'  File "/srv/{root.name}/desk/lending.py", line {raised}, in lend\n'
        '  File "/usr/lib/python3/other.py", line 3, in other\nValueError: no\n'
    )
    ended = program.fed(trace, "extract", root, "--json")
    assert ended.code == 0
    blocks = ended.json["blocks"]
    assert [block["path"] for block in blocks] == ["desk/lending.py", "tests/test_lending.py"]
    assert blocks[0]["start_line"] <= raised <= blocks[0]["end_line"]
    assert "raise " in program.fed(trace, "extract", root, "--max-tokens", "300").out
    noise = "".join(f"/usr/lib/other{number}.py:{number}: x\n" for number in range(1, 60))
    assert "raise " in program.fed(noise + f"desk/lending.py:{raised}: x\n", "extract", root).out
    cut = program.fed("x" * 1_100_000 + f"\ndesk/lending.py:{raised}: x\n", "extract", root)
    assert "raise " in cut.out
    assert "note: only the last 1,000,000 bytes were read" in cut.err
    nothing = program.fed("all is well\n", "extract", root)
    assert (nothing.code, nothing.out, nothing.err) == (NOTHING, "", "nothing found\n")


def test_a_tree_that_is_not_indexed_is_indexed_first(program: Program, tree: Path) -> None:
    """By every one of the commands."""
    (tree / "app.py").write_text("def send(request):\n    return request\n")
    ended = program.ok("context", "send a request", tree)
    assert "is not indexed yet: indexing it first" in ended.err
    assert "def send(request):" in ended.out


@pytest.mark.parametrize("command", ["context", "extract", "similar", "symbols", "map"])
def test_help_has_examples(program: Program, command: str) -> None:
    """That can be copied."""
    assert f"conexus {command}" in program.ok(command, "--help").out
