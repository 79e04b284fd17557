# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes graphs of dependencies in each of their formats. What comes from indexed code is never markup."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from typing import Any, Final
from xml.etree import ElementTree as ET

from conexus.cli.graph_render import layout
from conexus.search.neutral import one_line
from conexus.types import (
    CyclesAnswer,
    DependencyEdge,
    DependencyGraph,
    DependencyNode,
    ImpactAnswer,
    PathAnswer,
    Thing,
    ThingKind,
    Tie,
    TieKind,
)

_PLAIN = re.compile(r"[\w./@ -]", re.ASCII)
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_DRAWN: Final = 300
"""Nodes of a picture; where there are more, repositories stand for what is in them."""
_SHAPES: Final = {
    ThingKind.REPOSITORY: "box3d",
    ThingKind.PACKAGE: "component",
    ThingKind.FILE: "note",
    ThingKind.SYMBOL: "ellipse",
    ThingKind.ENDPOINT: "cds",
}
_COLOURS: Final = {
    ThingKind.REPOSITORY: "#2f6fde",
    ThingKind.PACKAGE: "#c2620c",
    ThingKind.FILE: "#5b6b80",
    ThingKind.SYMBOL: "#2a8a57",
    ThingKind.ENDPOINT: "#9a3fc0",
}


class PictureFormat(StrEnum):
    """How a graph of dependencies is written."""

    TABLE = "table"
    JSON = "json"
    DOT = "dot"
    MERMAID = "mermaid"
    GRAPHML = "graphml"
    SVG = "svg"
    HTML = "html"


class ListFormat(StrEnum):
    """How what is no graph is written: a list of packages, owners or things."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def graph_of(answer: DependencyGraph | ImpactAnswer | PathAnswer | CyclesAnswer) -> DependencyGraph:
    """Return what an answer shows as a graph: of an impact, the paths to all hits."""
    match answer:
        case DependencyGraph():
            return answer
        case ImpactAnswer():
            return _joined((tie for hit in answer.hits for tie in hit.ties), answer.changed)
        case PathAnswer():
            return _joined(answer.ties, (answer.source, answer.target))
        case CyclesAnswer():
            return _joined((tie for cycle in answer.cycles for tie in cycle), ())


def _joined(ties: Iterable[Tie], alone: Sequence[Thing]) -> DependencyGraph:
    nodes: dict[Thing, int] = {}
    edges: dict[tuple[int, int, TieKind], DependencyEdge] = {}
    for thing in alone:
        nodes.setdefault(thing, len(nodes))
    for tie in ties:
        source, target = (nodes.setdefault(thing, len(nodes)) for thing in (tie.source, tie.target))
        edges.setdefault(
            (source, target, tie.kind),
            DependencyEdge(
                source,
                target,
                tie.kind,
                tie.count,
                tie.confidence,
                detail=tie.detail,
                path=tie.path,
                line=tie.line,
            ),
        )
    found = tuple(DependencyNode(thing) for thing in nodes)
    return DependencyGraph(found, tuple(edges.values()), len(nodes), len(edges))


def label(thing: Thing, *, whole: bool = False) -> str:
    """Return a thing as people read it; of what is in a repository, with its short name before it.

    Args:
        thing: The thing.
        whole: Whether the place of a definition is wanted, too.
    """
    name = one_line(thing.name)
    if thing.kind is ThingKind.PACKAGE:
        return f"{thing.ecosystem}:{name}"
    if thing.kind is ThingKind.REPOSITORY:
        return one_line(short(thing.repo))
    place = f" ({one_line(thing.path)}:{thing.line})" if whole and thing.line else ""
    return f"{one_line(short(thing.repo))}:{name}{place}"


def short(repo: str) -> str:
    """Return the last part of a repository's id."""
    return repo.rpartition("/")[2] or repo


# ------------------------------------------------------------------------------ text forms


