# SPDX-License-Identifier: FSL-1.1-MIT
"""The process that searches: its answers are those of a search here, and whatever becomes of it there is one."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from watched import is_there, until

from conexus import bootstrap
from conexus.adapters.engine_orphans import engines_of
from conexus.adapters.git_metadata import find_checkout
from conexus.adapters.search_process import SearchProcess
from conexus.config import Config, StoreOptions
from conexus.data_folder import CATALOG_FILE
from conexus.errors import Cancelled
from conexus.ports import SearchableView
from conexus.search.ranking import LEARNT
from conexus.service import LocalService
from conexus.types import LOCAL_USER, SearchFilter, SearchRequest, SearchResponse

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked for in /proc")

HUNG_S = 20.0
"""In so many seconds a process that stands still is noticed, on a busy machine too."""
FAILS_ONCE = """
from conexus.errors import StoreError
from conexus.search.heads import ChunkHeads
from conexus.searcher import main

usual = ChunkHeads.named

def fail(*_):
    ChunkHeads.named = usual
    raise StoreError("once")

ChunkHeads.named = fail
main()
"""
"""A process that fails amid its first search, which the vector engine answers all the same."""
FILES = 12
REQUESTS = (
    SearchRequest("monthly interest of an account"),
    SearchRequest("interest_3", explain=True),
    SearchRequest("intrest of acounts", limit=50),
    SearchRequest("interest", limit=3, where=SearchFilter(path_globs=("*_1*.py",))),
    SearchRequest("interest", where=SearchFilter(languages=frozenset({"python"}), kinds=frozenset({"class"}))),
    SearchRequest("interest", where=SearchFilter(languages=frozenset())),
    SearchRequest("interest", where=SearchFilter(tests=False)),
    SearchRequest("bank_4.py:2"),
    SearchRequest("half a character \udcff\ud800"),
)


class Counted(SearchProcess):
    """Notes of each search whether the process had an answer."""

    answered: list[bool]
    told: list[str]

    def search(
        self, request: SearchRequest, views: Sequence[SearchableView], changes: int, check: Callable[[], None]
    ) -> SearchResponse | None:
        """Search, and note it."""
        found = super().search(request, views, changes, check)
        self.answered.append(found is not None)
        return found


def source(number: int) -> str:
    """A file with a class and functions."""
    return (
        f"class Account{number}:\n    def interest_{number}(self, balance):\n        return balance * {number}\n\n\n"
        f"def test_interest_{number}():\n    assert Account{number}().interest_{number}(1) == {number}\n"
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree."""
    root = tmp_path / "tree"
    root.mkdir()
    for number in range(FILES):
        (root / f"bank_{number}.py").write_text(source(number))
    return root


@pytest.fixture
def service(root: Path) -> Iterator[LocalService]:
    """A service that has indexed it, without another process that searches."""
    found = bootstrap.build(Config(store=StoreOptions(path=str(root.parent / "data"))), keep_open=True).service
    index(found, root)
    yield found
    found.close()


def index(service: LocalService, root: Path) -> None:
    """Bring the index up to date."""
    service.index(find_checkout(root), LOCAL_USER)


def aside(service: LocalService, root: Path, *command: str, rest_s: float = 60.0) -> Counted:
    """Have a process search for a service."""
    data = root.parent / "data"
    start = command or (sys.executable, "-P", "-m", "conexus.searcher")
    what: list[str] = []
    process = Counted(
        data / CATALOG_FILE, data / "vectors", bootstrap.DEFAULT_MODEL, told=what.append, command=start, rest_s=rest_s
    )
    process.told = what
    process.answered = []
    service.engine.search_aside(process)
    return process


def search(service: LocalService, request: SearchRequest = REQUESTS[0]) -> SearchResponse:
    """Search as the user of this machine."""
    return service.search(request, LOCAL_USER)


def told(response: SearchResponse) -> SearchResponse:
    """An answer without the time that it took."""
    return replace(response, elapsed_ms=0.0)


def searchers() -> list[int]:
    """The processes that search for this one."""
    found = []
    for task in Path("/proc/self/task").glob("*"):
        found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if b"conexus.searcher" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda it: repr(it.text))
