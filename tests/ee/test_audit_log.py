# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The audit log as a file: nothing is lost, and whatever is changed in it is found and located."""

from __future__ import annotations

import io
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymerkle
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from conexus.cli.audit_formats import WRITERS
from conexus.errors import ConfigError, DaemonUnavailable, InvalidRequest, NotFound, SourceError
from conexus.types import AuditEvent, AuditHold, AuditQuery, AuditVerdict, Feature, PolicyVersion, Principal
from conexus_ee.audit import AuditLog, AuditOptions, audit_options, ranges
from conexus_ee.audit_store import AuditStore, canonical, head_bytes, sealed
from conexus_ee.merkle import Frontier, leaf_hash
from conexus_ee.signing import Signer, is_signed

ADA = Principal("user:ada", user="ada", key="k1", address="10.0.0.7", client="mcp")
ADMIN = Principal("local", local=True)
QUESTION = "zanzibar quorum of ada"


class Paid:
    """Entitlements with an audit log, or without."""

    is_paid = True

    def has(self, feature: Feature) -> bool:
        """Whether there is one."""
        return self.is_paid and feature in {Feature.AUDIT_LOG, Feature.ADVANCED_ANALYTICS}


class Policies:
    """A store of policies of which only the number counts."""

    def current(self) -> PolicyVersion:
        """Version 3."""
        return PolicyVersion(3, 0.0, "local", "", PolicyVersion().policies)


def make_log(folder: Path, **options: Any) -> AuditLog:
    """A log in a folder."""
    paid: Any = Paid()
    policies: Any = Policies()
    return AuditLog(
        folder, AuditOptions(**options), paid, policies, lambda: {"example.org/acme/web", "example.org/acme/old"}
    )


def use(number: int, who: Principal = ADA, at: float = 0.0, text: str = "") -> AuditEvent:
    """An event."""
    shown = (f"example.org/acme/web:src/part{number}.py:1-9",)
    return AuditEvent(
        who,
        "search",
        at or time.time(),
        "rest",
        f"r{number}",
        "ok",
        text or f"question {number}",
        "{}",
        ("example.org/acme/web",),
        shown,
        1,
    )


def test_the_tree_is_that_of_another_program() -> None:
    """pymerkle, which knows nothing of ours, has the same roots."""
    ours, theirs = Frontier(), pymerkle.InmemoryTree(algorithm="sha256")
    for number in range(130):
        data = f"record {number}".encode()
        ours.add(leaf_hash(data))
        theirs.append_entry(data)
        assert ours.root() == theirs.get_root()
        assert Frontier.of(ours.size, bytes(ours)).root() == ours.root()
    with pytest.raises(ValueError, match="not whole"):
        Frontier.of(7, bytes(ours))


def test_a_stranger_can_check_the_log(tmp_path: Path) -> None:
    """With the file, the public key and libraries of others: the root of the records is the signed one."""
    log = make_log(tmp_path)
    for number in range(23):
        log.record(use(number))
    head, pem = log.head(), log.public_key()
    assert head is not None
    rows = sqlite3.connect(tmp_path / "audit.sqlite").execute("SELECT public FROM records ORDER BY seq").fetchall()
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for (public,) in rows:
        tree.append_entry(public.encode())
    assert (head.size, head.root) == (23, tree.get_root().hex())
    key: Any = load_pem_public_key(pem.encode())
    key.verify(bytes.fromhex(head.signature), head_bytes(head))
    leaf = tree.prove_inclusion(7)
    assert leaf is not None


def test_what_is_on_record(tmp_path: Path) -> None:
    """Who, for whom, from where, what, what was shown, by which rules; looking is on record too."""
    log = make_log(tmp_path)
    log.record(use(1))
    log.record(AuditEvent(ADA, "stop", time.time(), "rest", outcome="access_denied"))
    [denied] = log.search(AuditQuery(denied=True), 10, ADMIN)
    assert (denied.action, denied.allowed, denied.user) == ("stop", False, "ada")
    [record] = log.search(AuditQuery(text="PART1.py"), 10, ADMIN)
    assert (record.seq, record.subject, record.key, record.address, record.client) == (
        1,
        "user:ada",
        "k1",
        "10.0.0.7",
        "mcp",
    )
    assert (record.text, record.repos, record.policy) == ("question 1", ("example.org/acme/web",), 3)
    assert record.shown == ("example.org/acme/web:src/part1.py:1-9",)
    told = list(log.export(AuditQuery(user="local"), ADMIN))
    assert [one.action for one in told] == ["audit.search", "audit.search", "audit.export"]
    assert json.loads(told[0].asked) == {"denied": True}
    assert log.verify(ADMIN).findings == ()


