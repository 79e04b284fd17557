# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Compares versions and says whether a constraint allows one, as far as that can be told. Pure.

Those of PyPI are read by ``packaging``. All others are read as semantic versions are, with the operators that npm,
Cargo, Composer, Hex, RubyGems, NuGet, Maven and Go write; what is read otherwise there, or refers to a branch or an
address, is answered with ``None``: it cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from conexus.types import Ecosystem

_VERSION: Final = re.compile(
    r"[v=]*\s*(\d{1,9})(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]{1,100}))?(?:\+[0-9A-Za-z.-]{1,100})?$",
    re.ASCII,
)
_TERM: Final = re.compile(r"(\^|~>|~|>=|<=|!=|==|=|>|<)?\s*([v\d*xX][^\s,]{0,120})", re.ASCII)
_BETWEEN: Final = re.compile(r"(\S{1,120})\s+-\s+(\S{1,120})$")
_INTERVAL: Final = re.compile(r"([\[(])\s*([^,\[\]()]{0,120})\s*(,?)\s*([^,\[\]()]{0,120})\s*([\])])$")
_ANY: Final = frozenset({"", "*", "x", "X", "latest", "any"})
_CARET_BY_ITSELF: Final = frozenset({Ecosystem.CARGO})
_LEAST_BY_ITSELF: Final = frozenset({Ecosystem.NUGET, Ecosystem.MAVEN, Ecosystem.GO})
_TILDE_IS_PESSIMISTIC: Final = frozenset({Ecosystem.RUBYGEMS, Ecosystem.HEX})
_MAX_CHARS: Final = 500


class _Version(NamedTuple):
    numbers: tuple[int, int, int, int]
    is_final: bool
    before: tuple[tuple[int, int, str], ...]
    """What stands before a final version, as ``beta.2``."""


class _Range(NamedTuple):
    low: _Version | None = None
    high: _Version | None = None
    with_low: bool = True
    with_high: bool = False
    without: _Version | None = None

    def has(self, version: _Version) -> bool:
        if self.without is not None:
            return version != self.without
        if self.low is not None and (version < self.low or (version == self.low and not self.with_low)):
            return False
        return self.high is None or version < self.high or (version == self.high and self.with_high)


def allows(ecosystem: str, constraint: str, version: str) -> bool | None:
    """Return whether a constraint allows a version; ``None`` where that cannot be told."""
    if not version or len(constraint) > _MAX_CHARS or len(version) > _MAX_CHARS:
        return None
    if ecosystem == Ecosystem.PYPI:
        return _python_allows(constraint, version)
    wanted = _version(version)
    if wanted is None:
        return None
    if constraint.strip() in _ANY:
        return True
    try:
        return any(_all_have(ecosystem, part, wanted) for part in re.split(r"\s*\|\|?\s*", constraint.strip()))
    except ValueError:
        return None


def _python_allows(constraint: str, version: str) -> bool | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 -- an extra
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 -- as above

    text = constraint.strip()
    try:
        if text in _ANY:
            return True
        if text[0] in "^~" and not text.startswith("~="):  # of Poetry
            found = _version(version)
            return None if found is None else _all_have(Ecosystem.PYPI, text, found)
        if text[0].isdigit():
            text = f"=={text}"
        return SpecifierSet(text).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion, ValueError):
        return None


def newest(ecosystem: str, versions: list[str]) -> str:
    """Return the highest of some versions; the first where none can be read."""
    readable = [(found, text) for text in versions if (found := _version(text)) is not None]
    return max(readable)[1] if readable else next(iter(versions), "")


def same(ecosystem: str, one: str, other: str) -> bool:
    """Whether two constraints or versions say the same."""
    return _squeezed(one) == _squeezed(other)


def _squeezed(text: str) -> str:
    found = re.sub(r"\s+", "", text)
    return "*" if found in _ANY else ",".join(sorted(found.removeprefix("v").split(",")))


# ------------------------------------------------------------------------------ semantic versions


def _version(text: str) -> _Version | None:
    found = _VERSION.match(text.strip())
    if found is None or any(part in {"x", "X", "*"} for part in found.groups()[1:3] if part):
        return None
    numbers = [int(part or 0) for part in found.groups()[:4]]
    before = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in (found[5] or "").split(".") if part
    )
    return _Version((numbers[0], numbers[1], numbers[2], numbers[3]), not before, before)