def test_it_answers_as_a_search_here_does(service: LocalService, root: Path, request_: SearchRequest) -> None:
    """All of it: hits, scores, what found them, what is told; from the catalog, and once the index is in memory."""
    here = told(search(service, request_))
    service.engine.wait()
    assert told(search(service, request_)) == here
    process = aside(service, root)
    for _ in range(3):
        assert told(search(service, request_)) == here
        time.sleep(0.2)
    assert process.answered == [True] * 3


def test_it_knows_of_each_change(service: LocalService, root: Path) -> None:
    """Of files that are new, changed and gone, right after the run; and of edits that no run has seen."""
    process = aside(service, root)
    plain = replace(service, engine=service.engine.weighted(LEARNT))
    search(service)
    for round_ in range(4):
        (root / f"bank_{round_}.py").write_text(source(round_ + 100))
        (root / f"bank_{FILES - 1 - round_}.py").unlink()
        (root / f"new_{round_}.py").write_text(source(round_ + 200))
        assert any("changed on disk" in notice for notice in search(service).notices)
        index(service, root)
        for text in (f"interest_{round_ + 100}", f"Account{round_ + 200}", f"interest_{FILES - 1 - round_}"):
            found = search(service, SearchRequest(text))
            assert told(found) == told(search(plain, SearchRequest(text)))
        assert f"bank_{FILES - 1 - round_}.py" not in {hit.chunk.path for hit in search(service).hits}
    assert set(process.answered) == {True}


def test_the_vectors_may_be_closed_and_opened_again(service: LocalService, root: Path) -> None:
    """As another process wants them: what the process has open then is not asked any more."""
    process = aside(service, root)
    before = search(service).hits
    other = bootstrap.build(Config(store=StoreOptions(path=str(root.parent / "data"))))
    for _ in range(2):
        service._release_idle(find_checkout(root).repo)
        (root / "bank_0.py").write_text((root / "bank_0.py").read_text() + "\n# interest\n")
        index(other.service, root)
        assert search(service).hits == other.service.search(REQUESTS[0], LOCAL_USER).hits != before
    other.service.close()
    search(service)
    assert process.answered[-1]


def test_a_killed_process_costs_nothing_but_time(service: LocalService, root: Path) -> None:
    """The search is answered here, and the next ones by a new process."""
    process = aside(service, root)
    before = told(search(service))
    [first] = searchers()
    os.kill(first, signal.SIGSTOP)
    found: list[SearchResponse] = []
    asking = [threading.Thread(target=lambda: found.append(search(service))) for _ in range(5)]
    for one in asking:
        one.start()
    time.sleep(0.5)
    os.kill(first, signal.SIGKILL)
    for one in asking:
        one.join(HUNG_S)
    assert list(map(told, found)) == [before] * 5
    assert process.answered == [True, *[False] * 5]
    assert process.told == ["the process that searches ended (SIGKILL)"], "it is one failure, whoever waited"
    assert told(search(service)) == before
    assert process.answered[-1]
    assert searchers() != [first]


def test_a_stopped_process_is_passed_by_and_killed(service: LocalService, root: Path) -> None:
    """Who asked it waits for seconds, who asks after that for nothing; for a while it is not asked of the index."""
    process = aside(service, root, rest_s=5.0)
    before = told(search(service))
    [first] = searchers()
    os.kill(first, signal.SIGSTOP)
    found: list[SearchResponse] = []
    asking = threading.Thread(target=lambda: found.append(search(service)))
    began = time.monotonic()
    asking.start()
    child = process._running
    assert child is not None
    assert until(lambda: child.stands_still)
    assert not found
    assert told(search(service)) == before
    assert not found, "the other search should have been passed by"
    asking.join(HUNG_S)
    assert time.monotonic() - began < HUNG_S
    assert list(map(told, found)) == [before]
    assert process.answered == [True, False, False]
    assert until(lambda: not is_there(first))
    rests_until = time.monotonic() + 5.0
    assert told(search(service)) == before
    assert not process.answered[-1]
    time.sleep(max(0.0, rests_until - time.monotonic()))
    assert told(search(service)) == before
    assert process.answered[-1]