def dot(graph: DependencyGraph) -> str:
    """Return a graph for Graphviz, with a box around what is in one repository."""
    lines = ["digraph dependencies {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    groups: dict[str, list[int]] = {}
    for place, node in enumerate(graph.nodes):
        inside = node.thing.kind not in {ThingKind.PACKAGE, ThingKind.REPOSITORY}
        groups.setdefault(node.thing.repo if inside else "", []).append(place)
    for number, (repo, places) in enumerate(groups.items()):
        indent = "    " if repo else "  "
        if repo:
            lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(one_line(repo))};"]
        for place in places:
            thing = graph.nodes[place].thing
            lines.append(f"{indent}n{place} [label={_quoted(_inner(thing))}, shape={_SHAPES[thing.kind]}];")
        if repo:
            lines.append("  }")
    for edge in graph.edges:
        lines.append(f"  n{edge.source} -> n{edge.target} [label={_quoted(_told(edge))}];")
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(graph: DependencyGraph) -> str:
    """Return a flow chart for Mermaid; in names, what could mean something to it is written by number."""
    lines = ["flowchart LR"]
    lines += [f'  n{place}["{_entities(label(node.thing))}"]' for place, node in enumerate(graph.nodes)]
    lines += [f'  n{edge.source} -->|"{_entities(_told(edge))}"| n{edge.target}' for edge in graph.edges]
    return "\n".join(lines) + "\n"


def graphml(graph: DependencyGraph) -> str:
    """Return a graph as GraphML."""
    root = ET.Element("graphml", xmlns="http://graphml.graphdrawing.org/xmlns")
    for name, where, kind in _GRAPHML_KEYS:
        ET.SubElement(root, "key", {"id": f"{where}_{name}", "for": where, "attr.name": name, "attr.type": kind})
    body = ET.SubElement(root, "graph", id="dependencies", edgedefault="directed")
    for place, node in enumerate(graph.nodes):
        thing = node.thing
        made = ET.SubElement(body, "node", id=f"n{place}")
        facts = {"label": label(thing), "kind": thing.kind.value, "repository": thing.repo, "path": thing.path}
        _add_data(made, "node", {**facts, "line": thing.line, "ecosystem": thing.ecosystem, "version": node.version})
    for number, edge in enumerate(graph.edges):
        made = ET.SubElement(body, "edge", id=f"e{number}", source=f"n{edge.source}", target=f"n{edge.target}")
        facts = {"kind": edge.kind.value, "scope": edge.scope, "detail": edge.detail, "path": edge.path}
        _add_data(made, "edge", {**facts, "line": edge.line, "count": edge.count, "confidence": edge.confidence})
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


_GRAPHML_KEYS: Final = (
    *((name, "node", "string") for name in ("label", "kind", "repository", "path", "ecosystem", "version")),
    ("line", "node", "int"),
    *((name, "edge", "string") for name in ("kind", "scope", "detail", "path")),
    ("line", "edge", "int"),
    ("count", "edge", "int"),
    ("confidence", "edge", "double"),
)


def _add_data(element: ET.Element, where: str, facts: dict[str, object]) -> None:
    for name, value in facts.items():
        if value not in {"", 0}:
            ET.SubElement(element, "data", key=f"{where}_{name}").text = _xml(str(value))


def _xml(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text.encode("utf-8", "replace").decode())


def _inner(thing: Thing) -> str:
    """Return the name of a thing where its repository stands around it."""
    return one_line(thing.name) if thing.kind not in {ThingKind.PACKAGE, ThingKind.REPOSITORY} else label(thing)


def _told(edge: DependencyEdge) -> str:
    detail = f" {one_line(edge.detail)}" if edge.detail and edge.kind in {TieKind.REQUIRES, TieKind.CALLS} else ""
    return f"{edge.kind.value}{detail}" + (f" ×{edge.count}" if edge.count > 1 else "")  # noqa: RUF001 -- times


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _entities(text: str) -> str:
    return "".join(char if _PLAIN.match(char) else f"#{ord(char)};" for char in text)


