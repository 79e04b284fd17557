# SPDX-License-Identifier: FSL-1.1-MIT
"""Frozen dataclasses to JSON and back, where only what fits their fields comes back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import MISSING, asdict, fields, is_dataclass
from enum import StrEnum
from functools import lru_cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, NewType, TypeVar, cast, get_args, get_origin, get_type_hints

from conexus.errors import StoreDamaged

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T", bound="DataclassInstance")


def to_json(value: DataclassInstance) -> str:
    """Return a dataclass as JSON in ASCII, in which a path that is no valid Unicode is kept as well."""
    return json.dumps(asdict(value), allow_nan=False, separators=(",", ":"))


def from_json(kind: type[_T], text: str) -> _T:
    """Return the dataclass that :func:`to_json` wrote.

    Fields of texts, numbers, truth values, enumerations, tuples of one kind, pairs, dataclasses of those, and any of
    these or nothing. One that has a default may be missing, and one that is not known is left out: another version
    wrote the text.

    Raises:
        StoreDamaged: It is not JSON, or something of it is of another type than the field.
    """
    try:
        return cast("_T", _dataclass(kind, json.loads(text, parse_constant=_refuse)))
    except (ValueError, TypeError, RecursionError) as exc:
        raise StoreDamaged(f"what is stored as {kind.__name__} cannot be read: {exc}") from exc


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _dataclass(kind: type[object], value: object) -> object:
    if not isinstance(value, dict):
        raise TypeError(f"{kind.__name__} must be an object")
    maker: Callable[..., object] = kind  # mypy takes no class for hashable
    hints, required = _shape(maker)
    missing = required - value.keys()
    if missing:
        raise ValueError(f"{kind.__name__} lacks {', '.join(sorted(missing))}")
    return kind(**{name: _value(hint, value[name], name) for name, hint in hints.items() if name in value})


@lru_cache(maxsize=64)
def _shape(kind: Callable[..., object]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the types of a dataclass's fields, and the names of those without a default."""
    entries = fields(cast("type[DataclassInstance]", kind))
    required = (entry.name for entry in entries if entry.default is MISSING and entry.default_factory is MISSING)
    return get_type_hints(kind), frozenset(required)


def _value(hint: Any, value: object, name: str) -> object:  # noqa: ANN401 -- an annotation can be anything
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    if get_origin(hint) is UnionType:
        hint = next(one for one in get_args(hint) if one is not NoneType)
        return None if value is None else _value(hint, value, name)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value, name)
    if is_dataclass(hint):
        return _dataclass(cast("type[object]", hint), value)
    if isinstance(hint, type) and issubclass(hint, StrEnum) and isinstance(value, str):
        return hint(value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint or (isinstance(value, float) and not math.isfinite(value)):
        raise TypeError(f"{name} is no {getattr(hint, '__name__', hint)}")
    return value


def _tuple(kinds: tuple[Any, ...], value: object, name: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{name} is no list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:  # noqa: PLR2004 -- as in tuple[str, ...]
        return tuple(_value(kinds[0], item, name) for item in value)
    if len(kinds) != len(value):
        raise ValueError(f"{name} has {len(value)} of {len(kinds)} items")
    return tuple(_value(kind, item, name) for kind, item in zip(kinds, value, strict=True))
