# SPDX-License-Identifier: FSL-1.1-MIT
"""Views: worktrees, clones and refs of one repository share what they have in common, and answer as if alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conexus.adapters.git_metadata import find_checkout
from conexus.adapters.git_refs import ref_at, ref_checkout
from conexus.bootstrap import Application, build
from conexus.config import Config, IndexOptions, StoreOptions
from conexus.errors import RepositoryNotIndexed, SourceError, StoreDamaged
from conexus.service import LocalService
from conexus.types import (
    LOCAL_USER,
    Freshness,
    IndexedView,
    IndexReport,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    SkipReason,
    ViewStatus,
)

USER = LOCAL_USER
REMOTE = "https://example.org/acme/bank.git"
QUESTIONS = ("open an account", "Ledger.post", "close_account", "where is money moved")


def git(folder: Path, *arguments: str, data: bytes | None = None) -> str:
    """Run git with nothing of the user's settings."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", "Test"), ("EMAIL", "test@example.org"), ("DATE", "1700000000 +0000"))
        },
    }
    options = ("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *options, *arguments], cwd=folder, env=env, input=data, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def module(number: int, word: str = "add") -> str:
    """A module with a class and functions of its own; another word makes another version of one of them."""
    return (
        f'class Part{number}:\n    """Part {number} of the bank."""\n\n'
        f'    def post(self, sum):\n        """Post a sum to part {number}."""\n        return self.total + sum\n\n\n'
        f'def step_{number}(value):\n    """Step {number}: {word} and hand on."""\n    return {word}(value, {number})\n'
    )


def write(root: Path, files: dict[str, str]) -> None:
    """Make or change files."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


@dataclass
class Bench:
    """A repository, and services that are closed at the end."""

    folder: Path
    root: Path
    opened: list[Application] = field(default_factory=list)

    def app(self, data: str = "data", *, keep_open: bool = True) -> LocalService:
        """A service on a data folder, as a process of its own would have it."""
        # Chunks of a few lines, so that versions of a file have some in common.
        index = IndexOptions(workers=1, max_chunk_chars=250)
        config = Config(index=index, store=StoreOptions(path=str(self.folder / data), lock_wait_s=60.0))
        self.opened.append(build(config, keep_open=keep_open))
        return self.opened[-1].service

    def index(self, service: LocalService, root: Path) -> IndexReport:
        """Index a tree as the command line does."""
        return service.index(find_checkout(root, home=self.folder), USER)

    def worktree(self, name: str, *options: str) -> Path:
        """Check out another tree of the repository."""
        git(self.root, "worktree", "add", "--quiet", str(self.folder / name), *options)
        return self.folder / name


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A repository of eight files in one commit."""
    accounts = 'def open_account(owner):\n    """Open an account for its owner."""\n    return owner\n'
    root = tmp_path / "bank"
    write(
        root,
        {
            "bank/accounts.py": accounts,
            "bank/interest.py": 'def yearly_interest(sum):\n    """Interest of a year."""\n    return sum * 0.02\n',
            "bank/ledger.py": "from bank.accounts import open_account\n\n\nclass Ledger:\n    def post(self, sum):\n"
            '        """Post a sum."""\n        return open_account(sum)\n',
            **{f"bank/part{number}.py": module(number) for number in range(4)},
            "README.md": "# Bank\n\nHow to transfer money between accounts.\n",
        },
    )
    git(root, "init", "--quiet")
    git(root, "remote", "add", "origin", REMOTE)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "one")
    bench = Bench(tmp_path, root)
    yield bench
    for app in bench.opened:
        app.service.close()


def search(service: LocalService, text: str, root: Path | None) -> SearchResponse:
    """Search one tree."""
    roots = None if root is None else frozenset({str(root)})
    return service.search(SearchRequest(text, 20, SearchFilter(roots=roots), explain=True), USER)


def view_at(service: LocalService, root: Path) -> IndexedView:
    """The view of a tree."""
    return next(view for view in service.catalog.views() if view.root == root)


def status_of(service: LocalService, root: Path) -> ViewStatus:
    """The figures of a tree."""
    return next(status for status in service.status(USER) if status.root == str(root))


