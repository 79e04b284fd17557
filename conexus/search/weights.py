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
    "bm25": (0.7035, 0.2669, 0.8129),
    "dense": (0.6481, 0.6401, 0.7212),
    "bm25_rank": (1.2834, 0.5712, 0.7618),
    "dense_rank": (0.3917, 2.3782, 0.4824),
    "file_bm25": (0.9316, 1.4411, 1.4339),
    "file_dense": (0.5679, 0.199, 1.121),
    "file_bm25_rank": (0.9171, 0.7419, 1.1746),
    "file_dense_rank": (0.7217, 0.275, 0.8158),
    "folder_sum": (0.6215, 0.574, 0.1716),
    "stem_recall": (0.6107, 0.3303, 0.3513),
    "stem_precision": (0.9141, 1.4002, 1.2034),
    "stem_f1": (1.1172, 0.3839, 0.6836),
    "folders_recall": (0.3257, 2.3248, 0.6552),
    "last_folder_f1": (0.2856, 0.7327, 0.5658),
    "path_recall": (0.7265, 0.5547, 0.9811),
    "path_asked": (8.0, 8.0, 8.0),
    "uses": (0.2663, 0.5823, 0.2947),
    "size": (-0.1381, -0.0121, -0.4905),
    "depth": (-0.0189, -0.2563, -0.0185),
    "generic_name": (-0.4493, -0.2685, 0.1089),
    "declarations": (-0.2575, -0.2575, -0.6059),
    "reexports": (-0.1033, -0.4593, -0.2992),
    "header": (0.0296, -0.141, 0.0752),
    "test": (-1.0523, -1.8065, -2.1713),
    "example": (-1.3136, -1.0782, -1.9377),
    "docs": (-0.7263, -0.9577, -1.6481),
    "config": (-0.8106, -1.0955, -1.8031),
    "docs_asked": (2.0, 2.0, 2.0),
    "other_platform": (-2.5, -2.5, -2.5),
    "name_f1": (0.1073, 0.3733, 0.5343),
    "name_precision": (0.0695, 0.7441, 0.2024),
    "whole_name_f1": (0.1112, 0.2947, 1.1277),
    "definition": (2.0794, 0.4328, 0.4276),
    "exact_definition": (1.2452, 0.2586, 0.1881),
    "type_definition": (2.4601, 0.414, 0.3359),
    "qualified_definition": (4.0, 4.0, 4.0),
    "line_asked": (6.0, 6.0, 6.0),
    "block": (-0.015, -0.1466, -0.0333),
    "older_version": (-2.0, -2.0, -2.0),
    "only_declared": (-2.0, -2.0, -2.0),
}
"""For a name, for an explanation, for all else."""


def _of_kind(column: int) -> Row:
    return np.array([_BY_NAME[feature.name][column] for feature in FEATURES])


WEIGHTS: Final[dict[QuestionKind, Row]] = {kind: _of_kind(column) for column, kind in enumerate(QuestionKind)}

__all__ = ["SAME_FILE", "WEIGHTS"]