@pytest.mark.parametrize(("rule", "kept"), [("keep", "zanzibar"), ("hash", "hmac:"), ("omit", "")])
def test_questions_are_kept_by_rule(tmp_path: Path, rule: str, kept: str) -> None:
    """As they are, as a keyed hash that is the same for the same question, or not at all."""
    log = make_log(tmp_path, text=rule)
    for text in (QUESTION, QUESTION, "something else"):
        log.record(use(1, text=text))
    texts = [record.text for record in log.export(AuditQuery(user="ada"), ADMIN)]
    assert texts[0].startswith(kept)
    assert texts[0] == texts[1]
    assert (texts[0] == texts[2]) == (rule == "omit")
    assert (QUESTION.encode() in everything(tmp_path)) == (rule == "keep")


def everything(folder: Path) -> bytes:
    """All bytes of the files of a log."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("audit.sqlite*")))


def test_a_person_is_erased_for_good(tmp_path: Path) -> None:
    """Not a byte is left in the files; the rest is as it was, and that somebody was erased is on record."""
    log = make_log(tmp_path)
    bob = Principal("user:bob", user="bob")
    for number in range(20):
        log.record(use(number, ADA if number % 2 else bob, text=QUESTION if number % 2 else "a question of bob"))
    log.record(
        AuditEvent(ADMIN, "change:user.put", time.time(), asked=json.dumps({"target": "ada", "detail": "ada@x"}))
    )
    assert QUESTION.encode() in everything(tmp_path)
    log.hold(AuditHold("case", "court", 0.0, "", "bob"), ADMIN)
    with pytest.raises(InvalidRequest, match="hold"):
        log.erase("bob", ADMIN)
    assert log.erase("ada", ADMIN) == (11, 0)
    left = everything(tmp_path)
    assert not any(text in left for text in (QUESTION.encode(), b"user:ada", b"10.0.0.7", b"ada@x"))
    assert left.count(b"a question of bob") >= 10
    verdict = log.verify(ADMIN)
    assert (verdict.findings, verdict.erased) == ((), 11)
    with pytest.raises(NotFound):
        log.erase("ada", ADMIN)
    log.release("case", ADMIN)
    assert log.erase("bob", ADMIN) == (10, 0)
    with pytest.raises(NotFound):
        log.release("case", ADMIN)


def test_old_records_go_unless_they_are_held(tmp_path: Path) -> None:
    """Their hashes stay, so that what is left is checked as before."""
    log = make_log(tmp_path, keep_days=30)
    start = float(int(time.time()) - 60 * 86_400)
    for day in range(60):
        log.record(use(day, at=start + day * 86_400, text=f"{QUESTION} {day}."))
    log.hold(AuditHold("case", "", 0.0, "", "", start, start + 5 * 86_400), ADMIN)
    gone = log.expire(ADMIN)
    assert gone in {25, 26}, "by the second that it is asked in"
    assert f"{QUESTION} 7.".encode() not in everything(tmp_path)
    assert f"{QUESTION} 3.".encode() in everything(tmp_path)
    verdict = log.verify(ADMIN)
    assert (verdict.findings, verdict.expired) == ((), gone)
    assert log.expire(ADMIN) == 0
    assert [one.state for one in log.export(AuditQuery(), ADMIN)][:7] == ["whole"] * 5 + ["expired"] * 2


def test_a_report_counts_what_happened(tmp_path: Path) -> None:
    """By whom, of what, in vain, and how it goes on: against what was put in."""
    log = make_log(tmp_path)
    start = float(int(time.time()) - 40 * 86_400)
    for day in range(40):
        for number in range(10 + day):  # one more each day
            log.record(use(number, ADA if number % 2 else ADMIN, at=start + day * 86_400))
    nothing = AuditEvent(ADA, "search", start, "rest", text="who feeds the quokka", results=0)
    for event in (
        nothing,
        nothing,
        AuditEvent(ADA, "stop", start, outcome="access_denied"),
        use(0, at=start - 50 * 86_400),
    ):
        log.record(event)
    found = log.report(start - 86_400, time.time(), 5.0, ADMIN)
    uses = sum(10 + day for day in range(40))
    assert (found.uses, found.answered, found.minutes_saved) == (uses + 2, uses, uses * 5.0)
    assert found.empty_questions == (("who feeds the quokka", 2),)
    assert found.denied == (("ada", 1),)
    assert found.repositories == (("example.org/acme/web", uses),)
    assert found.unused == ("example.org/acme/old",)
    assert found.areas == (("example.org/acme/web:src", uses),)
    assert [day.uses for day in found.days][1:] == [float(10 + day) for day in range(1, 40)]
    assert found.more_each_week == pytest.approx(7.0, abs=0.2)
    assert found.forecast[0].uses == pytest.approx(50, abs=1.5)
    assert found.forecast[-1].low <= 63 <= found.forecast[-1].high
    assert log.search(AuditQuery(), 1, ADMIN)[0].action == "audit.report"


def test_a_report_of_nothing_is_empty(tmp_path: Path) -> None:
    """No days, no trend, no forecast."""
    log = make_log(tmp_path)
    log.record(use(1))
    found = log.report(0.0, 1.0, 0.0, ADMIN)
    assert (found.uses, found.days, found.more_each_week, found.forecast) == (0, (), None, ())


# ------------------------------------------------------------------------------ tampering


@dataclass
class Tampered:
    """A log that somebody changed who can write its file and does not have its key."""

    path: Path
    random: random.Random
    db: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        self.db = sqlite3.connect(self.path, isolation_level=None)

    @property
    def size(self) -> int:
        """How many records there are."""
        return int(self.db.execute("SELECT max(seq) FROM records").fetchone()[0])

    def one(self, last: int = 0) -> int:
        """A record, not one of the last ``last``."""
        return self.random.randrange(1, self.size + 1 - last)

    def public(self, seq: int) -> dict[str, Any]:
        """What a record says."""
        found: dict[str, Any] = json.loads(
            self.db.execute("SELECT public FROM records WHERE seq = ?", (seq,)).fetchone()[0]
        )
        return found

    def edit(self) -> tuple[int, int]:
        """Change what a record says, and leave its hash."""
        seq = self.one()
        name, value = self.random.choice(
            [("outcome", "ok!"), ("results", 7), ("at", 5.0), ("shown", []), ("action", "x")]
        )
        self.db.execute(
            "UPDATE records SET public = ? WHERE seq = ?", (canonical({**self.public(seq), name: value}), seq)
        )
        return seq, seq

    def edit_with_hash(self) -> tuple[int, int]:
        """Change what a record says and make its hash anew."""
        seq = self.one()
        public = canonical({**self.public(seq), "action": "nothing"})
        self.db.execute(
            "UPDATE records SET public = ?, leaf = ? WHERE seq = ?", (public, leaf_hash(public.encode()), seq)
        )
        return seq, seq + 1

    def edit_private(self) -> tuple[int, int]:
        """Blame somebody else, with or without a new salt."""
        seq = self.one()
        private = canonical({"subject": "user:bob", "text": "other"})
        self.db.execute("UPDATE records SET private = ? WHERE seq = ?", (private, seq))
        if self.random.random() < 0.5:
            self.db.execute("UPDATE records SET salt = ? WHERE seq = ?", (b"0" * 16, seq))
        return seq, seq

    def delete(self) -> tuple[int, int]:
        """Take records out of the middle."""
        first = self.one(last=4)
        last = first + self.random.randrange(3)
        self.db.execute("DELETE FROM records WHERE seq BETWEEN ? AND ?", (first, last))
        return first, last

    def delete_and_close_up(self) -> tuple[int, int]:
        """Take a record out of the middle and give those after it other numbers."""
        seq = self.one(last=2)
        self.db.execute("DELETE FROM records WHERE seq = ?", (seq,))
        self.db.execute("UPDATE records SET seq = -seq WHERE seq > ?", (seq,))
        self.db.execute("UPDATE records SET seq = -seq - 1 WHERE seq < 0")
        return seq, seq + 1

    def swap(self) -> tuple[int, int]:
        """Have two records change places."""
        one = self.one(last=2)
        other = self.random.randrange(one + 1, self.size + 1)
        for old, new in ((one, -1), (other, one), (-1, other)):
            self.db.execute("UPDATE records SET seq = ? WHERE seq = ?", (new, old))
        return one, other

    def repeat(self) -> tuple[int, int]:
        """Put in a copy of a record at the end."""
        self.db.execute(
            "INSERT INTO records SELECT ? + 1, leaf, public, private, salt FROM records WHERE seq = ?",
            (self.size, self.one()),
        )
        return self.size, self.size

    def forge(self) -> tuple[int, int]:
        """Add a record that fits in all but the signature."""
        seq, salt, private = self.size + 1, b"1" * 16, canonical({"subject": "user:bob"})
        last = self.db.execute("SELECT leaf FROM records WHERE seq = ?", (seq - 1,)).fetchone()[0]
        facts = {**self.public(seq - 1), "seq": seq, "previous": last.hex(), "private": sealed(salt, private)}
        public = canonical(facts)
        leaf = leaf_hash(public.encode())
        self.db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", (seq, leaf, public, private, salt))
        self.settle()
        return seq, seq

    def settle(self) -> None:
        """Make the state of the log fit its records."""
        tree = Frontier()
        leaves = [row[0] for row in self.db.execute("SELECT leaf FROM records ORDER BY seq")]
        for leaf in leaves:
            tree.add(leaf)
        self.db.execute("UPDATE log SET size = ?, frontier = ?, last = ?", (tree.size, bytes(tree), leaves[-1]))

    def rewrite(self) -> tuple[int, int]:
        """Change a record and make all hashes after it anew, but for signatures, which take the key."""
        first = self.one()
        last = self.db.execute("SELECT leaf FROM records WHERE seq = ?", (first - 1,)).fetchone()
        previous = last[0] if last else b""
        for seq in range(first, self.size + 1):
            facts = {**self.public(seq), "previous": previous.hex()}
            public = canonical({**facts, "action": "nothing"} if seq == first else facts)
            previous = leaf_hash(public.encode())
            self.db.execute("UPDATE records SET public = ?, leaf = ? WHERE seq = ?", (public, previous, seq))
        self.settle()
        if self.random.random() < 0.5:  # with heads by a key of their own
            self.sign()
        return first, self.size

    def sign(self) -> None:
        """Sign a head with another key."""
        size, frontier = self.db.execute("SELECT size, frontier FROM log").fetchone()
        root = Frontier.of(size, frontier).root()
        signature = Signer.passing().sign(b"anything")
        self.db.execute("DELETE FROM heads")
        self.db.execute("INSERT INTO heads VALUES (?, ?, ?, ?)", (size, time.time(), root, signature))

    def cut(self) -> tuple[int, int]:
        """Cut off the end, and every trace of it that is in this file."""
        first = self.size - self.random.randrange(5)
        size = self.size
        self.db.execute("DELETE FROM records WHERE seq >= ?", (first,))
        self.db.execute("DELETE FROM heads WHERE size >= ?", (first,))
        self.settle()
        return first, size

    def erase(self) -> tuple[int, int]:
        """Take out who it was, as an erasure does, without a record of that."""
        seq = self.one()
        self.db.execute("UPDATE records SET private = NULL, salt = NULL WHERE seq = ?", (seq,))
        return seq, seq

    def empty(self) -> tuple[int, int]:
        """Leave nothing but the hash, as what is too old."""
        seq = self.one()
        self.db.execute("UPDATE records SET public = NULL, private = NULL, salt = NULL WHERE seq = ?", (seq,))
        return seq, seq

    def unsign(self) -> tuple[int, int]:
        """Take the signed heads away."""
        size = self.size
        self.db.execute("DELETE FROM heads")
        return 1, size

    def go_back(self) -> tuple[int, int]:
        """Have the log go on from an earlier state."""
        tree = Frontier()
        for (leaf,) in self.db.execute("SELECT leaf FROM records WHERE seq < ? ORDER BY seq", (self.size,)):
            tree.add(leaf)
        self.db.execute("UPDATE log SET frontier = ?, size = ?", (bytes(tree), tree.size))
        return 1, self.size


WAYS = [
    "edit", "edit_with_hash", "edit_private", "delete", "delete_and_close_up", "swap", "repeat", "forge", "rewrite",
    "cut", "erase", "empty", "unsign", "go_back",
]  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of sixty records, with heads in a second place."""
    folder = tmp_path_factory.mktemp("audit")
    log = make_log(folder, checkpoints=str(folder / "second.jsonl"), checkpoint_every_s=0)
    for number in range(60):
        log.record(use(number))
    assert log.verify(ADMIN).findings == ()
    log._open()[0].close()
    return folder