def same_as_alone(bench: Bench, service: LocalService, root: Path, data: str) -> None:
    """A view answers as an index of the tree alone does: the same chunks, scores and figures."""
    alone = bench.app(data)
    bench.index(alone, root)
    for question in QUESTIONS:
        shared, expected = search(service, question, root), search(alone, question, root)
        assert {hit.chunk.id for hit in shared.hits} == {hit.chunk.id for hit in expected.hits}, question
        scores = {hit.chunk.id: hit.score for hit in expected.hits}
        for hit, other in zip(shared.hits, expected.hits, strict=True):
            assert hit.score == pytest.approx(scores[hit.chunk.id], abs=1e-5), (question, hit.chunk.location)
            assert hit.score == pytest.approx(other.score, abs=1e-5)  # so that only equals may change places
            assert hit.freshness is Freshness.FRESH
            assert hit.root == str(root)
    mine, theirs = status_of(service, root), status_of(alone, root)
    assert (mine.files, mine.chunks, mine.symbols, mine.languages, mine.skipped) == (
        theirs.files, theirs.chunks, theirs.symbols, theirs.languages, theirs.skipped,
    )  # fmt: skip
    everything = frozenset({str(root)})
    for name in ("post", "step_2", "open_account"):
        found = service.symbols(name, SearchFilter(roots=everything), 50, USER, uses=True, callees=True)
        wanted = alone.symbols(name, SearchFilter(roots=everything), 50, USER, uses=True, callees=True)
        assert set(found.definitions) == set(wanted.definitions)
        assert set(found.uses) == set(wanted.uses)
    assert {file.path for file in service.map(str(root), 50, USER).files} == {
        file.path for file in alone.map(str(root), 50, USER).files
    }


def check_sound(service: LocalService) -> None:
    """Catalog and vectors agree, and nothing is in flight."""
    assert service.verify(USER, repair=False).findings == ()
    assert service.catalog.integrity() == []


def test_a_second_worktree_reads_and_stores_nothing_anew(bench: Bench) -> None:
    """Its files are the first one's; what differs is indexed, and both answer as if alone."""
    service = bench.app()
    first = bench.index(service, bench.root)
    other = bench.worktree("other", "-b", "topic")
    report = bench.index(service, other)
    assert (report.files_indexed, report.files_unchanged, report.files_total) == (0, first.files_total, 8)
    assert len({view.live.vectors for view in service.catalog.views() if view.live}) == 1
    write(other, {"bank/part1.py": module(1, "multiply"), "bank/close.py": "def close_account(owner):\n    return 0\n"})
    (other / "bank/part3.py").unlink()
    report = bench.index(service, other)
    assert (report.files_indexed, report.files_deleted) == (2, 1)
    assert report.chunks_total == status_of(service, other).chunks
    check_sound(service)
    same_as_alone(bench, service, other, "alone-other")
    same_as_alone(bench, service, bench.root, "alone-first")
    assert not search(service, "close_account", bench.root).hits[0].chunk.path.endswith("close.py")
    with pytest.raises(Exception, match="is not in the index"):
        service.read(str(bench.root), "bank/close.py", (1, None), USER)
    assert "multiply" in service.read(str(other), "bank/part1.py", (1, None), USER).text
    assert "multiply" not in service.read(str(bench.root), "bank/part1.py", (1, None), USER).text


def test_edits_of_the_first_tree_leave_the_others_as_they_are(bench: Bench) -> None:
    """A version that another view has stays; one that nobody has goes, with its vectors."""
    service = bench.app()
    bench.index(service, bench.root)
    others = [bench.worktree(f"other{number}", "--detach") for number in range(2)]
    for other in others:
        bench.index(service, other)
    assert view_at(service, others[0]).head == git(bench.root, "rev-parse", "HEAD")
    search(service, "transfer", bench.root)
    write(bench.root, {"bank/part0.py": module(0, "halve"), "README.md": "# Bank\n\nClosed for good.\n"})
    (bench.root / "bank/interest.py").unlink()
    assert bench.index(service, bench.root).files_indexed == 2
    check_sound(service)
    same_as_alone(bench, service, others[1], "alone-other")
    # The same edit elsewhere is there already.
    write(others[0], {"bank/part0.py": module(0, "halve")})
    assert bench.index(service, others[0]).files_indexed == 0
    # Back again: nothing of it is parsed anew either.
    git(bench.root, "checkout", "--quiet", ".")
    assert bench.index(service, bench.root).files_indexed == 0
    assert bench.index(service, bench.root).files_unchanged == 8
    check_sound(service)
    same_as_alone(bench, service, bench.root, "alone-again")


