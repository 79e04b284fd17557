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
    "bm25": (0.9727, 1.1731, 1.0334),
    "dense": (0.2174, 0.1515, 0.5438),
    "bm25_rank": (1.2326, 0.4389, 0.4468),
    "dense_rank": (0.2713, 1.1532, 0.3724),
    "file_bm25": (1.0793, 1.3564, 1.6367),
    "file_dense": (0.4799, 0.1597, 0.7407),
    "file_bm25_rank": (1.0019, 1.0509, 1.2546),
    "file_dense_rank": (0.1626, 0.1403, 0.692),
    "folder_sum": (0.6566, 0.682, 0.2289),
    "stem_recall": (0.6373, 0.3776, 0.3229),
    "stem_precision": (0.9859, 1.3624, 1.2945),
    "stem_f1": (1.2329, 0.4332, 0.8354),
    "folders_recall": (0.2925, 2.3003, 0.482),
    "last_folder_f1": (0.2932, 0.8885, 0.5053),
    "path_recall": (0.7174, 0.5474, 0.8872),
    "path_asked": (8.0, 8.0, 8.0),
    "uses": (0.296, 0.5377, 0.3062),
    "size": (-0.0635, -0.0461, -0.4683),
    "depth": (-0.0309, -0.2421, -0.0326),
    "generic_name": (-0.3767, -0.3399, 0.1004),
    "declarations": (-0.2824, -0.2824, -0.6814),
    "reexports": (-0.0984, -0.6222, -0.3751),
    "header": (-0.0278, -0.2714, -0.0085),
    "test": (-1.1411, -1.9465, -2.2832),
    "example": (-1.3841, -1.0683, -1.806),
    "docs": (-0.8008, -1.0378, -1.7705),
    "config": (-0.95, -1.3922, -1.9447),
    "docs_asked": (2.0, 2.0, 2.0),
    "other_platform": (-2.5, -2.5, -2.5),
    "name_f1": (0.1203, 1.286, 0.8722),
    "name_precision": (0.0696, 0.5779, 0.2463),
    "whole_name_f1": (0.1212, 0.5957, 1.1923),
    "definition": (1.8978, 0.5524, 0.4888),
    "exact_definition": (1.2863, 0.2721, 0.2018),
    "type_definition": (2.5114, 0.624, 0.4715),
    "qualified_definition": (4.0, 4.0, 4.0),
    "line_asked": (6.0, 6.0, 6.0),
    "block": (-0.0198, -0.0713, -0.0434),
    "older_version": (-2.0, -2.0, -2.0),
    "only_declared": (-1.5, -1.5, -1.5),
}
"""For a name, for an explanation, for all else."""


def _of_kind(column: int) -> Row:
    return np.array([_BY_NAME[feature.name][column] for feature in FEATURES])


WEIGHTS: Final[dict[QuestionKind, Row]] = {kind: _of_kind(column) for column, kind in enumerate(QuestionKind)}

__all__ = ["SAME_FILE", "WEIGHTS"]