def require_found(sound: Path, folder: Path, way: str, seed: int) -> None:
    """What was done to a copy of the log is found, and where."""
    shutil.copytree(sound, folder)
    tampered = Tampered(folder / "audit.sqlite", random.Random(seed))  # noqa: S311 -- no secret
    first, last = getattr(tampered, way)()
    tampered.db.close()
    verdict = checked(folder)
    assert verdict.findings, f"{way} with seed {seed} was not found"
    near = [one for one in verdict.findings if one.seq <= last and one.last >= first]
    assert near, f"{way} with seed {seed} at {first}-{last} was looked for at {verdict.findings}"
    shutil.rmtree(folder)


def checked(folder: Path) -> AuditVerdict:
    """Check a log as it lies there, without writing to it first."""
    from conexus_ee.audit_check import check  # noqa: PLC0415 -- beside the desk, which records that it checks
    from conexus_ee.checkpoints import Checkpoints  # noqa: PLC0415 -- as above

    signer = Signer.at(folder / "audit.key")
    store = AuditStore(str(folder / "audit.sqlite"))
    store.sign_with(signer)
    try:
        return check(store, signer.public, Checkpoints(str(folder / "second.jsonl")).read())
    finally:
        store.close()


@pytest.mark.parametrize("way", WAYS)
def test_what_is_tampered_with_is_found_and_located(sound: Path, tmp_path: Path, way: str) -> None:
    """Eight times in each way; a thousand logs in the slow form."""
    for seed in range(8):
        require_found(sound, tmp_path / f"{seed}", way, seed)


