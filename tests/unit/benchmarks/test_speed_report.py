# SPDX-License-Identifier: FSL-1.1-MIT
"""The page of the speed benchmark, where one part is measured apart from the others."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "benchmarks" / "speed"))
from report import Row, Section, page, with_sections


def test_a_section_takes_the_place_of_its_own_and_no_other() -> None:
    """What is there stays to the byte; a new title comes at the end."""
    first, second = Section("First", "One.", [Row("a", "ms", [1.0], (), 2.0)]), Section("Second", "Two.")
    whole = page([first, second], ["What was measured."])
    assert with_sections(whole, []) == whole
    assert with_sections(whole, [first, second]) == whole
    third = Section("Third", "Three.")
    assert with_sections(whole, [third]) == page([first, second, third], ["What was measured."])
    changed = Section("First", "Another.", [Row("a", "ms", [3.0], (), 2.0)])
    assert with_sections(whole, [changed]) == page([changed, second], ["What was measured."])
