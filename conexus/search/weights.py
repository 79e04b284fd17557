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
    "bm25": (0.7868, 0.9595, 0.7944),
    "dense": (0.3699, 0.359, 0.6809),
    "bm25_rank": (1.2046, 0.4448, 0.583),
    "dense_rank": (0.5957, 2.0419, 0.4659),
    "file_bm25": (0.9076, 1.2023, 1.3976),
    "file_dense": (0.7145, 0.3645, 1.4031),
    "file_bm25_rank": (0.9424, 0.7982, 1.1933),
    "file_dense_rank": (0.5473, 0.2227, 0.441),
    "folder_sum": (0.6539, 0.6835, 0.1911),
    "stem_recall": (0.6297, 0.3557, 0.3927),
    "stem_precision": (0.8986, 1.2375, 1.2028),
    "stem_f1": (1.1591, 0.4065, 0.7194),
    "folders_recall": (0.3588, 2.508, 0.8175),
    "last_folder_f1": (0.3157, 0.743, 0.7606),
    "path_recall": (0.7509, 0.6137, 1.1163),
    "path_asked": (8.0, 8.0, 8.0),
    "uses": (0.2632, 0.6017, 0.2904),
    "size": (-0.1466, -0.0038, -0.5279),
    "depth": (-0.0165, -0.2437, -0.0157),
    "generic_name": (-0.4706, -0.4496, 0.1503),
    "declarations": (-0.2569, -0.2569, -0.6019),
    "reexports": (-0.1176, -0.4811, -0.3468),
    "header": (0.0421, -0.0904, 0.11),
    "test": (-1.028, -1.7979, -2.0994),
    "example": (-1.242, -1.0362, -1.9231),
    "docs": (-0.696, -0.9668, -1.5686),
    "config": (-0.8711, -1.3126, -1.9125),
    "docs_asked": (2.0, 2.0, 2.0),
    "other_platform": (-2.5, -2.5, -2.5),
    "name_f1": (0.106, 0.976, 0.6314),
    "name_precision": (0.0653, 0.4576, 0.2523),
    "whole_name_f1": (0.1304, 0.4586, 1.1699),
    "definition": (2.217, 0.4984, 0.5675),
    "exact_definition": (1.1896, 0.2819, 0.2191),
    "type_definition": (2.4798, 0.6154, 0.3894),
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
