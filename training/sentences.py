# SPDX-License-Identifier: FSL-1.1-MIT
"""Has the teacher read whole questions, so that training can begin with what it says of them.

    python -m training.sentences --pairs FILE… --out FILE [--count 200000]

Reads what ``training.pairs`` wrote and draws from its sentences: documentation and remarks. Ten minutes of one
core for 200,000. :func:`fitted` moves first vectors towards them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse  # type: ignore[import-untyped]

from training.score import unit

Floats = npt.NDArray[np.float32]

_EPOCHS: Final = 12
_BATCH: Final = 2_048
_RATE: Final = 2e-3


def sentences(paths: Sequence[Path], count: int) -> list[str]:
    """Return sentences that are asked, each once, drawn from all that there are."""
    found: dict[str, None] = {}
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            for line in handle:
                row = json.loads(line)
                found.update(dict.fromkeys([*row["docs"][:1], *row["comments"][:1]]))
    texts = [text for text in found if len(text.split()) > 2]
    chosen = np.random.default_rng(7).permutation(len(texts))[:count]
    return [texts[at] for at in sorted(chosen.tolist())]


def read(path: Path) -> tuple[list[str], Floats]:
    """Return sentences, and what the teacher makes of them: rows of length 1."""
    with np.load(path) as kept:
        texts: list[str] = json.loads(kept["texts"].tobytes())
        return texts, kept["vectors"].astype(np.float32)


def fitted(vectors: Floats, weights: Floats, bags: sparse.csr_matrix, wanted: Floats) -> Floats:
    """Move the vectors of pieces so that the weighted means over sentences are like the teacher's vectors of them.

    The teacher's are reduced to the principal components, and the pieces' turned to where they agree best (Schönemann,
    "A generalized solution of the orthogonal Procrustes problem", 1966), which changes no similarity between them.

    Args:
        vectors: Of pieces; shape ``(pieces, dim)``.
        weights: Of pieces; shape ``(pieces,)``.
        bags: The share of each piece in each sentence; shape ``(sentences, pieces)``.
        wanted: The teacher's vectors; shape ``(sentences, teacher's dim)``.
    """
    centred = wanted - wanted.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    target = unit(centred @ axes[:, ::-1][:, : vectors.shape[1]])
    weighed = bags.multiply(weights[None, :]).tocsr().astype(np.float32)
    left, _, right = np.linalg.svd(unit(weighed @ vectors).T @ target)
    table = torch.from_numpy((vectors @ (left @ right)).astype(np.float32)).requires_grad_()
    optimizer = torch.optim.Adam([table], lr=_RATE, betas=(0.9, 0.98), fused=True)
    random = np.random.default_rng(7)
    for epoch in range(_EPOCHS):
        order, alike = random.permutation(len(target)), []
        for at in range(0, len(order), _BATCH):
            rows = order[at : at + _BATCH]
            part = weighed[rows]
            with torch.no_grad():
                found = torch.from_numpy(part @ table.numpy())
                lengths = found.norm(dim=1, keepdim=True).clamp(min=1e-9)
                one, aim = found / lengths, torch.from_numpy(target[rows])
                cosine = (one * aim).sum(1, keepdim=True)
                alike.append(cosine.mean().item())
                table.grad = torch.from_numpy(part.T.tocsr() @ ((one * cosine - aim) / lengths / len(rows)).numpy())
            optimizer.step()
        print(f"sentences: epoch {epoch + 1}, mean cosine with the teacher's {np.mean(alike):.3f}", flush=True)
    return table.detach().numpy()


def main(arguments: Sequence[str] | None = None) -> int:
    from training.distill import Teacher, teacher_folder  # noqa: PLC0415 -- the teacher is read here alone

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200_000)
    options = parser.parse_args(arguments)
    texts = sentences(options.pairs, options.count)
    vectors = Teacher(teacher_folder(None)).texts(texts)
    with options.out.open("wb") as stream:
        written = np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)
        np.savez(stream, texts=written, vectors=vectors.astype(np.float16))
    print(f"{len(texts)} sentences, {vectors.shape[1]} numbers each")
    return 0


if __name__ == "__main__":
    sys.exit(main())
