# SPDX-License-Identifier: FSL-1.1-MIT
"""A real daemon follows the trees that it serves."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Served, make_lending, serving
from program import CONEXUS, Program

_PATIENCE_S = 40.0


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A daemon over a small repository, which the tests here share and change."""
    folder = tmp_path_factory.mktemp("followed")
    program = Program(folder)
    tree = folder / "lending"
    make_lending(tree)
    program.ok("index", tree)
    with serving(program, tree) as found:
        eventually(lambda: mode_of(found) == "native")
        yield found


def eventually(holds: Callable[[], bool]) -> float:
    """Wait until something holds; return how long that took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < _PATIENCE_S
        time.sleep(0.02)
    return time.monotonic() - begun


def mode_of(served: Served) -> str:
    """How the daemon follows the tree."""
    with served.client() as client:
        return str(client.get("/v1/repositories").json()["repositories"][0]["watch"])


def knows(served: Served, name: str) -> bool:
    """Whether a name is defined in the index."""
    with served.client() as client:
        return bool(client.post("/v1/symbols", json={"name": name}).json()["definitions"])


def test_an_edit_is_searchable_at_once_on_every_surface(followed: Served) -> None:
    """Nobody has to ask for it; moved files keep what they define, and ignore rules hold as soon as they are there."""
    desk = followed.tree / "desk"
    (desk / "extra.py").write_text("def zebra_crossing():\n    return 1\n")
    took = eventually(lambda: knows(followed, "zebra_crossing"))
    assert took < 20, "half a second where nothing else runs; see benchmarks/fresh"
    (desk / "extra.py").rename(desk / "moved.py")
    eventually(lambda: paths_of(followed, "zebra_crossing") == ["desk/moved.py"])
    (followed.tree / ".gitignore").write_text("moved.py\n")
    eventually(lambda: not knows(followed, "zebra_crossing"))
    (followed.tree / ".gitignore").unlink()
    eventually(lambda: knows(followed, "zebra_crossing"))
    (desk / "moved.py").unlink()
    eventually(lambda: not knows(followed, "zebra_crossing"))
    found = followed.program.ok("search", "lending", followed.tree, "--json").json
    assert found["snapshots"][0]["files_indexed"] == found["snapshots"][0]["files_seen"]
    with followed.client() as client:
        answer = client.post("/v1/search", json={"query": "lending"}).json()
        jobs = client.get("/v1/jobs").json()["jobs"]
    assert answer["snapshots"][0]["id"] == found["snapshots"][0]["id"]
    assert [job["origin"] for job in jobs].count("watch") == 1
    assert "as the system reports changes" in followed.program.ok("status", followed.tree).out


def paths_of(served: Served, name: str) -> list[str]:
    """Where a name is defined."""
    with served.client() as client:
        return [one["path"] for one in client.post("/v1/symbols", json={"name": name}).json()["definitions"]]


def test_what_changed_while_it_was_down_is_caught_up_with(tmp_path: Path) -> None:
    """Edits, deletes and another branch. Until then a hit that is told says that it is stale or missing."""
    program = Program(tmp_path)
    tree = tmp_path / "lending"
    make_lending(tree)
    program.ok("index", tree)
    (tree / "desk" / "extra.py").write_text("def zebra_crossing():\n    return 1\n")
    (tree / "desk" / "lending.py").unlink()
    with serving(program, tree) as served:
        eventually(lambda: knows(served, "zebra_crossing"))
        eventually(lambda: not paths_of(served, "statement"))
        with served.client() as client:
            hits = client.post("/v1/search", json={"query": "zebra_crossing"}).json()["results"]
        assert {hit["freshness"] for hit in hits} == {"fresh"}


def test_watch_in_the_terminal_tells_what_the_daemon_does(followed: Served) -> None:
    """And does not index a second time."""
    running = subprocess.Popen(
        [CONEXUS, "index", str(followed.tree), "--watch"],
        env=followed.program.environ(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert running.stderr is not None
    try:
        lines = iter(running.stderr.readline, b"")
        assert any(b"through the daemon" in line for line in lines)
        time.sleep(0.3)
        (followed.tree / "new.py").write_text("def new():\n    return 1\n")
        assert any(b"updated 1 file" in line for line in lines)
    finally:
        running.send_signal(signal.SIGINT)
        _, left = running.communicate(timeout=_PATIENCE_S)
    assert running.returncode == 0, left


def test_jobs_are_listed_followed_and_cancelled_in_the_terminal(followed: Served) -> None:
    """As over REST; with and without a daemon."""
    program = followed.program
    with followed.client() as client:
        job = client.post("/v1/index", json={"path": str(followed.tree)}).json()
    followed_lines = program.ok("jobs", "follow", job["id"], "--json").out.splitlines()
    assert json.loads(followed_lines[-1])["state"] == "done"
    listed = program.ok("jobs", "list", "--json").json["jobs"]
    assert job["id"] in [one["id"] for one in listed]
    assert "lending" in program.ok("jobs", "list").out
    assert program.ok("jobs", "cancel", job["id"], "--json").json["state"] == "done", "it was over already"
    failed = program.run("jobs", "follow", "no-such-job")
    assert failed.code == 2
    assert "no job that begins" in failed.err
    for _ in range(40):
        source = "".join(f"def step_{n}(value):\n    return value + {n}\n\n\n" for n in range(300))
        (followed.tree / f"large_{_}.py").write_text(source)
    with followed.client() as client:
        job = client.post("/v1/index", json={"path": str(followed.tree)}).json()
    assert program.ok("jobs", "cancel", job["id"][:14], "--json").json["state"] in {"cancelled", "done"}


@pytest.mark.skipif(shutil.which("unshare") is None, reason="inotify is Linux's")
def test_a_daemon_without_room_for_watches_polls_and_says_so(tmp_path: Path) -> None:
    """For real, in a user namespace that may watch three folders: on REST, gRPC and in the terminal."""
    program = Program(tmp_path)
    tree = tmp_path / "lending"
    make_lending(tree)
    program.ok("index", tree)
    limited = 'echo 3 > /proc/sys/user/max_inotify_watches && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", limited, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody make user namespaces")
    with serving(program, tree, before=command) as served:
        eventually(lambda: mode_of(served) == "polling")
        (tree / "new.py").write_text("def zebra_crossing():\n    return 1\n")
        eventually(lambda: knows(served, "zebra_crossing"))
        with served.client() as client:
            status = client.get("/v1/status").json()
        assert (status["followed"], status["polled"]) == (1, ["lending"])
        shown = program.ok("status", tree).out
        assert "by polling" in shown
        assert "max_user_watches" in shown
