# SPDX-License-Identifier: FSL-1.1-MIT
"""Messages of the dependency graph of all repositories, from the values of the core. Pure.

The fields of both are called the same, but for the repository; what a caller over the network is not told is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from conexus.daemon import schema
from conexus.daemon.messages import notices, root_for, text
from conexus.types import (
    CyclesAnswer,
    DependencyGraph,
    DriftAnswer,
    ImpactAnswer,
    OrphansAnswer,
    OwnersAnswer,
    PathAnswer,
    Principal,
    Thing,
    Tie,
)

# ------------------------------------------------------------------------------ to messages


def thing(found: Thing, who: Principal) -> schema.Thing:
    """Return a node."""
    return schema.Thing(
        kind=found.kind,
        name=text(found.name),
        repository=text(found.repo),
        root=root_for(found.root, who) if found.root else "",
        path=text(found.path),
        line=found.line,
        ecosystem=found.ecosystem,
    )


def _things(found: Sequence[Thing], who: Principal) -> list[schema.Thing]:
    return [thing(one, who) for one in found]


def _ties(found: Sequence[Tie], who: Principal) -> list[schema.Tie]:
    return [
        schema.Tie(
            kind=tie.kind,
            source=thing(tie.source, who),
            target=thing(tie.target, who),
            repository=text(tie.repo),
            root=root_for(tie.root, who) if tie.root else "",
            path=text(tie.path),
            line=tie.line,
            confidence=tie.confidence,
            detail=text(tie.detail),
            count=tie.count,
        )
        for tie in found
    ]


def graph(found: DependencyGraph, who: Principal) -> schema.DependencyGraph:
    """Return what depends on what."""
    return schema.DependencyGraph(
        nodes=[
            schema.DependencyNode(
                thing=thing(node.thing, who),
                version=text(node.version),
                dependents=node.dependents,
                dependencies=node.dependencies,
            )
            for node in found.nodes
        ],
        edges=[
            schema.DependencyEdge(
                source=edge.source,
                target=edge.target,
                kind=edge.kind,
                count=edge.count,
                confidence=edge.confidence,
                scope=edge.scope,
                detail=text(edge.detail),
                path=text(edge.path),
                line=edge.line,
            )
            for edge in found.edges
        ],
        nodes_total=found.nodes_total,
        edges_total=found.edges_total,
    )


def impact(found: ImpactAnswer, who: Principal) -> schema.ImpactAnswer:
    """Return what a change may break."""
    return schema.ImpactAnswer(
        changed=_things(found.changed, who),
        hits=[
            schema.ImpactHit(
                thing=thing(hit.thing, who),
                depth=hit.depth,
                confidence=hit.confidence,
                ties=_ties(hit.ties, who),
                owners=[text(owner) for owner in hit.owners],
            )
            for hit in found.hits
        ],
        repositories=[
            schema.RepositoryImpact(
                repository=text(one.repo),
                hits=one.hits,
                direct=one.direct,
                owners=[text(owner) for owner in one.owners],
            )
            for one in found.repositories
        ],
        total=found.total,
        complete=found.complete,
        notices=notices(found.notices, who),
    )


def path(found: PathAnswer, who: Principal) -> schema.PathAnswer:
    """Return how one thing depends on another."""
    return schema.PathAnswer(
        source=thing(found.source, who),
        target=thing(found.target, who),
        ties=_ties(found.ties, who),
        swapped=found.swapped,
    )


def drift(found: DriftAnswer, who: Principal) -> schema.DriftAnswer:
    """Return packages whose versions differ."""
    return schema.DriftAnswer(
        packages=[
            schema.PackageDrift(
                ecosystem=one.ecosystem,
                name=text(one.name),
                provided_by=_things(one.provided_by, who),
                version=text(one.version),
                kinds=list(one.kinds),
                uses=[
                    schema.PackageUse(
                        repository=text(use.repo),
                        root=root_for(use.root, who),
                        path=text(use.path),
                        line=use.line,
                        constraint=text(use.constraint),
                        scope=use.scope,
                        allows_provided=use.allows_provided,
                    )
                    for use in one.uses
                ],
            )
            for one in found.packages
        ],
        total=found.total,
    )


def owners(found: OwnersAnswer, who: Principal) -> schema.OwnersAnswer:
    """Return who has to hear of a change."""
    return schema.OwnersAnswer(
        changed=_things(found.changed, who),
        owners=[
            schema.OwnerImpact(
                owner=text(one.owner),
                hits=one.hits,
                repositories=[text(repo) for repo in one.repositories],
                files=_things(one.files, who),
            )
            for one in found.owners
        ],
        total=found.total,
        complete=found.complete,
        notices=notices(found.notices, who),
    )


def orphans(found: OrphansAnswer, who: Principal) -> schema.OrphansAnswer:
    """Return what nobody uses."""
    return schema.OrphansAnswer(
        repositories=_things(found.repositories, who),
        packages=_things(found.packages, who),
        served=_things(found.served, who),
        called=_things(found.called, who),
    )


def cycles(found: CyclesAnswer, who: Principal) -> schema.CyclesAnswer:
    """Return repositories that depend on each other."""
    return schema.CyclesAnswer(
        cycles=[schema.DependencyCycle(ties=_ties(cycle, who)) for cycle in found.cycles], total=found.total
    )
