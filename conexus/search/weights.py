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
    "bm25": (0.7855, 0.3188, 0.9924),
    "dense": (0.5496, 0.4955, 0.7297),
    "bm25_rank": (1.2731, 0.4718, 0.6449),
    "dense_rank": (0.6156, 2.2793, 0.5718),
    "file_bm25": (0.9736, 1.4496, 1.5194),
    "file_dense": (0.5728, 0.2461, 1.0652),
    "file_bm25_rank": (0.8796, 0.6931, 1.0307),
    "file_dense_rank": (0.7151, 0.4743, 0.7067),
    "folder_sum": (0.6495, 0.6015, 0.208),
    "stem_recall": (0.6081, 0.349, 0.4179),
    "stem_precision": (0.9069, 1.4069, 1.2382),
    "stem_f1": (1.0969, 0.4142, 0.7189),
    "folders_recall": (0.3103, 2.2824, 0.6097),
    "last_folder_f1": (0.2785, 0.706, 0.5128),
    "path_recall": (0.6793, 0.5379, 0.8846),
    "path_asked": (8.0, 8.0, 8.0),
    "uses": (0.2515, 0.5485, 0.2743),
    "size": (-0.1332, -0.0228, -0.494),
    "depth": (-0.0181, -0.2533, -0.0192),
    "generic_name": (-0.4603, -0.3726, 0.0997),
    "declarations": (-0.2975, -0.2975, -0.6896),
    "reexports": (-0.0897, -0.433, -0.3452),
    "header": (0.0025, -0.1542, 0.0185),
    "test": (-1.0462, -1.7888, -2.1332),
    "example": (-1.2211, -1.0067, -1.8886),
    "docs": (-0.7532, -0.9619, -1.6704),
    "config": (-0.8013, -1.0598, -1.7215),
    "docs_asked": (2.0, 2.0, 2.0),
    "other_platform": (-2.5, -2.5, -2.5),
    "name_f1": (0.064, 0.4332, 0.6422),
    "name_precision": (0.0492, 0.5853, 0.278),
    "whole_name_f1": (0.0859, 0.2899, 1.1324),
    "definition": (1.9956, 0.4567, 0.5089),
    "exact_definition": (1.1845, 0.2138, 0.1862),
    "type_definition": (2.5179, 0.6462, 0.4367),
    "qualified_definition": (4.0, 4.0, 4.0),
    "line_asked": (6.0, 6.0, 6.0),
    "block": (-0.0084, -0.404, -0.0309),
    "older_version": (-2.0, -2.0, -2.0),
    "only_declared": (-2.0, -2.0, -2.0),
}
"""For a name, for an explanation, for all else."""


def _of_kind(column: int) -> Row:
    return np.array([_BY_NAME[feature.name][column] for feature in FEATURES])


WEIGHTS: Final[dict[QuestionKind, Row]] = {kind: _of_kind(column) for column, kind in enumerate(QuestionKind)}

__all__ = ["SAME_FILE", "WEIGHTS"]
