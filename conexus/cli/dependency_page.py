# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes a graph of dependencies as one page that draws it: nothing is loaded, and no other script runs."""

from __future__ import annotations

from conexus.cli.dependency_render import label, short
from conexus.cli.graph_render import layout
from conexus.cli.script_page import script_page
from conexus.search.neutral import one_line
from conexus.types import DependencyGraph, ThingKind, TieKind

_KINDS = list(ThingKind)
_TIES = list(TieKind)
_ROOM = 2.0  # between repositories, for their names


def page(graph: DependencyGraph, title: str) -> str:
    """Return a page: repositories first, each of which opens into what is in it.

    Args:
        graph: The graph.
        title: What it is of.
    """
    groups: dict[str, int] = {}
    roots: dict[str, str] = {}
    group_of = []
    for node in graph.nodes:
        thing = node.thing
        name = thing.repo or f"{thing.ecosystem}:"  # packages of others are a group for each ecosystem
        group_of.append(groups.setdefault(name, len(groups)))
        roots.setdefault(name, thing.root)
    pairs = {(group_of[edge.source], group_of[edge.target]) for edge in graph.edges}
    places = layout(len(groups), sorted(pair for pair in pairs if pair[0] != pair[1]))
    data = {
        "title": one_line(title),
        "kinds": [kind.value for kind in _KINDS],
        "ties": [kind.value for kind in _TIES],
        "nodes_total": graph.nodes_total,
        "edges_total": graph.edges_total,
        "groups": [
            {
                "name": one_line(name if not name.endswith(":") else f"{name[:-1]} packages of others"),
                "short": one_line(short(name) if not name.endswith(":") else f"{name[:-1]} …"),
                "root": one_line(roots[name]),
                "x": round(float(x) * _ROOM, 1),
                "y": round(float(y) * _ROOM, 1),
            }
            for name, (x, y) in zip(groups, places.tolist(), strict=True)
        ],
        # As columns: there may be tens of thousands.
        "nodes": [
            [
                group,
                _KINDS.index(node.thing.kind),
                label(node.thing).partition(":")[2] if node.thing.kind in _INSIDE else label(node.thing),
                one_line(node.thing.path),
                node.thing.line,
                node.thing.ecosystem,
                one_line(node.version),
            ]
            for group, node in zip(group_of, graph.nodes, strict=True)
        ],
        "edges": [
            [
                edge.source,
                edge.target,
                _TIES.index(edge.kind),
                edge.count,
                edge.scope,
                one_line(edge.detail),
                one_line(edge.path),
                edge.line,
            ]
            for edge in graph.edges
        ],
    }
    return script_page("dependencies", title, data)


_INSIDE = frozenset({ThingKind.FILE, ThingKind.SYMBOL, ThingKind.ENDPOINT})
