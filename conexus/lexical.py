# SPDX-License-Identifier: FSL-1.1-MIT
"""Splits code into terms and weighs them (BM25). Pure.

A word of code is found twice: whole (``getHTTPResponse`` -> ``gethttpresponse``) and by its
parts, each reduced to its stem (``get``, ``http``, ``respons``). Terms are known by a 32-bit
hash, so that no vocabulary has to be kept in step with the index.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise, repeat

import numpy as np
import numpy.typing as npt
import Stemmer

from conexus.types import SparseVector

# Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
# b is below the usual 0.75 because chunks are already of similar length.
BM25_K1 = 1.2
BM25_B = 0.5
AVERAGE_TERMS = 180.0  # mean over the chunks of Django, NumPy and TypeScript; any constant near it ranks alike

_PATH_WEIGHT = 2.0  # a word of the file's name says more than one in its text
_NAME_WEIGHT = 3.0  # so does the name of what the chunk defines
_WHOLE_WEIGHT = 1.0
_TERM_BITS = np.uint64(32)
_NO_TERMS: frozenset[int] = frozenset()
_MIX_INDEX = np.uint64(0x9E3779B97F4A7C15)
_MIX_SHIFT = np.uint64(29)
_MIX_TERM = np.uint64(0xC2B2AE3D27D4EB4F)
_MAX_WORD_CHARS = 64  # longer runs are data: hashes, base64
_MIN_STEM_CHARS = 4  # shorter words have no ending to take off

_WORD = re.compile(r"[^\W\d][\w$]*|\d+", re.UNICODE)
_ASCII_WORD = re.compile(r"[A-Za-z_][\w$]*|\d+", re.ASCII)  # finds the same in ASCII, and sooner
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NO_LETTER = re.compile(r"[^\w]|_")
_PART_OF_ANY_SCRIPT = re.compile(r"[^\W\d_]+|\d+", re.UNICODE)
_stemmer = Stemmer.Stemmer("english", 0)  # without a cache of its own: `stem` has one

_BRITISH: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=[a-z]{4})is(e[ds]?|ers?|ing|ations?)$"), r"iz\1"),
    (re.compile(r"(?<=l)ys(e[ds]?|ers?|ing)$"), r"yz\1"),
    (re.compile(r"(?<=[a-z]{3})our(s|ed|ing|ful|able|ites?|less)?$"), r"or\1"),
    (re.compile(r"(?<=[a-z]{2})([bt])re(s?)$"), r"\1er\2"),
    (re.compile(r"(?<=[a-z]{2})([bt])red$"), r"\1ered"),
    (re.compile(r"(?<=[a-z]{2})ogue([sd])?$"), r"og\1"),
    (re.compile(r"^(canc|chann|lab|mod|trav|tunn)ell(ed|ing|ers?)$"), r"\1el\2"),
    (re.compile(r"^(def|lic|off|pret)ence([sd])?$"), r"\1ense\2"),
    (re.compile(r"^artefact(s?)$"), r"artifact\1"),
    (re.compile(r"^grey(s|ed|scale)?$"), r"gray\1"),
)
_BRITISH_ENDINGS = tuple(
    "ise ised ises iser isers ising isation isations yse ysed yses yser ysers ysing our ours oured ouring ourful "
    "ourable ourite ourites ourless bre bres bred tre tres tred ogue ogues ogued elled elling eller ellers "
    "ence ences enced artefact artefacts grey greys greyed greyscale".split()
)

QUESTION_WORDS = frozenset(
    "a an and are as at be by can do does did for from has have how i if in is it its me my of on or our should so "
    "that the their them then there these they this to us was we were what when where which who why will with would "
    "you your".split()
)
"""Words of a question that say nothing about code; dropped where others are left."""


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the stem of a lower-case English word (Snowball), the same for British and American spelling."""
    return stem_once(word)


