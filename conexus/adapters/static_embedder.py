"""The embedding model that comes with Conexus: one vector a word piece, summed (implements ``Embedder``).

A text is split into words as BM25 splits it, a word into its identifier parts, a part into the longest
pieces that the vocabulary knows. So the vector of a part never depends on its neighbours, and is worked
out once a process: what remains per text is to count words, gather the rows of their parts and add them up.

The vocabulary is plain text and the word pieces are found here rather than by the ``tokenizers`` package:
reading it takes 4 ms where importing that package and reading its JSON takes 21 ms, and every search from
a terminal pays for it.
"""

from __future__ import annotations

import hashlib
import json
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from conexus.errors import EmbeddingError
from conexus.lexical import count_words, split_identifier
from conexus.types import DenseMatrix, DenseVector

MODEL_FOLDER: Final = Path(__file__).resolve().parent.parent / "model"

_POOLING = "sqrt-1"
"""Part of the fingerprint. A new value whenever pooling or the splitting of words changes."""

_HINT = "Run `pip install --force-reinstall conexus`."
_MAX_WORD_CHARS = 64  # longer runs are data: hashes, base64
_CACHED_PARTS = 32_768  # 32 MB at 256 dimensions; Django has 16,000, in 72,000 distinct words
_WORDS_A_PART = 4  # as many words are kept a part that may be; a word takes some 150 bytes
_BLOCK_WORDS = 256  # of one text that are summed at a time
_FEWEST_PARTS = _BLOCK_WORDS * _MAX_WORD_CHARS  # a part has at least one character
_GROUP_CHARS = 8_192  # of the words that are gathered at a time: some 1,000 words, whose vectors take 1.5 MB

_CONTINUED = "##"
_LONGEST_PIECE = 24  # bounds the work on a run of letters without sense; no model of ours has longer ones


def word_pieces(part: str, vocabulary: Mapping[str, int]) -> list[int]:
    """Cut a part of a word into the longest pieces known, from the left (WordPiece).

    Args:
        part: Lower-case letters, without accents.
        vocabulary: Row of every piece; those that continue a part start with ``##``.

    Returns:
        Rows in order; empty where the part cannot be covered as a whole.
    """
    rows = []
    start = 0
    while start < len(part):
        end = min(len(part), start + _LONGEST_PIECE)
        prefix = _CONTINUED if start else ""
        while (row := vocabulary.get(prefix + part[start:end])) is None:
            end -= 1
            if end == start:
                return []
        rows.append(row)
        start = end
    return rows


def word_parts(word: str) -> list[str]:
    """Return the parts of a word that can have a vector: lower-case, without accents, numbers dropped.

    Characters of the scripts that are written without spaces stand alone.
    """
    if len(word) > _MAX_WORD_CHARS:
        return []
    if not word.isascii():
        decomposed = unicodedata.normalize("NFD", word)
        unaccented = (char for char in decomposed if unicodedata.category(char) != "Mn")
        word = "".join(f"_{char}_" if _stands_alone(char) else char for char in unaccented)
    return [part for part in split_identifier(word) if not part.isdigit()]