def test_removing_the_tree_that_came_first_takes_nothing_from_the_others(bench: Bench) -> None:
    """The others go on; the last one is alone, as if it had always been."""
    service = bench.app()
    bench.index(service, bench.root)
    others = [bench.worktree(f"other{number}", "--detach") for number in range(2)]
    write(others[0], {"bank/part1.py": module(1, "multiply")})
    write(bench.root, {"bank/part2.py": module(2, "halve")})
    for root in (others[0], others[1], bench.root):
        bench.index(service, root)
    service.remove(view_at(service, bench.root), USER)
    check_sound(service)
    assert not any("halve" in hit.chunk.text for hit in search(service, "halve", None).hits)
    service.remove(view_at(service, others[1]), USER)
    check_sound(service)
    same_as_alone(bench, service, others[0], "alone-1")
    last = view_at(service, others[0]).live
    assert last is not None
    assert last.pool is None
    write(others[0], {"bank/part0.py": module(0, "divide")})
    assert bench.index(service, others[0]).files_indexed == 1
    assert bench.index(service, others[0]).files_unchanged == 8
    check_sound(service)
    service.remove(view_at(service, others[0]), USER)
    assert not list((bench.folder / "data" / "vectors").iterdir())


def test_a_tree_with_little_in_common_has_an_index_of_its_own(bench: Bench) -> None:
    """Hiding all files of others would cost each search more than it saves."""
    service = bench.app()
    bench.index(service, bench.root)
    other = bench.worktree("other", "--detach")
    write(other, {f"bank/part{number}.py": module(number, "halve") for number in range(4)} | {"README.md": "# No\n"})
    bench.index(service, other)
    assert all(view.live and view.live.pool is None for view in service.catalog.views())


def test_a_new_model_moves_one_view_after_the_other(bench: Bench) -> None:
    """A rebuilt view leaves the pool, and the others find the new one."""
    service = bench.app(keep_open=False)
    bench.index(service, bench.root)
    other = bench.worktree("other", "--detach")
    bench.index(service, other)
    config = Config(
        index=IndexOptions(workers=1, max_chunk_chars=900), store=StoreOptions(path=str(bench.folder / "data"))
    )
    service.close()
    bench.opened.append(build(config))
    service = bench.opened[-1].service
    assert bench.index(service, bench.root).rebuilt
    assert search(service, "yearly interest", other).hits[0].chunk.path == "bank/interest.py"
    check_sound(service)
    report = bench.index(service, other)
    assert (report.files_indexed, report.files_unchanged) == (0, 8)
    assert report.rebuilt
    check_sound(service)
    service.roll_back(view_at(service, bench.root), USER)  # the earlier pool is kept for both
    assert search(service, "yearly interest", bench.root).hits[0].chunk.path == "bank/interest.py"
    service.collect(USER, everything=True)
    assert len(list((bench.folder / "data" / "vectors").iterdir())) == 2
    bench.index(service, bench.root)
    service.collect(USER, everything=True)
    assert len(list((bench.folder / "data" / "vectors").iterdir())) == 1
    for root in (bench.root, other):
        assert search(service, "yearly interest", root).hits[0].chunk.path == "bank/interest.py"
    check_sound(service)


def test_a_crash_in_one_view_costs_the_others_nothing(bench: Bench) -> None:
    """What a run had in flight is dropped by whoever opens the vectors next; all else stays."""
    service = bench.app(keep_open=False)
    bench.index(service, bench.root)
    other = bench.worktree("other", "--detach")
    bench.index(service, other)
    write(other, {"bank/part1.py": module(1, "multiply")})
    bench.index(service, other)
    live = view_at(service, other).live
    assert live is not None
    changed = service.catalog.files(live.id)["bank/part1.py"].id
    service.catalog.open_batch(live.id, [changed], 1)  # and here the process dies
    again = bench.app()
    assert search(again, "yearly interest", bench.root).complete
    assert not again.catalog.unfinished(live.id)
    assert not search(again, "yearly interest", other).complete
    assert bench.index(again, other).files_indexed == 1
    check_sound(again)
    same_as_alone(bench, again, bench.root, "alone")


