# SPDX-License-Identifier: FSL-1.1-MIT
"""The plan of an indexing run: what is read again, what is dropped, what is left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import NOON_NS, blob_id, stat_of
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.indexing.plan import FORCED, is_unchanged, plan_index, rules_of
from conexus.types import FileId, FileRecord, FileStat, SkipReason

RULES = "10000000 1000000 11"
SECOND_NS = 1_000_000_000


def record_of(stat: FileStat, checked_ns: int, rules: str = RULES, skipped: SkipReason | None = None) -> FileRecord:
    return FileRecord(FileId(1), stat, blob_id(b"content"), checked_ns, skipped, rules)


def never(path: str) -> bool:
    return False


paths = st.text(st.characters(blacklist_characters="\x00"), min_size=1, max_size=12)
stats = st.builds(
    FileStat,
    path=paths,
    size_bytes=st.integers(0, 5),
    mtime_ns=st.integers(-5, 5).map(lambda step: NOON_NS + step * SECOND_NS),
    ctime_ns=st.integers(-5, 5).map(lambda step: NOON_NS + step * SECOND_NS),
    inode=st.integers(0, 3),
)
trees = st.lists(stats, unique_by=lambda stat: stat.path, max_size=12)
checks = st.integers(-10, 10).map(lambda step: NOON_NS + step * SECOND_NS)
rule_sets = st.sampled_from([RULES, "other", FORCED])


@st.composite
def records(draw: st.DrawFn) -> dict[str, FileRecord]:
    return {
        stat.path: record_of(stat, draw(checks), draw(rule_sets), draw(st.sampled_from([None, SkipReason.BINARY])))
        for stat in draw(trees)
    }


@settings(deadline=None)
@given(trees, records(), st.sets(paths, max_size=4))
def test_a_plan_splits_the_tree(found: list[FileStat], known: dict[str, FileRecord], forced: set[str]) -> None:
    """Every file of the tree is read or unchanged, every known file that is gone is dropped, and never both."""
    plan = plan_index(found, known, RULES, forced.__contains__)
    tree = {stat.path: stat for stat in found}
    read = {job.stat.path for job in plan.to_read}
    assert {record.stat.path for record in plan.to_delete} == known.keys() - tree.keys()
    assert read <= tree.keys()
    assert len(read) == len(plan.to_read)
    assert plan.unchanged == len(tree) - len(read)
    assert tree.keys() - known.keys() <= read
    for job in plan.to_read:
        assert job.stat == tree[job.stat.path]
        assert job.forced == (job.stat.path in forced)


@settings(deadline=None)
@given(trees, records(), st.sets(paths, max_size=4))
def test_after_a_plan_nothing_is_left_to_do(
    found: list[FileStat], known: dict[str, FileRecord], forced: set[str]
) -> None:
    """Once its files are read, some time after they were written, the next plan is empty."""
    plan = plan_index(found, known, RULES, forced.__contains__)
    after = dict(known)
    for record in plan.to_delete:
        del after[record.stat.path]
    for job in plan.to_read:
        after[job.stat.path] = record_of(job.stat, NOON_NS + 60 * SECOND_NS, rules_of(RULES, job.forced))
    again = plan_index(found, after, RULES, forced.__contains__)
    assert (again.to_read, again.to_delete, again.unchanged) == ((), (), len(found))


@pytest.mark.parametrize("field", ["size_bytes", "mtime_ns", "ctime_ns", "inode"])
def test_any_change_of_the_stat_makes_a_file_read(field: str) -> None:
    """Size, either time or the inode; the known hash goes along, so that equal content is not parsed."""
    stat = stat_of("a.py")
    known = {"a.py": record_of(stat, NOON_NS + SECOND_NS)}
    assert plan_index([stat], known, RULES, never).unchanged == 1
    changed = replace(stat, **{field: getattr(stat, field) - 1})
    [job] = plan_index([changed], known, RULES, never).to_read
    assert job.stat == changed
    assert job.previous == known["a.py"].content_hash


@pytest.mark.parametrize(
    ("written_ns", "checked_ns", "unchanged"),
    [
        (NOON_NS, NOON_NS, False),
        (NOON_NS, NOON_NS + 10_000_000, False),
        (NOON_NS, NOON_NS + 30_000_000, True),
        (NOON_NS, NOON_NS - SECOND_NS, False),
        (NOON_NS // SECOND_NS * SECOND_NS, NOON_NS // SECOND_NS * SECOND_NS + 1_500_000_000, False),
        (NOON_NS // SECOND_NS * SECOND_NS, NOON_NS // SECOND_NS * SECOND_NS + 2_100_000_000, True),
    ],
)
def test_a_file_written_just_before_it_was_read_is_read_again(
    written_ns: int, checked_ns: int, unchanged: bool
) -> None:
    """A later write could have left the same times: within a tick of the clock, 2 s where times are whole seconds."""
    stat = stat_of("a.py", time_ns=written_ns)
    assert is_unchanged(record_of(stat, checked_ns), stat) is unchanged


def test_a_late_change_of_the_inode_counts_as_a_write() -> None:
    """An old modification time, as an archive sets it, does not hide that the file was written just now."""
    stat = replace(stat_of("a.py"), mtime_ns=NOON_NS - 3600 * SECOND_NS)
    assert not is_unchanged(record_of(stat, NOON_NS + 5_000_000), stat)
    assert is_unchanged(record_of(stat, NOON_NS + SECOND_NS), stat)


def test_other_rules_make_every_file_parsed_again() -> None:
    """A file that was in or out by the old rules is read without its hash, so that it is judged anew."""
    stats = [stat_of("a.py"), stat_of("big.json")]
    known = {
        "a.py": record_of(stats[0], NOON_NS + SECOND_NS),
        "big.json": record_of(stats[1], NOON_NS + SECOND_NS, skipped=SkipReason.TOO_LARGE),
    }
    assert plan_index(stats, known, RULES, never).unchanged == 2
    jobs = plan_index(stats, known, "20000000 1000000 11", never).to_read
    assert [(job.stat.path, job.previous, job.forced) for job in jobs] == [
        ("a.py", None, False),
        ("big.json", None, False),
    ]


def test_forcing_a_file_reads_it_once() -> None:
    """And once more when it is forced no longer; other rules mean nothing to a forced file."""
    stat = stat_of("dist/app.min.js")
    known = {stat.path: record_of(stat, NOON_NS + SECOND_NS, skipped=SkipReason.MINIFIED)}
    [job] = plan_index([stat], known, RULES, stat.path.__eq__).to_read
    assert (job.forced, job.previous) == (True, None)
    forced = {stat.path: record_of(stat, NOON_NS + SECOND_NS, FORCED)}
    assert plan_index([stat], forced, RULES, stat.path.__eq__).unchanged == 1
    assert plan_index([stat], forced, "other rules", stat.path.__eq__).unchanged == 1
    [job] = plan_index([stat], forced, RULES, never).to_read
    assert (job.forced, job.previous) == (False, None)
