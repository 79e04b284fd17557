# SPDX-License-Identifier: FSL-1.1-MIT
"""Values come back from JSON as they went in, and nothing else does."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.adapters.json_values import from_json, to_json
from conexus.errors import StoreDamaged
from conexus.types import IndexProgress, IndexReport, IndexStage

any_text = st.text(st.characters(codec=None, categories=None), max_size=20)  # type: ignore[arg-type]
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)


class Colour(StrEnum):
    """Two of them."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Point:
    """A place."""

    x: float
    y: float = 0.0


@dataclass(frozen=True)
class Shape:
    """All kinds of fields."""

    name: str
    colour: Colour
    points: tuple[Point, ...]
    sizes: tuple[tuple[str, int], ...] = ()
    closed: bool = False
    filled: bool | None = None
    centre: Point | None = None


SHAPE = Shape(
    "caf\udce9",
    Colour.BLUE,
    (Point(1.5), Point(2.0, -1.0)),
    (("a", 1), ("b", 2)),
    closed=True,
    filled=False,
    centre=Point(1.0),
)


def test_every_kind_of_field_comes_back() -> None:
    """In ASCII, so that any database can keep it."""
    text = to_json(SHAPE)
    assert text.isascii()
    assert from_json(Shape, text) == SHAPE


@given(
    st.builds(
        IndexProgress,
        stage=st.sampled_from(IndexStage),
        files_done=st.integers(),
        elapsed_s=st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_progress_comes_back(progress: IndexProgress) -> None:
    """Whatever its numbers are."""
    assert from_json(IndexProgress, to_json(progress)) == progress


@given(st.builds(IndexReport, elapsed_ms=st.floats(0, 1e12), rebuilt=any_text))
def test_reports_come_back(report: IndexReport) -> None:
    """With skipped files, problems and languages."""
    assert from_json(IndexReport, to_json(report)) == report


@given(any_json)
def test_other_json_is_an_error_of_ours(value: object) -> None:
    """Nothing that is not written by us becomes a value, and nothing else happens."""
    with pytest.raises(StoreDamaged, match="IndexReport"):
        from_json(IndexReport, json.dumps(value))


@given(st.sampled_from(list(asdict(SHAPE))), any_json)
def test_a_field_of_another_type_is_an_error_of_ours(name: str, value: object) -> None:
    """A field is of its type or the whole is refused; a truth value is no number."""
    text = json.dumps({**asdict(SHAPE), name: value})
    try:
        found = from_json(Shape, text)
    except StoreDamaged:
        return
    assert json.loads(to_json(found))[name] == value
    may_be_nothing = value is None and name in {"filled", "centre"}
    assert may_be_nothing or type(getattr(found, name)) is type(getattr(SHAPE, name))


def test_versions_may_differ_by_a_field() -> None:
    """One with a default may be missing, and one that is not known is left out; one without may not be missing."""
    known = {"name": "a", "colour": "red", "points": [{"x": 1}]}
    assert from_json(Shape, json.dumps({**known, "later": [1]})) == Shape("a", Colour.RED, (Point(1.0),))
    with pytest.raises(StoreDamaged, match="lacks points"):
        from_json(Shape, json.dumps({"name": "a", "colour": "red"}))


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[" * 100_000, '{"x": NaN}', '{"x": 1e999}', '{"x": true}', '{"x": "1"}', '{"y": 1}']
)
def test_damaged_text_is_an_error_of_ours(text: str) -> None:
    """Also a number that is none, and brackets that are too deep."""
    with pytest.raises(StoreDamaged, match="Point"):
        from_json(Point, text)


def test_what_is_no_number_is_not_written() -> None:
    """It could not be read again."""
    with pytest.raises(ValueError, match="JSON"):
        to_json(Point(math.nan))
