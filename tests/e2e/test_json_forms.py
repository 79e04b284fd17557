# SPDX-License-Identifier: FSL-1.1-MIT
"""What programs read: every JSON form has a schema name, the fields it always had, and one value for each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from program import ERROR, Program, write

HIT = {
    "path": str,
    "line": int,
    "start_line": int,
    "end_line": int,
    "root": str,
    "repository": str,
    "language": (str, type(None)),
    "kind": str,
    "symbol": (str, type(None)),
    "signature": (str, type(None)),
    "tags": list,
    "score": float,
    "freshness": str,
    "found_by": list,
    "id": str,
    "text": str,
}
SEARCH = {"schema": str, "query": str, "complete": bool, "elapsed_ms": float, "notices": list, "results": list}
INDEX = {
    "schema": str,
    "repo": str,
    "name": str,
    "root": str,
    "files_total": int,
    "files_indexed": int,
    "files_unchanged": int,
    "files_deleted": int,
    "chunks_written": int,
    "chunks_total": int,
    "symbols_total": int,
    "redactions": int,
    "languages": dict,
    "skipped": list,
    "problems": list,
    "elapsed_ms": float,
    "bytes_read": int,
    "cancelled": bool,
    "rebuilt": str,
}
ESTIMATE = {
    "schema": str,
    "repo": str,
    "name": str,
    "root": str,
    "files_to_read": int,
    "bytes_to_read": int,
    "files_unchanged": int,
    "files_to_delete": int,
    "skipped": list,
    "estimated_s": float,
    "estimated_bytes": int,
    "rebuild": str,
}
VIEW = {
    "repo": str,
    "name": str,
    "root": str,
    "model": str,
    "files": int,
    "skipped": int,
    "chunks": int,
    "symbols": int,
    "languages": dict,
    "size_bytes": int,
    "source_bytes": int,
    "indexed_at": float,
    "complete": bool,
}
VERIFY = {"schema": str, "views": int, "files": int, "chunks": int, "findings": list, "repaired": int}
WHY = {"schema": str, "path": str, "included": bool, "rule": str, "exists": bool, "indexed": bool}


def check(value: dict[str, Any], fields: dict[str, Any]) -> None:
    """Every field is there and of its type."""
    for name, kind in fields.items():
        assert name in value, name
        assert isinstance(value[name], kind), (name, value[name])


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path]:
    """A small tree with a skipped file, indexed."""
    folder = tmp_path_factory.mktemp("zoo")
    program, root = Program(folder / "program"), folder / "zoo"
    write(
        root,
        {
            "zoo.py": "class Elephant:\n    size = 1\n\n    def weigh(self):\n        return scales.read()\n",
            "tests/test_zoo.py": "def test_weigh():\n    assert True\n",
            "photo.bin": bytes(range(256)),
        },
    )
    program.ok("index", root)
    return program, root


def test_search(zoo: tuple[Program, Path]) -> None:
    """``conexus.search/1``: the envelope, every hit, and factors only where they are asked for."""
    program, root = zoo
    found = program.ok("search", "weigh an elephant", root, "--json").json
    check(found, SEARCH)
    assert (found["schema"], found["query"], found["complete"]) == ("conexus.search/1", "weigh an elephant", True)
    for hit in found["results"]:
        check(hit, HIT)
        assert "factors" not in hit
        assert hit["start_line"] <= hit["line"] <= hit["end_line"]
        lines = (root / hit["path"]).read_text().splitlines(keepends=True)
        assert "".join(lines[hit["start_line"] - 1 : hit["end_line"]]).strip() == hit["text"].strip()
    scores = [hit["score"] for hit in found["results"]]
    assert scores == sorted(scores, reverse=True)
    explained = program.ok("search", "weigh an elephant", root, "--json", "--explain").json["results"][0]
    for factor in explained["factors"]:
        check(factor, {"name": str, "value": float, "detail": str})


def test_json_lines_are_the_results_of_json(zoo: tuple[Program, Path]) -> None:
    """One object a line, each with its schema and the same fields as in the document."""
    program, root = zoo
    document = program.ok("search", "weigh", root, "--format", "json").json
    lines = [json.loads(line) for line in program.ok("search", "weigh", root, "--format", "jsonl").out.splitlines()]
    assert [{**hit, "schema": "conexus.search/1"} for hit in document["results"]] == lines


def test_nothing_found_is_still_a_document(zoo: tuple[Program, Path]) -> None:
    """A search that finds nothing prints a whole document, and nothing to stderr."""
    program, root = zoo
    ended = program.run("search", "weigh", root, "--path", "nowhere/**", "--json")
    assert (ended.code, ended.json["results"], ended.err) == (1, [], "")
    assert program.run("search", "weigh", root, "--path", "nowhere/**", "--format", "jsonl").text == ""


def test_index_and_estimate(zoo: tuple[Program, Path]) -> None:
    """``conexus.index/1`` and ``conexus.estimate/1``, with what was skipped."""
    program, root = zoo
    report = program.ok("index", root, "--json").json
    check(report, INDEX)
    assert report["schema"] == "conexus.index/1"
    [skipped] = report["skipped"]
    check(skipped, {"path": str, "reason": str, "detail": str})
    assert (skipped["path"], skipped["reason"]) == ("photo.bin", "binary")
    estimate = program.ok("index", root, "--dry-run", "--json").json
    check(estimate, ESTIMATE)
    assert estimate["schema"] == "conexus.estimate/1"


def test_status_and_repositories(zoo: tuple[Program, Path]) -> None:
    """``conexus.status/1`` and ``conexus.repos/1`` hold the same figures of a tree."""
    program, root = zoo
    status = program.ok("status", root, "--json").json
    check(status, {**VIEW, "schema": str, "indexed": bool, "files_changed": int, "files_gone": int})
    listed = program.ok("repos", "list", "--json").json
    shown = program.ok("repos", "show", "zoo", "--json").json
    assert [one.pop("files_behind") for one in shown["repositories"]] == [0]
    assert listed == shown
    [view] = listed["repositories"]
    check(view, VIEW)
    assert {name: status[name] for name in VIEW} == {name: view[name] for name in VIEW}
    assert view["languages"] == {"python": 2}


def test_verify_why_doctor_and_settings(zoo: tuple[Program, Path]) -> None:
    """The other forms, each with its schema name."""
    program, root = zoo
    verified = program.ok("verify", "--json").json
    check(verified, VERIFY)
    assert (verified["schema"], verified["views"], verified["findings"]) == ("conexus.verify/1", 1, [])
    why = program.ok("why", root / "zoo.py", "--json").json
    check(why, WHY)
    assert (why["schema"], why["indexed"], why["reason"]) == ("conexus.why/1", True, None)
    assert program.ok("why", root / "photo.bin", "--json").json["reason"] == "binary"
    doctor = program.ok("doctor", "--json").json
    assert doctor["schema"] == "conexus.doctor/1"
    for one in doctor["checks"]:
        check(one, {"name": str, "ok": bool, "detail": str, "hint": str})
    settings = program.ok("config", "show", "--json").json
    assert settings["schema"] == "conexus.config/1"
    for setting in settings["settings"].values():
        check(setting, {"value": str, "origin": str})


def test_context_symbols_map_and_similar(zoo: tuple[Program, Path]) -> None:
    """``conexus.context/1``, ``conexus.symbols/1`` and ``conexus.map/1``; look-alikes are results of a search."""
    program, root = zoo
    packed = program.ok("context", "weigh an elephant", root, "--json").json
    check(packed, {"schema": str, "query": str, "complete": bool, "tokens": int, "left_out": int, "text": str})
    assert packed["schema"] == "conexus.context/1"
    assert packed["blocks"]
    for block in packed["blocks"]:
        check(block, {"path": str, "start_line": int, "end_line": int, "text": str, "outline": bool, "before": list})
    found = program.ok("symbols", "weigh", root, "--uses", "--json").json
    assert found["schema"] == "conexus.symbols/1"
    [definition] = found["definitions"]
    check(definition, {"path": str, "line": int, "symbol": str, "kind": str, "signature": str})
    assert (definition["symbol"], definition["line"]) == ("Elephant.weigh", 4)
    [snapshot] = found["snapshots"]
    assert snapshot == program.ok("search", "weigh", root, "--json").json["snapshots"][0]
    overview = program.ok("map", root, "--json").json
    assert overview["schema"] == "conexus.map/1"
    assert "Elephant" in [one["symbol"] for file in overview["files"] for one in file["symbols"]]
    alike = program.ok("similar", f"{root}/zoo.py:4", "--json").json
    check(alike, SEARCH)


def test_an_error_leaves_stdout_empty(zoo: tuple[Program, Path]) -> None:
    """Who reads JSON from stdout never gets half of it: errors are on stderr, with exit code 2."""
    program, root = zoo
    for form in (["--json"], ["--format", "json"], ["--format=jsonl"], ["-f", "json"]):
        ended = program.run("search", "", root, *form)
        assert (ended.code, ended.out) == (ERROR, "")
        error = json.loads(ended.err)
        check(error, {"schema": str, "message": str, "hint": str, "details": dict})
        assert (error["schema"], error["code"]) == ("conexus.error/1", "invalid_query")
    for words in (["search", "", root], ["search", root, "--format", "plain", "--", "--json"]):
        assert program.run(*words).err.startswith("error: ")
