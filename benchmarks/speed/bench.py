# SPDX-License-Identifier: FSL-1.1-MIT
"""The two programs side by side: how each is called, and where it keeps what."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import corpora
from processes import Memory, Outcome, environment, peak_memory, timed

import conexus

SEMBLE = "semble==0.7.0"
_HERE = Path(__file__).resolve().parent
_FOUND = frozenset({0, 1})  # 1: nothing found
QUESTION = "where are passwords hashed"


@dataclass(slots=True)
class Bench:
    """One run of the benchmark."""

    build: Path
    """Downloads and semble's environment; kept from run to run."""
    scratch: Path
    """Trees and indexes; deleted at the end."""
    repeats: int
    packages: Sequence[Path] = ()
    """Folders of installed packages that the large corpus is made of."""
    say: bool = True
    trees: dict[str, corpora.Tree] = field(default_factory=dict)

    # ------------------------------------------------------------------- Conexus

    def conexus_env(self, data: Path) -> dict[str, str]:
        """Return the environment of a run that keeps its indexes in ``data`` and reads no one's settings."""
        return environment({"CONEXUS_HOME": str(data), "CONEXUS_CONFIG": str(self.scratch / "no-settings.toml")})

    def conexus(self, data: Path, *arguments: str | Path) -> Outcome:
        """Run ``conexus`` as a shell does."""
        return timed([self.program, *arguments], self.conexus_env(data), _FOUND)

    def conexus_memory(self, data: Path, *arguments: str | Path) -> Memory:
        """Run ``conexus`` and return its peak."""
        return peak_memory([self.program, *arguments], self.conexus_env(data))

    def conexus_side(self, data: Path, *arguments: str | Path) -> Outcome:
        """Run :mod:`conexus_side`."""
        return timed([sys.executable, _HERE / "conexus_side.py", data, *arguments], self.conexus_env(data))

    @property
    def program(self) -> Path:
        """The ``conexus`` of the environment that runs this."""
        return Path(sys.executable).parent / "conexus"

    # -------------------------------------------------------------------- semble

    def semble_env(self, cache: Path) -> dict[str, str]:
        """Return the environment of a run that keeps its cache in ``cache`` and uses our model."""
        return environment({"XDG_CACHE_HOME": str(cache), "SEMBLE_MODEL_NAME": str(self.build / "semble-model")})

    def semble(self, cache: Path, *arguments: str | Path) -> Outcome:
        """Run ``semble`` as a shell does."""
        return timed([self._semble_bin / "semble", *arguments], self.semble_env(cache), _FOUND)

    def semble_side(self, cache: Path, *arguments: str | Path) -> Outcome:
        """Run :mod:`semble_side`."""
        return timed(self._semble_side(*arguments), self.semble_env(cache))

    def semble_memory(self, cache: Path, *arguments: str | Path) -> Memory:
        """Run :mod:`semble_side` and return its peak."""
        return peak_memory(self._semble_side(*arguments), self.semble_env(cache))

    def _semble_side(self, *arguments: str | Path) -> list[str | Path]:
        return [self._semble_bin / "python", _HERE / "semble_side.py", *arguments]

    @property
    def _semble_bin(self) -> Path:
        return self.build / "semble" / "bin"

    @property
    def semble_packages(self) -> Path:
        """Where semble and what it needs are installed."""
        return next((self.build / "semble" / "lib").glob("python*/site-packages"))

    def set_up_semble(self) -> None:
        """Install semble into an environment of its own and give it our model.

        Raises:
            CalledProcessError: It cannot be installed.
        """
        stamp = self.build / "semble" / SEMBLE
        if not stamp.exists():
            self.note(f"installing {SEMBLE}")
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(self.build / "semble")], check=True)
            pip = [str(self._semble_bin / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
            subprocess.run([*pip, SEMBLE], check=True)
            stamp.touch()
        ours = Path(conexus.__file__).parent / "model"
        self.semble_side(self.build, "model", ours, self.build / "semble-model")

    # --------------------------------------------------------------------- places

    def fresh(self, name: str) -> Path:
        """Return an empty folder in the scratch space."""
        path = self.scratch / name
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True)
        return path

    def add_tree(self, name: str, files: Iterable[tuple[str, bytes]]) -> corpora.Tree:
        """Write a tree into the scratch space."""
        tree = self.trees[name] = corpora.write_tree(self.scratch / "trees" / name, files)
        return tree

    def questions(self, data: Path) -> Path:
        """Return a file with the questions that are asked of an index."""
        path = self.scratch / f"questions-{data.name}.json"
        if not path.exists():
            path.write_text(json.dumps(corpora.questions(data / "catalog.sqlite")), encoding="utf-8")
        return path

    def note(self, text: str) -> None:
        """Say how far the benchmark is."""
        if self.say:
            print(f"  {text}", file=sys.stderr, flush=True)
