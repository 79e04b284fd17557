# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Holds are under the proof of the audit log: one that is made, ended or changed past the log is found."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_audit_log import ADMIN, checked, make_log, use

from conexus.errors import ConexusError, InvalidRequest, NotFound, StoreDamaged
from conexus.types import AuditHold, AuditQuery
from conexus_ee.audit_store import HoldRow


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with two holds, and one that was ended."""
    folder = tmp_path_factory.mktemp("holds")
    log = make_log(folder, checkpoints=str(folder / "second.jsonl"), checkpoint_every_s=0)
    for number in range(10):
        log.record(use(number))
    log.hold(AuditHold("of-ann", "court", 0.0, "", "ann"), ADMIN)
    log.hold(AuditHold("of-all", "why", 0.0, "", "", 5.0, 500.0), ADMIN)
    log.hold(AuditHold("over", "why", 0.0, "", "ann"), ADMIN)
    with sqlite3.connect(folder / "audit.sqlite") as db:
        [(row,)] = db.execute("SELECT hold FROM holds WHERE name = 'over'")
    (folder / "over.json").write_text(row)
    log.release("over", ADMIN)
    log.record(use(11))
    assert log.verify(ADMIN).findings == ()
    log._open()[0].close()
    return folder


def edit(name: str, /, **changed: object) -> Callable[[sqlite3.Connection], None]:
    """Change what a hold says."""

    def work(db: sqlite3.Connection) -> None:
        [(text,)] = db.execute("SELECT hold FROM holds WHERE name = ?", (name,))
        row = json.loads(text)
        row["hold"] |= changed
        db.execute("UPDATE holds SET hold = ? WHERE name = ?", (json.dumps(row), name))

    return work


def run(*statements: str) -> Callable[[sqlite3.Connection], None]:
    """Run SQL."""

    def work(db: sqlite3.Connection) -> None:
        for statement in statements:
            db.execute(statement)

    return work


def forge(db: sqlite3.Connection) -> None:
    """Put in a hold that nobody made."""
    row = HoldRow.of(AuditHold("forged", "", 1.0, "local"))
    db.execute("INSERT INTO holds VALUES (?, ?)", (row.name, row.text))


def forge_with_its_id(db: sqlite3.Connection) -> None:
    """Put another hold in the place of one, under its id, with a salt of one's own."""
    [(text,)] = db.execute("SELECT hold FROM holds WHERE name = 'of-ann'")
    made = HoldRow("of-ann", json.loads(text)["id"], "00" * 16, AuditHold("of-ann", "court", 0.0, "local", "nobody"))
    db.execute("UPDATE holds SET hold = ? WHERE name = 'of-ann'", (made.text,))


def exchange(db: sqlite3.Connection) -> None:
    """Give each of two holds the other's text."""
    rows = dict(db.execute("SELECT name, hold FROM holds"))
    db.execute("UPDATE holds SET hold = ? WHERE name = 'of-ann'", (rows["of-all"],))
    db.execute("UPDATE holds SET hold = ? WHERE name = 'of-all'", (rows["of-ann"],))


def put_back(db: sqlite3.Connection, folder: Path) -> None:
    """Put a hold that was ended back."""
    db.execute("INSERT INTO holds VALUES ('over', ?)", ((folder / "over.json").read_text(),))


WAYS: dict[str, Callable[[sqlite3.Connection], None]] = {
    "lifted": run("DELETE FROM holds WHERE name = 'of-ann'"),
    "all lifted": run("DELETE FROM holds"),
    "of another user": edit("of-ann", user="bob"),
    "of nobody": edit("of-ann", user="nobody"),
    "for another reason": edit("of-ann", reason="none"),
    "by somebody else": edit("of-ann", by="user:eve"),
    "shorter": edit("of-all", until=6.0),
    "without an end": edit("of-all", until=None),
    "made at another time": edit("of-all", created_at=0.0),
    "another name in it": edit("of-ann", name="of-bob"),
    "another name for it": run("UPDATE holds SET name = 'of-bob' WHERE name = 'of-ann'"),
    "twice": run("INSERT INTO holds SELECT 'again', hold FROM holds WHERE name = 'of-ann'"),
    "forged": forge,
    "forged under its id": forge_with_its_id,
    "exchanged": exchange,
    "no JSON": run("UPDATE holds SET hold = '{' WHERE name = 'of-ann'"),
    "a list": run("UPDATE holds SET hold = '[]' WHERE name = 'of-ann'"),
    "a deep list": run("UPDATE holds SET hold = replace(hex(zeroblob(50000)), '0', '[') WHERE name = 'of-ann'"),
    "nothing in it": run("""UPDATE holds SET hold = '{"id": "", "salt": "", "hold": {}}' WHERE name = 'of-ann'"""),
    "a field more": edit("of-ann", more=1),
    "a name that is a number": edit("of-ann", name=1),
    "a time that is true": edit("of-all", since=True),
    "the table emptied and one put in": run("DELETE FROM holds", "INSERT INTO holds VALUES ('x', '{}')"),
}


