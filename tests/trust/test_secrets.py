# SPDX-License-Identifier: FSL-1.1-MIT
"""Secrets in what is indexed and asked: found by their kinds, and none of them in a file or an answer of Conexus."""

from __future__ import annotations

import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from attacks import SEED, dice, rounds
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings
from planted import KINDS, Dice, Secret, planted

from conexus.parsing.secrets import redact

LEAST_RECALL = 0.98
LEAST_RECALL_OF_A_KIND = 0.9
MOST_FALSE_PER_MB = 2.0
_MEGABYTE = 1_000_000
_LONGEST_FILE = 500_000
_OTHER_SUFFIXES = frozenset(
    (".js", ".ts", ".h", ".hpp", ".c", ".css", ".html", ".md", ".json", ".toml", ".yaml", ".yml")
)
SAMPLES = Path(__file__).parents[1] / "golden" / "samples"


def one_of(make: Callable[[Dice], Secret], kind: int, number: int) -> tuple[Secret, Dice]:
    """The secret of a round."""
    chance = dice(f"secret {kind}", number)
    return make(chance), chance


@rounds(quick=8, full=50)
def test_planted_secrets_are_replaced(figure: Callable[..., None], rounds: int) -> None:
    """Of each kind nearly all are gone, in files of all kinds; of none does a run of characters stay."""
    missed: Counter[str] = Counter()
    examples = []
    for kind, make in enumerate(KINDS):
        for number in range(rounds):
            secret, chance = one_of(make, kind, number)
            file = planted(secret, chance)
            if found := secret.leaks_into(redact(file.text)[0]):
                missed[secret.kind] += 1
                examples.append(f"{secret.kind} in {file.path}, round {number}: {found}")
    total = len(KINDS) * rounds
    recall = 1 - missed.total() / total
    worst = missed.most_common(1)[0] if missed else ("none", 0)
    figure("secrets", kinds=len(KINDS), planted=total, recall=round(recall, 4), worst=f"{worst[0]}: {worst[1]} missed")
    told = f"seed {SEED}; " + "; ".join(examples[:20])
    assert recall >= LEAST_RECALL, told
    # The fewer there are of a kind, the more one of them weighs.
    assert worst[1] <= max(1, (1 - LEAST_RECALL_OF_A_KIND) * rounds), told


def texts_of(paths: Iterator[Path], most: int) -> Iterator[tuple[Path, str]]:
    """Files, up to so many bytes of them."""
    left = most
    for path in paths:
        if left <= 0:
            return
        if path.is_file() and 0 < path.stat().st_size <= _LONGEST_FILE:
            text = path.read_text(encoding="utf-8", errors="replace")
            left -= len(text)
            yield path, text


def clean_code() -> dict[str, Iterator[Path]]:
    """Code that holds no secrets but those of its own tests: the standard library, and all that is installed."""
    library = Path(sysconfig.get_paths()["stdlib"])
    found = find_spec("numpy")
    assert found is not None
    assert found.origin is not None
    packages = sorted(path for path in Path(found.origin).parents[1].rglob("*") if "test" not in str(path).lower())
    others = [path for path in packages if path.suffix in _OTHER_SUFFIXES]
    return {
        "library": (path for path in sorted(library.rglob("*.py")) if not {"site-packages", "test"} & {*path.parts}),
        "packages": (path for path in packages if path.suffix == ".py"),
        "other languages": iter(
            [*sorted(SAMPLES.rglob("*")), *(one for one in packages if one.suffix in _OTHER_SUFFIXES)]
        ),
    }


@rounds(quick=4, full=60)
def test_clean_code_stays_as_it_is(figure: Callable[..., None], rounds: int) -> None:
    """What is no secret is not replaced: so many megabytes of each kind of code, the same ones each time."""
    numbers: dict[str, float] = {}
    for name, paths in clean_code().items():
        size, replaced, where = 0, 0, []
        for path, text in texts_of(paths, rounds * _MEGABYTE):
            count = redact(text)[1]
            size += len(text)
            replaced += count
            where += [str(path)] * bool(count)
        numbers[f"{name}_mb"] = round(size / _MEGABYTE, 1)
        numbers[f"{name}_false"] = replaced
        assert size > _MEGABYTE / 2, name
        if replaced > MOST_FALSE_PER_MB * size / _MEGABYTE:
            figure("secrets in clean code", **numbers)
            pytest.fail(f"{name}: {replaced} in {size / _MEGABYTE:.1f} MB: {where[:20]}")
    figure("secrets in clean code", **numbers)


@rounds(quick=1, full=5)
def test_another_program_finds_nothing_more(figure: Callable[..., None], tmp_path: Path, rounds: int) -> None:
    """What detect-secrets finds among planted secrets is not there any more."""
    found, left = 0, []
    for kind, make in enumerate(KINDS):
        for number in range(rounds):
            secret, chance = one_of(make, kind, 1_000 + number)
            file = planted(secret, chance)
            after = redact(file.text)[0]
            path = tmp_path / Path(file.path).name
            for text in (file.text, after):
                path.write_text(text, encoding="utf-8")
                with default_settings():
                    values = {one.secret_value or "" for one in scan_file(str(path))}
                own = {value for value in values if secret.leaks_into(value)}
                if text is file.text:
                    found += bool(own)
                elif own:
                    left.append(f"{secret.kind} in {file.path}, round {number}")
            path.unlink()
    figure("secrets, another program", planted=len(KINDS) * rounds, found_before=found, found_after=len(left))
    assert found >= len(KINDS) * rounds / 3  # else it proves nothing
    assert len(left) <= (1 - LEAST_RECALL) * len(KINDS) * rounds, f"seed {SEED}; {left}"
