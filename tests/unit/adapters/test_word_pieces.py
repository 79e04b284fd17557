# SPDX-License-Identifier: FSL-1.1-MIT
"""Words of code are cut as the tokenizers package cuts them by the rules that tokenizer.json holds."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

import conexus
from conexus.adapters.model_files import MODEL_FOLDER, TOKENIZER, read_model
from conexus.adapters.word_pieces import word_parts, word_pieces
from conexus.lexical import words

ROWS = read_model(MODEL_FOLDER).vocabulary
JUDGE = Tokenizer.from_file(str(MODEL_FOLDER / TOKENIZER))


def ours(text: str) -> list[int]:
    return [row for word in words(text) for part in word_parts(word) for row in word_pieces(part, ROWS)]


def theirs(text: str) -> list[int]:
    return [row for row in JUDGE.encode(text, add_special_tokens=False).ids if row]


def known_characters() -> Iterator[str]:
    """Yield the characters of the first plane, and those beyond it that are old enough for every table of Unicode."""
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        table = unicodedata if code < 0x10000 else unicodedata.ucd_3_2_0
        if table.category(char) not in {"Cn", "Co", "Cs"}:
            yield char


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("getHTTPResponse_v2", ["get", "http", "response", "v"]),
        ("utf8Decode$x", ["utf", "decode", "x"]),
        ("Café", ["cafe"]),
        ("HTTPRéponse", ["http", "reponse"]),
        ("XMLЖдЩл", ["xml", "жд", "щл"]),
        ("\u039b\u038c\u0393\u039f\u03a3", ["\u03bb\u03bf\u03b3\u03bf\u03c3"]),
        ("函数名", ["函", "数", "名"]),
        ("parse函数", ["parse", "函", "数"]),
        ("12345", []),
        ("٣٤", []),
        ("f" * 65, []),
    ],
)
def test_parts_of_a_word(word, parts):
    """Case, underscores and accents go, numbers and runs of data are dropped, Han characters stand alone."""
    assert word_parts(word) == parts


def test_every_file_of_ours_is_cut_alike():
    """Both give the same pieces for all of the program's own code."""
    for path in sorted(Path(conexus.__file__).parent.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert ours(text) == theirs(text), path


def test_every_character_is_cut_alike():
    """Each character of Unicode splits, joins, loses its accent and its case for both in the same way."""
    wrong = []
    block: list[str] = []
    for char in (*known_characters(), ""):
        block.append(f"aB{char}Cd{char}e")
        if len(block) == 1_000 or not char:
            text = " ".join(block)
            if ours(text) != theirs(text):
                wrong += [part for part in block if ours(part) != theirs(part)]
            block = []
    assert wrong == []


@given(
    st.lists(
        st.one_of(
            st.text(st.sampled_from("aBcDÉé_$1 \n.-ß\u03a3\u03c3\u03c2Дд函İK²\u0301\u0300ﬁ"), max_size=80),
            st.sampled_from(["getHTTPResponse", "x" * 64, "y" * 65, "ab1" * 22, "Übergröße", "名前Name", "🙂", "\x00"]),
            st.text(st.characters(categories=["L", "N", "Mn", "Mc", "P", "S", "Z"], max_codepoint=0x9FFF), max_size=12),
        ),
        max_size=8,
    ).map("".join)
)
@settings(deadline=None, max_examples=300)
def test_any_text_is_cut_alike(text):
    """Identifiers, accents by themselves, long runs, numbers and scripts in any mixture give the same pieces."""
    if all(unicodedata.category(char) != "Cn" for char in text):
        assert ours(text) == theirs(text)
