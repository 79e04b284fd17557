# SPDX-License-Identifier: FSL-1.1-MIT
"""A working tree under git that is changed at random, and what an index of it has to hold."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conexus.service import LocalService
from conexus.types import LOCAL_USER, Checkout, Freshness, IndexId, SearchRequest

_WORDS = "order ledger stock parcel invoice customer price refund basket courier depot pallet label scanner".split()
_SUFFIXES = (".py", ".js", ".md", ".txt", ".json", ".go", ".log")
_RULES = ("*.log", "build/", "docs/", "*.txt", "pkg/a*", "!keep.log", "/top*", "**/gen/*")
_OWN_RULES = ("*.md", "!*.log", "!build/", "pkg/", "!docs/x*")
_MARKS = ("*.py linguist-generated", "*.js linguist-vendored", "docs/** linguist-documentation", "*.py text")


class RandomTree:
    """A repository, and operations on it that a seed chooses.

    Args:
        root: Where it is made.
        seed: The same one makes the same operations.
        clock: A file that sets the clock of whatever is run with ``tests/set_clock``; nothing leaves that alone.
    """

    def __init__(self, root: Path, seed: int, clock: Path | None = None) -> None:
        self.root = root
        self.clock = clock
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 -- no secret
        self.done: list[str] = []
        self._numbers = 0
        root.mkdir()
        self.git("init", "-q", "-b", "main")
        for _ in range(14):
            self.create()
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "first")

    def git(self, *arguments: str) -> bool:
        """Run git; whether it did what was asked."""
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "core.fsync=none"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.root, env=environ, capture_output=True, check=False
        )
        return done.returncode == 0

    def step(self) -> None:
        """Do one operation."""
        operations: list[tuple[int, Callable[[], None]]] = [
            (10, self.edit),
            (4, self.edit_unnoticeably),
            (6, self.create),
            (5, self.delete),
            (4, self.move),
            (2, self.move_folder),
            (1, self.delete_folder),
            (2, self.chmod),
            (3, self.date_file),
            *([(3, self.set_clock)] if self.clock is not None else []),
            (3, self.ignore),
            (1, self.own_rules),
            (1, self.mark),
            (1, self.exclude),
            (3, self.commit),
            (3, self.switch),
            (2, self.stash),
            (1, self.reset),
            (1, self.track_ignored),
            (1, self.worktree),
            (1, self.nest),
            (1, self.link),
            (1, self.swap),
        ]
        weights, functions = zip(*operations, strict=True)
        chosen: Callable[[], None] = self.random.choices(functions, weights)[0]
        self.done.append(chosen.__name__)
        try:
            chosen()
        except (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, OSError):
            self.done[-1] += " (did nothing)"

    # ------------------------------------------------------------------------ files

    def files(self) -> list[Path]:
        """All files but git's, in order."""
        found = [
            Path(folder) / name
            for folder, folders, names in os.walk(self.root)
            if not _prune(folders)
            for name in names
            if name != ".git"
        ]
        return sorted(path for path in found if path.is_file() and not path.is_symlink())

    def _file(self) -> Path:
        found = [path for path in self.files() if not path.name.startswith(".")]
        return self.random.choice(found) if found else self.root / "nothing"

    def _folder(self) -> Path:
        name = self.random.choice(["", "pkg", "pkg/a", "pkg/b", "docs", "build", "src/gen", "src/deep/er"])
        return self.root / name

    def _text(self) -> str:
        self._numbers += 1
        names = self.random.sample(_WORDS, 3)
        parts = [
            f"def {name}_{self._numbers}(value):\n    {self.random.choice(_WORDS)} = value + {self._numbers}\n"
            f"    return {names[0]}_{self.random.randrange(1 + self._numbers)}(value)\n"
            for name in names[: self.random.randrange(4)]
        ]
        return "\n\n".join(parts)

    def create(self) -> None:
        """Write a new file, now and then an empty or a binary one."""
        path = self._folder() / f"{self.random.choice(['keep', 'top', 'a', 'x', 'm'])}{self._numbers}"
        path = path.with_suffix(self.random.choice(_SUFFIXES))
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.random.random() < 0.06:
            path.write_bytes(bytes(self.random.randrange(256) for _ in range(200)))
        else:
            path.write_text(self._text())

    def edit(self) -> None:
        """Change a file: in place, or as editors do, by another one in its place."""
        path = self._file()
        text = path.read_text(errors="replace") + self._text() if self.random.random() < 0.7 else self._text()
        if self.random.random() < 0.4:
            other = path.with_name(f".{path.name}.swp")
            other.write_text(text)
            other.replace(path)
        else:
            path.write_text(text)

    def edit_unnoticeably(self) -> None:
        """Change a file, and keep its size and the time of its last change."""
        path = self._file()
        state, data = path.stat(), path.read_bytes()
        changed = data.replace(b"value", self.random.choice([b"count", b"other", b"total"]))
        path.write_bytes(changed)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

    def delete(self) -> None:
        """Delete a file."""
        self._file().unlink()

    def move(self) -> None:
        """Move a file."""
        path = self._file()
        target = self._folder() / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)

    def move_folder(self) -> None:
        """Give a folder another name, or put it into another one."""
        self._numbers += 1
        source = self._folder()
        if source != self.root:
            source.rename(self.random.choice([self.root, self.root / "docs"]) / f"moved{self._numbers % 5}")

    def delete_folder(self) -> None:
        """Delete a folder with all that is in it."""
        folder = self._folder()
        if folder != self.root:
            shutil.rmtree(folder)

    def chmod(self) -> None:
        """Change what may be done with a file."""
        self._file().chmod(self.random.choice([0o644, 0o755, 0o600]))

    def set_clock(self) -> None:
        """Set the clock, forth or back, under whoever runs with the file."""
        if self.clock is not None:
            other = self.clock.with_suffix(".new")
            other.write_text(f"{self.random.choice([-86_400 * 400, -3600, -2, 0, 2, 3600, 86_400 * 400])}")
            other.replace(self.clock)

    def date_file(self) -> None:
        """Give a file the times that another clock would have given it."""
        now = time.time() + self.random.choice([-86_400 * 400, -3600, 3600, 86_400 * 400, 0])
        os.utime(self._file(), (now, float(int(now))))

    def link(self) -> None:
        """Make a symbolic link: to a file, out of the tree, or to nothing."""
        self._numbers += 1
        target = self.random.choice([str(self._file()), "/etc/hostname", "nothing"])
        (self.root / f"link{self._numbers % 4}.py").symlink_to(target)

    def swap(self) -> None:
        """Put a folder where a file was."""
        path = self._file()
        path.unlink()
        path.mkdir()
        (path / "inner.py").write_text(self._text())

    # ------------------------------------------------------------------------ rules

    def _rules(self, path: Path, rules: tuple[str, ...]) -> None:
        if path.exists() and self.random.random() < 0.4:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(self.random.sample(rules, self.random.randrange(1, 3))) + "\n")

    def ignore(self) -> None:
        """Change the ignore rules of a folder."""
        self._rules(self._folder() / ".gitignore", _RULES)

    def own_rules(self) -> None:
        """Change our own rules of a folder."""
        self._rules(self.random.choice([self.root, self._folder()]) / ".conexusignore", _OWN_RULES)

    def mark(self) -> None:
        """Change what git's attributes say."""
        self._rules(self.root / ".gitattributes", _MARKS)

    def exclude(self) -> None:
        """Change the rules that a clone has for itself."""
        self._rules(self.root / ".git" / "info" / "exclude", _RULES)

    # ------------------------------------------------------------------------ git

    def commit(self) -> None:
        """Commit all."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "more")

    def switch(self) -> None:
        """Go to another branch, a new one or one of old; what is not committed may be lost."""
        name = f"branch{self.random.randrange(4)}"
        self.git("checkout", "-q", "-f", name) or self.git("checkout", "-q", "-b", name)

    def stash(self) -> None:
        """Put changes aside, or take them back."""
        self.git("stash", "pop", "-q") if self.random.random() < 0.5 else self.git("stash", "-q", "-u")

    def reset(self) -> None:
        """Throw changes away."""
        self.git("reset", "-q", "--hard", self.random.choice(["HEAD", "HEAD~1"]))

    def track_ignored(self) -> None:
        """Have git track a file whatever the rules say, or stop tracking one."""
        path = str(self._file())
        self.git("add", "-f", path) if self.random.random() < 0.6 else self.git("rm", "-q", "--cached", path)

    def worktree(self) -> None:
        """Add a worktree inside of the tree, or remove it: it is no part of the tree's index."""
        if not self.git("worktree", "add", "-q", "--detach", "linked"):
            self.git("worktree", "remove", "--force", "linked")

    def nest(self) -> None:
        """Make a folder a repository of its own, or no repository any more."""
        folder = self.root / "pkg" / "b"
        if (folder / ".git").exists():
            shutil.rmtree(folder / ".git")
        elif folder.is_dir():
            subprocess.run(["git", "init", "-q"], cwd=folder, check=True, capture_output=True)