def test_damaged_vectors_cost_every_view_that_shares_them(bench: Bench) -> None:
    """They are told, and built again by the next run of each view; the second one shares them again."""
    service = bench.app(keep_open=False)
    bench.index(service, bench.root)
    other = bench.worktree("other", "--detach")
    bench.index(service, other)
    for part in (bench.folder / "data" / "vectors").glob("*/segments/*/version.info"):
        part.unlink()
    with pytest.raises(StoreDamaged):
        search(service, "interest", other)
    assert bench.index(service, other).files_indexed == 8
    assert bench.index(service, bench.root).files_unchanged == 8
    check_sound(service)


# ------------------------------------------------------------------ refs


def index_ref(bench: Bench, service: LocalService, name: str, folder: Path | None = None) -> IndexReport:
    """Index a branch, tag or commit as the command line does."""
    return service.index(ref_checkout(folder or bench.root, name), USER)


def search_ref(service: LocalService, text: str, ref: str, root: Path | None = None) -> SearchResponse:
    """Search a branch, tag or commit."""
    roots = None if root is None else frozenset({str(root)})
    return service.search(SearchRequest(text, 20, SearchFilter(ref=ref, roots=roots)), USER)


def topic(bench: Bench) -> str:
    """A branch that differs from what is checked out in three files; its commit."""
    git(bench.root, "checkout", "--quiet", "-b", "topic/one")
    write(
        bench.root,
        {"bank/part1.py": module(1, "multiply"), "bank/close.py": "def close_account(owner):\n    return 0\n"},
    )
    (bench.root / "bank/part3.py").unlink()
    git(bench.root, "add", "--all")
    git(bench.root, "commit", "--quiet", "--message", "two")
    found = git(bench.root, "rev-parse", "HEAD")
    git(bench.root, "checkout", "--quiet", "main")
    return found


def test_a_ref_is_indexed_and_searched_without_a_checkout(bench: Bench) -> None:
    """What it has as the working tree does is not read; it answers as a checkout of it would."""
    head = topic(bench)
    service = bench.app()
    bench.index(service, bench.root)
    report = index_ref(bench, service, "topic/one")
    assert (report.files_indexed, report.files_unchanged, report.files_total, report.bytes_read) == (
        2, 6, 8, len(module(1, "multiply")) + len("def close_account(owner):\n    return 0\n")
    )  # fmt: skip
    assert index_ref(bench, service, "topic/one").files_unchanged == 8
    check_sound(service)
    view = next(view for view in service.catalog.views() if view.ref)
    assert (view.ref, view.head, view.root) == (
        "refs/heads/topic/one", head, bench.root / ".git/refs/heads/topic/one"
    )  # fmt: skip
    for name in ("topic/one", "heads/topic/one", "refs/heads/topic/one"):
        assert search_ref(service, "close_account", name, bench.root).hits[0].chunk.path == "bank/close.py"
    other = bench.worktree("other", "topic/one")
    alone = bench.app("alone")
    bench.index(alone, other)
    for question in QUESTIONS:
        found, expected = search_ref(service, question, "topic/one"), search(alone, question, other)
        scores = {hit.chunk.id: pytest.approx(hit.score, abs=1e-5) for hit in expected.hits}
        assert {hit.chunk.id: hit.score for hit in found.hits} == scores
        assert {hit.freshness for hit in found.hits} == {Freshness.FRESH}
    # Nobody finds it who did not ask for it.
    assert {hit.root for hit in search(service, "post", None).hits} == {str(bench.root)}
    with pytest.raises(RepositoryNotIndexed, match="'v9' is not indexed"):
        search_ref(service, "post", "v9")


