# SPDX-License-Identifier: FSL-1.1-MIT
"""Tests of the threads that do the work of many requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from functools import partial
from queue import Empty, SimpleQueue

import pytest

from conexus.lanes import MOST_BEGUN, STUCK_S, Lanes, Reply, aside, reply


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    found = Lanes(3, "test")
    yield found
    found.close()


def test_work_waits_for_answers_in_one_thread(lanes: Lanes) -> None:
    asked: SimpleQueue[Reply[int]] = SimpleQueue()
    threads: set[int] = set()

    def work() -> int:
        threads.add(threading.get_ident())
        found: Reply[int] = reply()
        asked.put(found)
        answer = found.get()
        threads.add(threading.get_ident())
        return answer

    futures = [lanes.submit(work) for _ in range(3)]
    replies = [asked.get(timeout=10) for _ in futures]  # all have begun, and none is done
    for number, one in reversed(list(enumerate(replies))):
        one.put(number)

    assert [future.result(10) for future in futures] == [0, 1, 2]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_so_much_is_begun_that_another_process_always_has_work(lanes: Lanes) -> None:
    asked: SimpleQueue[Reply[None]] = SimpleQueue()

    def work() -> None:
        found: Reply[None] = reply()
        asked.put(found)
        found.get()

    futures = [lanes.submit(work) for _ in range(MOST_BEGUN + 1)]
    begun = [asked.get(timeout=10) for _ in range(MOST_BEGUN)]
    with pytest.raises(Empty):  # what stands still holds up no more than those
        asked.get(timeout=0.1)
    for one in begun:
        one.put(None)
    asked.get(timeout=10).put(None)

    wait(futures, 10)
    assert all(future.done() for future in futures)


def test_what_began_first_goes_on_first(lanes: Lanes) -> None:
    asked: SimpleQueue[Reply[None]] = SimpleQueue()
    done: list[str] = []
    holding, released = threading.Event(), threading.Event()

    def waiting(name: str) -> None:
        found: Reply[None] = reply()
        asked.put(found)
        found.get()
        done.append(name)

    def hold() -> None:
        holding.set()
        released.wait(10)

    futures = [lanes.submit(partial(waiting, name)) for name in ("first", "second")]
    first, second = asked.get(timeout=10), asked.get(timeout=10)
    futures.append(lanes.submit(hold))
    assert holding.wait(10)
    second.put(None)
    first.put(None)
    released.set()
    wait(futures, 10)

    assert done == ["first", "second"]


def test_an_answer_may_come_before_it_is_waited_for(lanes: Lanes) -> None:
    def work() -> str:
        found: Reply[str] = reply()
        found.put("early")
        return found.get()

    assert lanes.submit(work).result(10) == "early"


def test_work_that_stands_still_holds_up_no_other(lanes: Lanes) -> None:
    released = threading.Event()
    began = threading.Event()

    def stuck() -> str:
        began.set()
        released.wait(30)
        return "stuck"

    held = lanes.submit(stuck)
    assert began.wait(10)

    assert [lanes.submit(lambda: "done").result(10) for _ in range(3)] == ["done"] * 3
    assert not held.done()
    released.set()
    assert held.result(10) == "stuck"


def test_no_more_work_stands_still_than_there_may_be_threads(lanes: Lanes) -> None:
    released = threading.Event()
    began: SimpleQueue[None] = SimpleQueue()

    def stuck() -> None:
        began.put(None)
        released.wait(30)

    held = [lanes.submit(stuck) for _ in range(3)]
    for _ in held:
        began.get(timeout=10)
    last = lanes.submit(lambda: "last")
    time.sleep(3 * STUCK_S)

    assert not last.done()
    released.set()
    assert last.result(10) == "last"
    wait(held, 10)


def test_after_work_that_stood_still_one_thread_does_all_again(lanes: Lanes) -> None:
    lanes.submit(lambda: time.sleep(3 * STUCK_S)).result(10)
    futures = [lanes.submit(threading.get_ident) for _ in range(20)]

    assert len({future.result(10) for future in futures}) == 1


def test_what_is_done_aside_lets_other_work_go_on(lanes: Lanes) -> None:
    released = threading.Event()

    def slow() -> str:
        assert released.wait(10)
        return threading.current_thread().name

    found = lanes.submit(lambda: aside(slow))
    assert lanes.submit(lambda: "between").result(10) == "between"
    released.set()

    assert "aside" in found.result(10)


def test_errors_come_to_who_waits(lanes: Lanes) -> None:
    def fail() -> None:
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        lanes.submit(fail).result(10)
    with pytest.raises(ValueError, match="on purpose"):
        lanes.submit(lambda: aside(fail)).result(10)
    with pytest.raises(ValueError, match="on purpose"):
        aside(fail)


def test_without_lanes_all_is_done_in_the_thread_that_asks() -> None:
    found: Reply[int] = reply()
    threading.Timer(0.01, found.put, [7]).start()

    assert found.get() == 7
    assert aside(threading.get_ident) == threading.get_ident()


def test_the_end_waits_for_what_has_begun_and_drops_the_rest() -> None:
    lanes = Lanes(1, "test")
    began, released = threading.Event(), threading.Event()

    def work() -> str:
        began.set()
        released.wait(10)
        return "done"

    begun = lanes.submit(work)
    assert began.wait(10)
    never = lanes.submit(lambda: "never")
    threading.Timer(0.05, released.set).start()
    lanes.close()

    assert begun.result(0) == "done"
    with pytest.raises(CancelledError):
        never.result(0)
    with pytest.raises(RuntimeError):
        lanes.submit(work)
    lanes.close()


def test_cancelled_work_is_not_begun() -> None:
    lanes = Lanes(1, "test")
    began, released, ran = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        released.wait(10)

    lanes.submit(work)
    assert began.wait(10)
    assert lanes.submit(ran.set).cancel()
    released.set()
    lanes.submit(lambda: None).result(10)
    lanes.close()

    assert not ran.is_set()