@pytest.mark.parametrize("way", [*WAYS, "put back"])
def test_a_hold_that_was_tampered_with_is_found(sound: Path, tmp_path: Path, way: str) -> None:
    """Each finding names a record or the hold; and as long as it is so nothing is deleted or erased."""
    folder = tmp_path / "log"
    shutil.copytree(sound, folder)
    with sqlite3.connect(folder / "audit.sqlite") as db:
        if way == "put back":
            put_back(db, folder)
        else:
            WAYS[way](db)
    findings = checked(folder).findings
    assert findings, way
    assert all("hold" in one.what for one in findings)
    log = make_log(folder, keep_days=1)
    for attempt in (lambda: log.expire(ADMIN), lambda: log.erase("ann", ADMIN), lambda: log.erase("bob", ADMIN)):
        with pytest.raises(StoreDamaged, match="nothing can be deleted"):
            attempt()
    assert {one.state for one in log.search(AuditQuery(), 100, ADMIN)} == {"whole"}


def test_a_record_of_a_hold_is_under_the_proof_too(sound: Path, tmp_path: Path) -> None:
    """Who takes the hold and its record away, or its release in, is found as with any record."""
    for number, statement in enumerate(
        (
            "DELETE FROM records WHERE public LIKE '%audit.hold%'",
            "UPDATE records SET public = replace(public, 'audit.hold', 'audit.hols')",
            "UPDATE records SET public = NULL, private = NULL, salt = NULL WHERE public LIKE '%audit.hold%'",
        )
    ):
        folder = tmp_path / f"{number}"
        shutil.copytree(sound, folder)
        with sqlite3.connect(folder / "audit.sqlite") as db:
            db.execute("DELETE FROM holds")
            db.execute(statement)
        assert checked(folder).findings
        with sqlite3.connect(folder / "audit.sqlite") as db:
            assert db.execute("SELECT count(*) FROM holds").fetchone() == (0,)