def test_a_commit_that_two_clones_have_is_found_once(bench: Bench) -> None:
    """A ref of another clone of the repository at the same commit adds nothing; at another commit it does."""
    topic(bench)
    clone = bench.folder / "clone"
    git(bench.folder, "clone", "--quiet", "--no-local", str(bench.root), str(clone))
    git(clone, "remote", "set-url", "origin", REMOTE)
    git(clone, "branch", "topic/one", "origin/topic/one")
    service = bench.app()
    bench.index(service, bench.root)
    bench.index(service, clone)
    index_ref(bench, service, "topic/one")
    index_ref(bench, service, "topic/one", clone)
    for root in (bench.root, clone):
        found = search_ref(service, "close_account", "topic/one", root)
        assert [hit.root for hit in found.hits if hit.chunk.path == "bank/close.py"] == [
            str(root / ".git/refs/heads/topic/one")
        ]
        assert len(found.snapshots) == 1


def test_a_clone_that_is_away_for_a_while_keeps_its_index(bench: Bench) -> None:
    """Its refs lie in it, and are no reason to drop it; another clone that is there is."""
    topic(bench)
    service = bench.app()
    bench.index(service, bench.root)
    index_ref(bench, service, "topic/one")
    away = bench.folder / "away"
    bench.root.rename(away)
    assert service.collect(USER, dry_run=True).views == 0
    assert service.drop_gone(next(view.repo for view in service.catalog.views()), USER) == 0
    away.rename(bench.root)
    assert {view.root for view in service.catalog.views()} == {
        bench.root, bench.root / ".git/refs/heads/topic/one"
    }  # fmt: skip
    assert search(service, "open_account", bench.root).hits[0].freshness is Freshness.FRESH


def test_refs_are_found_by_all_their_names(bench: Bench) -> None:
    """Branches, tags light and annotated, packed or not, commits by their first digits, HEAD."""
    first = git(bench.root, "rev-parse", "HEAD")
    second = topic(bench)
    git(bench.root, "tag", "light", first)
    git(bench.root, "tag", "--annotate", "--message", "a tag", "noted", second)
    git(bench.root, "tag", "--annotate", "--message", "of a tag", "twice", "noted")
    git(bench.root, "tag", "main", second)  # what git takes for main, too: the tag
    wanted = {
        "topic/one": second, "light": first, "noted": second, "twice": second, "main": second, "heads/main": first,
        first: first, first[:9]: first, second[:7]: second,
    }  # fmt: skip
    for _ in range(2):
        assert {name: ref_checkout(bench.root / "bank", name).head for name in wanted} == wanted
        git(bench.root, "pack-refs", "--all")
        git(bench.root, "gc", "--quiet")
    assert ref_checkout(bench.root, "HEAD").head == first
    assert ref_checkout(bench.root, "main").root == bench.root / ".git/refs/tags/main"
    assert ref_at(bench.root / ".git/refs/heads/topic/one") == ref_checkout(bench.root, "topic/one")
    blob = git(bench.root, "rev-parse", "HEAD:README.md")
    for name in ("gone", "../../etc", "refs/heads/../../../x", "-x", "", blob, blob[:8], first[:3], "0" * 40, "a\0b"):
        with pytest.raises(SourceError):
            ref_checkout(bench.root, name)
    with pytest.raises(SourceError, match="in no git repository"):
        ref_checkout(bench.folder, "main")
    with (bench.root / ".git/config").open("a") as config:
        config.write("[extensions]\n\trefStorage = reftable\n")
    (bench.root / ".git/packed-refs").unlink()
    with pytest.raises(SourceError) as refused:
        ref_checkout(bench.root, "light")
    assert "reftable" in str(refused.value.hint)
    assert ref_checkout(bench.root, first).head == first


