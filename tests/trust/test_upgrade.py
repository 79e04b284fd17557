# SPDX-License-Identifier: FSL-1.1-MIT
"""Data of every earlier form of the catalog, made by the programs of then: opened, kept, built anew where need be."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from attacks import dice, rounds
from earlier import KEY, QUESTION, REMOTE, REPO, TREE, VERSIONS, WEBHOOK, unpack
from program import FOUND, INCOMPLETE, Ended, Program, commit, finish, write

from conexus.adapters.catalog_schema import CATALOG

# What people put in; the rest of a catalog can be made again.
OF_PEOPLE = ("api_keys", "webhooks", "directory", "change_events", "policy_versions")
SOONEST = {"api_keys": 3, "webhooks": 3, "directory": 5, "change_events": 5, "policy_versions": 7}


@pytest.fixture
def earlier(tmp_path: Path) -> Callable[[int], tuple[Program, Path]]:
    """Gives a program with the data of a version, and the tree that was indexed, where it is now."""
    numbers = count()

    def made(version: int) -> tuple[Program, Path]:
        folder = tmp_path / f"{next(numbers)} of {version}"
        program, root = Program(folder), folder / "tree"
        unpack(version, program.folder)
        write(root, TREE)
        commit(root, REMOTE)
        with closing(program.catalog()) as catalog:
            assert catalog.execute("PRAGMA user_version").fetchone() == (version,)
            catalog.execute("UPDATE views SET root = ?", (os.fsencode(root),))
            catalog.commit()
        return program, root

    return made


def kept(catalog: sqlite3.Connection, columns: dict[str, list[str]]) -> dict[str, list[tuple[object, ...]]]:
    """The rows of people, in the columns that the tables had at first."""
    return {
        table: catalog.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY 1").fetchall()  # noqa: S608 -- known
        for table, names in columns.items()
    }


def columns_of(catalog: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of the tables of people that a catalog has."""
    found = {table: [row[1] for row in catalog.execute(f"PRAGMA table_info({table})")] for table in OF_PEOPLE}
    return {table: names for table, names in found.items() if names}


def is_answered(found: Ended) -> bool:
    """Whether a search is answered, by words alone where the model of then is gone."""
    return found.code in {FOUND, INCOMPLETE} and found.paths()[0] == "scales.py"


def test_there_are_data_of_every_earlier_version() -> None:
    """Whoever changes the catalog adds data of the version before, see ``data/make.py``."""
    assert list(VERSIONS) == list(range(1, len(CATALOG.migrations)))


@rounds(1, len(VERSIONS))
def test_earlier_data_are_migrated_and_nothing_of_people_is_lost(
    rounds: int, earlier: Callable[[int], tuple[Program, Path]], figure: Callable[..., None]
) -> None:
    """Each answers, is built anew where its form is another, and ends as a new index does."""
    fresh: frozenset[tuple[bytes, str, int]] = frozenset()
    migrated = rebuilt = lost = unanswered = different = 0
    chosen = sorted(dice("upgrade").sample(VERSIONS, rounds))
    for version in chosen:
        program, root = earlier(version)
        if not fresh:
            clean = Program(program.folder / "clean")
            clean.ok("index", root)
            fresh = frozenset(clean.content())
        with closing(program.catalog()) as catalog:
            columns = columns_of(catalog)
            before = kept(catalog, columns)
        assert set(before) == {table for table, since in SOONEST.items() if version >= since}
        assert all(before.values()), before
        found = program.run("search", QUESTION, root, "--json")
        unanswered += not is_answered(found)
        rebuilt += "built anew" in program.ok("index", root).out
        verified = program.ok("verify")
        assert "all as written" in verified.out, (version, verified)
        different += program.content() != fresh
        with closing(program.catalog()) as catalog:
            migrated += catalog.execute("PRAGMA user_version").fetchone() == (len(CATALOG.migrations),)
            lost += kept(catalog, columns) != before
        names = [one["name"] for one in program.ok("repos", "list", "--json").json["repositories"]]
        lost += names != ["zoo"]
        lost += program.ok("config", "show", "--json").json["settings"]["search.limit"]["value"] != "7"
        if "api_keys" in before:
            lost += KEY not in program.ok("keys", "list").out
            lost += WEBHOOK not in program.ok("webhooks", "list").out
            lost += QUESTION not in program.ok("log").out
        best = program.ok("search", QUESTION, root, "--json")
        unanswered += best.paths()[0] != "scales.py"
    figure("upgrade", versions=len(chosen), migrated=migrated, rebuilt=rebuilt, lost=lost, unanswered=unanswered)
    assert (migrated, lost, unanswered, different) == (len(chosen), 0, 0, 0), f"versions {chosen}"


@rounds(1, 5)
def test_several_commands_migrate_at_once(
    rounds: int, earlier: Callable[[int], tuple[Program, Path]], figure: Callable[..., None]
) -> None:
    """Of commands that open earlier data at the same moment each ends well, and they leave one whole index."""
    failed = 0
    for number in range(rounds):
        program, root = earlier(VERSIONS[number])
        patience = {"CONEXUS_STORE_LOCK_WAIT_S": "100"}
        several = [program.start("search", QUESTION, root, "--json", env=patience) for _ in range(3)]
        several.append(program.start("index", root, env=patience))
        ended = [finish(one) for one in several]
        failed += ended[-1].code != FOUND or not all(map(is_answered, ended[:-1]))
        assert "all as written" in program.ok("verify").out
    figure("upgrade: four at once", rounds=rounds, failed=failed)
    assert failed == 0, ended


@rounds(1, 20)
def test_a_killed_migration_is_done_again(
    rounds: int, earlier: Callable[[int], tuple[Program, Path]], figure: Callable[..., None]
) -> None:
    """``kill -9`` amid the first command after an upgrade costs nothing that people put in."""
    lost = 0
    for number in range(rounds):
        program, root = earlier(VERSIONS[-1 - number % len(VERSIONS)])
        with closing(program.catalog()) as catalog:
            columns = columns_of(catalog)
            before = kept(catalog, columns)
        running = program.start("index", root)
        time.sleep(0.3 + 0.1 * number)
        running.kill()
        running.communicate()
        program.ok("index", root)
        assert "all as written" in program.ok("verify").out
        with closing(program.catalog()) as catalog:
            lost += kept(catalog, columns) != before
        program.ok("repos", "remove", REPO, "--yes")
    figure("upgrade: killed", rounds=rounds, lost=lost)
    assert lost == 0
