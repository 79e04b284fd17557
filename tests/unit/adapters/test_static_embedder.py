"""The default model: its files, how words are cut, how vectors are pooled, and what damage is noticed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from conexus.adapters.static_embedder import (
    MODEL_FOLDER,
    StaticEmbedder,
    files_digest,
    word_parts,
    word_pieces,
)
from conexus.errors import EmbeddingError

DESCRIPTION = json.loads((MODEL_FOLDER / "model.json").read_text(encoding="utf-8"))
PIECES = (MODEL_FOLDER / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
ROWS = {piece: row for row, piece in enumerate(PIECES)}
TABLE = np.load(MODEL_FOLDER / "embeddings.npy")
UNKNOWN = "[UNK]"
WORDPIECE = Tokenizer(models.WordPiece(ROWS | {UNKNOWN: len(ROWS)}, unk_token=UNKNOWN, max_input_chars_per_word=100))


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder()


@pytest.fixture
def folder(tmp_path):
    """A copy of the model that a test may damage."""
    return shutil.copytree(MODEL_FOLDER, tmp_path / "model")


def by_tokenizers(part: str) -> list[int]:
    ids = WORDPIECE.encode(part).ids
    return [] if len(ROWS) in ids else ids


class TestFiles:
    """The files of the model agree with each other."""

    def test_the_fingerprint_is_that_of_the_files(self, embedder):
        """What model.json says is the hash of the files beside it, and what the embedder reports."""
        assert files_digest(MODEL_FOLDER) == DESCRIPTION["fingerprint"]
        assert embedder.fingerprint.startswith(DESCRIPTION["fingerprint"] + "-")

    def test_the_table_is_small_and_sound(self):
        """One finite, non-zero float16 row a piece, within 16 MB."""
        assert TABLE.shape == (len(PIECES), DESCRIPTION["dim"]) == (DESCRIPTION["pieces"], 256)
        assert TABLE.dtype == np.float16
        assert np.isfinite(TABLE).all()
        assert (np.abs(TABLE.astype(np.float32)).sum(axis=1) > 0).all()
        assert (MODEL_FOLDER / "embeddings.npy").stat().st_size <= 16_000_000

    def test_pieces_can_be_met(self):
        """Every piece is letters, each comes once, and none is longer than word_pieces looks."""
        assert len(ROWS) == len(PIECES)
        assert all(piece.removeprefix("##").isalpha() for piece in PIECES)
        assert max(len(piece.removeprefix("##")) for piece in PIECES) <= 24

    def test_words_of_code_are_whole(self):
        """Common words of code have a vector of their own."""
        for word in ("args", "async", "config", "dict", "init", "json", "parser", "regex", "stdout", "tuple", "url"):
            assert word_pieces(word, ROWS) == [ROWS[word]]

    def test_licence_and_card_come_along(self):
        """The teacher's licence is in the folder, and the card names model, size and fingerprint as they are."""
        assert "Apache License" in (MODEL_FOLDER / "LICENSE").read_text(encoding="utf-8")
        card = (MODEL_FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
        assert DESCRIPTION["name"] in card
        assert DESCRIPTION["fingerprint"] in card
        assert f"{len(PIECES):,}" in card


class TestCutting:
    """Words are cut as the teacher's tokenizer would."""

    def test_pieces_are_those_of_tokenizers_for_every_word_of_the_library(self):
        """Our cut equals that of the tokenizers package on some ten thousand real words."""
        parts = {
            part
            for path in sorted(MODEL_FOLDER.parent.rglob("*.py"))
            for word in path.read_text(encoding="utf-8").split()
            for part in word_parts(word)
        }
        parts |= {a + b for a in PIECES[2_000:30_000:97] for b in PIECES[3_000:30_000:811] if "##" not in a + b}
        assert len(parts) > 5_000
        assert [part for part in sorted(parts) if word_pieces(part, ROWS) != by_tokenizers(part)] == []

    @given(st.text(st.characters(categories=["Ll", "Lo"], max_codepoint=0x9FFF), min_size=1, max_size=24))
    @settings(deadline=None)
    def test_pieces_are_those_of_tokenizers_for_any_letters(self, part):
        """Our cut equals that of the tokenizers package on random letters of many scripts."""
        assert word_pieces(part, ROWS) == by_tokenizers(part)

    @pytest.mark.parametrize(
        ("word", "parts"),
        [
            ("getHTTPResponse_v2", ["get", "http", "response", "v"]),
            ("Café", ["cafe"]),
            ("函数名", ["函", "数", "名"]),
            ("12345", []),
            ("f" * 65, []),
        ],
    )
    def test_parts_of_a_word(self, word, parts):
        """Case, underscores and accents go, numbers and runs of data are dropped, Han characters stand alone."""
        assert word_parts(word) == parts


class TestVectors:
    """Vectors are sums of rows, the same every time."""

    def test_a_piece_has_its_own_direction(self, embedder):
        """The vector of one known word is its row, to unit length."""
        row = TABLE[ROWS["parser"]].astype(np.float32)
        assert embedder.embed_query("parser") == pytest.approx(row / np.linalg.norm(row), abs=1e-6)

    def test_words_count_by_the_root_of_their_number(self, embedder):
        """Four times a word and once another add up as two to one."""
        one, other = (TABLE[ROWS[word]].astype(np.float32) for word in ("parser", "socket"))
        expected = 2 * one + other
        found = embedder.embed_query("parser parser socket parser parser")
        assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)

    def test_style_of_a_name_does_not_matter(self, embedder):
        """camelCase, snake_case, PascalCase and CONSTANT_CASE of one name have one vector."""
        expected = embedder.embed_query("readJsonFile")
        for name in ("read_json_file", "ReadJsonFile", "READ_JSON_FILE", "ReadJSONFile"):
            assert embedder.embed_query(name) == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize("text", ["", "  \n", "{}();", "12 34 56", "\ud800", "x" * 65, "0" * 10_000])
    def test_text_without_a_known_word_is_zero(self, embedder, text):
        """Marks, numbers and data give the zero vector rather than an error or a random direction."""
        assert not embedder.embed_query(text).any()

    def test_a_vector_is_the_same_bit_for_bit(self, embedder):
        """Batch, order, earlier texts, and many distinct words in one text do not change a single bit."""
        texts = [" ".join(PIECES[start : start + 600]) for start in range(2_000, 26_000, 1_200)]
        first = embedder.embed_documents(texts)
        assert (embedder.embed_documents(texts[::-1])[::-1] == first).all()
        assert (np.stack([StaticEmbedder().embed_query(text) for text in texts[:3]]) == first[:3]).all()

    def test_a_full_cache_changes_nothing(self):
        """After more distinct words than are kept, vectors are as before."""
        small = StaticEmbedder(cached_parts=16_384)
        wanted = small.embed_query("open the json file and parse it")
        invented = [f"{a}{b}" for a in PIECES[2_000:2_300] for b in PIECES[2_000:2_300]]
        small.embed_documents([" ".join(invented[start : start + 300]) for start in range(0, len(invented), 300)])
        assert (small.embed_query("open the json file and parse it") == wanted).all()
        assert len(small._words) <= 4 * 16_384
        assert len(small._words._parts) <= 16_384

    def test_one_text_may_fill_the_cache_many_times(self):
        """A text with more distinct words than are kept is embedded like any other."""
        text = " ".join(f"{a}{b}" for a in PIECES[2_000:2_300] for b in PIECES[2_000:2_300])
        found = StaticEmbedder(cached_parts=16_384).embed_query(text)
        assert found == pytest.approx(StaticEmbedder(cached_parts=200_000).embed_query(text), abs=1e-6)

    def test_threads_share_one_embedder(self, embedder):
        """Eight threads get what one gets."""
        texts = [" ".join(PIECES[start : start + 50]) for start in range(2_000, 12_000, 50)]
        expected = StaticEmbedder().embed_documents(texts)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(embedder.embed_query, texts))
        assert (np.stack(found) == expected).all()

    def test_a_cache_too_small_for_one_block_is_refused(self):
        """The lower bound of the cache is checked at once."""
        with pytest.raises(ValueError, match="at least 16384"):
            StaticEmbedder(cached_parts=100)