def _prune(folders: list[str]) -> bool:
    folders[:] = [name for name in folders if name not in {".git", "linked"}]
    return False


_DUMPS = (
    "SELECT path, hash, skipped, rules, detail, language, encoding, mode, tags, redactions, chunks FROM files "
    "WHERE index_id = ?",
    "SELECT f.path, c.ordinal, c.id, c.start_byte, c.end_byte, c.start_line, c.end_line, c.kind, c.symbol, "
    "c.signature, c.checksum, t.text FROM chunks c JOIN files f ON f.id = c.file "
    "JOIN texts t ON t.key = c.file << 20 | c.ordinal WHERE f.index_id = ?",
    "SELECT f.path, s.name, s.kind, s.start_byte, s.end_byte, s.name_line, s.chunk, s.parent, s.signature, s.doc "
    "FROM symbols s JOIN files f ON f.id = s.file WHERE f.index_id = ?",
    "SELECT f.path, r.name, r.lines FROM refs r JOIN files f ON f.id = r.file WHERE f.index_id = ?",
    "SELECT f.path, i.target, i.line FROM imports i JOIN files f ON f.id = i.file WHERE f.index_id = ?",
    "SELECT f.path, p.ecosystem, p.name, p.version, p.line FROM packages_provided p JOIN files f ON f.id = p.file "
    "WHERE f.index_id = ?",
    "SELECT f.path, p.ecosystem, p.name, p.version_range, p.scope, p.line FROM packages_required p "
    "JOIN files f ON f.id = p.file WHERE f.index_id = ?",
    "SELECT f.path, e.kind, e.side, e.method, e.path, e.line FROM endpoints e JOIN files f ON f.id = e.file "
    "WHERE f.index_id = ?",
    "SELECT f.path, w.word, w.words FROM name_words w JOIN files f ON f.id = w.file WHERE f.index_id = ?",
)


