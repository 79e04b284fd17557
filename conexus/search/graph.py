# SPDX-License-Identifier: FSL-1.1-MIT
"""Makes the graph of a tree's imports small enough to be looked at. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from conexus.search.structure import import_cycles, import_ranks
from conexus.types import GraphEdge, GraphNode, GraphRequest, ImportGraph, RepoId


def import_graph(
    repo: RepoId,
    root: str,
    files: Sequence[tuple[str, str | None]],
    pairs: Iterable[tuple[str, str]],
    request: GraphRequest,
) -> ImportGraph:
    """Return the graph of files, or of their folders.

    Args:
        repo: Whose files they are.
        root: The working tree.
        files: Paths and languages.
        pairs: Which file imports which, each pair once.
        request: What is wanted of it. Of folders, imports within one are left out.
    """
    if request.folders:
        counts = Counter(_folder(path) for path, _ in files)
        nodes = {path: GraphNode(path, count) for path, count in counts.items()}
        edges = Counter((_folder(source), _folder(target)) for source, target in pairs)
    else:
        nodes = {path: GraphNode(path, 1, language) for path, language in files}
        edges = Counter(pairs)
    edges = Counter({pair: count for pair, count in edges.items() if pair[0] != pair[1]})
    cycles = import_cycles(edges) if request.cycles else ()
    weights: Mapping[str, float]
    if request.central:
        weights = import_ranks(edges)
        nodes = {path: replace(node, rank=weights.get(path, 0.0)) for path, node in nodes.items()}
    else:
        weights = _ties(edges)
    # A file that neither imports nor is imported says nothing in a picture of imports.
    wanted = {path for cycle in cycles for path in cycle.members} if request.cycles else weights
    shown = sorted(sorted(wanted, key=lambda path: (-weights[path], path))[: request.limit])
    place_of = {path: place for place, path in enumerate(shown)}
    return ImportGraph(
        repo,
        root,
        tuple(nodes[path] for path in shown),
        tuple(
            GraphEdge(place_of[source], place_of[target], count)
            for (source, target), count in sorted(edges.items())
            if source in place_of and target in place_of
        ),
        nodes_total=len(nodes),
        edges_total=len(edges),
        cycles=cycles,
    )


def _ties(edges: Mapping[tuple[str, str], int]) -> Counter[str]:
    ties: Counter[str] = Counter()
    for (source, target), count in edges.items():
        ties[source] += count
        ties[target] += count
    return ties


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "."


__all__ = ["import_graph"]