@pytest.mark.parametrize("by", ["index", "gc"])
def test_a_ref_that_moves_or_goes_is_noticed(bench: Bench, by: str) -> None:
    """Its hits are stale or missing until it is indexed again; once it is gone, the next run or `gc` drops it."""
    topic(bench)
    service = bench.app()
    bench.index(service, bench.root)
    index_ref(bench, service, "topic/one")
    git(bench.root, "branch", "--force", "topic/one", "main")
    found = {hit.chunk.path: hit.freshness for hit in search_ref(service, "step_1 close_account", "topic/one").hits}
    assert found["bank/close.py"] is Freshness.MISSING
    assert found["bank/part1.py"] is Freshness.STALE
    assert found["bank/part2.py"] is Freshness.FRESH
    report = index_ref(bench, service, "topic/one")
    assert (report.files_indexed, report.files_total) == (0, 8)
    assert not service.catalog.exclusive(next(v.live.id for v in service.catalog.views() if v.ref and v.live))
    other = bench.worktree("other", "topic/one")
    bench.index(service, other)
    assert [status.gone for status in service.status(USER)] == [False] * 3
    git(bench.root, "worktree", "remove", "--force", str(other))
    git(bench.root, "branch", "--delete", "--force", "topic/one")
    assert sorted(status.gone for status in service.status(USER)) == [False, True, True]
    if by == "index":
        bench.index(service, bench.root)
    else:
        assert service.collect(USER, dry_run=True).views == len(service.catalog.views()) - 1 == 2
        assert service.collect(USER).views == 2
        assert service.collect(USER).views == 0
    [left] = service.catalog.views()
    assert left.root == bench.root
    assert left.live is not None
    assert left.live.pool is None
    check_sound(service)
    same_as_alone(bench, service, bench.root, "alone")


def test_a_tree_that_is_gone_and_has_no_index_is_forgotten(bench: Bench) -> None:
    """A process that was killed between dropping an index and its view leaves such a one, also of the last tree."""
    service = bench.app()
    bench.index(service, bench.root)
    [view] = service.catalog.views()
    assert view.live is not None
    service.catalog.drop_index(view.live.id)
    assert service.collect(USER).views == 0, "its tree is there"
    bench.root.rename(bench.folder / "elsewhere")
    assert service.collect(USER).views == 1
    assert service.catalog.views() == []
    assert service.catalog.repositories() == []


def test_a_tree_that_is_gone_but_alone_is_kept(bench: Bench) -> None:
    """Its disk may come back."""
    service = bench.app()
    bench.index(service, bench.root)
    bench.root.rename(bench.folder / "elsewhere")
    assert [status.gone for status in service.status(USER)] == [True]
    assert service.collect(USER, everything=True).views == 0
    clone = bench.folder / "clone"
    git(bench.folder, "clone", "--quiet", str(bench.folder / "elsewhere"), str(clone))
    bench.index(service, clone)
    assert {view.root for view in service.catalog.views()} == {bench.root, clone}  # of another repository


def end_borrowing(bench: Bench, service: LocalService, branch: str, clone: Path) -> None:
    """Objects of another repository are not read, which is told; after what the hint says all are here."""
    with pytest.raises(SourceError, match="missing") as caught:
        index_ref(bench, service, branch, clone)
    assert "alternates" in str(caught.value.hint)
    git(clone, "repack", "-a", "-d", "--quiet")
    (clone / ".git" / "objects" / "info" / "alternates").unlink()


def test_clones_of_every_kind(bench: Bench) -> None:
    """Shallow, partial, bare, sparse, and borrowing once it does not any more: views of the same repository."""
    topic(bench)
    service = bench.app()
    bench.index(service, bench.root)
    for option in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git(bench.root, "config", option, "true")
    source = f"file://{bench.root}"
    for name, options in {
        "shallow": ("--depth", "1", "--no-single-branch"),
        "partial": ("--filter=blob:none",),
        "borrowing": ("--reference", str(bench.root)),
        "bare.git": ("--bare",),
    }.items():
        git(bench.folder, "clone", "--quiet", *options, source, str(bench.folder / name))
        git(bench.folder / name, "remote", "set-url", "origin", REMOTE)
        if name != "bare.git":
            assert bench.index(service, bench.folder / name).files_indexed == 0, name
        branch = "topic/one" if name == "bare.git" else "origin/topic/one"
        if name == "borrowing":
            end_borrowing(bench, service, branch, bench.folder / name)
        report = index_ref(bench, service, branch, bench.folder / name)
        if name == "partial":
            missing = {file.path for file in report.skipped if file.reason is SkipReason.UNREADABLE}
            assert missing == set()  # its contents are known by their ids from the working tree's view
        assert report.files_total == 8
        assert report.repo == "example.org/acme/bank"
        path = bench.folder / name / ("refs/heads" if name == "bare.git" else ".git/refs/remotes") / branch
        assert search(service, "close_account", path).hits[0].chunk.path == "bank/close.py"
    with pytest.raises(SourceError, match="bare git repository"):
        bench.index(service, bench.folder / "bare.git")
    check_sound(service)
    fresh = bench.app("fresh")
    report = index_ref(bench, fresh, "origin/topic/one", bench.folder / "partial")
    lacking = {file.path for file in report.skipped}
    assert lacking == {"bank/part1.py", "bank/close.py"}
    assert all("partial clone" in file.detail for file in report.skipped)
    sparse = bench.worktree("sparse", "--no-checkout", "--detach")
    git(sparse, "sparse-checkout", "set", "--cone", "bank")
    git(sparse, "checkout", "--quiet", "--detach", "main")
    write(bench.root, {"docs/a.md": "# A manual\n\nOf the bank.\n"})
    git(bench.root, "add", "--all")
    git(bench.root, "commit", "--quiet", "--message", "three")
    git(sparse, "checkout", "--quiet", "--detach", "main")
    report = bench.index(service, sparse)
    assert report.files_total == 8  # without docs/a.md, which is not checked out
    assert not (sparse / "docs").exists()


