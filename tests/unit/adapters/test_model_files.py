# SPDX-License-Identifier: FSL-1.1-MIT
"""The files of a model are checked at load: what is damaged is refused by name, with what to do about it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from conexus.adapters.model_files import (
    CONFIG,
    DESCRIPTION,
    FILES,
    MODEL_FOLDER,
    MODULES,
    TENSOR,
    TOKENIZER,
    VECTORS,
    Digest,
    fingerprint_of,
    is_static_model,
    read_model,
)
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.errors import EmbeddingError
from training.export import write_model

ALL = (DESCRIPTION, *FILES)
PIECES = ["one", "two", "##ty"]
VECTORS_OF = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])


@pytest.fixture
def folder(tmp_path):
    """A small model that a test may damage."""
    write_model(tmp_path / "model", "small", PIECES, VECTORS_OF, {"licence": "none"})
    return tmp_path / "model"


def refusal(folder, name):
    """Load the model, which must fail, and return the message once file and next step are seen to be in it."""
    with pytest.raises(EmbeddingError) as caught:
        StaticEmbedder(folder)
    assert str(folder / name) in caught.value.message
    assert "conexus model use default" in (caught.value.hint or "")
    return caught.value.message


def vouch(folder):
    """Make model.json vouch for the files as they are, as somebody who makes a model by hand would."""
    described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    contents = {name: (folder / name).read_bytes() for name in FILES}
    digests = {name: Digest(len(content), hashlib.sha256(content).hexdigest()) for name, content in contents.items()}
    described["files"] = {name: {"bytes": each.size_bytes, "sha256": each.sha256} for name, each in digests.items()}
    described["fingerprint"] = fingerprint_of(digests)
    (folder / DESCRIPTION).write_text(json.dumps(described), encoding="utf-8")


class TestReading:
    """A sound model is read as it was written."""

    def test_what_was_written_is_read(self, folder):
        """Name, pieces, vectors and what else is said of a model come back; the unknown piece has no vector."""
        found = read_model(folder)
        assert found.name == "small"
        assert found.described["licence"] == "none"
        assert list(found.vocabulary) == ["[UNK]", *PIECES]
        assert found.vectors.tolist() == [[0.0, 0.0], *VECTORS_OF.tolist()]
        assert found.size_bytes == sum((folder / name).stat().st_size for name in FILES)

    def test_the_safetensors_library_reads_the_same(self):
        """The shipped vectors are those that the format's own library reads."""
        tensors = load_file(MODEL_FOLDER / VECTORS)
        assert list(tensors) == [TENSOR]
        assert (tensors[TENSOR] == read_model(MODEL_FOLDER).vectors).all()

    def test_a_file_by_the_safetensors_library_is_read(self, folder):
        """Its header may be another, with notes in it."""
        save_file({TENSOR: read_model(folder).vectors.copy()}, folder / VECTORS, metadata={"made": "elsewhere"})
        vouch(folder)
        assert read_model(folder).vectors.tolist() == [[0.0, 0.0], *VECTORS_OF.tolist()]

    def test_a_folder_is_told_by_its_description(self, folder, tmp_path):
        """A folder without model.json is none of these models."""
        assert is_static_model(folder)
        assert not is_static_model(tmp_path)