def contents(service: LocalService, index: IndexId) -> list[set[tuple[Any, ...]]]:
    """All that an index holds, but for numbers and times that say when it was made."""
    catalog: Any = service.catalog
    return [set(catalog.rows(sql, (index,))) for sql in _DUMPS]


def live_of(service: LocalService, root: Path) -> IndexId:
    """The generation that answers."""
    for view in service.catalog.views():
        if view.root == root and view.live is not None:
            return view.live.id
    raise AssertionError(f"{root} is not indexed")


def fresh_contents(service: LocalService, checkout: Checkout) -> list[set[tuple[Any, ...]]]:
    """What an index of the tree holds that is made from nothing."""
    for view in service.catalog.views():
        service.remove(view, LOCAL_USER)
    service.index(checkout, LOCAL_USER)
    return contents(service, live_of(service, checkout.root))


def require_truth(service: LocalService, tree: RandomTree) -> int:
    """Search, and make sure that what is called fresh is on disk as it is told. Returns how many hits that were."""
    told = 0
    for hit in service.search(SearchRequest(tree.random.choice(_WORDS), limit=20), LOCAL_USER).hits:
        if hit.freshness is Freshness.FRESH:
            data = (tree.root / hit.chunk.path).read_bytes()
            part = data[hit.chunk.span.start_byte : hit.chunk.span.end_byte].decode("utf-8", "replace")
            assert part == hit.chunk.text, f"{hit.chunk.location} is no more as it is told"
            told += 1
    return told
