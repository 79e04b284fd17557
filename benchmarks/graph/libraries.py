# SPDX-License-Identifier: FSL-1.1-MIT
"""Compares graph libraries for what Conexus asks of one: time to import, memory, and times of its questions.

    python benchmarks/graph/libraries.py [--nodes N] [--edges N]

Each library is measured in a process of its own, three times; the best counts.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent / "results" / "graph-libraries.md"
LIBRARIES = ("rustworkx", "networkx")
_RUNS = 3


def edges_of(nodes: int, count: int) -> list[tuple[int, int]]:
    """Return edges as imports have them: few nodes are the target of many."""
    chosen = random.Random(11)  # noqa: S311 -- the same each time
    return [(chosen.randrange(nodes), int(nodes * chosen.random() ** 3)) for _ in range(count)]


def questions(library: str, nodes: int, edges: list[tuple[int, int]]) -> dict[str, Callable[[], object]]:
    """Return what is asked, by name; the first makes the graph."""
    made: dict[str, Any] = {}
    if library == "rustworkx":
        import rustworkx as rx  # noqa: PLC0415 -- what is measured

        def build() -> None:
            graph = made["graph"] = rx.PyDiGraph()
            graph.add_nodes_from(range(nodes))
            graph.add_edges_from_no_data(edges)

        return {
            "build": build,
            "strongly connected": lambda: rx.strongly_connected_components(made["graph"]),
            "PageRank": lambda: rx.pagerank(made["graph"]),
            "descendants": lambda: rx.descendants(made["graph"], 0),
            "shortest path": lambda: rx.dijkstra_shortest_paths(made["graph"], 1, target=2),
        }
    import networkx as nx  # noqa: PLC0415 -- as above

    def build() -> None:
        graph = made["graph"] = nx.DiGraph()
        graph.add_nodes_from(range(nodes))
        graph.add_edges_from(edges)

    return {
        "build": build,
        "strongly connected": lambda: list(nx.strongly_connected_components(made["graph"])),
        "PageRank": lambda: nx.pagerank(made["graph"]),
        "descendants": lambda: nx.descendants(made["graph"], 0),
        "shortest path": lambda: nx.has_path(made["graph"], 1, 2) and nx.shortest_path(made["graph"], 1, 2),
    }


def measure(library: str, nodes: int, count: int) -> dict[str, float | str]:
    """Return what one library takes, in this process."""
    edges = edges_of(nodes, count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    asked = questions(library, nodes, edges)
    found: dict[str, float | str] = {"import, ms": (time.perf_counter() - started) * 1000}
    for name, ask in asked.items():
        started = time.perf_counter()
        try:
            ask()
            found[f"{name}, ms"] = (time.perf_counter() - started) * 1000
        except ImportError as exc:
            found[f"{name}, ms"] = f"needs {exc.name}"
    found["memory, MB"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return found


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=50_000)
    parser.add_argument("--edges", type=int, default=250_000)
    parser.add_argument("--library", choices=LIBRARIES, help="measure this one, in this process")
    options = parser.parse_args()
    if options.library:
        print(json.dumps(measure(options.library, options.nodes, options.edges)))
        return
    best: dict[str, dict[str, Any]] = {}
    for library in LIBRARIES:
        arguments = ["--library", library, "--nodes", str(options.nodes), "--edges", str(options.edges)]
        for _ in range(_RUNS):
            command = [sys.executable, __file__, *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            for name, value in json.loads(done.stdout).items():
                known = best.setdefault(name, {}).get(library, value)
                best[name][library] = value if isinstance(value, str) else min(value, known)
    lines = [
        "# Graph libraries",
        "",
        f"By `benchmarks/graph/libraries.py`: {options.nodes:,} nodes and {options.edges:,} edges; best of {_RUNS}.",
        "",
        f"| | {' | '.join(LIBRARIES)} |",
        "|---|---|---|",
        *(f"| {name} | {' | '.join(_shown(values[one]) for one in LIBRARIES)} |" for name, values in best.items()),
        "",
        "Conexus uses rustworkx: its wheels cover the same systems and Python versions, it is typed, and is imported",
        "only when cycles, ranks or the graph across repositories are asked for.",
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.1f}"


if __name__ == "__main__":
    main()
