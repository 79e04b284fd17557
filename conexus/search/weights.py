"""What each feature is worth, by the kind of question.

Written by ``benchmarks/quality/fit.py``; not by hand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from conexus.search.features import FEATURES, QuestionKind, Row

SAME_FILE: Final = 2.0
"""What a chunk loses for each better one of its file, in a file of one subject."""

_BY_NAME: Final[dict[str, tuple[float, float, float]]] = {
    "bm25": (0.9771, 1.1206, 1.0829),
    "dense": (0.2172, 0.1709, 0.5107),
    "bm25_rank": (1.2432, 0.4679, 0.417),
    "dense_rank": (0.2772, 1.1886, 0.4382),
    "file_bm25": (1.054, 1.3316, 1.6373),
    "file_dense": (0.4916, 0.1695, 0.7347),
    "file_bm25_rank": (1.0174, 1.0436, 1.2401),
    "file_dense_rank": (0.1896, 0.1418, 0.7082),
    "folder_sum": (0.6737, 0.6781, 0.2699),
    "stem_recall": (0.6176, 0.3756, 0.3248),
    "stem_precision": (0.9692, 1.3531, 1.2853),
    "stem_f1": (1.2034, 0.4778, 0.7816),
    "folders_recall": (0.2917, 2.3076, 0.4929),
    "last_folder_f1": (0.288, 0.8347, 0.4742),
    "path_recall": (0.705, 0.7707, 0.8724),
    "path_asked": (8.0, 8.0, 8.0),
    "uses": (0.2684, 0.4588, 0.2516),
    "size": (-0.1033, -0.0959, -0.5105),
    "depth": (-0.0259, -0.249, -0.0295),
    "generic_name": (-0.4141, -0.5225, -0.0113),
    "declarations": (-0.2878, -0.2878, -0.6932),
    "reexports": (-0.0979, -0.5523, -0.3501),
    "header": (-0.1095, -0.4021, -0.1852),
    "test": (-1.1146, -1.7891, -2.2785),
    "example": (-1.2918, -0.8719, -1.567),
    "docs": (-0.8125, -1.0601, -1.8003),
    "config": (-0.9908, -1.5771, -2.0071),
    "name_f1": (0.1141, 1.5511, 0.8917),
    "name_precision": (0.0685, 0.4332, 0.2425),
    "whole_name_f1": (0.1195, 0.738, 1.2184),
    "definition": (1.8478, 0.5212, 0.4244),
    "exact_definition": (1.2979, 0.2619, 0.2119),
    "type_definition": (2.4741, 0.6544, 0.4962),
    "qualified_definition": (4.0, 4.0, 4.0),
    "line_asked": (6.0, 6.0, 6.0),
    "block": (-0.0174, -0.0698, -0.0427),
    "docs_asked": (2.0, 2.0, 2.0),
    "other_platform": (-2.5, -2.5, -2.5),
    "older_version": (-2.0, -2.0, -2.0),
    "only_declared": (-1.5, -1.5, -1.5),
}
"""For a name, for an explanation, for all else."""


def _of_kind(column: int) -> Row:
    return np.array([_BY_NAME[feature.name][column] for feature in FEATURES])


WEIGHTS: Final[dict[QuestionKind, Row]] = {kind: _of_kind(column) for column, kind in enumerate(QuestionKind)}

__all__ = ["SAME_FILE", "WEIGHTS"]
