# SPDX-License-Identifier: FSL-1.1-MIT
"""The measuring of ``conexus model bench``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from conexus import bootstrap, trials
from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.regular_files import read_inside
from conexus.cli import console
from conexus.cli.eval_command import SetChoice, in_force, notices_of, question_sets, run_as_json, user_xdg
from conexus.cli.eval_progress import EvalProgress
from conexus.cli.ledgers import table
from conexus.cli.model_info import ModelInfo, describe
from conexus.cli.progress import cancel_on_interrupt
from conexus.config import Config
from conexus.errors import EmbeddingError, SourceError
from conexus.parsing.classify import skip_by_name
from conexus.parsing.text import decode
from conexus.types import Checkout, FileStat
from conexus.values import dataclass

CHUNK_CHARS = 1_000
_MOST_CHUNKS = 5_000
_MOST_CHUNKS_A_FILE = 20  # so that a large file does not stand for all
_BINARY_BYTES = 8_000  # that are looked at, as git does
_PROBE = (sys.executable, "-P", "-m", "conexus.cli.model_probe")


@dataclass(frozen=True, slots=True)
class Speed:
    """What a process of its own measured of a model."""

    dim: int
    load_ms: float
    chunks: int
    """Embedded in the time there was."""
    chunks_per_s: float
    cores: float
    """Processor time over time."""
    memory_bytes: int
    """Peak, above that of the process without the model."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured of several models on one repository."""

    root: Path
    chunks: int
    models: tuple[ModelInfo, ...]
    speeds: tuple[Speed, ...]
    """One a model, in the same order."""
    trials: tuple[trials.Trial, ...]
    """A run a model, in the same order; none where no question was asked."""
    notices: tuple[str, ...]


def measured(checkout: Checkout, names: Sequence[str], asked_for: tuple[int, int, SetChoice], *, quiet: bool) -> Report:
    """Measure models on a working tree.

    Args:
        checkout: The tree; it is only read.
        names: Models, as the setting ``index.model`` names them.
        asked_for: Most questions a set, the seed that draws them, and which sets.
        quiet: Whether to show no progress.

    Raises:
        SourceError: There is no text in the tree.
        EmbeddingError: A model cannot be used.
        Cancelled: The user asked to stop.
    """
    questions, seed, chosen = asked_for
    config = in_force(checkout)
    texts = sample_chunks(checkout, config)
    if not texts:
        raise SourceError(f"there is no text in {checkout.root} to measure with", hint="name another folder: --repo")
    infos = tuple(map(describe, names))
    notices: list[str] = []
    done: list[trials.Trial] = []
    display = EvalProgress(quiet=quiet)
    with cancel_on_interrupt("stopping; nothing was changed") as asked:
        control = trials.Control(display, lambda: bool(asked))
        speeds = []
        for name in names:
            control.check()
            if not quiet:
                console.err(f"measuring {console.one_line(name)} on {console.count(len(texts), 'chunk')}")
            speeds.append(speed_of(name, texts))
        try:
            if questions:
                sets, notices = question_sets(checkout, chosen, config, (questions, seed), control)
                configs = [bootstrap.with_model(config, name) for name in names]
                done = [trials.run(one, configs, xdg=user_xdg(), control=control) for one in sets]
        finally:
            display.close()
    done = [trial for trial in done if trial.runs[0].scores]
    notices += [notice for trial in done for notice in notices_of(trial)]
    if questions and not done:
        notices.append("no question could be made of this repository, so that quality was not measured")
    return Report(checkout.root, len(texts), infos, tuple(speeds), tuple(done), tuple(notices))


def speed_of(name: str, texts: Sequence[str]) -> Speed:
    """Measure one model in a process of its own.

    Raises:
        EmbeddingError: It cannot be used there.
    """
    done = subprocess.run(  # noqa: S603 -- our own interpreter and module
        _PROBE, input=json.dumps({"model": name, "texts": texts}), capture_output=True, text=True, check=False
    )
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError) as exc:
        raise EmbeddingError(f"the process that measured the model {name} ended with {done.returncode}") from exc
    if "error" in found:
        raise EmbeddingError(found["error"], hint=found["hint"])
    return Speed(**found)


