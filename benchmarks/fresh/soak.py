# SPDX-License-Identifier: FSL-1.1-MIT
"""A day of edits in fast motion: whether memory, descriptors or disk of a daemon grow beyond the live data.

python benchmarks/fresh/soak.py [--edits N] [--files N] [--no-write]

A day is 2,880 edits, one each half minute; here each follows the last as soon as it is searchable. Files are edited,
made, moved and deleted, so that the tree stays as large as it was. What is looked at after a first tenth, when caches
are filled, is compared with the end.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT / "benchmarks" / "speed"))

from bench import Bench  # noqa: E402 -- from the folder above
from followed import Followed, following  # noqa: E402
from processes import disk_bytes, memory_of  # noqa: E402
from report import machine  # noqa: E402

_RESULT = _ROOT / "benchmarks" / "results" / "soak.md"
_POINTS = 10
_WORDS = "order ledger stock parcel invoice customer price refund basket courier depot pallet".split()


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=2_880)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--scratch", type=Path, default=None)
    parser.add_argument("--no-write", dest="write", action="store_false", help="print only")
    arguments = parser.parse_args()
    opening = machine()
    scratch = Path(tempfile.mkdtemp(prefix="conexus-soak-", dir=arguments.scratch))
    try:
        text = _soaked(Bench(_ROOT / "build" / "bench", scratch, 1), arguments.edits, arguments.files, opening)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if arguments.write:
        _RESULT.write_text(text, encoding="utf-8")
    print(text)


def _soaked(bench: Bench, edits: int, files: int, opening: list[str]) -> str:
    chance = random.Random(1)  # noqa: S311 -- no secret
    root, data = bench.fresh("tree"), bench.fresh("data")
    for number in range(files):
        _write(root / f"part_{number}.py", number, chance)
    bench.conexus(data, "index", root, "--quiet")
    rows = []
    begun = time.monotonic()
    with following(bench, data) as daemon:
        daemon.until(daemon.is_followed)
        for number in range(edits + 1):
            if number % max(1, edits // _POINTS) == 0:
                daemon.until(daemon.is_idle)
                rows.append((number, *_figures(daemon, data)))
            _change(daemon, root, number, chance)
    lines = [
        "# A day of edits in fast motion",
        "",
        f"Written by `benchmarks/fresh/soak.py`: {edits:,} changes of {files:,} files in "
        f"{(time.monotonic() - begun) / 60:.1f} minutes, each searchable before the next.",
        "",
        *opening,
        "",
        "| changes | memory of the daemon, MB | descriptors | threads | data folder, MB | vectors, MB |",
        "|---:|---:|---:|---:|---:|---:|",
        *(_row(*row) for row in rows),
        "",
        "Points that are gone are packed away once there are some thousands of them, so vectors grow and shrink again.",
        "",
    ]
    return "\n".join(lines)


def _row(number: int, memory_mb: float, handles: int, threads: int, disk_mb: float, vectors_mb: float) -> str:
    return f"| {number:,} | {memory_mb:.0f} | {handles} | {threads} | {disk_mb:.1f} | {vectors_mb:.1f} |"


def _figures(daemon: Followed, data: Path) -> tuple[float, int, int, float, float]:
    proc = Path("/proc") / str(daemon.process.pid)
    return (
        memory_of([daemon.process.pid]).private_mb,
        len(os.listdir(proc / "fd")),  # noqa: PTH208 -- a count
        len(os.listdir(proc / "task")),  # noqa: PTH208
        (disk_bytes(data) - sum(file.stat().st_size for file in _logs(data))) / 1e6,
        disk_bytes(data / "vectors") / 1e6,
    )


def _logs(data: Path) -> list[Path]:
    """What grows with the questions that are asked here, each of which is noted, not with the edits."""
    return [data / "serve.log", *data.glob("usage.sqlite*")]


def _change(daemon: Followed, root: Path, number: int, chance: random.Random) -> None:
    """Edit a file; now and then make, move or delete one too."""
    files = sorted(root.rglob("part_*.py"))
    kind = chance.random()
    if kind < 0.1:
        target = root / f"folder_{number % 7}" / f"part_{number}_moved.py"
        target.parent.mkdir(exist_ok=True)
        chance.choice(files).rename(target)
    elif kind < 0.2:
        chance.choice(files).unlink()
        _write(root / f"part_{number}_new.py", number, chance)
    name = f"edited_{number}"
    file = root / "part_edited.py"
    file.write_text(f"def {name}():\n    return {number}\n", encoding="utf-8")
    daemon.until(lambda: daemon.defines(name))


def _write(file: Path, number: int, chance: random.Random) -> None:
    words = chance.sample(_WORDS, 5)
    file.write_text("".join(f"def {word}_{number}(value):\n    return value + {number}\n\n\n" for word in words))


if __name__ == "__main__":
    main()
