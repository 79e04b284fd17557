# SPDX-License-Identifier: FSL-1.1-MIT
"""A run saves memory when it comes near its budget, and stops when that does not help."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.errors import MemoryFull
from conexus.indexing.memory import MEGABYTE, MemoryBudget, MemoryWatch, Pressure


class World:
    """Memory and time as the test says."""

    def __init__(self, most_mb: int) -> None:
        self.parent_mb, self.children_mb, self.now = 500, 0, 0.0
        self.watch = MemoryWatch(
            MemoryBudget(most_mb * MEGABYTE), lambda: self.parent_mb * MEGABYTE, clock=lambda: self.now
        )

    def told(self, parent_mb: int, children_mb: int = 0, after_s: float = 1.0) -> Pressure:
        """What the run is told at some time."""
        self.parent_mb, self.children_mb, self.now = parent_mb, children_mb, self.now + after_s
        return self.watch.look(lambda: self.children_mb * MEGABYTE)

    def look(self, parent_mb: int, children_mb: int = 0, after_s: float = 1.0) -> bool:
        """Whether it is told to save."""
        return self.told(parent_mb, children_mb, after_s) is Pressure.SHORT


def test_it_saves_once_each_time_that_it_comes_near() -> None:
    """What the process held before does not count; parsing processes do."""
    world = World(400)
    assert not world.look(500, 250)
    assert world.look(600, 250)
    assert not world.look(600, 250)
    assert not world.look(600, 100)
    assert world.look(850)


def test_what_the_index_holds_comes_on_top_where_there_is_more() -> None:
    """A run over a large tree would else do little at once from some chunk on, however long it takes."""
    free = MemoryBudget(400 * MEGABYTE)
    assert (free.most_after(0), free.most_after(1_000_000)) == (400 * MEGABYTE, 1_000 * MEGABYTE)
    for available_mb, most_mb in ((2_000, 1_000), (1_000, 800), (500, 400), (300, 256)):
        budget = MemoryBudget.of(400, available_mb * MEGABYTE)
        assert budget.most_after(1_000_000) == most_mb * MEGABYTE
    world = World(400)
    assert world.watch.look(lambda: 350 * MEGABYTE, 200_000) is Pressure.NONE
    world.now += 1
    assert world.watch.look(lambda: 350 * MEGABYTE) is Pressure.SHORT


def test_it_says_once_when_there_is_plenty_again() -> None:
    """Well below where it began to save, so that a run does not go to and fro."""
    world = World(400)
    assert world.told(600) is Pressure.NONE
    assert world.told(800) is Pressure.SHORT
    assert world.told(790) is Pressure.NONE
    assert world.told(730) is Pressure.NONE
    assert world.told(710) is Pressure.EASED
    assert world.told(600) is Pressure.NONE
    assert world.told(810) is Pressure.SHORT
    assert world.told(600) is Pressure.EASED


def test_it_stops_where_saving_did_not_help() -> None:
    """After some patience: processes take a moment to end."""
    world = World(400)
    assert world.look(950)
    assert not world.look(950, after_s=9.0)
    with pytest.raises(MemoryFull, match="takes 450 MB of memory, and may take 400") as caught:
        world.look(950, after_s=2.0)
    assert "index.memory_mb" in (caught.value.hint or "")


def test_a_scan_stops_where_its_files_take_half_of_it() -> None:
    """What is planned with them takes as much again."""
    world = World(400)
    world.parent_mb = 699
    world.watch.require_room(10_000)
    world.parent_mb = 701
    with pytest.raises(MemoryFull, match=r"too many files: the names of 20,000 take 201 MB .* may take 400") as caught:
        world.watch.require_room(20_000)
    assert "index.memory_mb" in (caught.value.hint or "")


def test_near_its_budget_it_goes_on() -> None:
    """Beyond three quarters it saves; only beyond the whole it stops."""
    world = World(400)
    assert world.look(850)
    for _ in range(50):
        assert not world.look(890)


def test_it_does_not_look_all_the_time() -> None:
    """Files come by the thousand a second."""
    world = World(400)
    assert not world.look(500, after_s=0.0)
    assert not world.look(2_000, after_s=0.05)
    assert world.look(2_000, after_s=0.06)


@pytest.mark.parametrize(
    ("setting", "available", "most"),
    [(1000, None, 1000), (1000, 16_000, 1000), (1000, 1000, 800), (1000, 100, 256), (4000, 2000, 1600), (150, 50, 150)],
)
def test_the_budget_is_the_least_of_what_is_set_and_what_there_is(
    setting: int, available: int | None, most: int
) -> None:
    """But never too little to come anywhere, unless that is set."""
    found = MemoryBudget.of(setting, None if available is None else available * MEGABYTE)
    assert found.most_bytes == most * MEGABYTE


@given(st.integers(100, 100_000), st.integers(1, 64), st.integers(1, 5_000))
def test_processes_and_files_have_their_share(most_mb: int, processes: int, file_mb: int) -> None:
    """At least one process, at most what is asked for, and for a file no more than all, but what a grammar takes."""
    budget = MemoryBudget(most_mb * MEGABYTE)
    assert 1 <= budget.processes(processes) <= processes
    assert 1 <= budget.of_a_file(file_mb) <= min(file_mb, max(most_mb, 200))
    assert MemoryBudget(2 * most_mb * MEGABYTE).processes(processes) >= budget.processes(processes)
