# SPDX-License-Identifier: FSL-1.1-MIT
"""The files of a static model: vectors in ``model.safetensors``, pieces in ``tokenizer.json``, and what they must be.

Two further files, ``config.json`` and ``modules.json``, let model2vec and sentence-transformers load the same
folder. ``model.json`` holds the size and SHA-256 of all four; they are checked at every load, before anything is
made of them: 16 MB take 12 ms. Nothing but numpy is needed, and nothing of a model is ever run.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from conexus.adapters.word_pieces import CONTINUED, MODEL, NORMALIZER, PRE_TOKENIZER, UNKNOWN
from conexus.errors import EmbeddingError
from conexus.values import dataclass

MODEL_FOLDER: Final = Path(__file__).resolve().parent.parent / "model"
"""The model that comes with Conexus."""

FORMAT: Final = "conexus-static/1"
DESCRIPTION: Final = "model.json"
VECTORS: Final = "model.safetensors"
TOKENIZER: Final = "tokenizer.json"
CONFIG: Final = "config.json"
MODULES: Final = "modules.json"
FILES: Final = (CONFIG, VECTORS, MODULES, TOKENIZER)
"""All files that ``model.json`` vouches for."""

TENSOR: Final = "embeddings"

_DECIDING = (VECTORS, TOKENIZER)  # the others are not read here
_MOST_DESCRIPTION_BYTES = 1_000_000
_LENGTH = struct.Struct("<Q")
_KINDS = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)

_SHIPPED_HINT = "Run `pip install --force-reinstall conexus`."
_OWN_HINT = "Copy the folder from where it came once more, or run `conexus model use default`."


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A static model as it was read, whole and unchanged."""

    name: str
    fingerprint: str
    """SHA-256 over the digests of the files that decide what a vector is."""
    vocabulary: Mapping[str, int]
    """Row of every piece."""
    vectors: npt.NDArray[np.float16]
    """A row a piece, mapped into memory: a query reads only the pages of its own words."""
    described: Mapping[str, Any]
    """All of ``model.json``."""
    size_bytes: int
    """Of the files that are checked."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file must be."""

    size_bytes: int
    sha256: str


def is_static_model(folder: Path) -> bool:
    """Whether a folder claims to hold a model of this kind."""
    return (folder / DESCRIPTION).is_file()


def read_model(folder: Path) -> ModelFiles:
    """Check the files of a model against their digests, and open them.

    Raises:
        EmbeddingError: A file is missing, cut short, longer, changed or of another model. It names the file.
    """
    described = _read_description(folder / DESCRIPTION)
    digests = _digests(folder / DESCRIPTION, described)
    for name in (CONFIG, MODULES):
        _read_checked(folder / name, digests[name])
    vocabulary = _vocabulary(folder / TOKENIZER, _read_checked(folder / TOKENIZER, digests[TOKENIZER]))
    vectors = _matrix(folder / VECTORS, _map_checked(folder / VECTORS, digests[VECTORS]))
    if vectors.shape[0] != len(vocabulary):
        refuse(folder / VECTORS, f"has {vectors.shape[0]} rows for {len(vocabulary)} pieces")
    if vectors[vocabulary[UNKNOWN]].any():
        refuse(folder / VECTORS, f"gives {UNKNOWN} a vector")
    return ModelFiles(
        name=described["name"],
        fingerprint=described["fingerprint"],
        vocabulary=vocabulary,
        vectors=vectors,
        described=described,
        size_bytes=sum(digest.size_bytes for digest in digests.values()),
    )


def fingerprint_of(digests: Mapping[str, Digest]) -> str:
    """Return the SHA-256 over the digests of vectors and pieces."""
    lines = "".join(f"{digests[name].sha256} {name}\n" for name in _DECIDING)
    return hashlib.sha256(lines.encode("ascii")).hexdigest()


def tokenizer_of(pieces: Sequence[str]) -> dict[str, Any]:
    """Return what ``tokenizer.json`` says, rows in the order of the pieces."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": NORMALIZER,
        "pre_tokenizer": PRE_TOKENIZER,
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": CONTINUED, "cleanup": False},
        "model": {**MODEL, "vocab": {piece: row for row, piece in enumerate(pieces)}},
    }


def _read_description(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_DESCRIPTION_BYTES:
            refuse(path, "is far too large")
        described = json.loads(_read(path))
    except OSError as exc:
        refuse(path, _missing(exc), exc)
    except (ValueError, RecursionError) as exc:
        refuse(path, "is no JSON", exc)
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        refuse(path, f"does not describe a model of the format {FORMAT}")
    if not all(isinstance(described.get(key), str) for key in ("name", "fingerprint")):
        refuse(path, "has no name or no fingerprint")
    return described


def _digests(path: Path, described: Mapping[str, Any]) -> dict[str, Digest]:
    listed = described.get("files")
    if not isinstance(listed, dict) or sorted(listed) != sorted(FILES):
        refuse(path, f"does not list {', '.join(FILES)}")
    try:
        found = {name: Digest(int(item["bytes"]), str(item["sha256"])) for name, item in listed.items()}
    except _MALFORMED as exc:
        refuse(path, "does not say what its files must be", exc)
    if described["fingerprint"] != fingerprint_of(found):
        refuse(path, "has a fingerprint that is not that of its files")
    return found


def _read_checked(path: Path, expected: Digest) -> bytes:
    try:
        _check_size(path, path.stat().st_size, expected)
        content = _read(path)
    except OSError as exc:
        refuse(path, _missing(exc), exc)
    _check_digest(path, hashlib.sha256(content).hexdigest(), expected)
    return content


def _map_checked(path: Path, expected: Digest) -> mmap.mmap:
    mapped = map_file(path, expected)
    _check_digest(path, hashlib.sha256(mapped).hexdigest(), expected)
    mapped.madvise(mmap.MADV_DONTNEED)  # most pages are not needed again
    return mapped


def map_file(path: Path, expected: Digest | None = None) -> mmap.mmap:
    """Map a file into memory, if it is as long as it must be.

    Raises:
        EmbeddingError: It is missing, empty, or of another length.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            _check_size(path, size_bytes, Digest(size_bytes, "") if expected is None else expected)
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as exc:
        refuse(path, _missing(exc), exc)


