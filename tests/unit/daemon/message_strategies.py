# SPDX-License-Identifier: FSL-1.1-MIT
"""The messages of the daemon, what their fields hold, and values of them for Hypothesis."""

from __future__ import annotations

import inspect
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from conexus.daemon import schema

MODELS: dict[str, type[schema.Message]] = {
    name: found
    for name, found in vars(schema).items()
    if inspect.isclass(found) and issubclass(found, schema.Message) and found is not schema.Message
}


def bare(annotation: Any) -> Any:
    """An annotation without its rules."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def shape_of(info: FieldInfo) -> tuple[Any, bool, bool]:
    """What a field of the schema holds, whether it is a list, and whether it may be null."""
    found, optional = bare(info.annotation), False
    if get_origin(found) in {Union, UnionType}:
        [found] = [bare(part) for part in get_args(found) if part is not type(None)]
        optional = True
    if get_origin(found) is list:
        return bare(get_args(found)[0]), True, optional
    return found, False, optional


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)
TIME = st.floats(0, 1e10)
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "cursor": st.from_regex(r"[A-Za-z0-9_-]{0,20}", fullmatch=True),
    "requests_per_s": st.floats(0.001, 1e6),
    "min_confidence": st.floats(0.05, 1),
    "id": st.from_regex(r"[A-Za-z0-9-]{1,20}", fullmatch=True),
    "hour": st.integers(0, 23),
    "weekday": st.integers(1, 7),
    "url": st.from_regex(r"https?://[a-z]{1,10}\.example/[a-z]{0,5}", fullmatch=True),
}


def value_of(name: str, info: FieldInfo) -> st.SearchStrategy[Any]:
    """Values of a field."""
    kind, many, optional = shape_of(info)
    one = SPECIAL[name] if kind in {str, float, int} and name in SPECIAL else one_of(kind, info)
    if many:
        one = st.lists(one, min_size=1 if name == "searches" else 0, max_size=3)
    return st.none() | one if optional else one


def one_of(kind: Any, info: FieldInfo) -> st.SearchStrategy[Any]:
    """Values of a type."""
    if get_origin(kind) is dict:
        return st.dictionaries(TEXT, TEXT, max_size=3)
    if issubclass(kind, BaseModel):
        return values_of(kind)
    if issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    if kind is int:
        low = max((rule.ge for rule in info.metadata if hasattr(rule, "ge")), default=0)
        high = min((rule.le for rule in info.metadata if hasattr(rule, "le")), default=2**31 - 1)
        return st.integers(max(1, low), high)
    return {str: TEXT.filter(bool), bool: st.booleans(), float: TIME}[kind]


def values_of(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Messages of a kind; what has a default is left out at times."""
    fields = model.model_fields
    required = {key: value_of(key, info) for key, info in fields.items() if info.is_required()}
    optional = {key: value_of(key, info) for key, info in fields.items() if not info.is_required()}
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: model(**values))
