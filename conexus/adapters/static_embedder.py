# SPDX-License-Identifier: FSL-1.1-MIT
"""The embedding model that comes with Conexus: one vector a word piece, averaged (implements ``Embedder``).

A text's vector is the plain mean of the vectors of its pieces (:mod:`conexus.adapters.word_pieces`), to unit length.
Since the vector of a part never depends on its neighbours it is worked out once a process: what remains per text is to
count words, gather the rows of their parts and add them up.

Word pieces are found here rather than by the ``tokenizers`` package: importing that takes longer than reading the
model, and every search from a terminal would pay for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from conexus.adapters.model_files import MODEL_FOLDER, read_model
from conexus.adapters.word_pieces import MAX_WORD_CHARS, word_parts, word_pieces
from conexus.lexical import count_words
from conexus.types import DenseMatrix, DenseVector
from conexus.values import dataclass

_POOLING: Final = "mean-2"
"""Part of the fingerprint. A new value whenever pooling or the splitting of words changes."""

_CACHED_PARTS = 32_768  # 16 MB at 128 dimensions; Django has 16,000, in 72,000 distinct words
_WORDS_A_PART = 4  # as many words are kept a part that may be; a word takes some 150 bytes
_BLOCK_WORDS = 256  # of one text that are summed at a time
_FEWEST_PARTS = _BLOCK_WORDS * MAX_WORD_CHARS  # a part has at least one character
_GROUP_CHARS = 8_192  # of the words that are gathered at a time: some 1,000 words, whose vectors take 1.5 MB


class _Parts(dict[str, int]):
    """Row of every part met so far; a new part gets the next row, filled from its pieces.

    The vector of a part is the sum of its pieces; zeros where the vocabulary does not cover it.
    """

    def __init__(self, vocabulary: Mapping[str, int], pieces: npt.NDArray[np.float16], capacity: int) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._pieces = pieces
        self.rows = np.empty((capacity, pieces.shape[1]), dtype=np.float32)  # the system gives memory as it is filled

    def __missing__(self, part: str) -> int:
        row = len(self)
        vector = self.rows[row]
        first, *others = word_pieces(part, self._vocabulary) or (None,)
        vector[:] = 0.0 if first is None else self._pieces[first]
        for piece in others:  # few; an index of them all would cost more than it saves
            vector += self._pieces[piece]
        self[part] = row
        return row


class _Words(dict[str, tuple[int, ...]]):
    """Rows of the parts of every word met so far. Not safe for threads.

    Parts rather than whole words have rows, since most new identifiers are made of known parts: over files
    that are each seen once, that is as fast, and takes a quarter of the memory.
    """

    def __init__(self, vocabulary: Mapping[str, int], pieces: npt.NDArray[np.float16], capacity: int) -> None:
        super().__init__()
        self._parts = _Parts(vocabulary, pieces, capacity)
        self._capacity = capacity

    def __missing__(self, word: str) -> tuple[int, ...]:
        rows = tuple(map(self._parts.__getitem__, word_parts(word)))
        self[word] = rows
        return rows

    def reserve(self, found: Sequence[str]) -> None:
        """Make room for words, which have at most as many parts as letters, by forgetting all others."""
        if len(self) + len(found) <= _WORDS_A_PART * self._capacity:
            room = self._capacity - len(self._parts)
            if sum(map(len, found)) <= room:
                return
            if sum(min(len(word), MAX_WORD_CHARS) for word in found if word not in self) <= room:
                return
        self.clear()
        self._parts.clear()

    def sum_up(self, blocks: Sequence[_Block], into: DenseMatrix) -> None:
        """Add the vectors of the words of each block, each times its count, to the row of its text.

        ``einsum`` rather than a matrix product: that would go to BLAS, which starts threads of its own in every
        worker process.
        """
        found = list(chain.from_iterable(block.words for block in blocks))
        self.reserve(found)
        cuts = list(map(self.__getitem__, found))
        sizes = np.fromiter(map(len, cuts), dtype=np.intp, count=len(cuts))
        rows = np.fromiter(chain.from_iterable(cuts), dtype=np.intp, count=int(sizes.sum()))
        counts = np.fromiter(chain.from_iterable(block.counts for block in blocks), np.float32, count=len(cuts))
        repeated = np.repeat(counts, sizes)
        vectors = self._parts.rows.take(rows, axis=0)
        upto = np.concatenate((np.zeros(1, np.intp), np.cumsum(sizes)))
        start = word = 0
        for block in blocks:
            word += len(block.words)
            end = upto[word]
            into[block.row] += np.einsum("i,ij->j", repeated[start:end], vectors[start:end])
            start = end


@dataclass(frozen=True, slots=True)
class _Block:
    """Some words of one text, with their counts."""

    row: int
    words: Sequence[str]
    counts: Sequence[int]


def _blocks(counts: Iterable[Mapping[str, int]]) -> Iterator[_Block]:
    for row, counted in enumerate(counts):
        if len(counted) <= _BLOCK_WORDS:
            yield _Block(row, list(counted), list(counted.values()))
            continue
        items = iter(counted.items())
        while part := list(islice(items, _BLOCK_WORDS)):
            words, times = zip(*part, strict=True)
            yield _Block(row, words, times)


def _grouped(blocks: Iterable[_Block]) -> Iterator[list[_Block]]:
    """Put blocks together so that numpy is called once for several, and that all of one group's parts fit."""
    group: list[_Block] = []
    size = 0
    for block in blocks:
        chars = min(sum(map(len, block.words)), len(block.words) * MAX_WORD_CHARS)
        if group and size + chars > _GROUP_CHARS:
            yield group
            group, size = [], 0
        group.append(block)
        size += chars
    if group:
        yield group


