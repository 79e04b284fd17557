# SPDX-License-Identifier: FSL-1.1-MIT
"""Cycles of imports, and how central files are."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.search.structure import import_cycles, import_ranks

EDGES = st.dictionaries(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")).filter(lambda pair: pair[0] != pair[1]),
    st.integers(1, 5),
    max_size=25,
)


def test_cycles_are_the_largest_first_each_with_a_shortest_way() -> None:
    """A file that only imports a cycle is in none."""
    edges = [("x", "y"), ("y", "x"), ("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("c", "a"), ("out", "a")]
    first, second = import_cycles(edges)
    assert (first.members, first.shortest) == (("a", "b", "c", "d"), ("a", "b", "c"))
    assert (second.members, second.shortest) == (("x", "y"), ("x", "y"))
    assert import_cycles([("a", "b")]) == ()
    assert import_cycles([]) == ()


@given(EDGES)
def test_cycles_are_those_of_another_library(edges: dict[tuple[str, str], int]) -> None:
    """The same parts, and no way round is shorter."""
    graph = nx.DiGraph(list(edges))
    parts = sorted(sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1)
    found = import_cycles(edges)
    assert sorted(list(cycle.members) for cycle in found) == parts
    for cycle in found:
        ways = [len(way) for way in nx.simple_cycles(graph.subgraph(cycle.members))]
        assert len(cycle.shortest) == min(ways)
        around = zip(cycle.shortest, (*cycle.shortest[1:], cycle.shortest[0]), strict=True)
        assert all(pair in edges for pair in around)


@given(EDGES)
def test_ranks_are_shares(edges: dict[tuple[str, str], int]) -> None:
    """They are of every file that imports or is imported, and make one together."""
    ranks = import_ranks(edges)
    assert set(ranks) == {path for pair in edges for path in pair}
    assert sum(ranks.values()) == pytest.approx(1.0 if edges else 0.0, abs=1e-3)


def test_what_all_import_is_central() -> None:
    """Whatever it is called."""
    ranks = import_ranks({("a", "z"): 1, ("b", "z"): 1, ("c", "b"): 1})
    assert max(ranks, key=lambda path: ranks[path]) == "z"
