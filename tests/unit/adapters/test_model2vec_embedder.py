# SPDX-License-Identifier: FSL-1.1-MIT
"""Static models of other makers, in the format of model2vec: as that library gives them, and refused where damaged."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from model2vec import StaticModel
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from conexus import bootstrap
from conexus.adapters.model2vec_embedder import Model2vecEmbedder, is_model2vec
from conexus.adapters.model_files import MODEL_FOLDER
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.errors import EmbeddingError

TOKENS = ["[UNK]", "read", "a", "file", "##s", "json", "parse", "the"]
TEXTS = ["read a file", "Parse the JSON files", "nothing known", "", "read read read the files", "\ud800 json"]


@pytest.fixture
def folder(tmp_path):
    """A model with a row for two tokens each, and a weight a token."""
    tokenizer = Tokenizer(models.WordPiece({token: row for row, token in enumerate(TOKENS)}, unk_token=TOKENS[0]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    numbers = np.random.default_rng(1)
    path = tmp_path / "quantized"
    path.mkdir()
    tokenizer.save(str(path / "tokenizer.json"))
    tensors = {
        "embeddings": numbers.normal(size=(4, 16)).astype(np.float32),
        "mapping": np.array([0, 1, 1, 2, 2, 3, 3, 0], dtype=np.int64),
        "weights": numbers.uniform(0.1, 1.0, size=8).astype(np.float32),
    }
    save_file(tensors, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": True}), encoding="utf-8")
    return path


def change(folder, **tensors):
    """Write other tensors."""
    save_file(tensors, folder / "model.safetensors")


def test_weights_and_mapping_count_as_in_the_library(folder):
    """A quantized vocabulary gives the vectors that the library gives."""
    theirs = StaticModel.from_pretrained(folder, force_download=False)
    ours = Model2vecEmbedder(folder)
    sound = [text for text in TEXTS if text.isprintable()]
    assert ours.embed_documents(sound) == pytest.approx(theirs.encode(sound), abs=1e-6)
    assert not ours.embed_query("nothing known").any()


def test_a_vector_does_not_depend_on_its_batch(folder):
    """Bit for bit."""
    ours = Model2vecEmbedder(folder)
    together = ours.embed_documents(TEXTS * 100)
    assert (together[: len(TEXTS)] == np.stack([ours.embed_query(text) for text in TEXTS])).all()
    assert (together[-len(TEXTS) :] == together[: len(TEXTS)]).all()


def test_long_texts_are_read_to_their_end(folder):
    """The library stops after 512 tokens; here the last word counts."""
    ours = Model2vecEmbedder(folder)
    assert np.abs(ours.embed_query("read " * 600 + "json " * 600) - ours.embed_query("read")).max() > 0.01


def test_our_own_model_gives_the_same_vectors_through_it(tmp_path):
    """Without model.json the default model is one of this format, and loses nothing but its digests and its speed."""
    copy = shutil.copytree(MODEL_FOLDER, tmp_path / "copy", ignore=shutil.ignore_patterns("model.json"))
    found = bootstrap.embedder(str(copy))
    assert isinstance(found, Model2vecEmbedder)
    texts = ["def getHTTPResponse_v2(self): pass", "Café 函数名", "", "class Parser { void run(); }"]
    assert found.embed_documents(texts) == pytest.approx(StaticEmbedder().embed_documents(texts), abs=1e-6)


def test_folders_are_told_apart(folder, tmp_path):
    """With model.json it is one of ours, with a tensor named embeddings one of these, else one for torch."""
    assert is_model2vec(folder)
    assert isinstance(bootstrap.embedder(str(folder)), Model2vecEmbedder)
    assert isinstance(bootstrap.embedder(str(MODEL_FOLDER)), StaticEmbedder)
    assert not is_model2vec(tmp_path)
    change(folder, **{"embedding.weight": np.zeros((8, 2), np.float32)})
    assert not is_model2vec(folder)
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    assert not is_model2vec(folder)
    with pytest.raises(EmbeddingError, match="not the folder of an embedding model"):
        bootstrap.embedder(str(tmp_path))


def test_the_fingerprint_follows_the_files(folder):
    """Other vectors, another tokenizer or another configuration make another model; the name is the folder."""
    seen = {Model2vecEmbedder(folder).fingerprint}
    change(folder, embeddings=np.ones((8, 4), np.float16))
    seen.add(Model2vecEmbedder(folder).fingerprint)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    seen.add(Model2vecEmbedder(folder).fingerprint)
    assert len(seen) == 3
    assert Model2vecEmbedder(folder).name == str(folder)


@pytest.mark.parametrize(
    "tensors",
    [
        {"embeddings": np.zeros((7, 2), np.float32)},
        {"embeddings": np.zeros(8, np.float32)},
        {"embeddings": np.zeros((8, 2), np.float32), "weights": np.zeros(7, np.float32)},
        {"embeddings": np.zeros((3, 2), np.float32), "mapping": np.array([0, 1, 2, 3, 0, 0, 0, 0])},
        {"embeddings": np.zeros((3, 2), np.float32), "mapping": np.array([0, 1, 2, -1, 0, 0, 0, 0])},
        {"embeddings": np.zeros((3, 2), np.float32), "mapping": np.zeros(8, np.float32)},
        {"embeddings": np.zeros((3, 2), np.float32), "mapping": np.zeros(4, np.int64)},
        {"embeddings": np.zeros((8, 2), np.float32), "other": np.zeros(1, np.float32)},
    ],
)
def test_tensors_that_do_not_fit_are_refused(folder, tensors):
    """Sizes that would fail at some later text are an error at once, which names the file."""
    change(folder, **tensors)
    with pytest.raises(EmbeddingError, match=r"model\.safetensors"):
        Model2vecEmbedder(folder)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"model": {"type": "none"}}'])
def test_a_tokenizer_that_is_none_is_refused(folder, content):
    """The error names the file."""
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(EmbeddingError, match=r"tokenizer\.json"):
        Model2vecEmbedder(folder)
