# SPDX-License-Identifier: FSL-1.1-MIT
"""What a daemon says and does when files of its data folder are deleted under it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import ERROR, FOUND, Program, wait_until_gone, write

PATIENCE_S = 30.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Program, Path, int]]:
    """A program, an indexed tree, and the daemon's process."""
    program = Program(tmp_path, settings={"CONEXUS_DAEMON_PORT": "0", "CONEXUS_DAEMON_GRPC_PORT": "0"})
    tree = tmp_path / "tree"
    write(tree, {"a.py": "def parse_header(line):\n    return line\n"})
    program.ok("index", tree)
    program.ok("daemon", "start")
    process = json.loads((program.data / "daemon.json").read_text())["pid"]
    yield program, tree, process
    program.run("daemon", "stop")
    assert not wait_until_gone([process])


def delete_catalog(program: Program) -> None:
    """Delete the catalog with what belongs to it."""
    for path in program.data.glob("catalog.sqlite*"):
        path.unlink()


def test_a_catalog_that_is_deleted_is_told_of(served: tuple[Program, Path, int]) -> None:
    """Nothing is called well, removed or written; after a restart all is as it should be."""
    program, tree, process = served
    delete_catalog(program)
    for command in (("verify",), ("gc",), ("index", tree), ("doctor", "locks")):
        told = program.run(*command)
        assert told.code != FOUND, told.text
        assert "was deleted or replaced while" in told.text, told.text
        assert "conexus daemon restart" in told.text, told.text
        assert str(process) in told.text, told.text
    assert program.shards(), "no vectors were removed"
    program.ok("daemon", "restart")
    assert program.ok("search", "parse_header", tree, "--json").paths() == ["a.py"]
    program.ok("verify")
    program.ok("doctor", "locks")


def test_a_daemon_whose_folder_is_deleted_ends(served: tuple[Program, Path, int]) -> None:
    """Nobody can find it any more; another one takes its place, and is not disturbed."""
    program, tree, process = served
    shutil.rmtree(program.data, ignore_errors=True)
    program.ok("index", tree)
    assert not wait_until_gone([process], PATIENCE_S)
    program.ok("daemon", "start")
    other = json.loads((program.data / "daemon.json").read_text())["pid"]
    assert other != process
    assert program.ok("search", "parse_header", tree, "--json").paths() == ["a.py"]
    program.ok("daemon", "stop")
    assert not wait_until_gone([other])


def test_locks_that_are_deleted_are_made_anew(served: tuple[Program, Path, int]) -> None:
    """They mean nothing by themselves."""
    program, tree, _ = served
    shutil.rmtree(program.data / "locks")
    write(tree, {"b.py": "def other_thing():\n    return 1\n"})
    program.ok("index", tree)
    for command in ("verify", "gc", "doctor"):
        assert program.run(command).code != ERROR
    assert (program.data / "locks").is_dir()
