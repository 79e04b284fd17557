# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes a graph of imports in each of its formats."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from conexus.cli.script_page import script_page
from conexus.search.neutral import one_line
from conexus.types import ImportGraph

SCHEMA = "conexus.graph/1"
_PLAIN = re.compile(r"[\w./ -]", re.ASCII)
_IDEAL = 90.0  # units between two nodes that are tied
_MARGIN = 80.0  # around a picture, for names
_STEPS, _MANY, _FEW_STEPS = 150, 400, 60


class GraphFormat(StrEnum):
    """How a graph is written."""

    TEXT = "text"
    TABLE = "table"
    MERMAID = "mermaid"
    DOT = "dot"
    GRAPHML = "graphml"
    SVG = "svg"
    JSON = "json"
    HTML = "html"


def rendered(
    graph: ImportGraph,
    style: GraphFormat,
    title: str,
    *,
    folders: bool = False,
    cycles: bool = False,
    central: bool = False,
) -> str:
    """Return a graph as text.

    Args:
        graph: The graph.
        style: How it is written.
        title: What it is of, for a page.
        folders: Whether its nodes are folders.
        cycles: Whether its cycles were asked for.
        central: Whether the most central nodes were asked for.
    """
    writers: dict[GraphFormat, Callable[[], str]] = {
        GraphFormat.TEXT: lambda: lines_of(graph, cycles=cycles, central=central),
        GraphFormat.TABLE: lambda: table(graph, central=central),
        GraphFormat.MERMAID: lambda: mermaid(graph),
        GraphFormat.DOT: lambda: dot(graph),
        GraphFormat.GRAPHML: lambda: graphml(graph),
        GraphFormat.SVG: lambda: svg(graph, title),
        GraphFormat.JSON: lambda: json.dumps(_as_json(graph, cycles=cycles, central=central), indent=2) + "\n",
        GraphFormat.HTML: lambda: page(graph, title, folders=folders),
    }
    return writers[style]()


def lines_of(graph: ImportGraph, *, cycles: bool, central: bool) -> str:
    """Return a line for each edge, or what was asked for in their place."""
    if cycles:
        return cycle_lines(graph)
    if central:
        return rank_lines(graph)
    return "".join(f"{source} -> {target}{_times(files)}\n" for source, target, files in _named(graph))


def cycle_lines(graph: ImportGraph) -> str:
    """Return a paragraph for each cycle: how many are in it, a shortest way round, and all that are in it."""
    parts = []
    for cycle in graph.cycles:
        way = " -> ".join(map(one_line, (*cycle.shortest, cycle.shortest[0])))
        members = "".join(f"  {one_line(path)}\n" for path in cycle.members)
        parts.append(f"{len(cycle.members)} import one another, as {way}\n{members}")
    return "\n".join(parts)


def rank_lines(graph: ImportGraph) -> str:
    """Return the nodes with their ranks, the most central first."""
    nodes = sorted(graph.nodes, key=lambda node: (-node.rank, node.path))
    return "".join(f"{node.rank:.4f}  {one_line(node.path)}\n" for node in nodes)


def table(graph: ImportGraph, *, central: bool) -> str:
    """Return a line for each node: how many it imports, how many import it, and its rank where that is known."""
    out = Counter(edge.source for edge in graph.edges)
    into = Counter(edge.target for edge in graph.edges)
    order = sorted(range(len(graph.nodes)), key=lambda place: (-graph.nodes[place].rank, -into[place], place))
    head = ["imports", "imported by", *(["rank"] if central else []), "path"]
    rows = [
        [
            str(out[place]),
            str(into[place]),
            *([f"{graph.nodes[place].rank:.4f}"] if central else []),
            one_line(graph.nodes[place].path),
        ]
        for place in order
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head) - 1)]
    return "".join(
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) + "\n"
        for row in (head, *rows)
    )


