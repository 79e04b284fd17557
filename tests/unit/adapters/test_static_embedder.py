# SPDX-License-Identifier: FSL-1.1-MIT
"""The default model: its files, how words are cut, how vectors are pooled, and what damage is noticed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from conexus.adapters.model_files import MODEL_FOLDER, read_model
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.adapters.word_pieces import UNKNOWN, word_pieces

FILES = read_model(MODEL_FOLDER)
DESCRIPTION = FILES.described
ROWS = FILES.vocabulary
PIECES = list(ROWS)
TABLE = FILES.vectors


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder()


class TestFiles:
    """The files of the model agree with each other."""

    def test_the_fingerprint_is_that_of_the_files(self, embedder):
        """The embedder reports what model.json says, with the way of pooling after it."""
        assert embedder.fingerprint.startswith(DESCRIPTION["fingerprint"] + "-mean-")
        assert embedder.name == DESCRIPTION["name"]

    def test_the_table_is_small_and_sound(self):
        """One finite float16 row a piece, non-zero but for the unknown, within 24 MB with all that belongs to it."""
        assert TABLE.shape == (len(PIECES), DESCRIPTION["dim"]) == (DESCRIPTION["pieces"], 128)
        assert TABLE.dtype == np.float16
        assert np.isfinite(TABLE).all()
        assert [PIECES[row] for row in np.flatnonzero(~TABLE.any(axis=1))] == [UNKNOWN]
        assert sum(path.stat().st_size for path in MODEL_FOLDER.iterdir()) <= 24_000_000

    def test_pieces_can_be_met(self):
        """Every piece is letters, each comes once, and none is longer than word_pieces looks."""
        letters = [piece.removeprefix("##") for piece in PIECES if piece != UNKNOWN]
        assert all(map(str.isalpha, letters))
        assert max(map(len, letters)) <= 24

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


class TestVectors:
    """Vectors are means of rows, the same every time."""

    def test_a_piece_has_its_own_direction(self, embedder):
        """The vector of one known word is its row, to unit length."""
        row = TABLE[ROWS["parser"]].astype(np.float32)
        assert embedder.embed_query("parser") == pytest.approx(row / np.linalg.norm(row), abs=1e-6)

    def test_a_text_is_the_mean_of_its_pieces(self, embedder):
        """Every piece counts once each time it is met, those of a word that is cut too."""
        cut = word_pieces("parsersocket", ROWS)
        assert len(cut) > 1
        expected = TABLE[[ROWS["parser"], ROWS["socket"], ROWS["parser"], *cut]].astype(np.float32).mean(axis=0)
        found = embedder.embed_query("parser socket parser parsersocket")
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


def test_a_model_of_the_users_own_is_named_by_its_folder(tmp_path, embedder):
    """A later run finds it again by that name; its vectors and its fingerprint do not depend on where it lies."""
    folder = shutil.copytree(MODEL_FOLDER, tmp_path / "mine")
    mine = StaticEmbedder(folder)
    assert mine.name == str(folder)
    assert mine.fingerprint == embedder.fingerprint
    assert (mine.embed_query("parse json") == embedder.embed_query("parse json")).all()


def test_loading_imports_little():
    """A search from a terminal loads the model without tokenizers, torch or the hub's client."""
    script = (
        "import sys; from conexus.adapters.static_embedder import StaticEmbedder; StaticEmbedder().embed_query('json');"
        "print(sorted({'tokenizers', 'torch', 'transformers', 'huggingface_hub'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
