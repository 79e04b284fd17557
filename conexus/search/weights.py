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
    "bm25": (0.7166, 0.9193, 0.6605),
    "dense": (0.2245, 0.3449, 0.4153),
    "bm25_rank": (1.243, 0.5042, 0.646),
    "dense_rank": (0.6128, 2.0169, 0.578),
    "file_bm25": (0.8932, 0.9568, 1.3539),
    "file_dense": (0.6752, 0.3215, 1.2409),
    "file_bm25_rank": (1.0115, 0.7764, 1.1531),
    "file_dense_rank": (0.5235, 0.2074, 0.6095),
    "folder_sum": (0.6455, 0.748, 0.2322),
    "stem_recall": (0.5878, 0.3436, 0.3598),
    "stem_precision": (0.8772, 1.3045, 1.1215),
    "stem_f1": (1.1436, 0.4055, 0.6524),
    "folders_recall": (0.3486, 2.3404, 0.832),
    "last_folder_f1": (0.303, 0.6058, 0.7661),
    "path_recall": (0.7159, 0.6577, 1.1236),
    "path_asked": (8.0, 8.0, 8.0),
    "uses": (0.2713, 0.6126, 0.2896),
    "size": (-0.142, 0.0121, -0.5503),
    "depth": (-0.0174, -0.2564, -0.0192),
    "generic_name": (-0.5603, -0.5127, 0.0853),
    "declarations": (-0.2871, -0.2871, -0.672),
    "reexports": (-0.1131, -0.4539, -0.329),
    "header": (0.0354, -0.1121, 0.0911),
    "test": (-1.1101, -1.9321, -2.2536),
    "example": (-1.2963, -1.0783, -1.9993),
    "docs": (-0.7755, -1.0726, -1.7497),
    "config": (-0.894, -1.3167, -1.9704),
    "docs_asked": (2.0, 2.0, 2.0),
    "other_platform": (-2.5, -2.5, -2.5),
    "name_f1": (0.1077, 0.7633, 0.7688),
    "name_precision": (0.072, 0.4582, 0.2908),
    "whole_name_f1": (0.1283, 0.4413, 1.0779),
    "definition": (2.1503, 0.5374, 0.5433),
    "exact_definition": (1.0428, 0.2942, 0.2016),
    "type_definition": (2.4951, 0.426, 0.3342),
    "qualified_definition": (4.0, 4.0, 4.0),
    "line_asked": (6.0, 6.0, 6.0),
    "block": (-0.0138, -0.06, -0.0384),
    "older_version": (-2.0, -2.0, -2.0),
    "only_declared": (-2.0, -2.0, -2.0),
}
"""For a name, for an explanation, for all else."""


def _of_kind(column: int) -> Row:
    return np.array([_BY_NAME[feature.name][column] for feature in FEATURES])


WEIGHTS: Final[dict[QuestionKind, Row]] = {kind: _of_kind(column) for column, kind in enumerate(QuestionKind)}

__all__ = ["SAME_FILE", "WEIGHTS"]
