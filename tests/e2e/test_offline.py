# SPDX-License-Identifier: FSL-1.1-MIT
"""The main job with the network cut."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from program import CONEXUS, Program, functions, write

from conexus.adapters.model_files import MODEL_FOLDER

# A network of its own that has nothing, not even a loopback that is up. Where the machine allows neither, the tests
# fail: a machine that cannot show it is no proof.
CUT = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--net")
CONNECT = "import socket; socket.create_connection(('{}', {}), timeout=2)"


@pytest.fixture
def offline(program: Program) -> Program:
    """The program without a network."""
    program.before = CUT
    return program


def test_the_network_is_really_cut() -> None:
    """A program started so reaches nothing: neither an address elsewhere nor a server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = [sys.executable, "-c", CONNECT.format("127.0.0.1", port)]
        assert subprocess.run(connect, check=False, capture_output=True).returncode == 0
        cut = subprocess.run([*CUT, *connect], check=False, capture_output=True, text=True)
    assert cut.returncode != 0
    assert "OSError" in cut.stderr
    shown = subprocess.run([*CUT, "cat", "/proc/net/dev"], check=True, capture_output=True, text=True).stdout
    assert {line.split(":")[0].strip() for line in shown.splitlines()[2:]} == {"lo"}


def test_the_main_job_runs_without_a_network(offline: Program, tree: Path) -> None:
    """Indexing, searching, changing and checking need no network: model and grammars are on board."""
    sources = {
        "zoo.py": "def weigh_elephant(scales):\n    return scales.read()\n",
        "app.ts": "export class Elephant {\n  trumpet(): string { return 'loud'; }\n}\n",
        "main.go": "package main\n\nfunc FeedElephant(kilograms int) int {\n\treturn kilograms\n}\n",
        "lib.rs": "pub fn wash_elephant(water: u32) -> u32 {\n    water\n}\n",
        "notes.md": "# Elephants\n\nThey never forget.\n",
        "steps.py": functions("step", 20),
    }
    write(tree, sources)
    report = offline.ok("index", tree, "--json").json
    assert report["files_indexed"] == len(sources)
    assert report["problems"] == []
    for question, path in (
        ("put an elephant on the scales", "zoo.py"),
        ("FeedElephant", "main.go"),
        ("trumpet", "app.ts"),
        ("wash_elephant", "lib.rs"),
    ):
        assert offline.ok("search", question, tree, "--json").paths()[0] == path
    (tree / "zoo.py").rename(tree / "park.py")
    offline.ok("index", tree)
    assert offline.ok("search", "weigh_elephant", tree, "--json").paths()[0] == "park.py"
    assert "all as written" in offline.ok("verify").out
    assert "FAIL" not in offline.ok("doctor").out


def test_no_variable_is_needed_to_stay_offline(offline: Program, tree: Path) -> None:
    """Nothing asks a model hub even where no variable forbids it."""
    write(tree, {"zoo.py": "def weigh_elephant(scales):\n    return scales.read()\n"})
    kept = {name: value for name, value in offline.environ().items() if not name.startswith("HF_")}
    for arguments in (["index", str(tree)], ["search", "weigh_elephant", str(tree)]):
        done = subprocess.run([*CUT, CONEXUS, *arguments], env=kept, capture_output=True, check=False)
        assert done.returncode == 0, done


@pytest.mark.parametrize("page", ["langchain", "llamaindex", "haystack"])
def test_the_frameworks_run_without_a_network(offline: Program, page: str) -> None:
    """What each page says to run offline, in a process of its own: nothing is downloaded, and nothing missed."""
    write(offline.home / "src" / "flask", {"src/sessions.py": "def open_session():\n    # sessions are stored here\n"})
    text = (Path(__file__).parents[2] / "docs" / f"{page}.md").read_text(encoding="utf-8")
    example = text.partition("## Questions and answers, offline\n\n```python\n")[2].partition("```")[0]
    done = subprocess.run(
        [*CUT, sys.executable, "-c", example],
        env=offline.environ({"HAYSTACK_TELEMETRY_ENABLED": "False"}),
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "src/sessions.py:" in done.stdout


LOOPBACK_UP = """
import fcntl, socket, struct, subprocess, sys
with socket.socket() as one:  # SIOCSIFFLAGS, IFF_UP
    fcntl.ioctl(one, 0x8914, struct.pack("16sH14x", b"lo", 1))
conexus, tree = sys.argv[1:]
run = lambda *command: subprocess.run([conexus, *command], check=True)
run("index", tree, "--quiet")
run("daemon", "start", "--port", "0", "--grpc-port", "0")
try:
    run("search", "weigh_elephant", tree, "--verbose")
finally:
    run("daemon", "stop")
"""


def test_the_daemon_serves_where_there_is_loopback_and_nothing_else(program: Program, tree: Path) -> None:
    """It starts, answers and stops without another interface."""
    write(tree, {"zoo.py": "def weigh_elephant(scales):\n    return scales.read()\n"})
    done = subprocess.run(
        [*CUT, sys.executable, "-c", LOOPBACK_UP, CONEXUS, str(tree)],
        env=program.environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "through the daemon" in done.stderr
    assert "zoo.py:1" in done.stdout


def test_a_model_of_the_users_own_needs_no_network(offline: Program, tree: Path, tmp_path: Path) -> None:
    """Models in a folder are loaded as they are, by their digests or without."""
    write(tree, {"zoo.py": "def weigh_elephant(scales):\n    return scales.read()\n"})
    own = shutil.copytree(MODEL_FOLDER, tmp_path / "own")
    offline.ok("model", "use", own)
    offline.ok("index", tree)
    (own / "model.json").unlink()  # what is left is a model that only the tokenizers package can read
    offline.ok("model", "use", own)
    assert offline.ok("index", tree, "--json").json["rebuilt"]
    assert offline.ok("search", "weigh_elephant", tree, "--json").paths() == ["zoo.py"]
