# SPDX-License-Identifier: FSL-1.1-MIT
"""One folder, three libraries: Conexus, model2vec and sentence-transformers give the same vectors for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model2vec import StaticModel
from sentence_transformers import SentenceTransformer

import conexus
from conexus.adapters.model_files import MODEL_FOLDER
from conexus.adapters.static_embedder import StaticEmbedder

TOLERANCE = 3e-6  # of sums of thousands of vectors, of 32 bits a number

OURS = StaticEmbedder()
MODEL2VEC = StaticModel.from_pretrained(MODEL_FOLDER, quantize_to="float32", force_download=False)
SENTENCE_TRANSFORMERS = SentenceTransformer(str(MODEL_FOLDER), device="cpu", local_files_only=True).float()

TEXTS = [
    "",
    " \n\t",
    "{}();",
    "12 34 56",
    "def getHTTPResponse_v2(self): return self._http2Response",
    "Café naïve ÉcoleSupérieure STRASSE Straße",
    "函数名 parse函数Name 日本語のテキスト 한국어",
    "ΛΟΓΟΣ Документ İstanbul ǅ ﬁ m² Ⅷ ٣٤",
    "e\u0301cole a\u0300",
    "x" * 65,
    "qwzx " * 30,
    "🙂 \x00 \ufeff",
]


def assert_all_agree(texts: list[str]) -> None:
    expected = OURS.embed_documents(texts)
    for found in (MODEL2VEC.encode(texts), SENTENCE_TRANSFORMERS.encode(texts, convert_to_numpy=True)):
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() <= TOLERANCE


@pytest.mark.parametrize("text", TEXTS)
def test_odd_texts(text):
    """Nothing, marks, numbers, camelCase, accents, scripts, unknown words and data have one vector."""
    assert_all_agree([text])


def test_real_code():
    """So has every file of the program, however long, all of them in one batch."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(Path(conexus.__file__).parent.rglob("*.py"))]
    assert len(texts) > 100
    assert_all_agree(texts)


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(codec="utf-8", exclude_categories=["Cn", "Co"], max_codepoint=0xFFFF), max_size=200),
            st.lists(st.sampled_from(["getURL", "read_json", "Größe", "名", "HTTPServer2", "x" * 70, "9"])).map(
                " ".join
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(deadline=None, max_examples=200)
def test_any_texts(texts):
    """So has any text, whatever else is in its batch."""
    assert_all_agree(texts)
