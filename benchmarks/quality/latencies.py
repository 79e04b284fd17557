# SPDX-License-Identifier: FSL-1.1-MIT
"""How long searches took, the index being open: kept as text beside the scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

_DIGITS: Final = 2


class Latency(NamedTuple):
    """Of one system on one set."""

    set_name: str
    system: str
    questions: int
    p50_ms: float
    p90_ms: float


def latency(set_name: str, system: str, times_ms: Sequence[float]) -> Latency:
    """Sum up the times of all questions."""
    middle, high = np.percentile(times_ms, (50, 90))
    return Latency(set_name, system, len(times_ms), round(float(middle), _DIGITS), round(float(high), _DIGITS))


def latencies_replaced(before: Iterable[Latency], now: Sequence[Latency]) -> list[Latency]:
    """Return the old ones with the new in the place of what was measured again."""
    again = {entry[:2] for entry in now}
    return sorted([*(entry for entry in before if entry[:2] not in again), *now])


def write_latencies(path: Path, found: Iterable[Latency]) -> None:
    """Write them, one a line."""
    lines = ["\t".join(Latency._fields), *("\t".join(map(str, entry)) for entry in found)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_latencies(path: Path) -> list[Latency]:
    """Read what was written; nothing where there is no file."""
    if not path.exists():
        return []
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:])
    return [Latency(name, system, int(count), float(p50), float(p90)) for name, system, count, p50, p90 in rows]
