"""The files of a static model: vectors in ``model.safetensors``, pieces in ``tokenizer.json``, and what they must be.

Two further files, ``config.json`` and ``modules.json``, let model2vec and sentence-transformers load the same
folder. ``model.json`` holds the size and SHA-256 of all four; they are checked at every load, before anything is
made of them: 16 MB take 12 ms. Nothing but numpy is needed, and nothing of a model is ever run.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from conexus.adapters.word_pieces import CONTINUED, MODEL, NORMALIZER, PRE_TOKENIZER, UNKNOWN
from conexus.errors import EmbeddingError

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
_DTYPE = "F16"
_ITEM_BYTES = 2
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
    vectors = _tensor(folder / VECTORS, _map_checked(folder / VECTORS, digests[VECTORS]))
    if vectors.shape[0] != len(vocabulary):
        _refuse(folder / VECTORS, f"has {vectors.shape[0]} rows for {len(vocabulary)} pieces")
    if vectors[vocabulary[UNKNOWN]].any():
        _refuse(folder / VECTORS, f"gives {UNKNOWN} a vector")
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
            _refuse(path, "is far too large")
        described = json.loads(_read(path))
    except OSError as exc:
        _refuse(path, _missing(exc), exc)
    except (ValueError, RecursionError) as exc:
        _refuse(path, "is no JSON", exc)
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        _refuse(path, f"does not describe a model of the format {FORMAT}")
    if not all(isinstance(described.get(key), str) for key in ("name", "fingerprint")):
        _refuse(path, "has no name or no fingerprint")
    return described


def _digests(path: Path, described: Mapping[str, Any]) -> dict[str, Digest]:
    listed = described.get("files")
    if not isinstance(listed, dict) or sorted(listed) != sorted(FILES):
        _refuse(path, f"does not list {', '.join(FILES)}")
    try:
        found = {name: Digest(int(item["bytes"]), str(item["sha256"])) for name, item in listed.items()}
    except _MALFORMED as exc:
        _refuse(path, "does not say what its files must be", exc)
    if described["fingerprint"] != fingerprint_of(found):
        _refuse(path, "has a fingerprint that is not that of its files")
    return found


def _read_checked(path: Path, expected: Digest) -> bytes:
    try:
        _check_size(path, path.stat().st_size, expected)
        content = _read(path)
    except OSError as exc:
        _refuse(path, _missing(exc), exc)
    _check_digest(path, hashlib.sha256(content).hexdigest(), expected)
    return content


def _map_checked(path: Path, expected: Digest) -> mmap.mmap:
    try:
        if not path.is_file():
            raise FileNotFoundError
        with path.open("rb") as file:
            _check_size(path, os.fstat(file.fileno()).st_size, expected)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as exc:
        _refuse(path, _missing(exc), exc)
    _check_digest(path, hashlib.sha256(mapped).hexdigest(), expected)
    mapped.madvise(mmap.MADV_DONTNEED)  # most pages are not needed again
    return mapped


def _tensor(path: Path, mapped: mmap.mmap) -> npt.NDArray[np.float16]:
    """Find the one tensor of a safetensors file: length of the header, header in JSON, numbers."""
    length = _LENGTH.unpack_from(mapped)[0] if len(mapped) >= _LENGTH.size else len(mapped)
    start = _LENGTH.size + length
    if start > len(mapped):
        _refuse(path, "is no safetensors file")
    try:
        tensors = json.loads(mapped[_LENGTH.size : start])
        tensors.pop("__metadata__", None)
        only = tensors.pop(TENSOR)
        rows, dim = (int(count) for count in only["shape"])
        is_whole = [*only["data_offsets"]] == [0, rows * dim * _ITEM_BYTES] and not tensors
    except _MALFORMED as exc:
        _refuse(path, f"does not hold one matrix named {TENSOR}", exc)
    if only.get("dtype") != _DTYPE or not is_whole or rows < 1 or dim < 1:
        _refuse(path, f"does not hold one matrix named {TENSOR} of float16")
    if len(mapped) != start + rows * dim * _ITEM_BYTES or start % _ITEM_BYTES:
        _refuse(path, "is not as long as its header says")
    return np.frombuffer(mapped, dtype="<f2", offset=start).reshape(rows, dim)


def _vocabulary(path: Path, content: bytes) -> dict[str, int]:
    """Return the row of every piece, where the file cuts words as this program does."""
    try:
        found = json.loads(content)
        vocabulary = found["model"].pop("vocab")
        is_ours = found == _without_vocabulary()
    except _MALFORMED as exc:
        _refuse(path, "is no tokenizer", exc)
    if not is_ours:
        _refuse(path, "cuts words in another way than this version of Conexus")
    if not isinstance(vocabulary, dict) or list(vocabulary.values()) != list(range(len(vocabulary))):
        _refuse(path, "does not number its pieces in order")
    if UNKNOWN not in vocabulary:
        _refuse(path, f"has no piece {UNKNOWN}")
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
        _refuse(path, "is empty")
    more = size_bytes - expected.size_bytes
    if more:
        _refuse(path, f"is {abs(more):,} bytes too {'long' if more > 0 else 'short'}")


def _check_digest(path: Path, sha256: str, expected: Digest) -> None:
    if sha256 != expected.sha256:
        _refuse(path, f"was changed, or is that of another model (SHA-256 {sha256[:12]}…, not {expected.sha256[:12]}…)")


def _missing(exc: OSError) -> str:
    return "is missing" if isinstance(exc, FileNotFoundError) else f"cannot be read: {exc.strerror}"


def _refuse(path: Path, why: str, cause: Exception | None = None) -> NoReturn:
    hint = _SHIPPED_HINT if path.parent == MODEL_FOLDER else _OWN_HINT
    raise EmbeddingError(f"The embedding model cannot be used: {path} {why}.", hint=hint) from cause
