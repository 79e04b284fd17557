# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Rules about branches while another one is checked out under a daemon that is indexing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from daemon_conftest import Served, serving
from licences import licence
from program import Program, commit, git, write

REPO = "example.org/acme/web"
MARK = "numbat_marker"
FILES = 500
RULES = [
    {"name": "base", "text": "permit(principal, action, resource);"},
    {
        "name": "topic",
        "text": 'forbid(principal, action, resource is File) when { resource.branch == "topic" };',
    },
]


def module(number: int, branch: str) -> str:
    """A file that says of which branch it is."""
    word = MARK if branch == "topic" else "plain_marker"
    return "\n\n".join(
        f'def {word}_{number}_{part}(value):\n    """Does {word} {part} of {number}."""\n    return value + {part}\n'
        for part in range(6)
    )


def seen_by(client: httpx.Client) -> tuple[int, bool]:
    """How much is found of main, and whether anything is of the branch that is shut."""
    answer = client.post("/v1/search", json={"query": f"{MARK} plain_marker", "limit": 50})
    return answer.text.count("plain_marker_"), MARK in answer.text.replace(f'"{MARK} plain_marker"', "")


def two_branches(root: Path) -> None:
    """Make a repository whose branches differ in every file; the first is checked out."""
    write(root, {f"src/f{number:03}.py": module(number, "main") for number in range(FILES)})
    commit(root, f"https://{REPO}.git")
    git(root, "checkout", "-q", "-b", "topic")
    write(root, {f"src/f{number:03}.py": module(number, "topic") for number in range(FILES)})
    commit(root)
    git(root, "checkout", "-q", "-")


@contextmanager
def watched(served: Served, secret: str) -> Iterator[tuple[list[str], list[int]]]:
    """Search all the while as somebody; gives what was seen of the shut branch, and how much of the other."""
    over, leaks, looks = threading.Event(), list[str](), list[int]()

    def watch() -> None:
        with served.client(secret) as client:
            while not over.is_set():
                found, leaked = seen_by(client)
                looks.append(found)
                leaks.extend([f"look {len(looks)}"] if leaked else [])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield leaks, looks
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("after", [0.05, 0.4])
def test_nothing_of_a_shut_branch_is_seen_while_it_is_checked_out(tmp_path: Path, after: float) -> None:
    """From before the switch, in the midst of the first run, until a later run has looked at all files."""
    program = Program(tmp_path)
    program.settings |= {
        "CONEXUS_LICENSE_MODE": "test",
        "CONEXUS_LICENSE_KEY": licence(max_repos=50),
        "CONEXUS_DAEMON_REQUESTS_PER_S": "10000",
    }
    root = tmp_path / "web"
    two_branches(root)
    with serving(program, root) as served, served.client() as admin:
        admin.put("/v1/directory/users/ann", json={}).raise_for_status()
        grants = [{"role": "writer", "subject": "user:ann"}]
        admin.put("/v1/directory/projects/web", json={"repositories": ["*"], "grants": grants}).raise_for_status()
        admin.put("/v1/policies", json={"policies": {"policies": RULES}}).raise_for_status()
        secret = admin.post("/v1/keys", json={"name": "ann", "user": "ann"}).json()["secret"]
        with watched(served, secret) as (leaks, looks):
            job = admin.post("/v1/index", json={"path": str(root)}).json()["id"]
            wait_for(lambda: (admin.get(f"/v1/jobs/{job}").json().get("progress") or {}).get("files_done", 0) > 20)
            time.sleep(after)
            git(root, "checkout", "-q", "topic")
            wait_for(lambda: admin.get(f"/v1/jobs/{job}").json()["state"] == "done")
            wait_for(lambda: seen_by(admin) == (0, True))  # the owner of the machine sees what was read of it
            git(root, "checkout", "-q", "-")
            wait_for(lambda: looks[-1] > 0 and not seen_by(admin)[1])
    assert leaks == []
    assert len(looks) > 20


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait for what has to come."""
    until = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)
