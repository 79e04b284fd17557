# SPDX-License-Identifier: FSL-1.1-MIT
"""Real code, as its authors publish it: installed packages, and the compiler of TypeScript from its npm package."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sysconfig
import tarfile
from pathlib import Path

import pytest
from program import Program

from conexus.parsing.secrets import redact
from conexus.parsing.text import decode

pytestmark = pytest.mark.slow

TYPESCRIPT = "typescript@5.9.3"
SITE = Path(sysconfig.get_paths()["purelib"])
# Folders of installed packages: pure Python, generated code, C and headers, data, templates, many languages.
PACKAGES = {
    "pygments": "pygments",
    "numpy": "numpy",
    "rich": "rich",
    "torch": "torch/include/ATen/core",
    "torch code": "torch/nn",
    "sentence-transformers": "sentence_transformers",
    "hypothesis": "hypothesis",
    "mypy": "mypy",
    "qdrant-client": "qdrant_client",
}


def check(program: Program, root: Path) -> dict[str, object]:
    """Index a tree and prove what must hold for every file of it; return the report."""
    report: dict[str, object] = program.ok("index", root, "--json").json
    assert report["problems"] == []
    assert report["files_total"]
    assert "all as written" in program.ok("verify").out
    again = program.ok("index", root, "--json").json
    assert (again["files_indexed"], again["files_deleted"]) == (0, 0)
    assert check_partition(program, root) == report["files_total"]
    return report


def check_partition(program: Program, root: Path) -> int:
    """The chunks of a file cover its text without gap or overlap, and hold it as it is, secrets aside."""
    catalog = program.catalog()
    rows = catalog.execute(
        "SELECT f.path, c.start_byte, c.end_byte, c.start_line, c.end_line, t.text FROM chunks c "
        "JOIN texts t ON t.key = c.file << 20 | c.ordinal JOIN files f ON f.id = c.file ORDER BY f.path, c.ordinal"
    )
    count = 0
    for path, found in itertools.groupby(rows, key=lambda row: row[0]):
        chunks = list(found)
        text, _ = redact(decode((root / os.fsdecode(path)).read_bytes()).text)
        assert "".join(chunk[5] for chunk in chunks) == text, path
        assert chunks[0][1] == 0, path
        assert chunks[-1][2] == len(text.encode("utf-8", "surrogatepass")), path
        for before, after in itertools.pairwise(chunks):
            assert before[2] == after[1], path
        for _, start, end, first, last, content in chunks:
            assert start < end, path
            assert first <= last, path
            assert end - start == len(content.encode("utf-8", "surrogatepass")), path
        count += 1
    catalog.close()
    return count


@pytest.mark.parametrize("package", PACKAGES)
def test_an_installed_package(program: Program, tmp_path: Path, package: str) -> None:
    """A package as it is installed: no crash, no file cut by lines for a failure, every byte in one chunk."""
    root = tmp_path / "package"
    shutil.copytree(SITE / PACKAGES[package], root, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.so.*"))
    report = check(program, root)
    languages = report["languages"]
    assert isinstance(languages, dict)
    assert languages.get("python", 0) or package == "torch"


@pytest.mark.parametrize(
    ("question", "path"),
    [("PythonLexer", "lexers/python.py"), ("guess the lexer for a text", "lexers/__init__.py")],
)
def test_definitions_in_a_package_are_found(program: Program, tmp_path: Path, question: str, path: str) -> None:
    """A class, and a function described in words, come first out of hundreds of files."""
    root = tmp_path / "pygments"
    shutil.copytree(SITE / "pygments", root, ignore=shutil.ignore_patterns("__pycache__"))
    program.ok("index", root)
    assert program.ok("search", question, root, "--json").paths()[0] == path


def test_the_compiler_of_typescript(program: Program, tmp_path: Path) -> None:
    """Files of 200,000 lines and declarations of the whole web are indexed whole."""
    subprocess.run(["npm", "pack", "--silent", TYPESCRIPT], cwd=tmp_path, check=True, capture_output=True)
    [archive] = tmp_path.glob("typescript-*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    root = tmp_path / "package"
    check(program, root)
    found = program.ok("search", "interface HTMLCanvasElement", root, "--json").paths()
    assert "lib/lib.dom.d.ts" in found[:3]
    found = program.ok("search", "createSourceFile", root, "--json").paths()
    assert any(path.endswith(("typescript.d.ts", "typescript.js", "_tsc.js")) for path in found[:3])
