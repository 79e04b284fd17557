# SPDX-License-Identifier: FSL-1.1-MIT
"""Answers of a daemon about the dependency graph, from JSON to the values of the core. Needs nothing but these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conexus.types import (
    CyclesAnswer,
    DependencyEdge,
    DependencyGraph,
    DependencyNode,
    DriftAnswer,
    DriftKind,
    ImpactAnswer,
    ImpactHit,
    OrphansAnswer,
    OwnerImpact,
    OwnersAnswer,
    PackageDrift,
    PackageUse,
    PathAnswer,
    RepoId,
    RepositoryImpact,
    Thing,
    ThingKind,
    Tie,
    TieKind,
)

Json = Mapping[str, Any]


def thing(found: Json) -> Thing:
    """Return a node."""
    return Thing(
        ThingKind(found["kind"]),
        found["name"],
        RepoId(found["repository"]),
        found["root"],
        found["path"],
        found["line"],
        found["ecosystem"],
    )


def _things(found: Sequence[Json]) -> tuple[Thing, ...]:
    return tuple(map(thing, found))


def _tie(found: Json) -> Tie:
    return Tie(
        TieKind(found["kind"]),
        thing(found["source"]),
        thing(found["target"]),
        RepoId(found["repository"]),
        found["root"],
        found["path"],
        found["line"],
        found["confidence"],
        found["detail"],
        found["count"],
    )


def _ties(found: Sequence[Json]) -> tuple[Tie, ...]:
    return tuple(map(_tie, found))


def graph(found: Json) -> DependencyGraph:
    """Return what depends on what."""
    return DependencyGraph(
        tuple(
            DependencyNode(thing(one["thing"]), one["version"], one["dependents"], one["dependencies"])
            for one in found["nodes"]
        ),
        tuple(DependencyEdge(**{**one, "kind": TieKind(one["kind"])}) for one in found["edges"]),
        found["nodes_total"],
        found["edges_total"],
    )


def impact(found: Json) -> ImpactAnswer:
    """Return what a change may break."""
    return ImpactAnswer(
        _things(found["changed"]),
        tuple(
            ImpactHit(thing(one["thing"]), one["depth"], one["confidence"], _ties(one["ties"]), tuple(one["owners"]))
            for one in found["hits"]
        ),
        tuple(
            RepositoryImpact(RepoId(one["repository"]), one["hits"], one["direct"], tuple(one["owners"]))
            for one in found["repositories"]
        ),
        found["total"],
        found["complete"],
        tuple(found["notices"]),
    )


def path(found: Json) -> PathAnswer:
    """Return how one thing depends on another."""
    return PathAnswer(thing(found["source"]), thing(found["target"]), _ties(found["ties"]), found["swapped"])


def drift(found: Json) -> DriftAnswer:
    """Return packages whose versions differ."""
    return DriftAnswer(
        tuple(
            PackageDrift(
                one["ecosystem"],
                one["name"],
                _things(one["provided_by"]),
                one["version"],
                tuple(map(DriftKind, one["kinds"])),
                tuple(
                    PackageUse(
                        RepoId(use["repository"]),
                        use["root"],
                        use["path"],
                        use["line"],
                        use["constraint"],
                        use["scope"],
                        use["allows_provided"],
                    )
                    for use in one["uses"]
                ),
            )
            for one in found["packages"]
        ),
        found["total"],
    )


def owners(found: Json) -> OwnersAnswer:
    """Return who has to hear of a change."""
    return OwnersAnswer(
        _things(found["changed"]),
        tuple(
            OwnerImpact(one["owner"], one["hits"], tuple(map(RepoId, one["repositories"])), _things(one["files"]))
            for one in found["owners"]
        ),
        found["total"],
        found["complete"],
        tuple(found["notices"]),
    )


def orphans(found: Json) -> OrphansAnswer:
    """Return what nobody uses."""
    return OrphansAnswer(*(_things(found[name]) for name in ("repositories", "packages", "served", "called")))


def cycles(found: Json) -> CyclesAnswer:
    """Return repositories that depend on each other."""
    return CyclesAnswer(tuple(_ties(one["ties"]) for one in found["cycles"]), found["total"])
