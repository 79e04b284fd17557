# SPDX-License-Identifier: FSL-1.1-MIT
"""What each feature is worth, by the kind of question.

Written by ``benchmarks/quality/fit.py``; not by hand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from conexus.search.features import FEATURES, QuestionKind, Row

SAME_FILE: Final[dict[QuestionKind, float]] = dict(zip(QuestionKind, (4.0, 5.0, 2.5), strict=True))
"""What a chunk loses for each better one of its file, in a file of one subject."""

_BY_NAME: Final[dict[str, tuple[float, float, float]]] = {
    "bm25": (0.7865, 0.9592, 0.7933),
    "dense": (0.3705, 0.3594, 0.6828),
    "bm25_rank": (1.2048, 0.445, 0.5845),
    "dense_rank": (0.5952, 2.0407, 0.4638),
    "file_bm25": (0.9067, 1.2019, 1.3954),
    "file_dense": (0.7143, 0.3655, 1.4025),
    "file_bm25_rank": (0.9429, 0.7987, 1.1945),
    "file_dense_rank": (0.5472, 0.2226, 0.4409),
    "folder_sum": (0.6545, 0.6839, 0.1922),
    "stem_recall": (0.6305, 0.3564, 0.3943),
    "stem_precision": (0.8981, 1.2372, 1.2017),
    "stem_f1": (1.1596, 0.4069, 0.7225),
    "folders_recall": (0.3582, 2.5077, 0.8165),
    "last_folder_f1": (0.3152, 0.7427, 0.7599),
    "path_recall": (0.7517, 0.6144, 1.1195),
    "path_asked": (8.0, 8.0, 8.0),
    "uses": (0.2635, 0.6019, 0.2911),
    "size": (-0.1467, -0.0041, -0.5281),
    "depth": (-0.0165, -0.2437, -0.0157),
    "generic_name": (-0.4705, -0.4496, 0.1504),
    "declarations": (-0.2571, -0.2571, -0.6022),
    "reexports": (-0.1176, -0.4812, -0.3466),
    "header": (0.043, -0.0908, 0.1091),
    "test": (-1.0276, -1.7977, -2.0984),
    "example": (-1.2419, -1.0361, -1.9228),
    "docs": (-0.6958, -0.9665, -1.5683),
    "config": (-0.871, -1.3126, -1.9122),
    "docs_asked": (2.0, 2.0, 2.0),
    "other_platform": (-2.5, -2.5, -2.5),
    "name_f1": (0.1066, 0.9773, 0.6315),
    "name_precision": (0.0652, 0.4578, 0.254),
    "whole_name_f1": (0.131, 0.4572, 1.1655),
    "definition": (2.2172, 0.4989, 0.5686),
    "exact_definition": (1.1895, 0.2817, 0.2187),
    "type_definition": (2.4798, 0.6153, 0.3891),
    "qualified_definition": (4.0, 4.0, 4.0),
    "line_asked": (6.0, 6.0, 6.0),
    "block": (-0.0133, -0.0854, -0.036),
    "older_version": (-2.0, -2.0, -2.0),
    "only_declared": (-2.0, -2.0, -2.0),
}
"""For a name, for an explanation, for all else."""


def _of_kind(column: int) -> Row:
    return np.array([_BY_NAME[feature.name][column] for feature in FEATURES])


WEIGHTS: Final[dict[QuestionKind, Row]] = {kind: _of_kind(column) for column, kind in enumerate(QuestionKind)}

__all__ = ["SAME_FILE", "WEIGHTS"]
