# SPDX-License-Identifier: FSL-1.1-MIT
"""Cycles of imports, and how central files are. Pure.

The library is imported when somebody asks.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from conexus.types import ImportCycle

if TYPE_CHECKING:
    import rustworkx as rx

_DAMPING = 0.85
"""Source: Brin and Page, "The Anatomy of a Large-Scale Hypertextual Web Search Engine", 1998."""
_MAX_STARTS = 500
"""Members of one cycle from which a shortest way round is looked for; in larger ones it may be missed."""


def import_ranks(edges: Mapping[tuple[str, str], int]) -> dict[str, float]:
    """Return of every path its share of PageRank, where the one that imports votes for what it imports.

    Args:
        edges: Pairs of which the first imports the second, with how often.
    """
    import rustworkx as rx  # noqa: PLC0415 -- where it is needed

    graph, paths = _digraph(edges)
    ranks = rx.pagerank(graph, alpha=_DAMPING, weight_fn=float)
    return {path: ranks[place] for place, path in enumerate(paths)}


def import_cycles(edges: Iterable[tuple[str, str]]) -> tuple[ImportCycle, ...]:
    """Return the strongly connected parts of more than one path, the largest first, each with a shortest cycle."""
    import rustworkx as rx  # noqa: PLC0415 -- as above

    graph, paths = _digraph(dict.fromkeys(edges, 1))
    targets: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in sorted(edges):
        targets[source].append(target)
    found = [
        ImportCycle(tuple(members), shortest_cycle(members, targets))
        for part in rx.strongly_connected_components(graph)
        if len(part) > 1
        for members in [sorted(paths[place] for place in part)]
    ]
    return tuple(sorted(found, key=lambda cycle: (-len(cycle.members), cycle.members)))


def _digraph(edges: Mapping[tuple[str, str], int]) -> tuple[rx.PyDiGraph[str, int], list[str]]:
    import rustworkx as rx  # noqa: PLC0415 -- as above

    paths = sorted({path for pair in edges for path in pair})
    place_of = {path: place for place, path in enumerate(paths)}
    graph: rx.PyDiGraph[str, int] = rx.PyDiGraph()
    graph.add_nodes_from(paths)
    graph.add_edges_from([(place_of[source], place_of[target], count) for (source, target), count in edges.items()])
    return graph, paths


def shortest_cycle(members: Sequence[str], targets: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return a shortest cycle among strongly connected paths; of several the first by path.

    Args:
        members: The paths, in order.
        targets: What each path imports, in order; others than members do not count.
    """
    inside = frozenset(members)
    best: tuple[str, ...] = ()
    for start in members[:_MAX_STARTS]:
        came_from: dict[str, str] = {}
        depths = {start: 0}
        waiting = deque([start])
        while waiting:
            at = waiting.popleft()
            if best and depths[at] + 1 >= len(best):
                break
            for target in targets[at]:
                if target == start:
                    way = [at]
                    while way[-1] != start:
                        way.append(came_from[way[-1]])
                    best = tuple(reversed(way))
                    waiting.clear()
                    break
                if target in inside and target not in depths:
                    depths[target], came_from[target] = depths[at] + 1, at
                    waiting.append(target)
        if len(best) == 2:  # noqa: PLR2004 -- none is shorter
            break
    return best


__all__ = ["import_cycles", "import_ranks", "shortest_cycle"]
