# SPDX-License-Identifier: FSL-1.1-MIT
"""A tree is followed as the system reports changes, and by looking where it does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest

from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.git_metadata import find_checkout
from conexus.adapters.mounts import Mount
from conexus.adapters.polling import polled
from conexus.adapters.rule_files import RuleFiles
from conexus.adapters.tree_watcher import AdaptiveWatcher
from conexus.adapters.watcher import WatchUnavailable
from conexus.config import IndexOptions
from conexus.errors import SourceError
from conexus.types import WatchMode

_PATIENCE_S = 20.0
Changed = frozenset[str] | None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with an ignored folder."""
    root = tmp_path / "tree"
    root.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=root, check=True)
    (root / ".gitignore").write_text("node_modules/\n*.log\n")
    (root / "node_modules").mkdir()
    (root / "a.py").write_text("x = 1\n")
    return root


def git(root: Path, *arguments: str) -> None:
    """Run git."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def tree_of(root: Path) -> Callable[[], FilesystemTree]:
    """The tree by its rules."""
    return lambda: FilesystemTree(find_checkout(root), IndexOptions(), classify_path=lambda _: None)


class Watched:
    """What a watcher tells, from a thread of its own."""

    def __init__(self, changes: Callable[[Callable[[], bool]], Iterator[Changed]]) -> None:
        self.told: Queue[Changed | Exception] = Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(changes,))
        self._thread.start()

    def _listen(self, changes: Callable[[Callable[[], bool]], Iterator[Changed]]) -> None:
        try:
            for paths in changes(self._stop.is_set):
                self.told.put(paths)
        except Exception as error:  # noqa: BLE001 -- is looked at by the test
            self.told.put(error)

    def next(self) -> Changed | Exception:
        """What is told next."""
        return self.told.get(timeout=_PATIENCE_S)

    def until(self, path: str) -> None:
        """Wait until a path is told, or that any may have changed."""
        while True:
            found = self.next()
            assert not isinstance(found, Exception)
            if found is None or path in found:
                return

    def stop(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(_PATIENCE_S)
        assert not self._thread.is_alive()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda root: (root / "a.py").write_text("x = 2\n"), {"a.py"}),
        (lambda root: (root / "a.py").unlink(), {"a.py"}),
        (lambda root: (root / "a.py").rename(root / "b.py"), {"a.py", "b.py"}),
        (lambda root: (root / ".gitignore").write_text("*.log\n"), None),
        (lambda root: (root / ".git" / "info" / "exclude").write_text("a.*\n"), None),
        (lambda root: git(root, "checkout", "-q", "-b", "other"), None),
        (lambda root: git(root, "add", "a.py"), {"a.py"}),
    ],
    ids=["write", "delete", "rename", "rules", "rules of a clone", "branch", "tracked"],
)
def test_polling_tells_what_changed(
    root: Path, change: Callable[[Path], object], expected: frozenset[str] | None
) -> None:
    """And that any file may have where rules did. What is ignored is not looked at."""
    watched = Watched(lambda stopped: polled(tree_of(root), stopped, RuleFiles(root, None), least_s=0.05))
    try:
        assert watched.next() == frozenset()
        (root / "node_modules" / "x.js").write_text("1")
        change(root)
        assert watched.next() == expected
    finally:
        watched.stop()


@pytest.mark.parametrize("linked", [False, True], ids=["repository", "linked worktree"])
def test_rules_beside_the_tree_are_noticed(root: Path, linked: bool) -> None:
    """Git's own files too where they lie elsewhere; its index only by what it tracks."""
    git(root, "add", "-A")
    git(root, "commit", "-qm", "x")
    if linked:
        git(root, "worktree", "add", "-q", "../linked")
        root = root.parent / "linked"
    rules = RuleFiles(root, None)
    assert not rules.has_changed()
    (root / "kept.log").write_text("x")
    git(root, "add", "-f", "kept.log")
    assert rules.has_changed()
    assert rules.changed() == {"kept.log"}
    git(root, "update-index", "--force-write-index")
    assert rules.changed() == frozenset()
    git(root, "checkout", "-q", "--detach")
    assert rules.changed() is None
    assert rules.changed() == frozenset()