def _all_have(ecosystem: str, text: str, version: _Version) -> bool:
    return all(one.has(version) for one in _ranges(ecosystem, text))


def _ranges(ecosystem: str, text: str) -> Iterator[_Range]:
    """Yield what all have to have.

    Raises:
        ValueError: It cannot be read.
    """
    if text in _ANY:
        return
    if interval := _INTERVAL.match(text):
        opened, low, comma, high, closed = interval.groups()
        if not comma:
            yield _Range(_must(low), _must(low), with_high=True)
            return
        yield _Range(
            _must(low) if low else None,
            _must(high) if high else None,
            with_low=opened == "[",
            with_high=closed == "]",
        )
        return
    if between := _BETWEEN.match(text):
        low_part, high_part = _part(between[1]), _part(between[2])
        yield _Range(low_part.low)
        yield _Range(None, high_part.low, with_high=True) if _is_whole(between[2]) else _Range(None, high_part.high)
        return
    rest = text
    while rest:
        term = _TERM.match(rest)
        if term is None:
            raise ValueError(rest)
        yield _term(ecosystem, term[1] or "", term[2])
        rest = re.sub(r"^(?:\s*,\s*|\s+and\s+|\s+)", "", rest[term.end() :])


def _term(ecosystem: str, operator: str, written: str) -> _Range:
    part, is_whole = _part(written), _is_whole(written)
    found = {
        "^": _caret,
        "~>": _pessimistic,
        "~": _tilde,
        ">=": lambda _: _Range(part.low),
        ">": lambda _: _Range(part.low, with_low=False) if is_whole else _Range(part.high),
        "<": lambda _: _Range(None, part.low),
        "<=": lambda _: _Range(None, part.low, with_high=True) if is_whole else _Range(None, part.high),
        "!=": lambda _: _Range(without=part.low),
        "": _exact,
        "=": _exact,
        "==": _exact,
    }
    if not operator and ecosystem in _CARET_BY_ITSELF:
        return _caret(written)
    if not operator and ecosystem in _LEAST_BY_ITSELF:
        return _Range(part.low)
    return found[operator](written)


def _numbers(written: str) -> list[int]:
    """Return the numbers that are written: fewer where there is an ``x``."""
    found = _VERSION.match(written.strip())
    if found is None:
        if written.strip() in _ANY:
            return []
        raise ValueError(written)
    numbers: list[int] = []
    for part in found.groups()[:4]:
        if part is None or not part.isdigit():
            break
        numbers.append(int(part))
    return numbers


def _is_whole(written: str) -> bool:
    return len(_numbers(written)) > 2  # noqa: PLR2004 -- as 1.2.3


def _at(numbers: list[int]) -> _Version:
    padded = [*numbers, 0, 0, 0, 0]
    return _Version((padded[0], padded[1], padded[2], padded[3]), True, ())


def _raised(numbers: list[int], place: int) -> _Version:
    """Return the first version behind all that agree up to a place; versions before it count as behind."""
    raised = [*numbers[:place], numbers[place] + 1]
    return _at(raised)._replace(is_final=False)


def _part(written: str) -> _Range:
    numbers = _numbers(written)
    low = _version(written) or _at(numbers)
    return _Range(low, _raised(numbers, len(numbers) - 1)) if numbers else _Range(_at([0]))


def _exact(written: str) -> _Range:
    exact = _version(written)
    if exact is not None and _is_whole(written):
        return _Range(exact, exact, with_high=True)
    return _part(written)


def _caret(written: str) -> _Range:
    numbers = _numbers(written)
    place = next((place for place, number in enumerate(numbers) if number), max(0, len(numbers) - 1))
    return _Range(_part(written).low, _raised(numbers, place) if numbers else None)


def _tilde(written: str) -> _Range:
    numbers = _numbers(written)
    return _Range(_part(written).low, _raised(numbers, min(1, len(numbers) - 1)) if numbers else None)


def _pessimistic(written: str) -> _Range:
    numbers = _numbers(written)
    return _Range(_part(written).low, _raised(numbers, max(0, len(numbers) - 2)) if numbers else None)


def _must(text: str) -> _Version:
    found = _version(text)
    if found is None:
        raise ValueError(text)
    return found


__all__ = ["allows", "newest", "same"]
