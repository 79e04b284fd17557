# SPDX-License-Identifier: FSL-1.1-MIT
"""Text becomes the same weighted terms on every machine, and a question finds its words in code."""

import os
import re
import subprocess
import sys
import zlib
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.lexical import (
    QUESTION_WORDS,
    american,
    count_words,
    encode_document,
    encode_query,
    name_key,
    query_words,
    split_identifier,
    stem,
    vector_checksum,
    words,
)
from conexus.types import SparseVector

TEXT = st.text(max_size=80)
IDENTIFIER = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
PART = st.from_regex(r"[a-z]{2,8}", fullmatch=True)


def terms(vector: SparseVector) -> dict[int, float]:
    return dict(zip(vector.indices.tolist(), vector.values.tolist(), strict=True))


def term(word: str) -> int:
    return zlib.crc32(stem(word).encode())


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("getHTTPResponse_v2", ["get", "http", "response", "v", "2"]),
        ("snake_case_name", ["snake", "case", "name"]),
        ("SCREAMING_CASE", ["screaming", "case"]),
        ("PascalCase", ["pascal", "case"]),
        ("XMLParser", ["xml", "parser"]),
        ("parseXML", ["parse", "xml"]),
        ("utf8Decode", ["utf", "8", "decode"]),
        ("__init__", ["init"]),
        ("$scope", ["scope"]),
        ("größeÄndern", ["größe", "ändern"]),
        ("读取文件", ["读取文件"]),
        ("_", []),
        ("", []),
    ],
)
def test_identifiers_split_at_case_digits_and_underscores(word: str, parts: list[str]) -> None:
    """Every common naming style gives the same lower-case parts."""
    assert split_identifier(word) == parts


@given(st.lists(PART, min_size=1, max_size=4))
def test_every_naming_style_splits_alike(parts: list[str]) -> None:
    """snake_case, kebab-case, camelCase and PascalCase of the same words have the same parts."""
    camel = parts[0] + "".join(part.capitalize() for part in parts[1:])
    for word in ("_".join(parts), "_".join(parts).upper(), camel, camel[0].upper() + camel[1:]):
        assert split_identifier(word) == parts


@given(TEXT)
def test_splitting_loses_nothing_and_makes_nothing_up(text: str) -> None:
    """Words stand in the text in order, and the parts of a word are all its letters and digits."""
    position = 0
    for word in words(text):
        position = text.index(word, position) + len(word)
        assert "".join(split_identifier(word)).casefold() == re.sub(r"[_$]", "", word).casefold()


@pytest.mark.parametrize(
    "names",
    [("send_request", "SendRequest", "sendRequest", "SEND_REQUEST", "send-request"), ("$el", "el"), ("_x", "x")],
)
def test_a_name_is_looked_up_whatever_its_style(names: tuple[str, ...]) -> None:
    """All styles of one name have one key."""
    assert len({name_key(name) for name in names}) == 1


@given(TEXT)
def test_a_name_key_is_its_own_key(text: str) -> None:
    """Taking the key twice changes nothing."""
    assert name_key(name_key(text)) == name_key(text)


def test_words_are_reduced_to_their_stem() -> None:
    """Forms of a word meet; short and foreign words stay."""
    assert stem("parsing") == stem("parses") == stem("parsed") == "pars"
    assert (stem("is"), stem("größen")) == ("is", "größen")


@given(TEXT, TEXT, st.lists(IDENTIFIER, max_size=3))
def test_a_document_has_each_term_once_with_a_positive_weight(text: str, path: str, names: list[str]) -> None:
    """Indices are distinct, weights lie above 0 and below BM25's ceiling k1 + 1."""
    vector = encode_document(count_words(text), path, names)
    assert vector.indices.dtype == np.uint32
    assert vector.values.dtype == np.float32
    assert vector.indices.shape == vector.values.shape
    assert len(set(vector.indices.tolist())) == len(vector.indices)
    assert np.all((vector.values > 0) & (vector.values <= 2.2 + 1e-6))


@given(TEXT, TEXT, st.lists(IDENTIFIER, max_size=3))
def test_a_document_is_encoded_alike_each_time(text: str, path: str, names: list[str]) -> None:
    """The same input gives the same bits."""
    first, second = encode_document(count_words(text), path, names), encode_document(count_words(text), path, names)
    assert first.indices.tobytes() == second.indices.tobytes()
    assert first.values.tobytes() == second.values.tobytes()


