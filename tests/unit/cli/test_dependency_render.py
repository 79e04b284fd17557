# SPDX-License-Identifier: FSL-1.1-MIT
"""Graphs of dependencies in each format: what comes from indexed code means nothing to who reads them."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

from conexus.cli.dependency_lines import orphan_markdown
from conexus.cli.dependency_page import page
from conexus.cli.dependency_render import as_json, collapsed, dot, graph_of, graphml, mermaid, svg
from conexus.types import (
    CyclesAnswer,
    DependencyEdge,
    DependencyGraph,
    DependencyNode,
    ImpactAnswer,
    ImpactHit,
    OrphansAnswer,
    PathAnswer,
    RepoId,
    Thing,
    ThingKind,
    Tie,
    TieKind,
)

HOSTILE = 'a"];click n0 call alert()</title></script><script>alert(1)</script>&\x07\ud800\u202e\n.js'
SHOP, SITE = RepoId("example.org/acme/shop"), RepoId("example.org/acme/site")


def things() -> tuple[Thing, Thing, Thing]:
    """A file of a hostile name, a package of one, a repository."""
    return (
        Thing(ThingKind.FILE, HOSTILE, SHOP, "/srv/shop", HOSTILE),
        Thing(ThingKind.PACKAGE, HOSTILE, ecosystem="npm"),
        Thing(ThingKind.REPOSITORY, SITE, SITE, "/srv/site"),
    )


def hostile() -> DependencyGraph:
    """A graph of hostile names."""
    edges = (
        DependencyEdge(0, 2, TieKind.IMPORTS, 3, 0.9, detail=HOSTILE, path=HOSTILE, line=4),
        DependencyEdge(2, 1, TieKind.REQUIRES, scope="runtime", detail=HOSTILE),
    )
    return DependencyGraph(tuple(DependencyNode(thing, HOSTILE) for thing in things()), edges, 3, 2)


def test_cells_of_markdown_hold_names_as_names() -> None:
    """A bar parts no cell, a backtick ends no code, and a row is a line."""
    names = ["^1 || ^2", "a\\|b", "`|`", "x` | ![](https://x.org/y.png) | `", HOSTILE]
    found = OrphansAnswer((), tuple(Thing(ThingKind.PACKAGE, name, ecosystem="npm") for name in names), (), ())
    head, rule, *rows = orphan_markdown(found)
    assert (head, rule) == ("| what | which |", "|---|---|")
    assert len(rows) == len(names)
    for row in rows:
        _, what, which, after = re.split(r"(?<!\\)\|", row)
        assert (what, after) == (" `packages that no other repository uses` ", "")
        ticks = re.match(r" (`+)", which)
        assert ticks
        assert which.endswith(f"{ticks[1]} ")
        assert ticks[1] not in which.strip().removeprefix(ticks[1]).removesuffix(ticks[1])
        assert "\\\\|" not in which
    assert r"^1 \|\| ^2" in rows[0]


def test_graphviz_and_mermaid_read_names_as_names() -> None:
    """Quotes are escaped, lines stay lines, and Mermaid gets numbers."""
    text = dot(hostile())
    for line in text.splitlines():
        inside = re.sub(r'"(?:[^"\\]|\\.)*"', "", line)
        assert "click" not in inside
        assert inside.count('"') == 0
    chart = mermaid(hostile())
    assert len(chart.splitlines()) == 6
    for line in chart.splitlines()[1:]:
        assert re.fullmatch(r'  n\d+(?:\["[\w./@ #;-]+"\]| -->\|"[\w./@ #;-]+"\| n\d+)', line), line


def test_xml_is_well_formed() -> None:
    """With what XML cannot hold replaced, and no element that a name brings."""
    root = ET.fromstring(graphml(hostile()))  # noqa: S314 -- our own
    space = {"g": "http://graphml.graphdrawing.org/xmlns"}
    assert len(root.findall(".//g:node", space)) == 3
    assert len(root.findall(".//g:edge", space)) == 2
    picture = ET.fromstring(svg(hostile(), HOSTILE))  # noqa: S314 -- our own
    names = {element.tag.rpartition("}")[2] for element in picture.iter()}
    assert names == {"svg", "style", "title", "defs", "marker", "path", "line", "circle", "text"}


def test_a_page_has_two_scripts_and_loads_nothing() -> None:
    """The data and the script, which its policy names by its hash; nothing ends either early."""
    text = page(hostile(), HOSTILE)
    text.encode()
    assert text.count("<script") == text.count("</script>") == 2
    assert re.search(r"script-src 'sha256-[\w+/=]+'", text)
    assert not re.search(r"(?:src|href)=[\"']", text)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    found = json.loads(data[1])
    assert len(found["nodes"]) == 3
    assert {group["name"] for group in found["groups"]} == {SHOP, SITE, "npm packages of others"}


@pytest.mark.parametrize(
    "write", [dot, mermaid, graphml, lambda graph: svg(graph, "x"), lambda graph: page(graph, "x")]
)
def test_all_can_be_written_and_nothing_may_be_drawn(write) -> None:
    """Names that are no valid text as well; an empty graph is one, too."""
    assert write(hostile()).encode()
    assert write(DependencyGraph()).encode()


def test_a_large_picture_shows_repositories() -> None:
    """They stand for what is in them, with the ties of all of it."""
    nodes = [
        DependencyNode(Thing(ThingKind.FILE, f"{number}.py", (SHOP, SITE)[number % 2], "/srv", f"{number}.py"))
        for number in range(600)
    ]
    edges = [DependencyEdge(number, number + 1, TieKind.IMPORTS) for number in range(0, 598, 2)]
    graph = DependencyGraph(tuple(nodes), tuple(edges), 600, len(edges))
    [edge] = collapsed(graph).edges
    assert edge.count == 299
    assert svg(graph, "x").count("<circle") == 2


def test_of_a_very_large_graph_the_most_tied_are_drawn() -> None:
    """In one pass over the ties: there may be tens of thousands."""
    count = 30_000
    nodes = [DependencyNode(Thing(ThingKind.PACKAGE, f"p{number}", ecosystem="npm")) for number in range(count)]
    edges = [DependencyEdge(number, count - 1 - number % 10, TieKind.REQUIRES) for number in range(count - 10)]
    graph = DependencyGraph(tuple(nodes), tuple(edges), count, len(edges))
    picture = svg(graph, "x")
    assert picture.count("<circle") == 300
    assert all(f">npm:p{count - 1 - number}<" in picture for number in range(10))


def test_every_answer_with_ties_is_a_graph() -> None:
    """Each thing once, each tie once."""
    file, package, repository = things()
    ties = (Tie(TieKind.IMPORTS, file, repository), Tie(TieKind.REQUIRES, repository, package))
    hits = (ImpactHit(file, 2, 0.5, ties), ImpactHit(repository, 1, 0.5, ties[1:]))
    for answer in (
        ImpactAnswer((package,), hits, (), 2),
        PathAnswer(file, package, ties),
        CyclesAnswer((ties,), 1),
    ):
        graph = graph_of(answer)
        assert (len(graph.nodes), len(graph.edges)) == (3, 2)
        assert as_json(answer, "x")["schema"] == "x"
    assert "repository" in json.dumps(as_json(PathAnswer(file, package, ties), "x"))
