# SPDX-License-Identifier: FSL-1.1-MIT
"""A branch is indexed and searched through every surface of a daemon, and in the terminal."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import Program, Served, serving
from test_surfaces import by_mcp

from conexus.daemon import client as daemon_client
from conexus.daemon import discovery
from conexus.types import LOCAL_USER, SearchFilter, SearchRequest
from conexus.v1 import search_pb2, search_pb2_grpc

QUESTION = "fold the map"


def git(folder: Path, *arguments: str) -> None:
    """Run git with nothing of the user's settings."""
    names = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A daemon with one repository, whose branch `topic` has a function more."""
    folder = tmp_path_factory.mktemp("refs")
    program = Program(folder)
    tree = folder / "lending"
    tree.mkdir()
    (tree / "maps.py").write_text("def draw_map(scale):\n    return scale\n")
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "one")
    git(tree, "checkout", "--quiet", "-b", "topic")
    (tree / "folding.py").write_text('def fold(sheet):\n    """Fold the map."""\n    return sheet / 2\n')
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "two")
    git(tree, "checkout", "--quiet", "main")
    program.ok("index", tree)
    with serving(program, tree) as found:
        yield found


def test_a_branch_is_the_same_through_every_surface(served: Served) -> None:
    """It is indexed by a job, found only where it is asked for, and listed with what it is of."""
    with served.client() as client:
        missing = client.post("/v1/search", json={"query": QUESTION, "filter": {"ref": "topic"}})
        assert (missing.status_code, missing.json()["code"]) == (404, "not_indexed")
        assert "--ref topic" in missing.json()["hint"]
        job: dict[str, Any] = client.post("/v1/index", json={"path": str(served.tree), "ref": "topic"}).json()
        until = time.monotonic() + 60
        while job["state"] not in {"done", "failed"} and time.monotonic() < until:
            time.sleep(0.05)
            job = client.get(f"/v1/jobs/{job['id']}").json()
        assert job["state"] == "done", job
        assert job["report"]["files_indexed"] == 1
        assert job["report"]["files_total"] == 2
        again = client.post("/v1/index", json={"repository": "lending", "ref": "nowhere"})
        assert (again.status_code, again.json()["code"]) == (400, "source")
        found = client.post("/v1/search", json={"query": QUESTION, "filter": {"ref": "topic"}}).json()["results"]
        alone = client.post("/v1/search", json={"query": QUESTION}).json()["results"]
        listed = client.get("/v1/repositories").json()["repositories"]
    ids = [one["id"] for one in found]
    assert [one["path"] for one in found] == ["folding.py", "maps.py"]
    assert [one["path"] for one in alone] == ["maps.py"]
    assert {(one["ref"], one["shared"], one["gone"]) for one in listed} == {
        ("", True, False), ("refs/heads/topic", True, False)
    }  # fmt: skip
    with grpc.insecure_channel(served.grpc) as channel:
        request = search_pb2.SearchRequest(query=QUESTION)
        request.filter.ref = "topic"
        answer = search_pb2_grpc.SearchServiceStub(channel).Search(
            request, metadata=(("authorization", f"Bearer {served.token}"),), timeout=60
        )
    assert [one.id for one in answer.results] == ids
    assert by_mcp(served, [{"query": QUESTION, "filter": {"ref": "topic"}}]) == [ids]
    address = discovery.find(served.program.data)
    assert address is not None
    client_of = daemon_client.DaemonClient(address)
    hits = client_of.search(SearchRequest(QUESTION, where=SearchFilter(ref="topic")), LOCAL_USER).hits
    client_of.close()
    assert [hit.chunk.id for hit in hits] == ids
    shown = served.program.ok("search", QUESTION, served.tree, "--ref", "topic", "--format", "plain").out
    assert "topic:folding.py:1" in shown
    assert "topic" in served.program.ok("repos", "show", "lending").out


def test_views_that_are_gone_are_dropped_moments_later(served: Served) -> None:
    """A branch and a worktree that were indexed, and then deleted."""
    beside = served.tree.parent / "beside"
    git(served.tree, "branch", "passing", "topic")
    git(served.tree, "worktree", "add", "--quiet", "--detach", str(beside), "topic")
    served.program.ok("index", served.tree, "--ref", "passing")
    served.program.ok("index", beside)

    def views() -> set[str]:
        with served.client() as client:
            listed = client.get("/v1/repositories").json()["repositories"]
        return {one["ref"] for one in listed} | {one["root"] for one in listed}

    there = {"refs/heads/passing", str(beside)}
    assert there < views()
    git(served.tree, "branch", "--delete", "--force", "passing")
    git(served.tree, "worktree", "remove", "--force", str(beside))
    until = time.monotonic() + 60
    while there & views() and time.monotonic() < until:
        time.sleep(0.1)
    assert not there & views()
    assert str(served.tree) in views()


def test_a_branch_that_moves_is_indexed_again(served: Served) -> None:
    """The daemon looks at refs as it does at trees."""
    served.program.ok("index", served.tree, "--ref", "topic")
    git(served.tree, "checkout", "--quiet", "topic")
    (served.tree / "folding.py").write_text('def crease(sheet):\n    """Fold the map twice."""\n    return sheet / 4\n')
    git(served.tree, "commit", "--quiet", "--all", "--message", "three")
    git(served.tree, "checkout", "--quiet", "main")
    until = time.monotonic() + 60
    found = ""
    with served.client() as client:
        while found != "crease" and time.monotonic() < until:
            time.sleep(0.1)
            [first, *_] = client.post("/v1/search", json={"query": QUESTION, "filter": {"ref": "topic"}}).json()[
                "results"
            ]
            found = first["symbol"]
    assert found == "crease"
    assert first["freshness"] == "fresh"


def test_a_ref_is_removed_by_its_name(served: Served) -> None:
    """The tree and the other refs stay; a ref without an index is called so."""
    program = served.program
    git(served.tree, "branch", "--force", "leaving", "topic")
    program.ok("index", served.tree, "--ref", "leaving")
    name = program.ok("repos", "list", "--json").json["repositories"][0]["name"]
    before = {one["root"] for one in program.ok("repos", "list", "--json").json["repositories"]}
    program.ok("repos", "remove", name, "--ref", "leaving", "--yes")
    after = {one["root"] for one in program.ok("repos", "list", "--json").json["repositories"]}
    assert len(before - after) == 1
    assert next(iter(before - after)).endswith("refs/heads/leaving")
    failed = program.run("repos", "remove", name, "--ref", "leaving", "--yes")
    assert "is not indexed by itself" in failed.err
    git(served.tree, "branch", "--delete", "--force", "leaving")