@pytest.mark.slow
def test_a_thousand_tampered_logs_are_found(sound: Path, tmp_path: Path) -> None:
    """In all ways in turn."""
    for seed in range(1_000):
        require_found(sound, tmp_path / f"{seed}", WAYS[seed % len(WAYS)], 1_000 + seed)


def test_what_was_not_tampered_with_is_not_found(sound: Path, tmp_path: Path) -> None:
    """Copied, opened by another process and gone on with."""
    shutil.copytree(sound, tmp_path / "copy")
    assert checked(tmp_path / "copy").findings == ()
    log = make_log(tmp_path / "copy")
    log.record(use(61))
    verdict = log.verify(ADMIN, tmp_path / "copy" / "second.jsonl")
    assert (verdict.findings, verdict.checkpoints) == ((), 61)
    with pytest.raises(SourceError, match="cannot be read"):
        log.verify(ADMIN, tmp_path / "nowhere")
    (tmp_path / "bad").write_text("no checkpoint\n{}\n")
    with pytest.raises(SourceError, match="bad:1"):
        log.verify(ADMIN, tmp_path / "bad")


@pytest.mark.parametrize("way", ["edit_with_hash", "rewrite", "cut", "forge", "unsign", "go_back"])
def test_what_goes_on_after_tampering_does_not_hide_it(sound: Path, tmp_path: Path, way: str) -> None:
    """A head that is signed later, over what was forged, makes nothing good: without heads elsewhere too."""
    folder = tmp_path / "copy"
    shutil.copytree(sound, folder)
    (folder / "second.jsonl").unlink()
    tampered = Tampered(folder / "audit.sqlite", random.Random(5))  # noqa: S311 -- no secret
    getattr(tampered, way)()
    if way != "cut":
        tampered.db.execute("DELETE FROM heads")
    tampered.db.close()
    log = make_log(folder)
    try:
        for number in range(3):
            log.record(use(number))
    except DaemonUnavailable:
        assert way == "go_back", "its next record would come twice"
    assert log.verify(ADMIN).findings


