# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells which definitions a name means where it is used, and how sure that is. Pure.

Names are all that is known: no types are. What is defined in the same file, or in a file that is imported, is meant
before what is defined elsewhere; the more definitions fit, the less sure each is. ``benchmarks/graph/calls.py``
compares the answers with what compilers say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import IOBase
from typing import Final, NamedTuple

from conexus.types import Symbol, SymbolKind

SAME_FILE: Final = 0.9
BY_HOPS: Final = (0.9, 0.75, 0.65, 0.55, 0.5)
"""Of what is imported, of what that imports, and so on: packages hand on what their modules define."""
ELSEWHERE: Final = 0.4
"""Nothing ties the files."""
_OF_EVERY_TYPE: Final = 0.4
"""A method's share where the language's own types have one of that name: what it is called on is not known."""
_NO_CALLEE: Final = frozenset(
    {SymbolKind.FIELD, SymbolKind.KEY, SymbolKind.SECTION, SymbolKind.MODULE, SymbolKind.RULE, SymbolKind.VARIABLE}
)
_MAX_FITTING = 8
"""A name that more definitions fit says nothing of which is meant."""
_TYPES: Final = frozenset({SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE, SymbolKind.ENUM, SymbolKind.TYPE})
_BUILT_IN: Final = frozenset(
    name
    for kind in (str, bytes, bytearray, list, tuple, dict, set, int, float, object, Exception, IOBase)
    for name in dir(kind)
    if not name.startswith("__")
) | frozenset(
    "map filter forEach push concat slice splice find indexOf includes keys values entries has delete then catch "
    "finally toString valueOf trim match test exec call apply bind next return throw length size add".split()
)
"""Methods of what Python and JavaScript have of their own."""


class Meant(NamedTuple):
    """A definition that a name may mean."""

    path: str
    symbol: Symbol
    confidence: float
    """From 0 to 1."""


class ReferenceResolver:
    """Finds definitions by the names that are used.

    Args:
        definitions: The definitions of each file.
        imports: The files of the tree that each file imports.
    """

    def __init__(self, definitions: Mapping[str, Iterable[Symbol]], imports: Mapping[str, Collection[str]]) -> None:
        self._by_name: defaultdict[str, list[tuple[str, Symbol]]] = defaultdict(list)
        self._types: dict[tuple[str, str], tuple[int, int]] = {}
        """The lines of types by file and name."""
        for path, symbols in definitions.items():
            for symbol in symbols:
                if symbol.kind in _TYPES:
                    self._types[path, symbol.qualified_name] = symbol.span.start_line, symbol.span.end_line
                if symbol.kind not in _NO_CALLEE:
                    self._by_name[symbol.name].append((path, symbol))
        self._imports = {path: frozenset(targets) for path, targets in imports.items()}
        self._hops: dict[str, tuple[frozenset[str], ...]] = {}

    def resolve(self, path: str, name: str, line: int) -> list[Meant]:
        """Return the definitions that a name may mean on a line of a file, the surest first.

        A definition does not mean itself: on its own line, nothing of that name in the file is meant.
        """
        candidates = self._by_name.get(name, ())
        own = [(file, symbol) for file, symbol in candidates if file == path]
        if any(symbol.name_line == line for _, symbol in own):
            return []
        if found := self._nearest(path, own, line):
            return _meant(found, SAME_FILE)
        for files, confidence in zip(self._hops_from(path), BY_HOPS, strict=False):
            if found := [(file, symbol) for file, symbol in candidates if file in files]:
                return _meant(found, confidence)
        return _meant(candidates, ELSEWHERE)

    def _nearest(self, path: str, own: Sequence[tuple[str, Symbol]], line: int) -> Sequence[tuple[str, Symbol]]:
        """Return those of a file's definitions that are in the type that a line is in, or all of them."""
        around = []
        for file, symbol in own:
            first, last = self._types.get((path, symbol.parent), (0, -1))
            if first <= line <= last:
                around.append((file, symbol))
        return around or own

    def _hops_from(self, path: str) -> tuple[frozenset[str], ...]:
        """Return what a file imports, what that imports that was not reached yet, and so on."""
        if path not in self._hops:
            levels: list[frozenset[str]] = []
            seen = {path}
            last = frozenset({path})
            while last and len(levels) < len(BY_HOPS):
                last = frozenset().union(*(self._imports.get(one, frozenset()) for one in last)) - seen
                seen |= last
                levels.append(last)
            self._hops[path] = tuple(levels)
        return self._hops[path]


def _meant(found: Sequence[tuple[str, Symbol]], confidence: float) -> list[Meant]:
    """Share the confidence among definitions; those of one name in one place, as overloads, are one."""
    distinct = {(file, symbol.parent) for file, symbol in found}
    if not found or len(distinct) > _MAX_FITTING:
        return []
    share = confidence / len(distinct)
    return [Meant(file, symbol, share * _certainty(symbol)) for file, symbol in found]


def _certainty(symbol: Symbol) -> float:
    return _OF_EVERY_TYPE if symbol.kind is SymbolKind.METHOD and symbol.name in _BUILT_IN else 1.0


__all__ = ["BY_HOPS", "ELSEWHERE", "SAME_FILE", "Meant", "ReferenceResolver"]