class TestDamage:
    """Damaged files are errors that name the file."""

    @pytest.mark.parametrize("name", ["model.json", "vocab.txt", "embeddings.npy"])
    def test_a_missing_file_is_named(self, folder, name):
        """The error names the file and how to get it back."""
        (folder / name).unlink()
        with pytest.raises(EmbeddingError, match=name) as caught:
            StaticEmbedder(folder)
        assert "pip install --force-reinstall conexus" in (caught.value.hint or "")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("model.json", b"{"),
            ("model.json", b"[]"),
            ("model.json", b'{"name": "x"}'),
            ("vocab.txt", b"\xff\xfe"),
            ("vocab.txt", b"one\ntwo\n"),
            ("vocab.txt", b"one\none\n"),
            ("embeddings.npy", b""),
            ("embeddings.npy", b"not an array"),
        ],
    )
    def test_a_damaged_file_is_named(self, folder, name, content):
        """Content that cannot be what it should be is an error about the model, not a crash."""
        (folder / name).write_bytes(content)
        with pytest.raises(EmbeddingError, match="missing or damaged"):
            StaticEmbedder(folder)

    def test_a_truncated_table_is_noticed(self, folder):
        """A table that ends early is refused at the start, not when its last page is read."""
        path = folder / "embeddings.npy"
        path.write_bytes(path.read_bytes()[:-4_096])
        with pytest.raises(EmbeddingError, match=r"embeddings\.npy"):
            StaticEmbedder(folder)

    @pytest.mark.parametrize("table", [np.zeros((3, 4), np.float32), np.zeros(4, np.float16), np.zeros((3, 4), object)])
    def test_a_table_of_another_kind_is_refused(self, folder, table):
        """Only a float16 matrix is read, and pickled objects never are."""
        np.save(folder / "embeddings.npy", table)
        with pytest.raises(EmbeddingError, match=r"embeddings\.npy"):
            StaticEmbedder(folder)

    def test_one_flipped_bit_changes_the_digest(self, folder):
        """Damage that loads without complaint is found by the digest."""
        path = folder / "embeddings.npy"
        content = bytearray(path.read_bytes())
        content[1_000_000] ^= 1
        path.write_bytes(content)
        assert files_digest(folder) != DESCRIPTION["fingerprint"]
        (folder / "vocab.txt").unlink()
        with pytest.raises(EmbeddingError, match=r"vocab\.txt"):
            files_digest(folder)


def test_loading_imports_little():
    """A search from a terminal loads the model without tokenizers, torch or the hub's client."""
    script = (
        "import sys; from conexus.adapters.static_embedder import StaticEmbedder; StaticEmbedder().embed_query('json');"
        "print(sorted({'tokenizers', 'torch', 'transformers', 'huggingface_hub'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