def _stands_alone(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or "\U00020000" <= char <= "\U0003ffff"


class _Parts(dict[str, int]):
    """Row of every part met so far; a new part gets the next row, filled from its pieces.

    The vector of a part is the sum of its pieces over the root of their number, so that its length stays
    that of one piece, roughly, however finely it is cut; zeros where the vocabulary does not cover it.
    """

    def __init__(self, vocabulary: Mapping[str, int], pieces: npt.NDArray[np.float16], capacity: int) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._pieces = pieces
        self.rows = np.empty((capacity, pieces.shape[1]), dtype=np.float32)  # the system gives memory as it is filled

    def __missing__(self, part: str) -> int:
        row = len(self)
        cut = word_pieces(part, self._vocabulary)
        self.rows[row] = 0.0
        if cut:
            self.rows[row] = self._pieces[cut].astype(np.float32).sum(axis=0) / np.float32(len(cut)) ** 0.5
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
        rows = tuple(self._parts[part] for part in word_parts(word))
        self[word] = rows
        return rows

    def reserve(self, found: Sequence[str]) -> None:
        """Make room for words, which have at most as many parts as letters, by forgetting all others."""
        if len(self) + len(found) <= _WORDS_A_PART * self._capacity:
            room = self._capacity - len(self._parts)
            if sum(map(len, found)) <= room:
                return
            if sum(min(len(word), _MAX_WORD_CHARS) for word in found if word not in self) <= room:
                return
        self.clear()
        self._parts.clear()

    def sum_up(self, blocks: Sequence[_Block], into: DenseMatrix) -> None:
        """Add the vectors of the words of each block, each times the root of its count, to the row of its text.

        The root is what ranked best of five dampings (see ``training/README.md``). ``einsum`` rather than a
        matrix product: that would go to BLAS, which starts threads of its own in every worker process.
        """
        found = list(chain.from_iterable(block.words for block in blocks))
        self.reserve(found)
        cuts = list(map(self.__getitem__, found))
        sizes = np.fromiter(map(len, cuts), dtype=np.intp, count=len(cuts))
        rows = np.fromiter(chain.from_iterable(cuts), dtype=np.intp, count=int(sizes.sum()))
        counts = np.fromiter(chain.from_iterable(block.counts for block in blocks), np.float32, count=len(cuts))
        repeated = np.repeat(np.sqrt(counts), sizes)
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
        chars = min(sum(map(len, block.words)), len(block.words) * _MAX_WORD_CHARS)
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
        folder: Holds ``model.json``, ``vocab.txt`` and ``embeddings.npy``.
        cached_parts: Parts of words whose vectors are kept at a time, 4 bytes a dimension each; at least 16,384.

    Raises:
        EmbeddingError: A file of the model is missing or damaged.
    """

    def __init__(self, folder: Path = MODEL_FOLDER, *, cached_parts: int = _CACHED_PARTS) -> None:
        if cached_parts < _FEWEST_PARTS:
            raise ValueError(f"cached_parts is {cached_parts}; it must be at least {_FEWEST_PARTS}")
        described = _read_description(folder / "model.json")
        self._vocabulary = vocabulary = _read_vocabulary(folder / "vocab.txt")
        pieces = _map_embeddings(folder / "embeddings.npy", rows=len(vocabulary))
        self._name = described["name"]
        self._fingerprint = f"{described['fingerprint']}-{_POOLING}"
        self._dim = int(pieces.shape[1])
        self._words = _Words(vocabulary, pieces, cached_parts)
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Short name for people."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the model's files, and the way their vectors are pooled."""
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


def files_digest(folder: Path) -> str:
    """Return the SHA-256 over the model's vocabulary and vectors, which ``model.json`` holds as ``fingerprint``.

    Takes about 20 ms, so it is left out at every start and done where damage is looked for.

    Raises:
        EmbeddingError: A file cannot be read.
    """
    digest = hashlib.sha256()
    for path in (folder / "vocab.txt", folder / "embeddings.npy"):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as exc:
            raise _damaged(path, exc) from exc
    return digest.hexdigest()


def _read_description(path: Path) -> dict[str, str]:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        return {key: str(described[key]) for key in ("name", "fingerprint")}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise _damaged(path, exc) from exc


def _read_vocabulary(path: Path) -> dict[str, int]:
    """Read one piece a line; its row is the number of its line, from 0."""
    try:
        pieces = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as exc:
        raise _damaged(path, exc) from exc
    vocabulary = dict(zip(pieces, range(len(pieces)), strict=True))
    if len(vocabulary) != len(pieces):
        raise _damaged(path, "a piece comes twice")
    return vocabulary


def _map_embeddings(path: Path, *, rows: int) -> npt.NDArray[np.float16]:
    """Map the table into memory, so that a query reads only the pages of its own words."""
    try:
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as exc:
        raise _damaged(path, exc) from exc
    if not isinstance(table, np.ndarray) or table.dtype != np.float16 or table.ndim != 2:  # noqa: PLR2004
        raise _damaged(path, "not a float16 matrix")
    if table.shape[0] != rows or table.shape[1] == 0:
        raise _damaged(path, f"{table.shape[0]} rows for {rows} pieces")
    return table.view(np.ndarray)  # the map itself, without what its class does at every access


def _damaged(path: Path, why: Exception | str) -> EmbeddingError:
    reason = type(why).__name__ if isinstance(why, Exception) else why
    return EmbeddingError(f"The embedding model's file {path} is missing or damaged ({reason}).", hint=_HINT)
