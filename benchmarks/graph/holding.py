# SPDX-License-Identifier: FSL-1.1-MIT
"""What holds the graph across repositories best: networkx, rustworkx or arrays, each in a process of its own.

    python benchmarks/graph/holding.py [--symbols 1000000] [--repositories 150]

The graph has as many nodes as there are symbols, three edges for each, most of them within a repository, as code has.
Measured are the time to build it, the memory that it takes, who can reach a symbol in three steps, the shortest path
between two symbols, the change of one file of ten symbols, and, on the graph of the repositories alone, its cycles.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT / "benchmarks" / "speed"))

from report import machine  # noqa: E402 -- from the folder above

from conexus.adapters.memory_use import own_private_bytes  # noqa: E402

_RESULT = _ROOT / "benchmarks" / "results" / "graph-holding.md"

_EDGES = 3
_ELSEWHERE = 0.02
_ASKED = 50
_DEPTH = 3
_FILE = 10
Edges = npt.NDArray[np.int64]


def edges_of(symbols: int, repositories: int, seed: int = 7) -> Edges:
    """Return pairs of which the first uses the second; few symbols are used by many."""
    chance = np.random.default_rng(seed)
    count = symbols * _EDGES
    source = chance.integers(0, symbols, count)
    size = symbols // repositories
    within = (chance.pareto(1.5, count) * size / 50).astype(np.int64) % size
    base = source // size * size
    elsewhere = chance.random(count) < _ELSEWHERE
    base[elsewhere] = chance.integers(0, repositories, int(elsewhere.sum())) * size
    return np.column_stack((source, np.minimum(base + within, symbols - 1)))


def with_networkx(edges: Edges, symbols: int) -> dict[str, Callable[..., Any]]:
    """Hold it in networkx."""
    import networkx as nx  # noqa: PLC0415 -- one library a process

    graph = nx.DiGraph()
    graph.add_nodes_from(range(symbols))
    graph.add_edges_from(map(tuple, edges.tolist()))
    reverse = graph.reverse(copy=False)

    def change(first: int) -> None:
        nodes = range(first, first + _FILE)
        out = list(graph.out_edges(nodes))
        graph.remove_edges_from(out)
        graph.add_edges_from(out)

    return {
        "impact": lambda node: len(nx.single_source_shortest_path_length(reverse, node, cutoff=_DEPTH)),
        "path": lambda one, two: len(nx.shortest_path(graph, one, two)) if nx.has_path(graph, one, two) else 0,
        "change": change,
        "cycles": lambda pairs: sum(len(part) > 1 for part in nx.strongly_connected_components(nx.DiGraph(pairs))),
    }


def with_rustworkx(edges: Edges, symbols: int) -> dict[str, Callable[..., Any]]:
    """Hold it in rustworkx."""
    import rustworkx as rx  # noqa: PLC0415 -- as above

    graph = rx.PyDiGraph(multigraph=False, node_count_hint=symbols, edge_count_hint=len(edges))
    graph.add_nodes_from([None] * symbols)
    step = 100_000
    for start in range(0, len(edges), step):  # its lists of tuples would take more than the graph
        graph.add_edges_from_no_data(list(map(tuple, edges[start : start + step].tolist())))

    def impact(node: int) -> int:
        found, layer = {node}, [node]
        for _ in range(_DEPTH):
            layer = [one for last in layer for one in graph.predecessor_indices(last) if one not in found]
            found.update(layer)
        return len(found)

    def change(first: int) -> None:
        nodes = range(first, first + _FILE)
        out = [(node, other) for node in nodes for other in graph.successor_indices(node)]
        graph.remove_edges_from(out)
        graph.add_edges_from_no_data(out)

    def path(one: int, two: int) -> int:
        found = rx.digraph_dijkstra_shortest_paths(graph, one, two, weight_fn=lambda _: 1.0)
        return len(found[two]) if two in found else 0

    def cycles(pairs: list[tuple[int, int]]) -> int:
        small: Any = rx.PyDiGraph()
        small.extend_from_edge_list(pairs)
        return sum(len(part) > 1 for part in rx.strongly_connected_components(small))

    return {"impact": impact, "path": path, "change": change, "cycles": cycles}


def with_arrays(edges: Edges, symbols: int) -> dict[str, Callable[..., Any]]:
    """Hold it in sorted arrays, one offset a node, and search it in breadth."""

    def sorted_by(column: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        order = np.argsort(edges[:, column], kind="stable")
        starts = np.searchsorted(edges[order, column], np.arange(symbols + 1))
        return starts, edges[order, 1 - column].astype(np.int32)

    users, uses = sorted_by(1), sorted_by(0)

    def nexts(layer: npt.NDArray[Any], held: tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]) -> npt.NDArray[Any]:
        starts, others = held
        counts = starts[layer + 1] - starts[layer]
        places = np.repeat(starts[layer] - np.concatenate(([0], counts.cumsum()[:-1])), counts) + np.arange(
            counts.sum()
        )
        return others[places]

    def impact(node: int) -> int:
        seen = np.zeros(symbols, bool)
        seen[node] = True
        layer = np.array([node])
        for _ in range(_DEPTH):
            layer = np.unique(nexts(layer, users))
            layer = layer[~seen[layer]]
            seen[layer] = True
        return int(seen.sum())

    def path(one: int, two: int) -> int:
        seen = np.zeros(symbols, bool)
        seen[one] = True
        layer, steps = np.array([one]), 1
        while len(layer) and not seen[two]:
            layer = np.unique(nexts(layer, uses))
            layer = layer[~seen[layer]]
            seen[layer] = True
            steps += 1
        return steps if seen[two] else 0

    def change(_: int) -> None:
        size = symbols // 150  # of the arrays of one repository
        order = np.argsort(edges[: size * _EDGES, 1], kind="stable")
        np.searchsorted(edges[order, 1], np.arange(size + 1))

    return {"impact": impact, "path": path, "change": change, "cycles": lambda _: 0}


HELD = {"networkx": with_networkx, "rustworkx": with_rustworkx, "arrays": with_arrays}


def memory_mb() -> float:
    """The memory that is this process's own."""
    gc.collect()
    return (own_private_bytes() or 0) / 1024**2