def test_what_is_no_plain_file_of_a_ref(bench: Bench) -> None:
    """Submodules, links and pointers of LFS are left out and named, as in a working tree; rules of the tree hold."""
    write(
        bench.root,
        {
            "model.bin": f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123456\n",
            ".conexusignore": "bank/part0.py\n",
            ".gitattributes": "bank/part2.py linguist-generated\n",
            ".gitignore": "*.md\n",
            "empty.py": "",
        },
    )
    (bench.root / "link.py").symlink_to("bank/ledger.py")
    git(bench.root, "add", "--all")
    git(bench.root, "update-index", "--add", "--cacheinfo", f"160000,{git(bench.root, 'rev-parse', 'HEAD')},vendored")
    git(bench.root, "commit", "--quiet", "--message", "odd")
    (bench.root / "vendored").mkdir()
    service = bench.app()
    report = index_ref(bench, service, "main")
    left_out = {file.path: file.reason for file in report.skipped}
    assert left_out == {
        "model.bin": SkipReason.BINARY,
        "bank/part0.py": SkipReason.IGNORED,
        "bank/part2.py": SkipReason.GENERATED,
        "empty.py": SkipReason.EMPTY,
        "link.py": SkipReason.SYMLINK,
        "vendored": SkipReason.NESTED_REPOSITORY,
    }
    assert "LFS" in next(file.detail for file in report.skipped if file.path == "model.bin")
    of_tree = bench.index(service, bench.root)
    assert {file.path.rstrip("/"): file.reason for file in of_tree.skipped} == left_out
    assert of_tree.files_indexed == 0
    assert of_tree.files_total == report.files_total
    check_sound(service)


def test_a_hostile_tree_stays_where_it_is(bench: Bench) -> None:
    """Names that lead out of a folder or into git's own are passed over; nothing of the repository's is run."""
    marker = bench.folder / "was-run"
    hook = bench.root / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    for key, value in {
        "filter.evil.smudge": f"touch {marker}", "filter.evil.clean": f"touch {marker}",
        "core.fsmonitor": f"touch {marker}", "diff.evil.textconv": f"touch {marker}",
    }.items():  # fmt: skip
        git(bench.root, "config", key, value)
    blob = git(bench.root, "hash-object", "-w", "bank/ledger.py")
    entries = [
        ("100644", b"..", blob),
        ("100644", b".git", blob),
        ("100644", b"a\\b.py", blob),
        ("100644", b"ok.py", blob),
    ]
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    tree = git(bench.root, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", data=data)
    made = git(bench.root, "commit-tree", tree, "-m", "hostile")
    write(bench.root, {".gitattributes": "*.py filter=evil diff=evil\n"})
    marker.unlink(missing_ok=True)
    service = bench.app()
    report = index_ref(bench, service, made)
    assert report.files_total == 1
    assert not marker.exists()
    assert search_ref(service, "Ledger", made[:10]).hits[0].chunk.path == "ok.py"
