# SPDX-License-Identifier: FSL-1.1-MIT
"""Lists the places in code that an answer about dependencies shows. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import NamedTuple

from conexus.types import DependencyGraph, PackageUse, RepoId, Thing, Tie


class Shown(NamedTuple):
    """A place that an answer shows."""

    repo: RepoId
    root: str
    path: str
    line: int


def places_of(answer: object) -> Iterator[Shown]:
    """Yield the places of an answer, some of them more than once."""
    if isinstance(answer, DependencyGraph):
        for node in answer.nodes:
            yield from places_of(node.thing)
        for edge in answer.edges:
            source, target = (answer.nodes[place].thing for place in (edge.source, edge.target))
            # What shows that a repository provides a package is in the repository: the target.
            of = source if source.root and source.kind != "package" else target
            yield Shown(of.repo, of.root, edge.path, edge.line)
        return
    if isinstance(answer, Thing | Tie | PackageUse) and answer.repo:
        yield Shown(answer.repo, answer.root, answer.path, answer.line)
    if isinstance(answer, tuple):
        for one in answer:
            yield from places_of(one)
    elif is_dataclass(answer) and not isinstance(answer, type):
        for field in fields(answer):
            value = getattr(answer, field.name)
            if isinstance(value, tuple) or is_dataclass(value):
                yield from places_of(value)


__all__ = ["Shown", "places_of"]
