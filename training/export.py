# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes a static model into a folder that Conexus, model2vec and sentence-transformers load alike.

Any way to make vectors ends here::

    from training.export import write_model

    fingerprint = write_model(folder, "my-model-256", pieces, vectors, {"licence": "Apache-2.0"})

``conexus/adapters/model_files.py`` reads and checks what is written. The same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conexus.adapters.model_files import (
    CONFIG,
    DESCRIPTION,
    FILES,
    FORMAT,
    MODULES,
    TENSOR,
    TOKENIZER,
    VECTORS,
    Digest,
    fingerprint_of,
    read_model,
    tokenizer_of,
)
from conexus.adapters.word_pieces import CONTINUED, LONGEST_PIECE, UNKNOWN

_ALIGNED_BYTES = 8


def write_model(
    folder: Path,
    name: str,
    pieces: Sequence[str],
    vectors: npt.NDArray[np.floating],
    description: Mapping[str, object] | None = None,
) -> str:
    """Write all files of a model, and read them back as Conexus will.

    Args:
        folder: Made if it is not there. Other files in it stay as they are.
        name: Short name for people.
        pieces: Lower-case letters without accents, those that continue a part after ``##``. ``[UNK]`` may be among
            them, else it becomes the first row.
        vectors: A row a piece, weights multiplied in; kept as float16. The row of ``[UNK]`` becomes zero.
        description: What else ``model.json`` says, as teacher, licence and recipe.

    Returns:
        The fingerprint.

    Raises:
        ValueError: Pieces or vectors are not as above.
    """
    with np.errstate(over="ignore"):  # looked for below
        pieces, table = _with_unknown(list(pieces), np.asarray(vectors, dtype="<f2"))
    _check(pieces, table)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        VECTORS: _safetensors(table),
        TOKENIZER: json.dumps(tokenizer_of(pieces), ensure_ascii=False, separators=(",", ":")).encode(),
        CONFIG: _as_json(_config(name, table.shape[1])),
        MODULES: _as_json(_modules()),
    }
    digests = {each: Digest(len(contents[each]), hashlib.sha256(contents[each]).hexdigest()) for each in FILES}
    fingerprint = fingerprint_of(digests)
    described = {
        "format": FORMAT,
        "name": name,
        "fingerprint": fingerprint,
        "dim": table.shape[1],
        "pieces": len(pieces),
        "files": {each: {"bytes": digest.size_bytes, "sha256": digest.sha256} for each, digest in digests.items()},
        **(description or {}),
    }
    for each, content in (*contents.items(), (DESCRIPTION, _as_json(described))):
        (folder / each).write_bytes(content)
    read_model(folder)
    return fingerprint


def _with_unknown(pieces: list[str], table: npt.NDArray[np.float16]) -> tuple[list[str], npt.NDArray[np.float16]]:
    if table.ndim != 2 or len(table) != len(pieces):
        raise ValueError(f"{len(pieces)} pieces, vectors of shape {table.shape}")
    if UNKNOWN in pieces:
        table = table.copy()
        table[pieces.index(UNKNOWN)] = 0.0
        return pieces, table
    return [UNKNOWN, *pieces], np.concatenate((np.zeros((1, table.shape[1]), dtype="<f2"), table))


def _check(pieces: Sequence[str], table: npt.NDArray[np.float16]) -> None:
    if len(set(pieces)) != len(pieces):
        raise ValueError("a piece comes twice")
    letters = (piece.removeprefix(CONTINUED) for piece in pieces if piece != UNKNOWN)
    wrong = [piece for piece in letters if not piece.isalpha() or len(piece) > LONGEST_PIECE]
    if wrong:
        raise ValueError(f"no pieces of at most {LONGEST_PIECE} letters: {', '.join(map(repr, wrong[:5]))}")
    if not np.isfinite(table).all():
        raise ValueError("not all vectors are finite in 16 bits")


def _safetensors(table: npt.NDArray[np.float16]) -> bytes:
    data = np.ascontiguousarray(table).tobytes()
    entry = {"dtype": "F16", "shape": list(table.shape), "data_offsets": [0, len(data)]}
    header = json.dumps({TENSOR: entry}, separators=(",", ":")).encode("ascii")
    header += b" " * (-len(header) % _ALIGNED_BYTES)
    return struct.pack("<Q", len(header)) + header + data


def _config(name: str, dim: int) -> dict[str, object]:
    """What model2vec reads: mean of all tokens of a text, to unit length, nothing cut off."""
    return {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "tokenizer_name": name,
        "hidden_dim": dim,
        "normalize": True,
        "max_length": None,
        "embedding_dtype": "float16",
    }


def _modules() -> list[dict[str, object]]:
    """What sentence-transformers reads: the same."""
    return [
        {"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"},
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]


def _as_json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