# ------------------------------------------------------------------------------ a picture


def collapsed(graph: DependencyGraph) -> DependencyGraph:
    """Return a graph of which repositories stand for what is in them."""
    nodes: dict[Thing, DependencyNode] = {}
    place: list[Thing] = []
    for node in graph.nodes:
        thing = node.thing
        if thing.repo:
            thing = Thing(ThingKind.REPOSITORY, thing.repo, thing.repo, thing.root)
        place.append(thing)
        nodes.setdefault(thing, replace(node, thing=thing))
    number = {thing: at for at, thing in enumerate(nodes)}
    edges: dict[tuple[int, int], DependencyEdge] = {}
    for edge in graph.edges:
        ends = number[place[edge.source]], number[place[edge.target]]
        if ends[0] != ends[1]:
            known = edges.get(ends)
            count = edge.count + (known.count if known else 0)
            edges[ends] = DependencyEdge(*ends, known.kind if known else edge.kind, count)
    return DependencyGraph(tuple(nodes.values()), tuple(edges.values()), graph.nodes_total, graph.edges_total)


def svg(graph: DependencyGraph, title: str) -> str:
    """Return a picture of a graph, legible on light and on dark paper."""
    if len(graph.nodes) > _MAX_DRAWN:
        graph = collapsed(graph)
    if len(graph.nodes) > _MAX_DRAWN:
        ties = Counter(place for edge in graph.edges for place in {edge.source, edge.target})
        graph = _part_of(graph, sorted(range(len(graph.nodes)), key=lambda place: -ties[place])[:_MAX_DRAWN])
    places = layout(len(graph.nodes), [(edge.source, edge.target) for edge in graph.edges]) * 1.4
    low = places.min(axis=0) - (60, 40) if len(places) else (0.0, 0.0)
    size = places.max(axis=0) - low + (220, 60) if len(places) else (200.0, 80.0)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{low[0]:.0f} {low[1]:.0f} {size[0]:.0f} {size[1]:.0f}" '
        f'role="img" aria-label="{html.escape(_xml(one_line(title)))}" font-family="sans-serif" font-size="12">',
        "<style>text{fill:#1d2430;stroke:#fff;stroke-width:3px;paint-order:stroke}line{stroke:#9aa4b2}"
        "@media(prefers-color-scheme:dark){text{fill:#e6e9ef;stroke:#14171c}line{stroke:#5b6575}}</style>",
        f"<title>{html.escape(_xml(one_line(title)))}</title>",
        '<defs><marker id="to" viewBox="0 0 8 8" refX="16" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#9aa4b2"/></marker></defs>',
    ]
    for edge in graph.edges:
        (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
        told = html.escape(_xml(_told(edge)))
        lines.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" marker-end="url(#to)">'
            f"<title>{told}</title></line>"
        )
    for node, (x, y) in zip(graph.nodes, places, strict=True):
        name = html.escape(_xml(label(node.thing)))
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{_COLOURS[node.thing.kind]}"/>')
        lines.append(f'<text x="{x + 10:.1f}" y="{y + 4:.1f}">{name}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _part_of(graph: DependencyGraph, kept: Sequence[int]) -> DependencyGraph:
    place = {old: new for new, old in enumerate(kept)}
    return DependencyGraph(
        tuple(graph.nodes[old] for old in kept),
        tuple(
            replace(edge, source=place[edge.source], target=place[edge.target])
            for edge in graph.edges
            if edge.source in place and edge.target in place
        ),
        graph.nodes_total,
        graph.edges_total,
    )


# ------------------------------------------------------------------------------ JSON


def as_json(answer: Any, schema: str) -> dict[str, object]:  # noqa: ANN401 -- any answer of the graph
    """Return an answer as JSON, with the names that all surfaces use."""
    return {"schema": schema, **_renamed(asdict(answer))}


def _renamed(value: Any) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(value, dict):
        return {"repository" if key == "repo" else key: _renamed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(one) for one in value]
    return value