def tensors_of(path: Path, mapped: mmap.mmap) -> dict[str, npt.NDArray[Any]]:
    """Find the tensors of a safetensors file: length of the header, header in JSON, numbers.

    Raises:
        EmbeddingError: It is none, or holds numbers of a kind that numpy lacks.
    """
    length = _LENGTH.unpack_from(mapped)[0] if len(mapped) >= _LENGTH.size else len(mapped)
    start = _LENGTH.size + length
    if start > len(mapped):
        refuse(path, "is no safetensors file")
    try:
        listed = json.loads(mapped[_LENGTH.size : start])
        listed.pop("__metadata__", None)
        return {str(name): _tensor(mapped, start, item) for name, item in listed.items()}
    except _MALFORMED as exc:
        refuse(path, "is no safetensors file that can be read here", exc)


def _tensor(mapped: mmap.mmap, start: int, item: Mapping[str, Any]) -> npt.NDArray[Any]:
    kind = np.dtype(_KINDS[item["dtype"]])
    shape = tuple(int(count) for count in item["shape"])
    first, last = (int(place) for place in item["data_offsets"])
    count = math.prod(shape)
    if min(shape, default=1) < 0 or not 0 <= first <= last == first + count * kind.itemsize:
        raise ValueError(shape)
    return np.frombuffer(mapped, dtype=kind, offset=start + first, count=count).reshape(shape)


def _matrix(path: Path, mapped: mmap.mmap) -> npt.NDArray[np.float16]:
    """Return the one tensor that a model of ours has."""
    tensors = tensors_of(path, mapped)
    table = tensors.get(TENSOR)
    if len(tensors) != 1 or table is None or table.dtype != np.float16 or table.ndim != 2 or not table.size:  # noqa: PLR2004
        refuse(path, f"does not hold one matrix named {TENSOR} of float16, and nothing else")
    return table


def _vocabulary(path: Path, content: bytes) -> dict[str, int]:
    """Return the row of every piece, where the file cuts words as this program does."""
    try:
        found = json.loads(content)
        vocabulary = found["model"].pop("vocab")
        is_ours = found == _without_vocabulary()
    except _MALFORMED as exc:
        refuse(path, "is no tokenizer", exc)
    if not is_ours:
        refuse(path, "cuts words in another way than this version of Conexus")
    if not isinstance(vocabulary, dict) or list(vocabulary.values()) != list(range(len(vocabulary))):
        refuse(path, "does not number its pieces in order")
    if UNKNOWN not in vocabulary:
        refuse(path, f"has no piece {UNKNOWN}")
    return vocabulary


def _without_vocabulary() -> dict[str, Any]:
    expected = tokenizer_of(())
    del expected["model"]["vocab"]
    return expected


def _read(path: Path) -> bytes:
    if not path.is_file():  # a device or a pipe would never end
        raise FileNotFoundError
    return path.read_bytes()


def _check_size(path: Path, size_bytes: int, expected: Digest) -> None:
    if size_bytes == 0:
        refuse(path, "is empty")
    more = size_bytes - expected.size_bytes
    if more:
        refuse(path, f"is {abs(more):,} {'byte' if abs(more) == 1 else 'bytes'} too {'long' if more > 0 else 'short'}")


def _check_digest(path: Path, sha256: str, expected: Digest) -> None:
    if sha256 != expected.sha256:
        refuse(path, f"was changed, or is that of another model (SHA-256 {sha256[:12]}…, not {expected.sha256[:12]}…)")


def _missing(exc: OSError) -> str:
    return "is missing" if isinstance(exc, FileNotFoundError) else f"cannot be read: {exc.strerror}"


def refuse(path: Path, why: str, cause: Exception | None = None) -> NoReturn:
    """Raise the error that names a file of a model, what is wrong with it, and the next step."""
    hint = _SHIPPED_HINT if path.parent == MODEL_FOLDER else _OWN_HINT
    raise EmbeddingError(f"The embedding model cannot be used: {path} {why}.", hint=hint) from cause