def test_a_damaged_log_is_still_looked_at(sound: Path, tmp_path: Path) -> None:
    """Rows before the first, bytes that are no text, a state that is gone, a log that cannot be written."""
    for number, (sql, what) in enumerate(
        [
            ("INSERT INTO records VALUES (-5, x'00', '{}', '{}', x'00')", "put in"),
            ("UPDATE records SET public = CAST(x'ff7b' AS TEXT) WHERE seq = 7", "changed"),
            ("DELETE FROM log", "another"),
            ("CREATE TRIGGER t BEFORE INSERT ON records BEGIN SELECT raise(ignore); END", "could not be recorded"),
        ]
    ):
        folder = tmp_path / str(number)
        shutil.copytree(sound, folder)
        with sqlite3.connect(folder / "audit.sqlite") as db:
            db.execute(sql)
        db.close()
        log = make_log(folder)
        assert any(what in one.what for one in log.verify(ADMIN).findings), sql
        if "TRIGGER" in sql:
            with pytest.raises(DaemonUnavailable, match="do not stay"):
                log.record(use(1))


def test_a_log_that_is_taken_away_is_missed(tmp_path: Path) -> None:
    """Under a process that has it open, and by the next one; the key as well."""
    log = make_log(tmp_path)
    log.record(use(0))
    for path in tmp_path.glob("audit.sqlite*"):
        path.rename(tmp_path / f"away-{path.name}")
    with pytest.raises(DaemonUnavailable, match="cannot be written"):
        log.record(use(1))
    with pytest.raises(DaemonUnavailable, match="is gone, and its key is there"):
        make_log(tmp_path).record(use(1))
    for path in tmp_path.glob("away-*"):
        path.rename(tmp_path / path.name.removeprefix("away-"))
    log.record(use(1))
    (tmp_path / "audit.key").rename(tmp_path / "key")
    with pytest.raises(DaemonUnavailable, match="the key of the audit log is gone"):
        make_log(tmp_path).record(use(1))
    (tmp_path / "key").rename(tmp_path / "audit.key")
    (tmp_path / "audit.sqlite").chmod(0o644)
    make_log(tmp_path).record(use(2))
    assert (tmp_path / "audit.sqlite").stat().st_mode & 0o777 == 0o600