def test_the_encoding_does_not_depend_on_the_process() -> None:
    """Another process, with another hash seed, gives the same checksum."""
    text, path = "def getURL(a): b1", "src/http_client.py"
    code = (
        "import numpy as np; from conexus.lexical import count_words, encode_document, vector_checksum;"
        f"print(vector_checksum(np.zeros(4, np.float16), encode_document(count_words({text!r}), {path!r}, ['getURL'])))"
    )
    runs = [
        subprocess.check_output([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    ]
    here = vector_checksum(np.zeros(4, np.float16), encode_document(count_words(text), path, ["getURL"]))
    assert [int(run) for run in runs] == [here, here]


@pytest.mark.parametrize(
    ("british", "other"),
    [
        ("serialise", "serialize"),
        ("initialisation", "initialization"),
        ("normaliser", "normalizer"),
        ("analysed", "analyzed"),
        ("colour", "color"),
        ("behaviours", "behaviors"),
        ("favourites", "favorites"),
        ("neighbouring", "neighboring"),
        ("centre", "center"),
        ("centred", "centered"),
        ("fibres", "fibers"),
        ("catalogue", "catalog"),
        ("cancelled", "canceled"),
        ("labelling", "labeling"),
        ("licence", "license"),
        ("artefacts", "artifacts"),
        ("greyscale", "grayscale"),
    ],
)
def test_british_and_american_spelling_are_one(british: str, other: str) -> None:
    """Whichever of the two the code and the question use."""
    assert stem(british) == stem(other)
    assert set(terms(encode_query(british))) <= set(terms(encode_document(count_words(f"{other}Value"), "", [])))


@pytest.mark.parametrize(
    "word", ["store", "source", "core", "four", "hour", "parse", "raise", "noise", "sequence", "call"]
)
def test_words_that_are_spelled_alike_everywhere_stay(word: str) -> None:
    """An ending alone does not make a word British."""
    assert american(word) == word


def test_a_word_weighs_more_the_more_often_it_stands() -> None:
    """Repetition raises the weight, ever less."""
    weights = [terms(encode_document(count_words("cache " * n + "x y z"), "", []))[term("cache")] for n in (1, 2, 4, 8)]
    gains = np.diff(weights)
    assert np.all(gains > 0)
    assert gains[0] > gains[1] / 2 > gains[2] / 4


def test_a_word_weighs_less_in_a_longer_text() -> None:
    """Length is held against a chunk."""
    short = terms(encode_document(count_words("cache miss"), "", []))[term("cache")]
    long = terms(encode_document(count_words("cache miss " + " ".join(f"w{n}x" for n in range(500))), "", []))[
        term("cache")
    ]
    assert long < short


def test_the_path_and_the_names_count() -> None:
    """A word that only the path or the defined name holds is found, and weighs more than one of the text."""
    vector = terms(encode_document(count_words("alpha"), "src/beta_store.py", ["GammaRay"]))
    assert {term(word) for word in ("alpha", "beta", "store", "src", "gamma", "ray")} <= set(vector)
    assert vector[term("alpha")] < vector[term("beta")] < vector[term("gamma")]


def test_an_empty_document_has_no_terms() -> None:
    """Punctuation alone gives an empty vector, not an error."""
    for text in ("", " \n", "{}();", "_"):
        assert terms(encode_document(count_words(text), "", [])) == {}


def test_runs_of_data_are_left_out() -> None:
    """A word of 65 characters or more, as a hash or base64, is not a term."""
    assert terms(encode_document(count_words("a" * 65), "", [])) == {}
    assert len(terms(encode_document(count_words("a" * 64), "", []))) == 1


@given(IDENTIFIER)
@settings(max_examples=200)
def test_a_question_with_a_name_meets_its_definition(name: str) -> None:
    """Every term of a name in a question is a term of the text that holds the name."""
    assert set(terms(encode_query(name))) <= set(terms(encode_document(count_words(f"def {name}(): pass"), "", [])))


def test_the_parts_of_a_name_are_found_in_prose() -> None:
    """``parse_http_headers`` is found by "parsing the headers"."""
    code = set(terms(encode_document(count_words("def parse_http_headers(raw): ..."), "", [])))
    assert set(terms(encode_query("parsing the headers"))) <= code


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("how does the cache evict entries", ["cache", "evict", "entries"]),
        ("How Do I parse JSON?", ["parse", "JSON"]),
        ("what is this", ["what", "is", "this"]),
        ("cache cache Cache", ["cache", "Cache"]),
        ("", []),
        ("?!", []),
    ],
)
def test_question_words_are_dropped_unless_alone(text: str, kept: list[str]) -> None:
    """Words that say nothing about code go, each other word stays once and as written."""
    assert query_words(text) == kept


def test_query_terms_weigh_one_each() -> None:
    """The inverse document frequency of the store alone tells query terms apart."""
    assert set(terms(encode_query("cache cache eviction policy")).values()) == {1.0}
    assert not QUESTION_WORDS & set(query_words("where is the cache of our session"))


@given(
    st.dictionaries(st.integers(0, 2**32 - 1), st.floats(0.125, 2.0, width=32), max_size=12),
    st.randoms(use_true_random=False),
)
def test_a_checksum_does_not_depend_on_the_order_of_terms(weights: dict[int, float], random: Random) -> None:
    """Stores may give the terms back in any order."""
    items = list(weights.items())
    shuffled = items[:]
    random.shuffle(shuffled)

    def checksum(pairs: list[tuple[int, float]]) -> int:
        vector = SparseVector(
            np.array([index for index, _ in pairs], np.uint32), np.array([value for _, value in pairs], np.float32)
        )
        return vector_checksum(np.ones(8, np.float16), vector)

    assert checksum(items) == checksum(shuffled)


def test_a_checksum_sees_every_change() -> None:
    """Another dense value, term or weight gives another checksum."""
    dense = np.linspace(0, 1, 8, dtype=np.float16)
    sparse = SparseVector(np.array([3, 1], np.uint32), np.array([0.5, 1.5], np.float32))
    other_dense = dense.copy()
    other_dense[3] = np.nextafter(other_dense[3], np.float16(2))
    changed = [
        (other_dense, sparse),
        (dense, SparseVector(np.array([3, 2], np.uint32), sparse.values)),
        (dense, SparseVector(sparse.indices, np.array([0.5, 1.5000001], np.float32))),
        (dense, SparseVector(sparse.indices, sparse.values[::-1].copy())),
    ]
    assert vector_checksum(dense, sparse) not in {vector_checksum(*pair) for pair in changed}