def stem_once(word: str) -> str:
    """Return the same without keeping it, for words that do not come again."""
    if not word.isascii() or len(word) < _MIN_STEM_CHARS:
        return word
    return str(_stemmer.stemWord(american(word[:_MAX_WORD_CHARS])))


def american(word: str) -> str:
    """Return a lower-case word as it is spelled in American English: ``serialise`` -> ``serialize``.

    Words that only look British change too (``otherwise``). That does no harm: all text is treated alike.
    """
    if not word.endswith(_BRITISH_ENDINGS):
        return word
    for pattern, replacement in _BRITISH:
        changed, count = pattern.subn(replacement, word)
        if count:
            return changed
    return word


def split_identifier(word: str) -> list[str]:
    """Return the lower-case parts of an identifier: ``getHTTPResponse_v2`` -> get, http, response, v, 2."""
    if not word.isascii():  # `re` knows no classes of upper and lower case beyond ASCII
        pairs = zip(" " + word, word, strict=False)
        word = "".join(f" {char}" if before.islower() and char.isupper() else char for before, char in pairs)
        return [part.lower() for part in _PART_OF_ANY_SCRIPT.findall(word)]
    return [part.lower() for part in _PART.findall(word)]


def words(text: str) -> list[str]:
    """Return the words and numbers of a text, as written, in order."""
    return (_ASCII_WORD if text.isascii() else _WORD).findall(text)


def count_words(text: str) -> Counter[str]:
    """Return how often each of the :func:`words` of a text stands in it, in the order of their first places."""
    return Counter(words(text))


def name_key(name: str) -> str:
    """Return the form under which a name is looked up, whatever its style: ``send_request`` = ``SendRequest``."""
    if name.isascii() and name.isidentifier():
        return name.replace("_", "").lower()
    return _NO_LETTER.sub("", name).lower()


@lru_cache(maxsize=50_000)  # of 100 MB of code each worker meets ten times as many, most of them once
def _terms_of(word: str) -> tuple[int, ...]:
    """Hashes of a word's terms: the stems of its parts and, where it has several, itself."""
    if len(word) > _MAX_WORD_CHARS:
        return ()
    parts = split_identifier(word)
    terms = [zlib.crc32(stem(part).encode()) for part in parts if len(part) > 1 or not part.isdigit()]
    if len(parts) > 1:
        terms.append(zlib.crc32(b"=" + word.lower().encode()))
    return tuple(terms)


@lru_cache(maxsize=1_000)
def _distinct_terms(text: str) -> frozenset[int]:
    return frozenset(term for word in words(text) for term in _terms_of(word))


def encode_document(counts: Mapping[str, int], path: str, names: Sequence[str], weight: float = 1.0) -> SparseVector:
    """Weigh the terms of one chunk, as :func:`encode_documents` those of several."""
    return encode_documents([counts], path, [names], weight)[0]


