# SPDX-License-Identifier: FSL-1.1-MIT
"""A static model of the user's own in the format of model2vec (implements ``Embedder``; needs ``tokenizers``).

One vector a token, averaged, as :mod:`conexus.adapters.static_embedder` does; but the tokens are those of any
``tokenizer.json``, which only the package of that name can read. No torch, nothing fetched, nothing run. Two
differences from the library: all of a text counts, not its first 512 tokens, and vectors always have unit length.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from conexus.adapters.model_files import CONFIG, TENSOR, TOKENIZER, VECTORS, map_file, refuse, tensors_of
from conexus.errors import EmbeddingError
from conexus.types import DenseMatrix, DenseVector

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WEIGHTS: Final = "weights"
MAPPING: Final = "mapping"

_TENSORS = frozenset({TENSOR, WEIGHTS, MAPPING})
_BATCH_TEXTS = 256
_INSTALL_HINT = "Run `pip install tokenizers`."


def is_model2vec(folder: Path) -> bool:
    """Whether a folder holds a model of this kind, whatever its state."""
    if not all((folder / name).is_file() for name in (VECTORS, TOKENIZER)):
        return False
    try:
        return TENSOR in tensors_of(folder / VECTORS, map_file(folder / VECTORS))
    except EmbeddingError:
        return False


class Model2vecEmbedder:
    """Embeds text with a static model of the user's own. Safe for threads.

    Args:
        folder: Holds ``model.safetensors`` and ``tokenizer.json``.

    Raises:
        EmbeddingError: The folder holds no such model, or the package ``tokenizers`` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        if importlib.util.find_spec("tokenizers") is None:
            raise EmbeddingError(f"The model {folder} needs the package tokenizers.", hint=_INSTALL_HINT)
        self._tokenizer, self._unknown = _tokenizer(self._folder / TOKENIZER)
        tensors = tensors_of(self._folder / VECTORS, map_file(self._folder / VECTORS))
        self._vectors, self._weights, self._rows = _checked(
            self._folder / VECTORS, tensors, self._tokenizer.get_vocab_size()
        )
        self._fingerprint = _digest(self._folder)

    @property
    def name(self) -> str:
        """The model's folder, by which a later run finds it again."""
        return str(self._folder)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the files that decide what a vector is."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of every vector."""
        return int(self._vectors.shape[1])

    @property
    def is_fast(self) -> bool:
        """False: parsing processes would each need the package, which uses all cores by itself."""
        return False

    def knows(self, word: str) -> bool:
        """Whether a word is a piece of the vocabulary by itself."""
        return self._tokenizer.token_to_id(word) is not None

    def embed_documents(self, texts: Sequence[str]) -> DenseMatrix:
        """Embed texts; the vector of each is the same, bit for bit, whatever the others are.

        Returns:
            Shape ``(len(texts), dim)``, float32; a row is all zeros where no token is known.
        """
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _BATCH_TEXTS):
            for place, ids in enumerate(self._tokens(texts[start : start + _BATCH_TEXTS]), start):
                if len(ids):
                    vectors[place] = self._mean(ids)
        return vectors

    def embed_query(self, text: str) -> DenseVector:
        """Embed a query, in the same way as a document."""
        vector: DenseVector = self.embed_documents([text])[0]
        return vector

    def _tokens(self, texts: Iterable[str]) -> Iterable[npt.NDArray[np.intp]]:
        sound = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]  # it refuses lone surrogates
        for encoding in self._tokenizer.encode_batch_fast(sound, add_special_tokens=False):
            ids = np.array(encoding.ids, dtype=np.intp)
            yield ids[ids != self._unknown]

    def _mean(self, ids: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        vectors = self._vectors[ids if self._rows is None else self._rows[ids]].astype(np.float32)
        if self._weights is not None:
            vectors *= self._weights[ids][:, None]
        total = vectors.sum(axis=0)
        length = np.sqrt(np.einsum("i,i->", total, total))
        return np.asarray(total / length if length > 0.0 else total, dtype=np.float32)


def _tokenizer(path: Path) -> tuple[Tokenizer, int]:
    """Read a tokenizer; also the number of the token that stands for what is unknown, -1 for none."""
    from tokenizers import Tokenizer  # noqa: PLC0415 -- not for the usual model

    try:
        text = path.read_text(encoding="utf-8")
        tokenizer = Tokenizer.from_str(text)
        model = json.loads(text)["model"]
    except Exception as exc:  # noqa: BLE001 -- the package raises nothing narrower
        refuse(path, "is missing" if isinstance(exc, FileNotFoundError) else "is no tokenizer", exc)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if model.get("unk_token") is not None:
        number = tokenizer.token_to_id(str(model["unk_token"]))
    else:
        number = model.get("unk_id")
    return tokenizer, -1 if number is None else int(number)


def _checked(
    path: Path, tensors: dict[str, npt.NDArray[Any]], tokens: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32] | None, npt.NDArray[np.intp] | None]:
    """Return vectors, weights and rows of the tokens, where they fit each other."""
    vectors = tensors.get(TENSOR)
    if vectors is None or vectors.ndim != 2 or not vectors.size or set(tensors) - _TENSORS:  # noqa: PLR2004
        refuse(path, f"does not hold a matrix named {TENSOR}, and {WEIGHTS} and {MAPPING} at most")
    weights, rows = tensors.get(WEIGHTS), tensors.get(MAPPING)
    if weights is not None and (weights.ndim != 1 or len(weights) < tokens):
        refuse(path, f"has {weights.shape} weights for {tokens} tokens")
    if rows is None and len(vectors) < tokens:
        refuse(path, f"has {len(vectors)} rows for {tokens} tokens")
    if rows is not None and (
        rows.ndim != 1
        or rows.dtype.kind != "i"
        or len(rows) < tokens
        or not 0 <= rows.min() <= rows.max() < len(vectors)
    ):
        refuse(path, f"has no row for each of {tokens} tokens")
    return (
        vectors,
        None if weights is None else weights.astype(np.float32),
        None if rows is None else rows.astype(np.intp),
    )


def _digest(folder: Path) -> str:
    digest = hashlib.sha256(b"model2vec-1\n")
    for name in (VECTORS, TOKENIZER, CONFIG):
        path = folder / name
        if path.is_file():
            with path.open("rb") as file:
                digest.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()} {name}\n".encode("ascii"))
    return digest.hexdigest()