def _named(graph: ImportGraph) -> list[tuple[str, str, int]]:
    names = [one_line(node.path) for node in graph.nodes]
    return [(names[edge.source], names[edge.target], edge.files) for edge in graph.edges]


def _times(files: int) -> str:
    return f"  ({files} imports)" if files > 1 else ""


def mermaid(graph: ImportGraph) -> str:
    """Return a flow chart for Mermaid; in names, what could mean something to it is written by number."""
    lines = ["flowchart LR"]
    lines += [f'  n{place}["{_entities(one_line(node.path))}"]' for place, node in enumerate(graph.nodes)]
    lines += [
        f"  n{edge.source} -->{f'|{edge.files}|' if edge.files > 1 else ''} n{edge.target}" for edge in graph.edges
    ]
    return "\n".join(lines) + "\n"


def _entities(text: str) -> str:
    return "".join(char if _PLAIN.match(char) else f"#{ord(char)};" for char in text)


def dot(graph: ImportGraph) -> str:
    """Return a graph for Graphviz."""
    lines = ["digraph imports {", "  rankdir=LR;", "  node [shape=box];"]
    lines += [f"  n{place} [label={_quoted(one_line(node.path))}];" for place, node in enumerate(graph.nodes)]
    lines += [
        f"  n{edge.source} -> n{edge.target}{f' [label={edge.files}]' if edge.files > 1 else ''};"
        for edge in graph.edges
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def graphml(graph: ImportGraph) -> str:
    """Return a graph in GraphML, which Gephi, yEd and NetworkX read."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        '  <key id="path" for="node" attr.name="path" attr.type="string"/>',
        '  <key id="language" for="node" attr.name="language" attr.type="string"/>',
        '  <key id="rank" for="node" attr.name="rank" attr.type="double"/>',
        '  <key id="files" for="edge" attr.name="files" attr.type="int"/>',
        '  <graph id="imports" edgedefault="directed">',
    ]
    for place, node in enumerate(graph.nodes):
        language = f'<data key="language">{html.escape(node.language)}</data>' if node.language else ""
        rank = f'<data key="rank">{node.rank!r}</data>' if node.rank else ""
        path = html.escape(one_line(node.path))
        lines.append(f'    <node id="n{place}"><data key="path">{path}</data>{language}{rank}</node>')
    lines += [
        f'    <edge source="n{edge.source}" target="n{edge.target}"><data key="files">{edge.files}</data></edge>'
        for edge in graph.edges
    ]
    return "\n".join([*lines, "  </graph>", "</graphml>"]) + "\n"


def svg(graph: ImportGraph, title: str) -> str:
    """Return a picture, each node where the page draws it, larger the more import it."""
    places = layout(len(graph.nodes), [(edge.source, edge.target) for edge in graph.edges])
    into = Counter(edge.target for edge in graph.edges)
    low = places.min(axis=0) - _MARGIN if len(places) else np.zeros(2)
    size = (places.max(axis=0) + _MARGIN - low) if len(places) else np.full(2, _MARGIN)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{low[0]:.0f} {low[1]:.0f} {size[0]:.0f} {size[1]:.0f}" '
        'font-family="sans-serif" font-size="11">',
        f"  <title>{html.escape(one_line(title))}</title>",
        '  <defs><marker id="end" viewBox="0 0 8 8" refX="14" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#888"/></marker></defs>',
        f'  <rect x="{low[0]:.0f}" y="{low[1]:.0f}" width="100%" height="100%" fill="#fff"/>',
        '  <g stroke="#888" stroke-opacity="0.6" marker-end="url(#end)">',
    ]
    for edge in graph.edges:
        (x1, y1), (x2, y2) = places[edge.source].tolist(), places[edge.target].tolist()
        lines.append(f'    <line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" marker-end="url(#end)"/>')
    lines += ["  </g>", '  <g fill="#1f5fa8">']
    for place, node in enumerate(graph.nodes):
        x, y = places[place].tolist()
        path = html.escape(one_line(node.path))
        radius = 4 + 1.5 * into[place] ** 0.5
        lines.append(f'    <circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{path}</title></circle>')
    lines += ["  </g>", '  <g fill="#222" text-anchor="middle">']
    for node, (x, y) in zip(graph.nodes, places.tolist(), strict=True):
        name = html.escape(one_line(node.path).rpartition("/")[2] or one_line(node.path))
        lines.append(f'    <text x="{x:.1f}" y="{y + 18:.1f}">{name}</text>')
    return "\n".join([*lines, "  </g>", "</svg>"]) + "\n"


def _as_json(graph: ImportGraph, *, cycles: bool, central: bool) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "repository": graph.repo,
        "root": graph.root,
        "nodes_total": graph.nodes_total,
        "edges_total": graph.edges_total,
        "nodes": [
            {"path": node.path, "files": node.files, "language": node.language}
            | ({"rank": node.rank} if central else {})
            for node in graph.nodes
        ],
        "edges": [{"source": edge.source, "target": edge.target, "files": edge.files} for edge in graph.edges],
    } | ({"cycles": [asdict(cycle) for cycle in graph.cycles]} if cycles else {})


def page(graph: ImportGraph, title: str, *, folders: bool) -> str:
    """Return a page that draws the graph, with all that it needs in it; it loads nothing and runs no other script."""
    places = layout(len(graph.nodes), [(edge.source, edge.target) for edge in graph.edges])
    data = {
        "title": one_line(title),
        "folders": folders,
        "nodes_total": graph.nodes_total,
        "edges_total": graph.edges_total,
        "nodes": [
            {"path": one_line(node.path), "group": _group(one_line(node.path)), "x": round(x, 1), "y": round(y, 1)}
            for node, (x, y) in zip(graph.nodes, places.tolist(), strict=True)
        ],
        "edges": [{"source": edge.source, "target": edge.target, "files": edge.files} for edge in graph.edges],
    }
    return script_page("graph", title, data)


def _group(path: str) -> str:
    """Return the first folders of a path: two, where there are as many."""
    return "/".join(path.split("/")[:-1][:2]) or "."


def layout(count: int, edges: list[tuple[int, int]]) -> npt.NDArray[np.float64]:
    """Place nodes so that tied ones are near each other and all others apart.

    Source: Fruchterman and Reingold, "Graph Drawing by Force-directed Placement", 1991. Nodes begin on a circle, so
    that the same graph is always drawn the same.

    Args:
        count: How many nodes there are.
        edges: Pairs of their numbers.

    Returns:
        Places, of shape ``(count, 2)``.
    """
    angles = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    circle = np.column_stack((np.cos(angles), np.sin(angles)))
    places: npt.NDArray[np.float64] = circle * _IDEAL * np.sqrt(max(1, count))
    ends = np.array(edges, dtype=np.intp).reshape(-1, 2)
    steps = _STEPS if count <= _MANY else _FEW_STEPS
    for step in range(steps):
        apart = places[:, None, :] - places[None, :, :]
        distance = np.maximum(np.sqrt((apart**2).sum(axis=2)), 0.01)
        force = (apart * (_IDEAL**2 / distance**2)[:, :, None]).sum(axis=1)
        pull = places[ends[:, 0]] - places[ends[:, 1]]
        pull *= (np.sqrt((pull**2).sum(axis=1)) / _IDEAL)[:, None]
        np.add.at(force, ends[:, 0], -pull)
        np.add.at(force, ends[:, 1], pull)
        force -= places * 0.05  # towards the middle, so that parts without a tie stay in the picture
        size = np.maximum(np.sqrt((force**2).sum(axis=1)), 0.01)
        most = _IDEAL * 2 * (1 - step / steps)
        places += force / size[:, None] * np.minimum(size, most)[:, None]
    return places