def encode_documents(
    counts: Sequence[Mapping[str, int]], path: str, names: Sequence[Sequence[str]], weight: float = 1.0
) -> list[SparseVector]:
    """Weigh the terms of the chunks of one file; together they take a third of the time.

    The value of a term is BM25's saturated frequency; the store multiplies it with the inverse
    document frequency.

    Args:
        counts: The words of each chunk, as :func:`count_words` counts them.
        path: The file, whose words count as well.
        names: Names that each chunk defines.
        weight: Every value is multiplied by it.

    Returns:
        One entry a distinct term, in the order of terms; empty only where no input holds a word.
    """
    chunks = np.arange(len(counts), dtype=np.uint64)
    words_of = np.repeat(chunks, [len(counted) for counted in counts])
    cuts = list(map(_terms_of, chain.from_iterable(counts)))
    sizes = np.fromiter(map(len, cuts), dtype=np.intp, count=len(cuts))
    times = np.fromiter(chain.from_iterable(counted.values() for counted in counts), np.float64, count=len(cuts))
    of_path = _distinct_terms(path)
    of_names = [_distinct_terms(" ".join(found)) if found else _NO_TERMS for found in names]
    parts = (
        (np.repeat(words_of, sizes), chain.from_iterable(cuts), np.repeat(times, sizes)),
        (np.repeat(chunks, len(of_path)), chain.from_iterable(repeat(of_path, len(counts))), _PATH_WEIGHT),
        (np.repeat(chunks, list(map(len, of_names))), chain.from_iterable(of_names), _NAME_WEIGHT),
    )
    keys = np.concatenate([(of << _TERM_BITS) | np.fromiter(terms, np.uint64, count=len(of)) for of, terms, _ in parts])
    weights = np.concatenate([np.broadcast_to(value, len(of)) for of, _, value in parts])
    order = np.argsort(keys)
    keys, weights = keys[order], weights[order]
    first = np.flatnonzero(np.concatenate((np.ones(min(1, len(keys)), bool), keys[1:] != keys[:-1])))
    found = np.add.reduceat(weights, first).astype(np.float32) if len(first) else np.empty(0, np.float32)
    keys = keys[first]
    lengths = np.bincount(words_of.astype(np.intp), weights=times * sizes, minlength=len(counts))
    norms = (BM25_K1 * (1.0 - BM25_B + BM25_B * lengths / AVERAGE_TERMS)).astype(np.float32)
    values = found * (weight * (BM25_K1 + 1.0)) / (found + norms[(keys >> _TERM_BITS).astype(np.intp)])
    indices = keys.astype(np.uint32)  # the upper half, of the chunk, falls away
    ends = np.searchsorted(keys, (chunks + np.uint64(1)) << _TERM_BITS).tolist()
    return [SparseVector(indices[start:end], values[start:end]) for start, end in pairwise([0, *ends])]


def query_words(text: str) -> list[str]:
    """Return the words of a query that carry meaning, as written, each once.

    Question words are dropped, unless nothing else is left.
    """
    found = list(dict.fromkeys(words(text)))
    return [word for word in found if word.lower() not in QUESTION_WORDS] or found


def encode_query(text: str) -> SparseVector:
    """Weigh the terms of a query: 1 each."""
    terms = {term: _WHOLE_WEIGHT for word in query_words(text) for term in _terms_of(word)}
    return SparseVector(
        np.fromiter(terms.keys(), dtype=np.uint32, count=len(terms)),
        np.fromiter(terms.values(), dtype=np.float32, count=len(terms)),
    )


def vector_checksum(dense: npt.NDArray[np.float16], sparse: SparseVector) -> int:
    """Return a checksum of a point's vectors, whatever the order of the sparse terms; fits 32 bits.

    Kept in the catalog, since the vector engine has no checksums of its own. Each sparse term is mixed by steps
    that lose nothing (products with odd numbers, a shifted xor) before all are summed: a change of one term
    always changes the sum.
    """
    return vector_checksums([dense], [sparse])[0]


def vector_checksums(dense: Sequence[npt.NDArray[np.float16]], sparse: Sequence[SparseVector]) -> list[int]:
    """Return the :func:`vector_checksum` of several points, in a fifth of the time."""
    if not sparse:
        return []
    indices = np.concatenate([vector.indices for vector in sparse]).astype(np.uint64)
    values = np.concatenate([vector.values for vector in sparse]).astype("<f4").view(np.uint32)
    mixed = (indices * _MIX_INDEX + values) * _MIX_TERM
    mixed ^= mixed >> _MIX_SHIFT
    ends = np.cumsum([len(vector.indices) for vector in sparse])
    # The sums wrap, and so do their differences: exact modulo 2**64.
    upto = np.concatenate((np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)))[ends]
    totals = np.diff(upto, prepend=np.uint64(0)).astype("<u8").tobytes()
    crcs = (zlib.crc32(np.ascontiguousarray(vector, dtype="<f2").tobytes()) for vector in dense)
    return [zlib.crc32(totals[8 * at : 8 * at + 8], crc) for at, crc in enumerate(crcs)]
