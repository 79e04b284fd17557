# SPDX-License-Identifier: FSL-1.1-MIT
"""Fixtures of the tests that run the whole program."""

from __future__ import annotations

from pathlib import Path

import pytest
from program import SAMPLES, Program, commit, write

from conexus.adapters.model_files import MODEL_FOLDER, read_model
from training.export import write_model


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program with an empty data folder."""
    return Program(tmp_path / "program")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An empty folder for sources."""
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def lending(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path]:
    """A git repository of real code in many languages, indexed. Tests must not change it."""
    folder = tmp_path_factory.mktemp("lending")
    program = Program(folder / "program")
    root = folder / "lending"
    make_lending(root)
    program.ok("index", root)
    return program, root


def make_lending(root: Path) -> None:
    """A repository with a remote, rules of its own, tests, documents, and what is to be left out."""
    write(
        root,
        {
            f"{folder}/{name}": (SAMPLES / sample).read_bytes()
            for folder, name, sample in (
                ("desk", "lending.py", "python/sample.py"),
                ("web", "router.js", "javascript/sample.js"),
                ("web", "board.tsx", "tsx/sample.tsx"),
                ("web", "style.css", "css/sample.css"),
                ("web", "index.html", "html/sample.html"),
                ("store", "events.ts", "typescript/sample.ts"),
                ("jobs", "backoff.rb", "ruby/sample.rb"),
                ("site", "routes.php", "php/sample.php"),
                ("game", "machine.lua", "lua/sample.lua"),
                ("deploy", "main.tf", "hcl/sample.tf"),
                ("deploy", "Dockerfile", "dockerfile/Dockerfile"),
                ("data", "schema.sql", "sql/sample.sql"),
                ("docs", "guide.md", "markdown/sample.md"),
                ("api", "service.proto", "protobuf/sample.proto"),
            )
        },
    )
    write(
        root,
        {
            "tests/test_lending.py": "from desk import lending\n\n\ndef test_fine_of_a_late_loan():\n"
            '    """A late day costs money."""\n    assert lending.MAX_LOANS == 5\n',
            ".gitignore": "*.log\nbuild/\n",
            "trace.log": "secret noise\n",
            "build/out.js": "var generated = 1;\n",
            "vendor/left/pad.js": "module.exports = function leftpad(text) { return text; };\n",
            "web/bundle.min.js": "var a=1;" * 5_000,
            "web/logo.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
        },
    )
    commit(root, "https://example.org/tools/lending.git")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A model of the user's own: half the dimensions of the shipped one."""
    shipped = read_model(MODEL_FOLDER)
    folder = tmp_path / "models" / "small one"
    write_model(folder, "small-64", list(shipped.vocabulary), shipped.vectors[:, :64], {"licence": "Apache-2.0"})
    return folder