def measure(name: str, symbols: int, repositories: int) -> dict[str, float | str]:
    """Measure one of them in this process."""
    edges = edges_of(symbols, repositories)
    before = memory_mb()
    started = time.perf_counter()
    held = HELD[name](edges, symbols)
    found: dict[str, float | str] = {"library": name, "build_s": time.perf_counter() - started}
    found["memory_mb"] = memory_mb() - before
    chance = random.Random(3)  # noqa: S311 -- no secret
    # Those that something uses, the more the likelier.
    nodes = [int(edges[chance.randrange(len(edges)), 1]) for _ in range(_ASKED)]
    times: dict[str, list[float]] = {"impact": [], "path": [], "change": []}
    for one, two in itertools.pairwise(nodes):
        for what, arguments in (("impact", (one,)), ("change", (one,)), *((("path", (one, two)),) * (one % 10 == 0))):
            begun = time.perf_counter()
            held[what](*arguments)
            times[what].append((time.perf_counter() - begun) * 1000)
    for what, taken in times.items():
        found[f"{what}_ms"] = statistics.median(taken) if taken else 0.0
    size = symbols // repositories
    pairs = [tuple(pair) for pair in np.unique(edges // size, axis=0).tolist() if pair[0] != pair[1]]
    begun = time.perf_counter()
    held["cycles"](pairs)
    found["cycles_ms"] = (time.perf_counter() - begun) * 1000 if name != "arrays" else "not in them"
    return found


def main() -> None:
    """Measure all of them and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=1_000_000)
    parser.add_argument("--repositories", type=int, default=150)
    parser.add_argument("--only", choices=sorted(HELD))
    parser.add_argument("--output", type=Path, default=_RESULT)
    asked = parser.parse_args()
    if asked.only:
        sys.stdout.write(json.dumps(measure(asked.only, asked.symbols, asked.repositories)))
        return
    columns = ("library", "build_s", "memory_mb", "impact_ms", "path_ms", "change_ms", "cycles_ms")
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for name in HELD:
        command = [sys.executable, __file__, "--only", name, "--symbols", str(asked.symbols)]
        command += ["--repositories", str(asked.repositories)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        lines.append(
            "| " + " | ".join(f"{told[c]:.2f}" if isinstance(told[c], float) else str(told[c]) for c in columns) + " |"
        )
    text = "\n".join(
        [
            "# What holds the graph across repositories",
            "",
            f"{asked.symbols:,} nodes in {asked.repositories} repositories, {asked.symbols * _EDGES:,} edges, each "
            "library in a process of its own: `python benchmarks/graph/holding.py`. Who can reach a node in three "
            "steps (impact), the shortest path between two, the edges of one file anew (change; of arrays those of a "
            "whole repository), and the groups of repositories that depend on each other (cycles).",
            "",
            *machine(),
            "",
            *lines,
            "",
            "rustworkx holds the graph of repositories, which is small and asked for paths, ancestors and components; "
            "what is in them is held in arrays, a set for each repository, which are read and changed by themselves.",
            "",
        ]
    )
    asked.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