def test_holds_are_not_deleted_with_what_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it could not be told any more which are in force; who made them can be erased."""
    log = make_log(tmp_path, keep_days=1)
    log.record(use(0))
    log.hold(AuditHold("of-bob", "", 0.0, "", "bob"), ADMIN)
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 30 * 86_400)
    log.record(use(1))
    assert log.expire(ADMIN) >= 1
    assert log.verify(ADMIN).findings == ()
    assert [one.action for one in log.search(AuditQuery(action="audit.hold"), 9, ADMIN)] == ["audit.hold"]
    log.release("of-bob", ADMIN)
    log.erase(ADMIN.subject, ADMIN)
    assert log.verify(ADMIN).findings == ()
    assert log.holds() == []


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [("private", "ada", "eve"), ("public", '"at":', '"at":1,"was":'), ("private", "{", '{"user":"eve",')],
)
def test_a_held_record_cannot_be_made_one_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, old: str, new: str
) -> None:
    """Who changes whose it is, or when it was, does not have it deleted by the next expiry, and so made good."""
    log = make_log(tmp_path, keep_days=1)
    for number in range(6):
        log.record(use(number))
    log.hold(AuditHold("of-all", "", 0.0, "", "ada"), ADMIN)
    with sqlite3.connect(tmp_path / "audit.sqlite") as db:
        db.execute(f"UPDATE records SET {column} = replace({column}, ?, ?) WHERE seq < 6", (old, new))  # noqa: S608 -- from above
        assert db.execute("SELECT count(*) FROM records WHERE instr(private || public, ?)", (new,)).fetchone()[0]
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 30 * 86_400)
    for attempt in (lambda: log.expire(ADMIN), lambda: log.erase("eve", ADMIN), lambda: log.erase("bob", ADMIN)):
        with pytest.raises(ConexusError):
            attempt()
    assert log.verify(ADMIN).findings
    assert {one.state for one in log.search(AuditQuery(), 100, ADMIN)} == {"whole"}


def test_what_is_wrong_can_be_put_right(sound: Path, tmp_path: Path) -> None:
    """A hold that is gone, changed or forged is ended by its name, on record; then all is as recorded."""
    for number, (way, names) in enumerate(
        {
            "lifted": ["of-ann"],
            "of another user": ["of-ann"],
            "another name for it": ["of-bob"],
            "forged": ["forged"],
            "no JSON": ["of-ann"],
            "exchanged": ["of-ann", "of-all"],
            "all lifted": ["of-ann", "of-all"],
        }.items()
    ):
        folder = tmp_path / f"{number}"
        shutil.copytree(sound, folder)
        with sqlite3.connect(folder / "audit.sqlite") as db:
            WAYS[way](db)
        log = make_log(folder, keep_days=1)
        for name in names:
            log.release(name, ADMIN)
        assert log.verify(ADMIN).findings == (), way
        with pytest.raises(NotFound):
            log.release(names[0], ADMIN)
        log.hold(AuditHold(names[0], "again", 0.0, "", "ann"), ADMIN)
        assert log.verify(ADMIN).findings == (), way
        log._open()[0].close()


def test_a_hold_and_its_record_are_written_together(tmp_path: Path) -> None:
    """Of one that cannot be made there is no record; of one that is made at a time there is one hold."""
    log = make_log(tmp_path)
    log.hold(AuditHold("x", "", 0.0, ""), ADMIN)
    with pytest.raises(InvalidRequest):
        log.hold(AuditHold("x", "", 0.0, ""), ADMIN)
    other = make_log(tmp_path)
    failed: list[str] = []

    def make(number: int) -> None:
        try:
            (log if number % 2 else other).hold(AuditHold("same", "", 0.0, ""), ADMIN)
        except InvalidRequest as error:
            failed.append(error.message)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) == 7
    assert log.verify(ADMIN).findings == ()
    assert len(list(log.export(AuditQuery(action="audit.hold"), ADMIN))) == 2


def test_checks_while_holds_come_and_go_find_nothing(tmp_path: Path) -> None:
    """By another thread with the log open a second time."""
    log, other = make_log(tmp_path), make_log(tmp_path)
    log.record(use(0))
    over = threading.Event()
    failed: list[Exception] = []

    def change() -> None:
        try:
            while not over.is_set():
                other.hold(AuditHold("x", "", 0.0, ""), ADMIN)
                other.release("x", ADMIN)
        except Exception as error:  # noqa: BLE001 -- told below
            failed.append(error)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(30):
            assert [one.what for one in log.verify(ADMIN).findings if "hold" in one.what] == []
    finally:
        over.set()
        thread.join()
    assert failed == []


def test_a_name_that_is_given_again_while_a_log_is_checked_is_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold that was there before has no record any more, and that which is there after none yet: they are two."""
    log, other = make_log(tmp_path), make_log(tmp_path)
    other.hold(AuditHold("x", "", 0.0, ""), ADMIN)
    log.record(use(0))
    store = log._open()[0]
    look, looks = store.hold_rows, itertools.count()

    def changed_around() -> list[HoldRow]:
        if next(looks):
            other.hold(AuditHold("x", "", 0.0, ""), ADMIN)
            return look()
        found = look()
        other.release("x", ADMIN)
        return found

    monkeypatch.setattr(store, "hold_rows", changed_around)
    assert [one.what for one in log.verify(ADMIN).findings if "hold" in one.what] == []
    assert next(looks) == 2


def test_random_damage_to_holds_is_found(sound: Path, tmp_path: Path) -> None:
    """A byte here and there in the text of a hold: found, unless it means the same."""
    chance = random.Random(int(os.environ.get("CONEXUS_SEED", "1")))  # noqa: S311 -- no secret
    folder = tmp_path / "log"
    shutil.copytree(sound, folder)
    with sqlite3.connect(folder / "audit.sqlite") as db:
        rows = dict(db.execute("SELECT name, hold FROM holds"))
    for number in range(120):
        name = chance.choice(sorted(rows))
        text = rows[name]
        place = chance.randrange(len(text))
        changed = text[:place] + chance.choice('019afxz"{}[],: ') + text[place + chance.randrange(2) :]
        if HoldRow.read(name, changed) == HoldRow.read(name, text):
            continue
        with sqlite3.connect(folder / "audit.sqlite") as db:
            db.execute("UPDATE holds SET hold = ? WHERE name = ?", (changed, name))
        assert checked(folder).findings, (number, name, changed)
        with sqlite3.connect(folder / "audit.sqlite") as db:
            db.execute("UPDATE holds SET hold = ? WHERE name = ?", (text, name))
    assert checked(folder).findings == ()


def test_a_table_of_holds_that_is_gone_is_an_error(sound: Path, tmp_path: Path) -> None:
    """It is never taken for one without holds."""
    folder = tmp_path / "log"
    shutil.copytree(sound, folder)
    with sqlite3.connect(folder / "audit.sqlite") as db:
        db.execute("DROP TABLE holds")
    with pytest.raises(ConexusError):
        checked(folder)
    log = make_log(folder, keep_days=1)
    for attempt in (lambda: log.expire(ADMIN), lambda: log.erase("ann", ADMIN), log.holds):
        with pytest.raises(ConexusError):
            attempt()
