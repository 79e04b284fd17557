# SPDX-License-Identifier: FSL-1.1-MIT
"""Trees that were made to do harm: nothing outside of them is read, no program is run, all else of them is found."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from attacks import SEED, dice, not_run, rounds
from hostile import (
    Grounds,
    files_below,
    made,
    programs_that_mark,
    recipes,
)
from program import FOUND, Program, write
from surfaces import Daemon as Surfaces
from surfaces import file_uri, serving

from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.git_metadata import find_checkout
from conexus.adapters.watcher import changes
from conexus.config import IndexOptions

_CANARY = re.compile(rb"zqx[0-9a-f]{4,}", re.IGNORECASE)  # three letters alone are in a megabyte of vectors by chance
_JOB_S = 300.0
_FORGET_S = 60.0
_FOLLOWED_S = 60.0
_QUICK = 5  # trees, with all ingredients and some forms of git's folder
_QUESTION = "weighs the value of a bait"
_OUTSIDE = ("innocent.py", "relative.py", "folder/x.py", "proc/environ.txt", "through.py", "../outside/secret.py")


@dataclass
class Answers:
    """All that Conexus said."""

    texts: list[bytes] = field(default_factory=list)

    def keep(self, text: str | bytes) -> None:
        """Keep an answer, to be looked through."""
        self.texts.append(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))

    def canaries(self) -> set[str]:
        """Words in them that stand outside of the trees only."""
        return {found.decode() for text in self.texts for found in _CANARY.findall(text)}


@dataclass
class Daemon:
    """A daemon that is asked."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    answers: Answers
    surfaces: Surfaces

    def ask_otherwise(self, root: str, *, models: bool) -> None:
        """Ask by gRPC, and as a model does."""
        self.answers.keep(self.surfaces.over_grpc(_QUESTION))
        if models:
            uris = [file_uri(root, path) for path in _OUTSIDE]
            for text in self.surfaces.over_mcp(_tools(root), uris).values():
                self.answers.keep(text)

    def ask(self, path: str, asked: dict[str, Any]) -> Any:
        """What it says, kept."""
        answer = self.client.post(path, json=asked)
        self.answers.keep(answer.content)
        return answer.json()

    def indexed(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Index a tree or a ref to the end of its job; what the job says."""
        job: dict[str, Any] = self.ask("/v1/index", asked)
        until = time.monotonic() + _JOB_S
        while job.get("state") not in {None, "done", "failed", "cancelled"}:
            assert time.monotonic() < until, job
            time.sleep(0.02)
            answer = self.client.get(f"/v1/jobs/{job['id']}")
            job = answer.json()
        self.answers.keep(json.dumps(job))
        return job

    def forget(self) -> None:
        """Remove all that is indexed: an edition without licence has few places."""
        until = time.monotonic() + _FORGET_S
        while there := self.client.get("/v1/repositories").json()["repositories"]:
            for one in there:
                answer = self.client.delete(f"/v1/repositories/{quote(one['root'] or one['repository'], safe='')}")
                if answer.is_error:  # as long as it is indexed again, since it changed
                    assert time.monotonic() < until, answer.text
                    time.sleep(0.2)


@contextmanager
def traced(program: Program, log: Path, record_property: Callable[[str, object], None]) -> Iterator[Daemon]:
    """A daemon whose started programs are written to a file."""
    strace = shutil.which("strace")
    if strace is None:
        not_run("hostile trees", "there is no strace", record_property)
    program.before = (strace, "-D", "-f", "--seccomp-bpf", "-qq", "-e", "trace=execve,execveat", "-o", str(log))
    process = program.start("serve", "--port", "0", "--grpc-port", "0")
    program.before = ()
    state = program.data / "daemon.json"
    until = time.monotonic() + 120
    while not state.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    token = (program.data / "daemon.token").read_text().strip()
    told = json.loads(state.read_text())
    answers = Answers()
    with httpx.Client(base_url=told["http"], headers={"authorization": f"Bearer {token}"}, timeout=120) as client:
        yield Daemon(process, client, answers, Surfaces(told["http"], told["grpc"], token, client))
    process.terminate()
    out, err = process.communicate(timeout=120)
    answers.keep(out)
    answers.keep(err)
    assert b"Traceback" not in err, err[-3000:]


def programs_run(log: Path) -> list[str]:
    """Calls to start a program, but for the daemon itself and its parsing processes."""
    own = (f'"{Path(sys.executable)}"', f'"{Path(sys.executable).resolve()}"')
    calls = [line for line in log.read_text(errors="replace").splitlines() if "exec" in line and "resumed" not in line]
    return [call for call in calls if not any(f"({name}" in call for name in own) and '/conexus"' not in call]


def attack(daemon: Daemon, grounds: Grounds, word: str) -> str:
    """Index a tree and ask for all there is; why an innocent file of it is not found, if it is not."""
    root = str(grounds.root)
    job = daemon.indexed({"path": root})
    asked = {"filter": {"roots": [root]}}
    found = daemon.ask("/v1/search", {"query": word, **asked})
    for query in (_QUESTION, "secret", "root shell"):
        daemon.ask("/v1/search", {"query": query, "limit": 50, **asked})
    daemon.ask("/v1/context", {"query": _QUESTION, "max_tokens": 50_000, **asked})
    daemon.ask("/v1/symbols", {"name": word, "uses": True, "callees": True, **asked})
    daemon.ask("/v1/map", {"repository": root, "limit": 100})
    daemon.ask("/v1/graph", {"repository": root})
    for path in _OUTSIDE:
        daemon.ask("/v1/file", {"repository": root, "path": path})
        daemon.ask("/v1/related", {"repository": root, "path": path})
        daemon.ask("/v1/similar", {"repository": root, "path": path})
        daemon.ask("/v1/why", {"root": root, "path": path})
    for path in ("iotbait.py", "tibait.py", "below/iotbait.py", "below/", "evil/", "hop/x"):
        daemon.ask("/v1/why", {"root": root, "path": path})
    for ref in ("main", "stray", "HEAD", grounds.stray):
        if ref and (grounds.root / ".git").exists():
            report = daemon.indexed({"path": root, "ref": ref})
            if report.get("state") == "done":
                of_ref = {"filter": {"ref": ref}}
                daemon.ask("/v1/search", {"query": _QUESTION, "limit": 50, **of_ref})
                daemon.ask("/v1/search", {"query": "secret", "limit": 50, **of_ref})
    paths = [hit["path"] for hit in found.get("results", ())]
    return "" if job.get("state") == "done" and "innocent.py" in paths else f"{job}, {found}"


def _tools(root: str) -> list[tuple[str, dict[str, Any]]]:
    """What a model may ask of a tree."""
    calls: list[tuple[str, dict[str, Any]]] = [("search_code", {"query": _QUESTION, "repository": root, "limit": 50})]
    calls += [("read_file", {"repository": root, "path": path}) for path in _OUTSIDE]
    return [*calls, ("get_context", {"query": _QUESTION, "repository": root}), ("repository_map", {"repository": root})]


def written_to(*folders: Path) -> list[str]:
    """What a hostile name had Conexus write."""
    return [str(folder / "written.py") for folder in folders if (folder / "written.py").exists()]


def alone(program: Program, grounds: Grounds, answers: Answers) -> int:
    """What the terminal says of a tree without a daemon; with what the index ended."""
    root = grounds.root
    ended = program.run("index", root, "--verbose")
    commands: list[tuple[str | Path, ...]] = [
        ("search", _QUESTION, root, "--json"),
        ("context", _QUESTION, root),
        ("graph", root),
        ("map", root),
        ("why", root / "relative.py"),
        ("why", root / "iotbait.py"),
        ("status", root),
        ("search", "weighs", root, "--ref", "stray"),
        ("index", root, "--ref", "stray", "--verbose"),
        ("graph", "owners", "--diff", "HEAD~1..HEAD"),
    ]
    for done in (ended, *(program.run(*command, cwd=root) for command in commands)):
        answers.keep(done.text)
    return ended.code


@rounds(_QUICK, 300)
def test_hostile_trees_give_nothing_away(
    tmp_path: Path, rounds: int, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """No byte from outside is in an index or an answer, no program is run, and a good file of each tree is found."""
    mark, log = tmp_path / "started", tmp_path / "execve.log"
    path = programs_that_mark(tmp_path / "bin", mark)
    settings = {"PATH": str(path), "ZQX": "zqxffffffffffffffff", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    program = Program(tmp_path / "served", settings=settings)
    lost, leaks, written, canaries, seen = [], set(), [], 0, 0
    with traced(program, log, record_property) as daemon:
        for number in range(rounds):
            chance = dice("hostile trees", number)
            ingredients, form = recipes(number, rounds, chance)
            word = f"harmless{chance.getrandbits(48):012x}"
            told = f"round {number}: {form}; {', '.join(ingredients)}"
            before = daemon.answers.canaries()
            with made(tmp_path / f"tree{number}", chance, ingredients, form) as grounds:
                write(grounds.root, {"innocent.py": f"def {word}(value):\n    return value\n"})
                if why := attack(daemon, grounds, word):
                    lost.append(f"{told}: {why}")
                else:  # where nothing is indexed there is nobody to ask
                    daemon.ask_otherwise(str(grounds.root), models=number % 7 == 0)
                terminal = Program(tmp_path / f"terminal{number}", settings=settings)
                if number % 7 == 0 and alone(terminal, grounds, daemon.answers) != FOUND:
                    lost.append(f"{told}; in the terminal")
                kept = b"\n".join(files_below(program.data, terminal.folder))
                seen += word.encode() in kept  # so that what is kept can be read this way at all
                leaks |= {f"{told}: {leak.decode()} in the data" for leak in _CANARY.findall(kept)}
                daemon.forget()
                shutil.rmtree(terminal.folder)
                written += written_to(grounds.folder, grounds.outside, Path("/etc"))
                canaries += len(grounds.words)
            leaks |= {f"{told}: {leak}" for leak in daemon.answers.canaries() - before}
        alive = daemon.process.poll() is None
    started = programs_run(log) + ([str(mark)] if mark.exists() else [])
    figure(
        "hostile trees",
        trees=rounds,
        canaries=canaries,
        leaks=len(leaks),
        programs_run=len(started),
        innocent_files_lost=len(lost),
        files_written_outside=len(written),
        daemon_deaths=int(not alive),
        seed=SEED,
    )
    assert (leaks, started, written) == (set(), [], [])
    assert not lost, "\n".join(lost)
    assert alive
    assert seen == rounds


# ------------------------------------------------------------------------------------------------------ races

_SWAPPER = """
import os, sys
root, outside = sys.argv[1:]
os.chdir(root)
pairs = [("folder", outside + "/box"), ("deep/folder", outside + "/box"), ("file.py", outside + "/secret.py"),
         ("deep/file.py", outside + "/secret.py"), (".gitignore", outside + "/rules")]
for name, target in pairs:
    os.symlink(target, name + ".link")
swaps = 0
while True:
    for name, _ in pairs:
        os.rename(name, name + ".kept")
        os.rename(name + ".link", name)
        os.rename(name, name + ".link")
        os.rename(name + ".kept", name)
    swaps += len(pairs)
    if not swaps % 100:
        print(swaps, flush=True)
"""


@contextmanager
def swapped(grounds: Grounds) -> Iterator[Callable[[], int]]:
    """Have files and folders swapped for links out, and back, without end; says how often so far."""
    write(grounds.root, {"folder/inner/a.py": "a = 1\n", "folder/iotbait.py": "bait = 1\n", "file.py": "b = 1\n"})
    write(grounds.root, {"deep/folder/c.py": "c = 1\n", "deep/file.py": "d = 1\n", ".gitignore": "*.kept\n*.link\n"})
    command = [sys.executable, "-c", _SWAPPER, str(grounds.root), str(grounds.outside)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    last = 0

    def count() -> int:
        nonlocal last
        assert process.poll() is None, "the one that swaps has ended"
        lines = (os.read(process.stdout.fileno(), 1 << 20) if _readable(process) else b"").split(b"\n")[:-1]
        last = int(lines[-1]) if lines else last
        return last

    try:
        yield count
    finally:
        process.kill()
        process.communicate()


def _readable(process: subprocess.Popen[bytes]) -> bool:
    return bool(process.stdout and select.select([process.stdout], [], [], 0)[0])


def looked_at(tree: FilesystemTree) -> bytes:
    """All that a scan, and the reading of what it found, tells."""
    told: list[bytes] = []
    paths = set()
    for item in tree.scan():
        told.append(repr(item).encode("utf-8", "surrogateescape"))
        paths.add(item.path.rstrip("/"))
    looked_for = {*paths, "folder/x.py", "folder/package.json", "deep/folder/env"}
    for path in sorted(looked_for):
        with contextlib.suppress(OSError):
            told.append(tree.read(path, 100_000))
        told.append(repr(tree.explain(path)).encode("utf-8", "surrogateescape"))
    told.append(repr(tree.stats(looked_for)).encode("utf-8", "surrogateescape"))
    told.append(repr(tree.look(paths)).encode("utf-8", "surrogateescape"))
    return b"\n".join(told)


@rounds(60, 20_000)
def test_what_is_swapped_for_a_link_meanwhile_leads_nowhere(
    tmp_path: Path, rounds: int, figure: Callable[..., None]
) -> None:
    """While another process swaps files and folders for links out, no scan, reading or index tells of it."""
    answers, looks, kept = Answers(), 0, b""
    program = Program(tmp_path / "program")
    with made(tmp_path / "tree", dice("races"), [], "none") as grounds, swapped(grounds) as swaps:
        write(grounds.root, {"good.py": "def harmless():\n    return 1\n"})
        tree = FilesystemTree(find_checkout(grounds.root), IndexOptions(), lambda _: None)
        runs = 0
        while looks < rounds or swaps() < 2_000:
            answers.keep(looked_at(tree))
            looks += 1
            if looks % 1_000 == 1:
                runs += 1
                for command in (("index", "--verbose"), ("search", "weighs a value", "--json"), ("status",)):
                    answers.keep(program.run(command[0], *command[1:], cwd=grounds.root).text)
                kept = b"\n".join(files_below(program.data))
                answers.keep(b" ".join(_CANARY.findall(kept)))
        count = swaps()
    leaks = answers.canaries()
    figure("swapped for links", swaps=count, looks=looks, index_runs=runs, leaks=len(leaks), seed=SEED)
    assert not leaks
    assert b"harmless" in kept


@rounds(6, 2_000)
def test_a_daemon_that_follows_such_a_tree_tells_nothing(
    tmp_path: Path, rounds: int, figure: Callable[..., None]
) -> None:
    """A daemon that brings its index up to date meanwhile neither keeps nor answers anything from outside."""
    answers, asked = Answers(), 0
    states: set[str] = set()
    program = Program(tmp_path / "program")
    with made(tmp_path / "tree", dice("followed"), [], "none") as grounds, serving(program) as daemon:
        root = str(grounds.root)
        write(grounds.root, {"good.py": "def harmless():\n    return 0\n"})
        program.ok("index", root)
        with swapped(grounds) as swaps:
            until = time.monotonic() + _FOLLOWED_S  # it takes a moment to see an edit, on a busy machine more
            while asked < rounds or swaps() < 2_000 or (len(states) <= 1 and time.monotonic() < until):
                asked += 1
                write(grounds.root, {"good.py": f"def harmless():\n    return {asked}\n"})
                for name in ("search", "context"):
                    answers.keep(daemon.rest("POST", f"/v1/{name}", {"query": _QUESTION}))
                states |= set(re.findall(r"return \d+", daemon.rest("POST", "/v1/search", {"query": "harmless"})))
                answers.keep(daemon.over_grpc(_QUESTION))
                for path in ("folder/x.py", "folder/package.json", "deep/file.py", "file.py"):
                    answers.keep(daemon.rest("POST", "/v1/file", {"repository": root, "path": path}))
                if asked % 20 == 1:
                    for text in daemon.over_mcp(_tools(root), [file_uri(root, "folder/x.py")]).values():
                        answers.keep(text)
            count = swaps()
        answers.keep(b"\n".join(files_below(program.data)))
    leaks = answers.canaries()
    figure("swapped below a daemon", swaps=count, asked=asked, states=len(states), leaks=len(leaks), seed=SEED)
    assert not leaks
    assert len(states) > 1, "the daemon did not follow the tree"


def test_a_settings_file_that_is_a_link_tells_nothing(tmp_path: Path, figure: Callable[..., None]) -> None:
    """The settings of a project are not read through a link, and no message has a word of where it leads."""
    answers = Answers()
    program = Program(tmp_path / "program")
    with made(tmp_path / "tree", dice("settings"), [], "none") as grounds:
        write(grounds.root, {"good.py": "def harmless():\n    return 1\n"})
        for name in ("broken.toml", "box"):
            link = grounds.root / ".conexus.toml"
            link.unlink(missing_ok=True)
            link.symlink_to(grounds.outside / name)
            for command in (("index",), ("config", "show")):
                answers.keep(program.run(*command, cwd=grounds.root).text)
    figure("settings by a link", leaks=len(answers.canaries()))
    assert not answers.canaries()


def test_no_folder_outside_is_watched(
    tmp_path: Path, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """A link to a folder outside, or to the root of the disk, takes none of the system's watches."""
    if not Path("/proc/self/fdinfo").is_dir():
        not_run("watches", "there is no /proc", record_property)
    with made(tmp_path / "tree", dice("watches"), ["links"], "none") as grounds:
        stopped = threading.Event()
        seen: list[frozenset[str] | None] = []

        def follow() -> None:
            seen.extend(changes(grounds.root, stopped.is_set))

        thread = threading.Thread(target=follow)
        thread.start()
        until = time.monotonic() + 60
        while not seen and time.monotonic() < until:
            time.sleep(0.02)
        watched = watched_inodes()
        stopped.set()
        thread.join(60)
        places = (grounds.outside, grounds.outside / "box", Path("/"), Path("/etc"))
        folders = {place.stat().st_ino for place in places}
        inside = (grounds.root / "sub").stat().st_ino
    figure("watches", watches=len(watched), outside=len(watched & folders))
    assert inside in watched
    assert not watched & folders


def watched_inodes() -> set[int]:
    """The inodes of what this process has watched by the system."""
    found = set()
    for place in Path("/proc/self/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            found |= {int(number, 16) for number in re.findall(r"^inotify wd:\S+ ino:(\w+)", place.read_text(), re.M)}
    return found