def test_on_a_remote_file_system_it_is_polled_and_says_so(root: Path) -> None:
    """Nobody reports what other machines change there."""
    watcher = AdaptiveWatcher(root, tree_of(root), None, mount=lambda _: Mount("/far", "nfs4"))
    watched = Watched(watcher.changes)
    try:
        assert watched.next() is None
        assert (watcher.mode, watcher.reason) == (WatchMode.POLLING, "/far is a remote file system (nfs4)")
        (root / "a.py").write_text("x = 3\n")
        watched.until("a.py")
    finally:
        watched.stop()


def test_what_breaks_while_it_is_watched_is_polled_and_tried_again(root: Path) -> None:
    """Every change of the way begins with a look at everything, since changes may have been missed between."""
    tries = 0

    def native(*_: object) -> Iterator[Changed]:
        nonlocal tries
        tries += 1
        yield frozenset()
        yield frozenset({"a.py"})
        raise WatchUnavailable("no more room")

    watcher = AdaptiveWatcher(root, tree_of(root), None, native=native, again_s=0.3)
    watched = Watched(watcher.changes)
    try:
        assert [watched.next() for _ in range(3)] == [None, {"a.py"}, None]
        assert (watcher.mode, watcher.reason) == (WatchMode.POLLING, "no more room")
        assert [watched.next() for _ in range(2)] == [None, {"a.py"}]
        assert tries == 2
    finally:
        watched.stop()


def test_a_tree_that_goes_is_an_error(root: Path) -> None:
    """Whoever follows it decides when to look for it again."""
    watcher = AdaptiveWatcher(root, tree_of(root), None)
    watched = Watched(watcher.changes)
    try:
        assert watched.next() is None
        assert watcher.mode is WatchMode.NATIVE
        shutil.rmtree(root)
        found = watched.next()
        while not isinstance(found, Exception):
            found = watched.next()
        assert isinstance(found, SourceError)
        assert watcher.mode is WatchMode.OFF
    finally:
        watched.stop()


_EXHAUSTED = """
import sys, os
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_tree_watcher import tree_of, AdaptiveWatcher, Watched
root = Path(sys.argv[1])
watcher = AdaptiveWatcher(root, tree_of(root), None)
watched = Watched(watcher.changes)
assert watched.next() is None
print(watcher.mode, watcher.reason, flush=True)
for number in range(12):
    (root / f"new{number}").mkdir()
while watcher.mode == "native":
    watched.next()
print(watcher.mode, watcher.reason, flush=True)
(root / "new11" / "deep.py").write_text("x = 1")
watched.until("new11/deep.py")
print("noticed", flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")
@pytest.mark.parametrize(("room", "first"), [(60, "native"), (3, "polling")], ids=["later", "from the start"])
def test_without_room_for_watches_it_is_polled(root: Path, room: int, first: str) -> None:
    """For real: in a user namespace that may watch a few folders. Nothing is left out without a word."""
    limited = f'echo {room} > /proc/sys/user/max_inotify_watches && exec "$@"'
    if room > 3:  # leave room for the folders that there are, and for a few more
        folders = sum(".git" not in path.relative_to(root).parts for path in root.glob("**/")) + len((".git", "info"))
        limited = f'echo {folders + 5} > /proc/sys/user/max_inotify_watches && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", limited, "sh"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this system lets nobody make user namespaces")
    done = subprocess.run(
        [*command, sys.executable, "-c", _EXHAUSTED, str(root), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert lines[0].startswith(first)
    assert lines[1].startswith("polling the system watches as many folders as it can")
    assert lines[2] == "noticed"