def sample_chunks(checkout: Checkout, config: Config) -> list[str]:
    """Cut the files that would be indexed into pieces of 1,000 characters, spread over the tree."""
    tree = FilesystemTree(checkout, config.index, home=Path.home(), xdg=user_xdg(), classify_path=skip_by_name)
    paths = sorted(entry.path for entry in tree.scan() if isinstance(entry, FileStat))
    found: list[str] = []
    for path in paths[:: max(1, len(paths) // _MOST_CHUNKS)]:
        found += _chunks(checkout, path, config.index.max_file_bytes)
        if len(found) >= _MOST_CHUNKS:
            break
    return found[:_MOST_CHUNKS]


def _chunks(checkout: Checkout, path: str, limit: int) -> Iterator[str]:
    try:
        data = read_inside(str(checkout.root), path, limit)
    except OSError:
        return
    if b"\0" in data[:_BINARY_BYTES]:
        return
    text = decode(data).text.encode("utf-8", "replace").decode("utf-8")
    for start in range(0, min(len(text), CHUNK_CHARS * _MOST_CHUNKS_A_FILE), CHUNK_CHARS):
        if piece := text[start : start + CHUNK_CHARS].strip():
            yield piece


def report_lines(report: Report, seed: int) -> list[str]:
    """Return the report as a table."""
    names = [console.one_line(info.name) for info in report.models]
    heads = ["MODEL", "DIMS", "SIZE", "LOAD", "CHUNKS/S", "CORES", "MEMORY"]
    for trial in report.trials:
        heads += [f"{trial.name.upper()} NDCG@10", "RECALL@10"]
    rows = [tuple(heads)]
    for number, (name, info, speed) in enumerate(zip(names, report.models, report.speeds, strict=True)):
        means = [trial.runs[number].mean for trial in report.trials]
        rows.append(
            (
                name,
                str(speed.dim),
                console.size(info.size_bytes),
                f"{speed.load_ms:,.0f} ms",
                f"{speed.chunks_per_s:,.0f}",
                f"{speed.cores:.1f}",
                console.size(max(0, speed.memory_bytes)),
                *(f"{figure:.3f}" for mean in means for figure in (mean.ndcg, mean.recall)),
            )
        )
    lines = [f"{console.count(report.chunks, 'chunk')} of {CHUNK_CHARS:,} characters of {report.root}", *table(rows)]
    for trial in report.trials:
        lines.append(f"{trial.name}: {console.count(len(trial.runs[0].questions), 'question')}")
        for name, run in zip(names[1:], trial.runs[1:], strict=True):
            gap = run.against(trial.runs[0], seed=seed)
            verdict = ("better" if gap.mean > 0 else "worse") if gap.is_certain else "no certain difference"
            lines.append(
                f"  {name}: NDCG@10 {gap.mean:+.3f} against {names[0]}, "
                f"95 % interval {gap.low:+.3f} to {gap.high:+.3f}: {verdict}"
            )
    return lines


def report_json(report: Report, seed: int) -> dict[str, object]:
    """Return the report as JSON can hold it."""
    return {
        "schema": "conexus.model-bench/1",
        "root": str(report.root),
        "chunks": report.chunks,
        "chunk_chars": CHUNK_CHARS,
        "models": [
            {
                "model": info.model,
                "name": info.name,
                "kind": info.kind,
                "size_bytes": info.size_bytes,
                "fingerprint": info.fingerprint,
                "dim": speed.dim,
                "load_ms": speed.load_ms,
                "chunks_embedded": speed.chunks,
                "chunks_per_s": speed.chunks_per_s,
                "cores": speed.cores,
                "memory_bytes": speed.memory_bytes,
                "quality": {
                    trial.name: {
                        "questions": len(trial.runs[0].questions),
                        **run_as_json(trial.runs[number], trial.runs[0] if number else None, seed),
                    }
                    for trial in report.trials
                },
            }
            for number, (info, speed) in enumerate(zip(report.models, report.speeds, strict=True))
        ],
        "notices": list(report.notices),
    }