class TestDamage:
    """Every kind of damage to every file is noticed before anything is made of it."""

    @pytest.mark.parametrize("name", ALL)
    def test_a_missing_file(self, folder, name):
        """The file that is not there is named."""
        (folder / name).unlink()
        assert "is missing" in refusal(folder, name)

    @pytest.mark.parametrize("name", FILES)
    def test_a_file_cut_short(self, folder, name):
        """A copy that ended early is told from a change."""
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-3])
        assert "is 3 bytes too short" in refusal(folder, name)
        (folder / name).write_bytes(b"")
        assert "is empty" in refusal(folder, name)

    @pytest.mark.parametrize("name", FILES)
    def test_a_file_that_goes_on(self, folder, name):
        """Bytes after the end are noticed, even where a reader of the format would pass over them."""
        with (folder / name).open("ab") as file:
            file.write(b" " * 1_000)
        assert "is 1,000 bytes too long" in refusal(folder, name)

    @pytest.mark.parametrize("name", FILES)
    def test_one_flipped_bit(self, folder, name):
        """A change that keeps the size is found by the digest."""
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        assert "was changed" in refusal(folder, name)

    @pytest.mark.parametrize("name", [VECTORS, TOKENIZER])
    def test_a_file_of_another_model(self, folder, name, tmp_path):
        """Vectors or pieces of a sound model of the same shape do not pass for those of this one."""
        write_model(tmp_path / "other", "small", ["eno", "owt", "##yt"], VECTORS_OF[::-1])
        shutil.copy(tmp_path / "other" / name, folder / name)
        assert "another model" in refusal(folder, name)

    def test_a_description_of_another_model(self, folder, tmp_path):
        """Then it is the files that do not fit it."""
        write_model(tmp_path / "other", "small", ["eno", "owt", "##yt"], VECTORS_OF[::-1])
        shutil.copy(tmp_path / "other" / DESCRIPTION, folder / DESCRIPTION)
        assert "another model" in refusal(folder, TOKENIZER)

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"{", "is no JSON"),
            (b"\xff\xfe", "is no JSON"),
            (b"[" * 100_000, "is no JSON"),
            (b"[]", "does not describe a model"),
            (b'{"format": "conexus-static/0"}', "does not describe a model"),
            (b'{"format": "conexus-static/1", "name": "x"}', "has no name or no fingerprint"),
            (b'{"format": "conexus-static/1", "name": "x", "fingerprint": "y"}', "does not list"),
            (b" " * 1_000_001, "is far too large"),
        ],
    )
    def test_a_description_that_is_none(self, folder, content, why):
        """What cannot be a description is an error about the model, not a crash."""
        (folder / DESCRIPTION).write_bytes(content)
        assert why in refusal(folder, DESCRIPTION)

    @pytest.mark.parametrize("item", [None, 3, {"bytes": 1}, {"bytes": "many", "sha256": ""}, {"sha256": "x"}])
    def test_a_description_without_digests(self, folder, item):
        """A digest that is missing or of another type does not pass."""
        described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        described["files"][VECTORS] = item
        (folder / DESCRIPTION).write_text(json.dumps(described), encoding="utf-8")
        assert "does not say what its files must be" in refusal(folder, DESCRIPTION)

    def test_a_description_whose_fingerprint_is_another(self, folder):
        """Indexes are told apart by it, so it must be that of the files."""
        described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        described["fingerprint"] = "0" * 64
        (folder / DESCRIPTION).write_text(json.dumps(described), encoding="utf-8")
        assert "fingerprint" in refusal(folder, DESCRIPTION)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
    @pytest.mark.parametrize("name", ALL)
    def test_a_pipe_in_the_place_of_a_file(self, folder, name):
        """It is not waited for."""
        (folder / name).unlink()
        os.mkfifo(folder / name)
        refusal(folder, name)


