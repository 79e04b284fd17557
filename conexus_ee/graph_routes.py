# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Tells which served route or remote method a call means. Pure.

Where a service is mounted and what a client's base address ends in stands in no code, so that the ends of paths are
compared: a path that fits as a whole is more certain than one of which more stands on either side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Final, Generic, TypeVar

from conexus.types import Endpoint, EndpointKind
from conexus.values import dataclass

_T = TypeVar("_T")
_ANY: Final = "*"
_PARAMETER: Final = "{}"
_WHOLE, _LONGER_CALL, _LONGER_ROUTE = 0.9, 0.6, 0.6
_METHOD_UNKNOWN: Final = 0.85
_LEAST_WORDS: Final = 2
"""Segments that are no parameters, where only the ends of paths fit."""
_MOST: Final = 50
"""Fitting routes of one call; what fits more means nothing."""


@dataclass(eq=False)
class _Node(Generic[_T]):
    below: dict[str, _Node[_T]] = field(default_factory=dict)
    here: list[tuple[str, _T]] = field(default_factory=list)
    """Methods and what serves them."""


class Routes(Generic[_T]):
    """Served endpoints, found by those that are called.

    Args:
        served: Endpoints, each with what is found.
    """

    def __init__(self, served: Iterable[tuple[Endpoint, _T]]) -> None:
        self._http: _Node[_T] = _Node()
        self._grpc: dict[str, list[tuple[str, str, _T]]] = {}
        for endpoint, value in served:
            if endpoint.kind is EndpointKind.GRPC:
                self._grpc.setdefault(_short(endpoint.path), []).append((endpoint.path, endpoint.method, value))
                continue
            node = self._http
            for segment in reversed(segments(endpoint.path)):
                node = node.below.setdefault(segment, _Node())
            node.here.append((endpoint.method, value))

    def meant(self, call: Endpoint) -> list[tuple[_T, float]]:
        """Return what a call may mean, each with how certain that is; nothing where it may mean anything."""
        found = list(self._of_grpc(call) if call.kind is EndpointKind.GRPC else self._of_http(call))
        return found if len(found) <= _MOST else []

    def _of_grpc(self, call: Endpoint) -> Iterator[tuple[_T, float]]:
        for path, method, value in self._grpc.get(_short(call.path), ()):
            if _ANY not in {method, call.method} and method != call.method:
                continue
            whole = path == call.path
            if whole or path.endswith(f".{call.path}") or call.path.endswith(f".{path}"):
                yield value, (0.95 if whole else 0.8) * (1.0 if method == call.method else _METHOD_UNKNOWN)

    def _of_http(self, call: Endpoint) -> Iterator[tuple[_T, float]]:
        asked = list(reversed(segments(call.path)))
        if not any(one != _PARAMETER for one in asked):
            return
        layer: list[tuple[_Node[_T], int]] = [(self._http, 0)]
        for depth, segment in enumerate(asked):
            if depth:  # the client's address has more before
                for node, words in layer:
                    if words >= _LEAST_WORDS:
                        yield from _fitting(node, call.method, _LONGER_CALL)
            layer = [following for node, words in layer for following in _followed(node, words, segment)]
        for node, words in layer:
            if words:
                yield from _fitting(node, call.method, _WHOLE)
            if words >= _LEAST_WORDS:  # the service is mounted below more
                for below in _all_below(node):
                    yield from _fitting(below, call.method, _LONGER_ROUTE)


def _followed(node: _Node[_T], words: int, segment: str) -> Iterator[tuple[_Node[_T], int]]:
    for name in dict.fromkeys((segment, _PARAMETER)):
        if name in node.below:
            yield node.below[name], words + (name != _PARAMETER)


def _fitting(node: _Node[_T], method: str, confidence: float) -> Iterator[tuple[_T, float]]:
    for served, value in node.here:
        if served == method:
            yield value, confidence
        elif _ANY in {served, method}:
            yield value, confidence * _METHOD_UNKNOWN


def _all_below(node: _Node[_T]) -> Iterator[_Node[_T]]:
    for below in node.below.values():
        yield below
        yield from _all_below(below)


def _short(path: str) -> str:
    return path.rpartition(".")[2]


def segments(path: str) -> Sequence[str]:
    """Return the parts of a path, with each that has a parameter in it as ``{}``."""
    return [_PARAMETER if "{" in part else part for part in path.split("/") if part]


__all__ = ["Routes", "segments"]
