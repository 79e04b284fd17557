# SPDX-License-Identifier: FSL-1.1-MIT
"""How much a chunk counts before anything is asked. Pure.

Prose and data say in words like a question's what code then does. In a repository with a manual, or with
translations, they would fill every list of nearest chunks, and the code would never be ranked. So their
vectors are made shorter: similarity and BM25 both shrink by the same share, inside the retrieval.
"""

from __future__ import annotations

from conexus.parsing.languages import BY_NAME
from conexus.types import FileTag

PROSE = frozenset({"markdown", "restructuredtext", "asciidoc", "latex", "text"})
_PROSE_SHARE = 0.7
_DATA_SHARE = 0.75
_TEST_SHARE = 0.9  # a test names what it tests again and again
_UNKNOWN_SHARE = 0.8  # files of no known language: logs, manuals, lists


def prior_of(language: str | None, tags: frozenset[FileTag]) -> float:
    """Return the length that the vectors of a file have, at most 1.

    Args:
        language: The file's, or ``None`` where it is not known.
        tags: The file's roles.
    """
    share = _TEST_SHARE if FileTag.TEST in tags else 1.0
    if language is None:
        return share * _UNKNOWN_SHARE
    if language in PROSE:
        return share * _PROSE_SHARE
    return share * (_DATA_SHARE if BY_NAME[language].is_data else 1.0)
