# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes a graph of imports in each of its formats."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from enum import StrEnum
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from conexus.search.neutral import one_line
from conexus.types import ImportGraph

SCHEMA = "conexus.graph/1"
_PLAIN = re.compile(r"[\w./ -]", re.ASCII)
_IDEAL = 90.0  # units between two nodes that are tied
_STEPS, _MANY, _FEW_STEPS = 150, 400, 60


class GraphFormat(StrEnum):
    """How a graph is written."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"
    JSON = "json"
    HTML = "html"


def rendered(graph: ImportGraph, style: GraphFormat, title: str, *, folders: bool = False) -> str:
    """Return a graph as text.

    Args:
        graph: The graph.
        style: How it is written.
        title: What it is of, for a page.
        folders: Whether its nodes are folders.
    """
    match style:
        case GraphFormat.TEXT:
            return "".join(f"{source} -> {target}{_times(files)}\n" for source, target, files in _named(graph))
        case GraphFormat.MERMAID:
            return mermaid(graph)
        case GraphFormat.DOT:
            return dot(graph)
        case GraphFormat.JSON:
            return json.dumps(_as_json(graph), indent=2) + "\n"
        case GraphFormat.HTML:
            return page(graph, title, folders=folders)


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


def _as_json(graph: ImportGraph) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "repository": graph.repo,
        "root": graph.root,
        "nodes_total": graph.nodes_total,
        "edges_total": graph.edges_total,
        "nodes": [{"path": node.path, "files": node.files, "language": node.language} for node in graph.nodes],
        "edges": [{"source": edge.source, "target": edge.target, "files": edge.files} for edge in graph.edges],
    }


def page(graph: ImportGraph, title: str, *, folders: bool) -> str:
    """Return a page that draws the graph, with all that it needs in it; it loads nothing and runs no other script."""
    script = files("conexus.cli").joinpath("pages/graph.js").read_text(encoding="utf-8")
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
    # In a script element nothing but "<" can end it, or begin a comment.
    embedded = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "TITLE": html.escape(one_line(title)),
        "SCRIPT_HASH": f"sha256-{digest}",
        "DATA": embedded,
        "SCRIPT": script,
    }
    template = files("conexus.cli").joinpath("pages/graph.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{([A-Z_]+)\}\}", lambda found: parts[found[1]], template)


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