class StaticEmbedder:
    """Embeds text with a table of vectors. Safe for threads; uses one core.

    Args:
        folder: A model as ``training/export.py`` writes it.
        cached_parts: Parts of words whose vectors are kept at a time, 4 bytes a dimension each; at least 16,384.

    Raises:
        EmbeddingError: A file of the model is missing or is not what it was made to be.
    """

    def __init__(self, folder: Path = MODEL_FOLDER, *, cached_parts: int = _CACHED_PARTS) -> None:
        if cached_parts < _FEWEST_PARTS:
            raise ValueError(f"cached_parts is {cached_parts}; it must be at least {_FEWEST_PARTS}")
        model = read_model(folder)
        self._name = model.name if folder == MODEL_FOLDER else str(folder.absolute())
        self._fingerprint = f"{model.fingerprint}-{_POOLING}"
        self._dim = int(model.vectors.shape[1])
        self._vocabulary = model.vocabulary
        self._words = _Words(model.vocabulary, model.vectors, cached_parts)
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Short name for people; of a model of the user's own its folder, by which a later run finds it again."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the model's files, and the way vectors are pooled."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of every vector."""
        return self._dim

    @property
    def is_fast(self) -> bool:
        """True: a chunk takes less than 0.1 ms."""
        return True

    def knows(self, word: str) -> bool:
        """Whether a word is a piece of the vocabulary by itself."""
        return word in self._vocabulary

    def embed_documents(self, texts: Sequence[str]) -> DenseMatrix:
        """Embed texts; the vector of each is the same, bit for bit, whatever the others are.

        Returns:
            Shape ``(len(texts), dim)``, float32; a row is all zeros where no word is known.
        """
        return self.embed_counts(list(map(count_words, texts)))

    def embed_counts(self, counts: Sequence[Mapping[str, int]]) -> DenseMatrix:
        """Embed texts of which :func:`conexus.lexical.count_words` is known, as :meth:`embed_documents`."""
        vectors = np.zeros((len(counts), self._dim), dtype=np.float32)
        for group in _grouped(_blocks(counts)):
            with self._lock:
                self._words.sum_up(group, vectors)
        for row, vector in enumerate(vectors):
            length = np.sqrt(np.einsum("i,i->", vector, vector))
            if length > 0.0:
                vectors[row] = vector / length
        return vectors

    def embed_query(self, text: str) -> DenseVector:
        """Embed a query, in the same way as a document."""
        vector: DenseVector = self.embed_documents([text])[0]
        return vector