def test_who_has_gone_is_not_waited_for(service: LocalService, root: Path) -> None:
    """The search ends with the caller, though the process has not answered; it answers the next one."""
    process = aside(service, root)
    before = told(search(service))
    [stopped] = searchers()
    os.kill(stopped, signal.SIGSTOP)
    gone_at = time.monotonic() + 0.3

    def check() -> None:
        if time.monotonic() > gone_at:
            raise Cancelled("the caller has gone")

    with pytest.raises(Cancelled):
        service.search(REQUESTS[0], LOCAL_USER, check)
    assert time.monotonic() - gone_at < 2.0
    os.kill(stopped, signal.SIGCONT)
    assert told(search(service)) == before
    assert process.answered == [True, True]
    assert searchers() == [stopped]


def test_a_process_that_cannot_start_is_given_up_for_a_while(service: LocalService, root: Path) -> None:
    """Each search is answered, and after a few tries none is made for a minute."""
    tries = root.parent / "tries"
    code = f"open({str(tries)!r}, 'a').write('x')"
    process = aside(service, root, sys.executable, "-c", code)
    for _ in range(6):
        assert search(service).hits
    assert tries.read_text() == "xxx"
    assert process.answered == [False] * 6
    assert process.told[-1] == "the process that searches ended (exit code 0), and is not started again for 60 s"


def test_no_other_catalog_is_taken_for_ours(service: LocalService, root: Path) -> None:
    """Where its file is gone none is made, and one in its place is not read; what is open here answers."""
    process = aside(service, root)
    before = told(search(service))
    catalog = root.parent / "data" / CATALOG_FILE
    catalog.rename(catalog.with_name("away"))
    for make in (lambda: None, catalog.touch):
        make()
        [running] = searchers() or [0]
        if running:
            os.kill(running, signal.SIGKILL)
            assert until(lambda gone=running: not is_there(gone))
        assert told(search(service)) == before
        assert catalog.exists() == (make == catalog.touch)
    assert process.answered == [True, False, False]
    assert catalog.stat().st_size == 0


def test_it_waits_for_no_vector_engine_that_is_hung(service: LocalService, root: Path) -> None:
    """Nor is it taken for hung itself: the search is given back, and the engine ended by who started it."""
    process = aside(service, root)
    before = told(search(service))
    [running] = searchers()
    [engine] = engines_of(root.parent / "data" / "vectors")
    os.kill(engine.pid, signal.SIGSTOP)
    began = time.monotonic()
    assert told(search(service)) == before
    assert time.monotonic() - began < HUNG_S
    assert not is_there(engine.pid)
    assert searchers() == [running]
    assert process.answered == [True, False]
    assert told(search(service)) == before
    assert process.answered[-1]


def test_an_answer_that_comes_late_is_nobody_elses(service: LocalService, root: Path) -> None:
    """The next question, over the same connection, gets its own."""
    process = aside(service, root)
    before = [told(search(service, request)) for request in REQUESTS]
    [engine] = engines_of(root.parent / "data" / "vectors")
    os.kill(engine.pid, signal.SIGSTOP)
    asking = threading.Thread(target=search, args=(service,))
    asking.start()
    time.sleep(3.0)
    os.kill(engine.pid, signal.SIGCONT)
    asking.join(HUNG_S)
    assert process.answered[-1] is False
    assert [told(search(service, request)) for request in REQUESTS] == before
    assert set(process.answered[-len(REQUESTS) :]) == {True}


def test_a_failure_amid_a_search_leaves_no_answer_to_the_next(service: LocalService, root: Path) -> None:
    """Which comes over the same connection."""
    before = [told(search(service, request)) for request in REQUESTS]
    process = aside(service, root, sys.executable, "-P", "-c", FAILS_ONCE)
    assert [told(search(service, request)) for request in (REQUESTS[1], *REQUESTS)] == [before[1], *before]
    assert process.answered == [False, *[True] * len(REQUESTS)]


def test_a_program_that_is_not_there_is_no_error(service: LocalService, root: Path) -> None:
    """Nor is a process that writes what is no answer."""
    process = aside(service, root, str(root / "nothing"))
    process.start()
    assert search(service).hits
    process = aside(service, root, sys.executable, "-c", "print('no frame', flush=True)")
    assert search(service).hits
    assert process.answered == [False]


def test_it_ends_with_the_service(service: LocalService, root: Path) -> None:
    """And is not started again."""
    process = aside(service, root)
    search(service)
    [running] = searchers()
    assert process.memory_bytes() > 1_000_000
    service.close()
    assert not is_there(running)
    assert process.memory_bytes() == 0
    process.start()
    assert searchers() == []