def test_years_of_expiry_raise_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What says that records were deleted is not deleted itself."""
    log = make_log(tmp_path, keep_days=1)
    start = time.time()
    for day in range(6):
        now = start + day * 86_400
        monkeypatch.setattr("conexus_ee.audit.time.time", lambda at=now: at)
        log.record(use(day, at=now))
        log.expire(ADMIN)
    verdict = log.verify(ADMIN)
    assert verdict.findings == ()
    assert verdict.expired >= 4


def test_text_that_is_no_utf8_can_be_exported(tmp_path: Path) -> None:
    """As a terminal hands it on; what was no text is written out."""
    log = make_log(tmp_path)
    log.record(use(1, text="bad \udcff\udcfe bytes"))
    [record] = log.export(AuditQuery(user="ada"), ADMIN)
    assert record.text == "bad \\udcff\\udcfe bytes"
    for write in WRITERS.values():
        write([record], io.StringIO())
    assert log.verify(ADMIN).findings == ()


def test_nobody_is_no_user(tmp_path: Path) -> None:
    """An empty name erases nothing, and a hold that ends before it begins holds nothing."""
    log = make_log(tmp_path)
    log.record(use(1, ADMIN))
    with pytest.raises(InvalidRequest):
        log.erase("", ADMIN)
    with pytest.raises(InvalidRequest):
        log.hold(AuditHold("x", "", 0.0, "", "", 5.0, 5.0), ADMIN)
    log.hold(AuditHold("x", "", 0.0, ""), ADMIN)
    with pytest.raises(InvalidRequest, match="already"):
        log.hold(AuditHold("x", "", 0.0, ""), ADMIN)
    assert [one.action for one in log.export(AuditQuery(action="audit.hold"), ADMIN)] == ["audit.hold"]


# ------------------------------------------------------------------------------ durability


def test_many_write_at_once(tmp_path: Path) -> None:
    """Threads and processes: no record is lost, none comes twice, and the chain holds."""
    log = make_log(tmp_path)
    log.record(use(0))
    program = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\nfrom test_audit_log import make_log, use\n"
        "log = make_log(Path(sys.argv[1]))\n"
        "for number in range(40): log.record(use(number))\n"
    )
    here = str(Path(__file__).parent)
    others = [subprocess.Popen([sys.executable, "-c", program, tmp_path, here]) for _ in range(2)]
    threads = [
        threading.Thread(target=lambda: [log.record(use(number)) for number in range(25)] and None) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(60) for other in others] == [0, 0]
    verdict = log.verify(ADMIN)
    assert (verdict.findings, verdict.records) == ((), 1 + 80 + 200)


def test_what_was_said_to_be_written_survives_a_kill(tmp_path: Path) -> None:
    """A writer that is killed in its midst: each record that it reported is there."""
    program = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\nfrom test_audit_log import make_log, use\n"
        "log = make_log(Path(sys.argv[1]))\n"
        "for number in range(100_000):\n    log.record(use(number)); print(number, flush=True)\n"
    )
    here = str(Path(__file__).parent)
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", program, tmp_path, here], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(60)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        last = int([line for line in told if line.endswith("\n")][-1])
        log = make_log(tmp_path)
        newest = next(one for one in log.search(AuditQuery(), 5, ADMIN) if one.action == "search")
        assert int(newest.request[1:]) >= last
        assert log.verify(ADMIN).findings == ()


def test_nothing_is_said_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A full disk, a file that nobody may write, one that somebody else holds: an error, and the log stays whole."""
    log = make_log(tmp_path)
    log.record(use(0))
    store = log._open()[0]
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    written, refused = 0, None
    while refused is None:
        try:
            log.record(use(written, text="x" * 3_000))
            written += 1
        except DaemonUnavailable as error:
            refused = error
    assert "full" in refused.message
    store._db.execute("PRAGMA max_page_count = 1000000")
    log.record(use(1))
    store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(DaemonUnavailable, match="cannot be written"):
        log.record(use(2))
    store._db.execute("PRAGMA query_only = OFF")
    store._db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "audit.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DaemonUnavailable, match="locked"):
        log.record(use(3))
    other.execute("ROLLBACK")
    verdict = log.verify(ADMIN)
    assert (verdict.findings, verdict.records) == ((), 1 + written + 1)


