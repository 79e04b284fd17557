# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes ``benchmarks/results/attacks.md`` from what ``make test-slow`` noted of the attacks in ``tests/trust``.

    python tools/attack_figures.py build/trust/figures.jsonl

The last run of each test counts; of those that did not run, the row of the page stays as it is. A test that failed, or
that this machine could not run, is told as such.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_RESULT = _ROOT / "benchmarks" / "results" / "attacks.md"
_OWN = {"attack", "test", "outcome", "took_s", "seed", "not_run"}


def main() -> None:
    """Read the figures, write the page."""
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines() if line]
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        last.pop((line["attack"], line["test"]), None)
        last[line["attack"], line["test"]] = line
    rows = _kept() | {key: _row(line) for key, line in last.items()}
    head = [
        "# What the attacks came to",
        "",
        "Written by `python tools/attack_figures.py build/trust/figures.jsonl` after `make test-slow`. Every row is a",
        "test of `tests/trust` in its full form; [reliability.md](../../docs/reliability.md) and",
        "[security.md](../../docs/security.md) say what is attacked.",
        "A round that failed is repeated with `CONEXUS_SEED=` and the seed. The times are of two cores with other work",
        "beside.",
        "",
        "| attack | figures | seed | took | test |",
        "|---|---|---|---|---|",
    ]
    _RESULT.write_text("\n".join([*head, *(row for _, row in sorted(rows.items()))]) + "\n", encoding="utf-8")


def _kept() -> dict[tuple[str, str], str]:
    """Return the rows that the page has, by attack and test."""
    lines = _RESULT.read_text(encoding="utf-8").splitlines() if _RESULT.exists() else []
    rows = [line for line in lines if line.endswith("` |")]
    cells = [line.removesuffix(" |").removeprefix("| ").split(" | ") for line in rows]
    return {(cell[0], "tests/trust/" + cell[-1].strip("`")): line for cell, line in zip(cells, rows, strict=True)}


def _row(line: dict[str, Any]) -> str:
    if "not_run" in line:
        told = f"**NOT RUN**: {line['not_run']}"
    else:
        told = ", ".join(
            f"{name.replace('_', ' ')} {_number(value)}" for name, value in line.items() if name not in _OWN
        )
        if line["outcome"] != "passed":
            told = f"**{line['outcome']}**: {told}"
    test = line["test"].removeprefix("tests/trust/")
    return f"| {line['attack']} | {told} | {line.get('seed', '')} | {line['took_s']:.0f} s | `{test}` |"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    main()
