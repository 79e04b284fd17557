# SPDX-License-Identifier: FSL-1.1-MIT
"""The ranking knows nothing of the repositories that it is measured on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from repositories import DEVELOPMENT

CONEXUS = Path(__file__).parents[3] / "conexus"
PARTS = (
    "search",
    "indexing",
    "parsing",
    "lexical.py",
    "worker.py",
    "adapters/static_embedder.py",
    "adapters/word_pieces.py",
)
NOT_OF_SEARCH = {"endpoints"}  # frameworks are told by name there, and nothing of it is searched or ranked
ORDINARY_WORDS = {"requests"}  # of which a worker has some


@pytest.mark.parametrize("part", PARTS)
def test_no_rule_names_a_repository_of_the_benchmark(part: str) -> None:
    """Neither code nor queries that decide what is found contain such a name as a word."""
    path = CONEXUS / part
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.suffix in {".py", ".scm"}]
    files = [file for file in files if file.parent.name not in NOT_OF_SEARCH]
    assert files
    names = "|".join(re.escape(name) for name in sorted(set(DEVELOPMENT) - ORDINARY_WORDS))
    for file in files:
        found = re.findall(rf"\b(?:{names})\b", file.read_text(encoding="utf-8"), re.IGNORECASE)
        assert found == [], file
