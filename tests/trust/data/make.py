# SPDX-License-Identifier: FSL-1.1-MIT
"""Makes ``catalog-<version>.tar.xz``: data folders as the last commit with each version of the catalog left them.

Run it in a clone with its history: ``python tests/trust/data/make.py FOLDER``, which takes the old programs.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "e2e")]
from earlier import KEY, POLICY, QUESTION, REMOTE, TREE, WEBHOOK  # noqa: E402 -- found by the line before
from program import commit, write  # noqa: E402

COMMITS = {
    1: "ee4dc41",
    2: "00d1461",
    3: "37c4d6d",
    4: "3fe44a5",
    5: "b0924a8",
    6: "ea08de3",
    7: "f120d83",
    8: "45ae9ff",
    9: "3954880",
    10: "2743cf1",
}
# The edition that is installed is not of the old programs.
_WITHOUT_EDITIONS = """
from importlib import metadata
found = metadata.entry_points
metadata.entry_points = lambda **which: () if which.get("group", "").startswith("conexus") else found(**which)
"""
_KEYS, _EDITIONS, _POLICIES = 3, 5, 7  # the versions that brought them


def main(work: Path) -> None:
    """Make all of them."""
    alone = work / "alone"
    alone.mkdir(parents=True)
    (alone / "sitecustomize.py").write_text(_WITHOUT_EDITIONS, encoding="ascii")
    for version, made_by in COMMITS.items():
        program, folder = work / made_by, work / str(version)
        program.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", made_by], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", program], input=archive, check=True)
        tree = folder / "tree"
        write(tree, TREE)
        commit(tree, REMOTE)
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{alone}:{program}",
            "CONEXUS_HOME": str(folder / "data"),
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
        }
        (folder / "home").mkdir()

        def run(*arguments: str, env: dict[str, str] = env, tree: Path = tree) -> None:
            command = [sys.executable, "-P", "-m", "conexus", *arguments]
            subprocess.run(command, env=env, cwd=tree, check=True, stdout=subprocess.DEVNULL)

        run("config", "set", "search.limit", "7")
        run("index", ".")
        run("search", QUESTION)
        run("repos", "rename", "earlier", "zoo")
        if version >= _KEYS:
            run("keys", "create", "--name", KEY, "--role", "writer")
            run("webhooks", "add", WEBHOOK)
        _insert(folder / "data" / "catalog.sqlite", version)
        _pack(folder, HERE / f"catalog-{version}.tar.xz")


def _insert(catalog: Path, version: int) -> None:
    """Put in what needs a licence to be made by a command."""
    db = sqlite3.connect(catalog)
    assert db.execute("PRAGMA user_version").fetchone() == (version,)
    if version >= _EDITIONS:
        db.execute("INSERT INTO directory VALUES ('team', 'keepers', '{\"name\": \"keepers\"}')")
        db.execute(
            "INSERT INTO change_events (type, at, actor, target, detail) "
            "VALUES ('team.created', ?, 'local', 'keepers', '{}')",
            (time.time(),),
        )
    if version >= _POLICIES:
        row = (time.time(), "local", "first", POLICY)
        db.execute("INSERT INTO policy_versions (at, actor, note, policies) VALUES (?, ?, ?, ?)", row)
    db.commit()
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _pack(folder: Path, target: Path) -> None:
    """Pack both folders, without owners and times."""
    plain = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--exclude=locks"]
    command = ["tar", "--create", "--sparse", "--xz", "-f", target, "-C", folder, *plain, "data", "home"]
    subprocess.run(command, check=True, env={**os.environ, "XZ_OPT": "-9e"})


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
