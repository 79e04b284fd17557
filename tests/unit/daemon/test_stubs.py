# SPDX-License-Identifier: FSL-1.1-MIT
"""The committed stubs are those of the schema, and the schema is sound and breaks no client of its baseline."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
STUBS = ROOT / "conexus" / "v1"
HAND_KEPT = {"__init__.py"}


def tool(name: str) -> ModuleType:
    """A program of the folder ``tools``."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_committed_stubs_are_those_of_the_schema(tmp_path: Path) -> None:
    """Generating them anew gives the same files, byte for byte."""
    tool("generate_stubs").generate(tmp_path)
    made = {path.name: path.read_bytes() for path in (tmp_path / "conexus" / "v1").iterdir()}
    kept = {path.name: path.read_bytes() for path in STUBS.iterdir() if path.suffix in {".py", ".pyi"}}
    assert set(kept) - HAND_KEPT == set(made)
    assert [name for name in made if made[name] != kept[name]] == []


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """The check of the schema, with buf at hand."""
    module = tool("check_proto")
    module.buf()
    return module


def test_schema_is_sound_and_compatible(check: ModuleType) -> None:
    """Buf finds nothing in style or form, and nothing that breaks clients of the baseline."""
    assert check.findings() == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("optional int32 limit = 2;", "optional int64 limit = 2;", "changed type"),
        ("bool explain = 4;", "", "deleted"),
        ("rpc Similar(SimilarRequest)", "rpc Alike(SimilarRequest)", "deleted"),
        ("SYMBOL_KIND_METHOD = 2", "SYMBOL_KIND_METHOD = 99", "deleted"),
        ("rpc Similar(SimilarRequest)", "rpc similar(SimilarRequest)", "should be PascalCase"),
    ],
)
def test_changes_that_break_clients_are_found(check: ModuleType, tmp_path: Path, old: str, new: str, told: str) -> None:
    """A changed schema does not pass."""
    schema = tmp_path / "proto"
    shutil.copytree(ROOT / "proto", schema)
    file = schema / "conexus" / "v1" / "search.proto"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert told in "\n".join(check.findings(schema))
