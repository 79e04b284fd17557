# SPDX-License-Identifier: FSL-1.1-MIT
"""The installed program as the tests run it: in processes of its own, with nothing of the user's."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from conexus.adapters.edge_store import EdgeStore
from conexus.types import IndexId

CONEXUS = str(Path(sys.executable).with_name("conexus"))
SAMPLES = Path(__file__).parents[1] / "golden" / "samples"
FOUND, NOTHING, ERROR, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130
_POLL_S = 0.01
_KEPT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONPATH")  # the last takes conexus_ee away, see tests/core_alone


@dataclass(frozen=True)
class Ended:
    """What a finished command gave."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that was printed."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        """What was printed to stdout, as JSON."""
        return json.loads(self.out)

    def paths(self) -> list[str]:
        """The paths that ``search --json`` found, best first."""
        return [hit["path"] for hit in self.json["results"]]


@dataclass
class Program:
    """``conexus`` with a data folder and a home folder of its own."""

    folder: Path
    data: Path = field(init=False)
    home: Path = field(init=False)
    settings: dict[str, str] = field(default_factory=dict)
    """Variables for every run."""
    before: tuple[str, ...] = ()
    """A program, with its arguments, that is to start the command."""

    def __post_init__(self) -> None:
        self.data = self.folder / "data"
        self.home = self.folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)

    def environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables of a run: none of the caller's that name a person's settings, an address or a proxy."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "CONEXUS_HOME": str(self.data),
            "LANG": "C.UTF-8",
            "HF_HUB_OFFLINE": "1",
            **self.settings,
            **(extra or {}),
        }

    def run(
        self, *arguments: str | Path | bytes, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Ended:
        """Run a command to its end."""
        return self._ended(arguments, b"", cwd, env)

    def fed(self, text: str, *arguments: str | Path) -> Ended:
        """Run a command to its end, with a text on stdin."""
        return self._ended(arguments, text.encode(), None, None)

    def _ended(
        self, arguments: Sequence[str | Path | bytes], fed: bytes, cwd: Path | None, env: Mapping[str, str] | None
    ) -> Ended:
        done = subprocess.run(
            [*self.before, CONEXUS, *arguments],
            cwd=cwd or self.folder,
            env=self.environ(env),
            input=fed,
            capture_output=True,
            timeout=300,
            check=False,
        )
        ended = Ended(
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
        )
        assert "Traceback (most recent call last)" not in ended.text, ended.text
        return ended

    def ok(
        self, *arguments: str | Path | bytes, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Ended:
        """Run a command that must end with 0."""
        ended = self.run(*arguments, cwd=cwd, env=env)
        assert ended.code == FOUND, f"{arguments} ended with {ended.code}\n{ended.text}"
        return ended

    def start(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            [*self.before, CONEXUS, *arguments],
            cwd=cwd or self.folder,
            env=self.environ(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def on_terminal(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Ended:
        """Run a command whose streams are a terminal; all it prints is in ``out``."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [CONEXUS, *arguments],
            cwd=cwd or self.folder,
            env=self.environ({"TERM": "xterm-256color", "COLUMNS": "120", **(env or {})}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        found = b""
        while True:
            try:
                block = os.read(ours, 65_536)
            except OSError:  # the terminal is gone with the last process that had it
                break
            if not block:
                break
            found += block
        os.close(ours)
        return Ended(process.wait(), found.decode("utf-8", "replace"), "")

    # ------------------------------------------------------------------ what it left behind

    def catalog(self) -> sqlite3.Connection:
        """The catalog, for a look inside or for damage."""
        return sqlite3.connect(self.data / "catalog.sqlite")

    def shards(self) -> list[Path]:
        """The folders of all vectors, oldest first."""
        return sorted((self.data / "vectors").glob("[0-9]*"), key=lambda path: int(path.name))

    def content(self) -> set[tuple[bytes, str, int]]:
        """Path, chunk id and checksum of every chunk of the live indexes, the same in the catalog and the vectors."""
        catalog = self.catalog()
        rows = catalog.execute(
            "SELECT i.id, i.dim, f.path, f.id, c.id, c.checksum FROM indexes i JOIN files f ON f.index_id = i.id "
            "JOIN chunks c ON c.file = f.id WHERE i.live ORDER BY i.id"
        ).fetchall()
        lives = catalog.execute("SELECT id, dim FROM indexes WHERE live").fetchall()
        catalog.close()
        in_catalog = {(index, str(UUID(bytes=chunk)), file, checksum) for index, _, _, file, chunk, checksum in rows}
        in_vectors: set[tuple[int, str, int, int]] = set()
        for index, dim in lives:
            shard = EdgeStore(self.data / "vectors").open(IndexId(index), dim)
            in_vectors |= {(index, point.id, point.file, point.checksum) for point in shard.points()}
            shard.close()
        assert in_catalog == in_vectors
        return {(path, str(UUID(bytes=chunk)), checksum) for _, _, path, _, chunk, checksum in rows}

    def files(self) -> dict[str, str | None]:
        """Every file that the live indexes know, and why it is left out, if it is."""
        catalog = self.catalog()
        rows = catalog.execute(
            "SELECT f.path, f.skipped FROM files f JOIN indexes i ON i.id = f.index_id WHERE i.live"
        ).fetchall()
        catalog.close()
        return {os.fsdecode(path): skipped for path, skipped in rows}


def interrupt(process: subprocess.Popen[bytes]) -> Ended:
    """Press Ctrl-C: the whole group of a terminal gets the signal."""
    os.killpg(process.pid, signal.SIGINT)
    return finish(process)


def finish(process: subprocess.Popen[bytes], timeout_s: float = 120) -> Ended:
    """Wait for a command that was started."""
    out, err = process.communicate(timeout=timeout_s)
    ended = Ended(process.returncode, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape"))
    assert "Traceback (most recent call last)" not in ended.text, ended.text
    return ended


def wait_for_line(process: subprocess.Popen[bytes], text: bytes, timeout_s: float = 60) -> None:
    """Wait until a command has printed ``text`` to stderr."""
    assert process.stderr is not None
    until = time.monotonic() + timeout_s
    found = b""
    while text not in found:
        left_s = until - time.monotonic()
        assert left_s > 0, f"{text!r} did not come; got {found!r}"
        if select.select([process.stderr], [], [], min(left_s, 0.2))[0]:
            block = os.read(process.stderr.fileno(), 65_536)
            assert block, f"the command ended before {text!r}; got {found!r}"
            found += block


def workers_of(parent: int) -> list[int]:
    """Parsing processes that a process has now."""
    return children_of(parent, b"conexus.worker")


def children_of(parent: int, module: bytes) -> list[int]:
    """Processes of a module of ours that a process has now."""
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*"):
        try:
            found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
        except OSError:
            continue
    return [child for child in found if module in command_of(child)]


def command_of(process: int) -> bytes:
    """The command line of a process; empty where it is gone or only waits to be buried."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_for_workers(parent: subprocess.Popen[bytes], timeout_s: float = 30) -> list[int]:
    """Wait until a command has started to parse."""
    until = time.monotonic() + timeout_s
    while not (found := workers_of(parent.pid)):
        assert parent.poll() is None, f"ended before it parsed: {parent.communicate()}"
        assert time.monotonic() < until
        time.sleep(_POLL_S)
    return found


def wait_until_gone(processes: Sequence[int], timeout_s: float = 10) -> list[int]:
    """Wait for processes to end; return those that have not."""
    until = time.monotonic() + timeout_s
    left = list(processes)
    while left and time.monotonic() < until:
        left = [process for process in left if command_of(process)]
        time.sleep(_POLL_S)
    return left


def git(folder: Path, *arguments: str) -> str:
    """Run git with nothing of the user's settings."""
    who = {"NAME": "Test", "EMAIL": "test@example.org", "DATE": "2024-01-01T12:00:00Z"}
    env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    env |= {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": "file",
    }
    return subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments],
        cwd=folder,
        env=env,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(folder: Path, remote: str = "") -> None:
    """Make a folder a git repository, if it is none, and commit all of it."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
        if remote:
            git(folder, "remote", "add", "origin", remote)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")


def functions(prefix: str, count: int) -> str:
    """A Python module of ``count`` functions that all differ."""
    return "".join(
        f'def {prefix}_{number}(value):\n    """Step {number} of {prefix}."""\n'
        f"    total = value * {number + 1}\n    for item in range(total):\n        total += item % {number + 2}\n"
        f"    return total\n\n\n"
        for number in range(count)
    )


@contextmanager
def serving(folder: Path, data: Path) -> Iterator[tuple[str, str]]:
    """A daemon that has the indexes of a data folder; its address and token."""
    program = Program(folder, settings={"CONEXUS_HOME": str(data), "HOME": os.environ["HOME"]})
    process = program.start("serve", "--port", "0", "--grpc-port", "0")
    state = data / "daemon.json"
    until = time.monotonic() + 60
    while not state.exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    yield json.loads(state.read_text())["http"], (data / "daemon.token").read_text().strip()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