def test_a_log_or_key_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file that is no database, a key that others can read, a link, a folder."""
    (tmp_path / "audit.sqlite").write_bytes(b"no database, and long enough to be looked at as one" * 10)
    with pytest.raises(Exception, match="no audit log"):
        make_log(tmp_path).record(use(0))
    (tmp_path / "audit.sqlite").unlink()
    make_log(tmp_path).record(use(0))
    key = tmp_path / "audit.key"
    key.chmod(0o644)
    with pytest.raises(DaemonUnavailable, match="others can read"):
        make_log(tmp_path).record(use(0))
    key.unlink()
    key.symlink_to("/etc/hostname")
    with pytest.raises(DaemonUnavailable, match="cannot be used"):
        make_log(tmp_path).record(use(0))
    key.unlink()
    key.write_text("no key")
    key.chmod(0o600)
    with pytest.raises(DaemonUnavailable, match="no key"):
        make_log(tmp_path).record(use(0))


def test_a_second_place_that_is_away_stops_nobody(tmp_path: Path) -> None:
    """The next head that can be written there covers what was missed."""
    second = tmp_path / "away" / "heads.jsonl"
    log = make_log(tmp_path, checkpoints=str(second), checkpoint_every_s=0)
    log.record(use(0))
    second.parent.mkdir()
    log.record(use(1))
    assert log.verify(ADMIN).checkpoints == 1
    assert log.verify(ADMIN).checkpoints == 2
    assert is_signed(log._open()[1].public, "00", b"x") is False


def test_without_a_licence_nothing_is_recorded_and_the_rest_can_be_read(tmp_path: Path) -> None:
    """A licence that is over."""
    log = make_log(tmp_path)
    log.record(use(0))
    entitlements: Any = log._entitlements
    entitlements.is_paid = False
    assert not log.is_on
    log.record(use(1))
    assert [one.action for one in log.search(AuditQuery(), 5, ADMIN)] == ["search"]
    assert [one.action for one in log.search(AuditQuery(), 5, ADMIN)] == ["audit.search", "search"]
    assert log.verify(ADMIN).findings == ()


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"texts": "keep"}, "edition.audit.texts"),
        ({"text": "plain"}, "keep, hash, omit"),
        ({"text": 3}, "keep, hash, omit"),
        ({"keep_days": -1}, "keep_days"),
        ({"keep_days": True}, "keep_days"),
        ({"checkpoints": "here.jsonl"}, "absolute"),
        ({"checkpoints": 5}, "absolute"),
        ({"checkpoint_every_s": -1}, "checkpoint_every_s"),
        ("all", "must be a table"),
    ],
)
def test_settings_that_make_no_sense_are_refused(table: object, problem: str) -> None:
    """None is passed over."""
    with pytest.raises(ConfigError, match=problem):
        audit_options(table)


def test_ranges_are_short() -> None:
    """Numbers that follow each other are one."""
    assert ranges([1, 2, 3, 7, 9, 10]) == "1-3,7,9-10"
    assert ranges([]) == ""