class TestMadeByHand:
    """Files that model.json vouches for are refused where they make no model."""

    @pytest.mark.parametrize(
        "tensors",
        [
            {TENSOR: np.zeros((4, 2), np.float32)},
            {TENSOR: np.zeros(8, np.float16)},
            {TENSOR: np.zeros((0, 2), np.float16)},
            {"vectors": np.zeros((4, 2), np.float16)},
            {TENSOR: np.zeros((4, 2), np.float16), "weights": np.zeros(4, np.float16)},
            {TENSOR: np.zeros((3, 2), np.float16)},
            {TENSOR: np.ones((4, 2), np.float16)},
        ],
    )
    def test_tensors_that_are_none_of_ours(self, folder, tensors):
        """One float16 matrix with a row a piece, zeros for the unknown, and nothing beside it."""
        save_file(tensors, folder / VECTORS)
        vouch(folder)
        refusal(folder, VECTORS)

    @pytest.mark.parametrize(
        "content",
        [
            b"x",
            b"\xff" * 16,
            b"\x02" + b"\0" * 7 + b"[]",
            b"\x40" + b"\0" * 7 + b'{"embeddings":{"dtype":"F16","shape":[4,9],"data_offsets":[0,8]}}'.ljust(0x40),
            b"\x02" + b"\0" * 7 + b"{}" + b"\0" * 100,
        ],
    )
    def test_a_file_that_is_no_safetensors_file(self, folder, content):
        """Lengths that lie beyond the file, headers of another kind and shapes that do not fit are refused."""
        (folder / VECTORS).write_bytes(content)
        vouch(folder)
        refusal(folder, VECTORS)

    def test_a_tokenizer_with_other_rules(self, folder):
        """Where words would be cut in another way than by this program, its vectors would mean something else."""
        rules = json.loads((folder / TOKENIZER).read_text(encoding="utf-8"))
        rules["normalizer"]["normalizers"].pop()
        (folder / TOKENIZER).write_text(json.dumps(rules), encoding="utf-8")
        vouch(folder)
        assert "another way" in refusal(folder, TOKENIZER)

    @pytest.mark.parametrize(
        "vocabulary",
        [{"[UNK]": 0, "one": 1, "two": 3, "##ty": 2}, {"one": 0, "two": 1, "##ty": 2, "x": 3}, ["[UNK]", "one"], None],
    )
    def test_a_vocabulary_out_of_order(self, folder, vocabulary):
        """Pieces are numbered by their rows, the unknown among them."""
        rules = json.loads((folder / TOKENIZER).read_text(encoding="utf-8"))
        rules["model"]["vocab"] = vocabulary
        (folder / TOKENIZER).write_text(json.dumps(rules), encoding="utf-8")
        vouch(folder)
        refusal(folder, TOKENIZER)

    @pytest.mark.parametrize("content", [b"[]", b"nothing", b'{"model": []}'])
    def test_a_tokenizer_that_is_none(self, folder, content):
        """JSON of another form, or none at all."""
        (folder / TOKENIZER).write_bytes(content)
        vouch(folder)
        assert "is no tokenizer" in refusal(folder, TOKENIZER)


class TestWriting:
    """``training.export.write_model`` writes nothing that could not be loaded."""

    def test_the_same_input_gives_the_same_bytes(self, tmp_path):
        """Nothing of the time or the place is in the files."""
        found = [write_model(tmp_path / each, "small", PIECES, VECTORS_OF) for each in "ab"]
        assert found[0] == found[1] == read_model(tmp_path / "a").fingerprint
        for name in ALL:
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

    def test_the_fingerprint_is_of_vectors_and_pieces(self, tmp_path):
        """Another name leaves indexes as they are; another vector or another order of pieces does not."""
        first = write_model(tmp_path / "a", "small", PIECES, VECTORS_OF)
        assert write_model(tmp_path / "b", "other", PIECES, VECTORS_OF, {"licence": "MIT"}) == first
        assert write_model(tmp_path / "c", "small", PIECES, VECTORS_OF * 0.5) != first
        assert write_model(tmp_path / "d", "small", PIECES[::-1], VECTORS_OF) != first

    def test_an_unknown_piece_of_the_makers_own_keeps_its_row(self, tmp_path):
        """Its vector becomes zero."""
        write_model(tmp_path, "small", ["one", "[UNK]", "two"], VECTORS_OF)
        assert read_model(tmp_path).vocabulary == {"one": 0, "[UNK]": 1, "two": 2}
        assert read_model(tmp_path).vectors.tolist() == [[1.0, 0.0], [0.0, 0.0], [0.5, 0.5]]

    @pytest.mark.parametrize(
        ("pieces", "vectors"),
        [
            (["one", "one", "two"], VECTORS_OF),
            (["one", "two", "a b"], VECTORS_OF),
            (["one", "two", "x" * 25], VECTORS_OF),
            (["one", "two", "##"], VECTORS_OF),
            (["one", "two", "v2"], VECTORS_OF),
            (["one", "two"], VECTORS_OF),
            (PIECES, VECTORS_OF.ravel()[:3]),
            (PIECES, VECTORS_OF * 1e6),
            (PIECES, VECTORS_OF * np.nan),
        ],
    )
    def test_what_makes_no_model_is_refused(self, tmp_path, pieces, vectors):
        """Pieces that can never be met, and numbers that do not fit, are the maker's mistake."""
        with pytest.raises(ValueError, match=r"piece|finite"):
            write_model(tmp_path / "model", "small", pieces, vectors)
        assert not (tmp_path / "model").exists()

    def test_the_shipped_files_are_listed(self):
        """config.json and modules.json are vouched for as well."""
        assert {CONFIG, MODULES} < set(FILES)
