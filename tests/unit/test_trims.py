# SPDX-License-Identifier: FSL-1.1-MIT
"""Security trimming: what a caller may not see is as if it were not there, in every answer and every figure."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from conexus.adapters.git_metadata import find_checkout
from conexus.bootstrap import Application, build
from conexus.config import Config, StoreOptions
from conexus.edition import RoleAccess
from conexus.errors import InvalidRequest, NotFound, QueryError, RepositoryNotIndexed
from conexus.service import LocalService
from conexus.types import (
    LOCAL_USER,
    AccessAction,
    ContextRequest,
    GraphRequest,
    IndexedView,
    ListedFile,
    OwnersFile,
    Place,
    Principal,
    SearchFilter,
    SearchRequest,
)

ANN = Principal("user:ann", user="ann")
BOB = Principal("user:bob", user="bob")
EVERYWHERE = SearchFilter()
LOCKED = "vault/master_key.py"
FILES = {
    "bank/accounts.py": "from vault.master_key import unlock_vault\n\n\ndef open_account(owner):\n"
    '    """Open an account for its owner."""\n    unlock_vault(owner)\n    return owner\n',
    "bank/interest.py": 'def yearly_interest(sum):\n    """Interest of a year."""\n    return sum * 0.02\n',
    "bank/ledger.py": "from bank.accounts import open_account\n\n\nclass Ledger:\n    def post(self, sum):\n"
    '        """Post a sum to the ledger."""\n        return open_account(sum)\n',
    "tests/test_ledger.py": "from bank.ledger import Ledger\n\n\ndef test_post():\n    assert Ledger().post(1) == 1\n",
    "README.md": "# Bank\n\nHow to transfer money between accounts.\n",
}
HIDDEN = {
    LOCKED: 'def unlock_vault(owner):\n    """Unlock the vault of an owner with the master key."""\n'
    "    account = open_account(owner)\n    return yearly_interest(account), 'tr0ub4dor'\n",
    "vault/Ledger.py": "class Ledger:\n    def close_vault(self):\n        return open_account(1)\n",
    "bank/vault_test.py": "from vault.master_key import unlock_vault\n\n\ndef test_unlock():\n"
    "    unlock_vault('tr0ub4dor')\n",
}


@dataclass
class Rules:
    """Access classes of a test's own: those of a path, or of an owner, that callers of a name may see."""

    key: str
    is_visible: Callable[[str], bool]
    by_owner: bool = False
    needs_owners: bool = False
    classified: list[str] = field(default_factory=list)

    @property
    def source(self) -> object:
        """Itself."""
        return self

    def classify(self, files: Sequence[ListedFile], owners: OwnersFile) -> Sequence[str]:
        """Two classes: what ann may see, and the rest."""
        self.classified += [file.path for file in files]
        if self.needs_owners and owners.text is None:
            return ["undecided"] * len(files)
        if self.by_owner:
            return ["open" if f"{file.path} @ann" in (owners.text or "") else "closed" for file in files]
        return ["open" if self.is_visible(file.path) else "closed" for file in files]

    def allowed(self, who: Principal, action: AccessAction, classes: Collection[str]) -> Collection[str]:
        """What is open, to ann."""
        return {"open"} & set(classes) if who.user == "ann" else ()


class Trimmed(RoleAccess):
    """Everybody but the user of this machine sees what the rules say."""

    def __init__(self) -> None:
        super().__init__()
        self.rules = Rules("no-vault", lambda path: "vault" not in path)

    def classes(self, who: Principal, view: IndexedView) -> Rules | None:
        """The rules."""
        return None if who.local else self.rules


@dataclass
class Bench:
    """Trees and services of a test."""

    folder: Path
    opened: list[LocalService] = field(default_factory=list)

    def tree(self, name: str, files: dict[str, str]) -> Path:
        """Make a tree; its folder has the same name wherever it is, so that its repository has too."""
        root = self.folder / name / "bank"
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return root

    def service(self, name: str, root: Path, *, keep_open: bool = True) -> tuple[LocalService, Trimmed]:
        """A service that has a tree indexed, and the rules of its access policy."""
        app: Application = build(
            Config(store=StoreOptions(path=str(self.folder / f"data-{name}"))), keep_open=keep_open
        )
        service = app.service
        access = Trimmed()
        service.edition = replace(service.edition, access=access)
        service.index(find_checkout(root), LOCAL_USER)
        self.opened.append(service)
        return service, access


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Nothing yet."""
    bench = Bench(tmp_path)
    yield bench
    for service in bench.opened:
        service.close()


QUESTIONS = (
    "open an account", "Ledger.post", "unlock_vault", "where is money moved", "tr0ub4dor", "master key", "vault",
    "interest of a year", "Ledger", "who calls open_account", "tests of Ledger.post", "bank/accounts.py:4",
    "unlok_vault", "vault/master_key.py",
)  # fmt: skip


_FRACTION = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


_FOUND_BY = re.compile(r"found_by=frozenset\(\{[^}]*\}\)")


def same(first: object, second: object) -> bool:
    """Whether answers are the same.

    But for what the engine leaves to chance: in which order it adds up what words weigh, and which of many points that
    fit equally well are the last ones of a retriever.
    """
    one, other = (_FOUND_BY.sub("", repr(answer)) for answer in (first, second))
    numbers, others = ([float(number) for number in _FRACTION.findall(text)] for text in (one, other))
    return _FRACTION.sub("#", one) == _FRACTION.sub("#", other) and numbers == pytest.approx(others, abs=2e-6)


def answers(service: LocalService, root: Path, who: Principal) -> dict[str, object]:
    """Everything that a service says of a tree to somebody."""
    found: dict[str, object] = {}

    def note(name: str, ask: Callable[[], object]) -> None:
        try:
            found[name] = ask()
        except (QueryError, NotFound, RepositoryNotIndexed) as error:
            found[name] = (type(error).__name__, error.message, error.hint)

    for text in QUESTIONS:
        request = SearchRequest(text, 20, explain=True)

        def search(request: SearchRequest = request) -> object:
            answer = service.search(request, who)
            return replace(answer, elapsed_ms=0.0, snapshots=tuple(map(_timeless, answer.snapshots)))

        def context(request: SearchRequest = request) -> object:
            answer = service.context(ContextRequest(request, 500), who)
            return replace(answer, snapshots=tuple(map(_timeless, answer.snapshots)))

        note(f"search {text}", search)
        note(f"context {text}", context)
    for name in ("Ledger", "unlock_vault", "open_account", "close_vault", "nothing_at_all"):
        note(
            f"symbols {name}",
            lambda name=name: replace(
                service.symbols(name, EVERYWHERE, 50, who, uses=True, callees=True), snapshots=()
            ),
        )
    for path in (*FILES, *HIDDEN, "no/such.py"):
        note(f"related {path}", lambda path=path: service.related(str(root), path, 20, who))
        note(f"read {path}", lambda path=path: service.read(str(root), path, (1, None), who))
        note(
            f"similar {path}",
            lambda path=path: replace(
                service.similar(Place(str(root), path, 1), SearchRequest("-", 5), who), elapsed_ms=0.0, snapshots=()
            ),
        )
    note("map", lambda: service.map(str(root), 50, who))
    note("graph", lambda: service.graph(GraphRequest(str(root)), who))
    note("folders", lambda: service.graph(GraphRequest(str(root), "vault"), who))
    note("status", lambda: [replace(one, indexed_at=0.0) for one in service.status(who)])
    return found


def _timeless(snapshot: Any) -> Any:
    return replace(snapshot, indexed_at=None)


def test_two_worlds_answer_alike(bench: Bench) -> None:
    """With and without the files that may not be seen, every answer is the same, score for score."""
    root = bench.tree("here", FILES | HIDDEN)
    with_them, _ = bench.service("with", root)
    first = answers(with_them, root, ANN)
    assert "tr0ub4dor" not in repr({name: answer for name, answer in first.items() if "tr0ub4dor" not in name})
    for path in HIDDEN:
        (root / path).unlink()
    without, _ = bench.service("without", root)
    second = answers(without, root, ANN)
    assert first.keys() == second.keys()
    for name in first:
        assert same(first[name], second[name]), name


def test_who_may_see_all_sees_all(bench: Bench) -> None:
    """Rules for some change nothing for others."""
    root = bench.tree("here", FILES | HIDDEN)
    service, _ = bench.service("all", root)
    assert service.search(SearchRequest("unlock_vault", 5), ANN).hits[0].chunk.path == "bank/accounts.py"
    assert service.search(SearchRequest("unlock_vault", 5), LOCAL_USER).hits[0].chunk.path == LOCKED
    assert [status.files for status in service.status(LOCAL_USER)] == [len(FILES) + len(HIDDEN)]
    assert [status.files for status in service.status(ANN)] == [len(FILES)]


def test_who_may_see_nothing_does_not_learn_that_there_is_anything(bench: Bench) -> None:
    """A tree of which no file may be seen is no tree."""
    root = bench.tree("here", FILES | HIDDEN)
    service, _ = bench.service("nothing", root)
    assert service.views(BOB) == []
    assert service.status(BOB) == []
    with pytest.raises(RepositoryNotIndexed, match="nothing is indexed yet"):
        service.search(SearchRequest("account"), BOB)
    with pytest.raises(RepositoryNotIndexed):
        service.read(str(root), "README.md", (1, None), BOB)


def test_parts_follow_edits_and_rules(bench: Bench) -> None:
    """New files are seen once they were decided on; other rules hold at once; owners count where they are asked."""
    root = bench.tree("here", FILES | HIDDEN)
    service, access = bench.service("edits", root)
    assert [status.files for status in service.status(ANN)] == [len(FILES)]
    before = service.views(ANN)[0].live
    (root / "vault/more_vault.py").write_text("def more_vault():\n    return 1\n")
    service.index(find_checkout(root), LOCAL_USER)
    assert service.views(ANN)[0].live == before
    [unchanged] = service.search(SearchRequest("interest", 1), ANN).snapshots
    (root / "bank/loans.py").write_text("def grant_loan(owner):\n    return owner\n")
    (root / "bank/interest.py").write_text("def monthly_interest(sum):\n    return sum * 0.002\n")
    service.index(find_checkout(root), LOCAL_USER)
    access.rules.classified.clear()
    found = service.search(SearchRequest("grant_loan", 1), ANN)
    assert found.hits[0].chunk.path == "bank/loans.py"
    assert found.snapshots[0].id != unchanged.id
    assert service.search(SearchRequest("monthly_interest", 1), ANN).hits[0].chunk.path == "bank/interest.py"
    assert "bank/loans.py" in access.rules.classified
    assert "vault/more_vault.py" not in access.rules.classified  # of what did not change the class is known
    access.rules = Rules("no-loans", lambda path: "loans" not in path)
    assert "grant_loan" not in repr(service.search(SearchRequest("loan", 20), ANN).hits)
    assert service.search(SearchRequest("unlock_vault", 5), ANN).hits[0].chunk.path == LOCKED
    access.rules = Rules("owned", lambda _: False, by_owner=True)
    assert service.views(ANN) == []
    (root / "CODEOWNERS").write_text("bank/interest.py @ann\n")
    service.index(find_checkout(root), LOCAL_USER)
    assert {hit.chunk.path for hit in service.search(SearchRequest("interest", 20), ANN).hits} == {"bank/interest.py"}


def test_owners_that_are_there_and_not_read_let_nobody_in(bench: Bench) -> None:
    """A list of owners that is left out of the index, by whatever rule, is not one that says nothing."""
    root = bench.tree("here", FILES | {".github/CODEOWNERS": "bank/interest.py @ann\n"})
    service, access = bench.service("owners", root)
    access.rules = Rules("owned", lambda _: False, by_owner=True, needs_owners=True)
    assert [status.files for status in service.status(ANN)] == [1]
    (root / ".conexusignore").write_text(".github/\n")
    service.index(find_checkout(root), LOCAL_USER)
    assert service.status(ANN) == []
    (root / ".conexusignore").unlink()
    service.index(find_checkout(root), LOCAL_USER)
    assert [status.files for status in service.status(ANN)] == [1]


def test_what_a_part_wrongly_holds_does_not_leave(bench: Bench) -> None:
    """Hits are checked by the rules again: rows that somebody added to a part by hand show nothing."""
    root = bench.tree("here", FILES | HIDDEN)
    service, _ = bench.service("tampered", root)
    assert service.search(SearchRequest("unlock_vault", 5), ANN).hits
    part = service.views(ANN)[0].live
    assert part is not None
    catalog: Any = service.catalog
    with catalog.connection.transaction() as db:
        db.execute("INSERT INTO trim_files SELECT ?, id, 0 FROM files WHERE path LIKE 'vault/%'", (part.id,))
    assert "vault/" not in {hit.chunk.path[:6] for hit in service.search(SearchRequest("unlock_vault", 9), ANN).hits}
    found = service.symbols("unlock_vault", EVERYWHERE, 9, ANN, uses=True)
    assert "vault/" not in {one.path[:6] for one in (*found.definitions, *found.uses)}


def test_parts_of_what_went_are_forgotten(bench: Bench) -> None:
    """Another generation and another start leave no rows of parts that nobody asks for."""
    root = bench.tree("here", FILES | HIDDEN)
    service, access = bench.service("first", root)
    service.status(ANN)
    service.close()
    bench.opened.clear()
    app = build(Config(store=StoreOptions(path=str(bench.folder / "data-first"))), keep_open=True)
    bench.opened.append(app.service)
    access.rules = Rules("other", lambda path: path.startswith("bank/"))
    app.service.edition = replace(app.service.edition, access=access)
    assert [status.files for status in app.service.status(ANN)] == [4]
    catalog: Any = app.service.catalog
    assert catalog.rows("SELECT count(*) FROM trims", ()) == [(1,)]
    [view] = app.service.catalog.views()
    app.service.remove(view, LOCAL_USER)
    assert catalog.rows("SELECT count(*) FROM trim_files", ()) == [(0,)]


# ------------------------------------------------------------------ an attacker who asks a lot

_LETTERS = "abcdefghijklmnop"
_HIDDEN_WORD = "kdgbnhoejfaclpmibgkdonhcajfepmil"
"""32 letters of the 16 above."""


def guessed(service: LocalService, question: str, places: Iterable[int]) -> int:
    """How many letters of a word an attacker guesses who has learnt all that comes before each of them.

    They ask for each way to go on, and take the one of which an answer makes the most: by its best score, then by how
    many results there are, and by their order, what is said beside them and how long all of it is.
    """
    right = 0
    for place in places:
        made_of: dict[str, tuple[object, ...]] = {}
        for letter in _LETTERS:
            text = question.format(_HIDDEN_WORD[:place] + letter)
            answer = service.search(SearchRequest(text, 20, explain=True), ANN)
            best = max((hit.score for hit in answer.hits), default=0.0)
            made_of[letter] = (best, len(answer.hits), len(answer.notices), len(repr(answer.hits)))
        right += max(_LETTERS, key=lambda letter: made_of[letter]) == _HIDDEN_WORD[place]
    return right


def attacked(bench: Bench) -> tuple[LocalService, Trimmed]:
    """A tree that has a word with each of its beginnings, which is more than an attacker could hope for."""
    beginnings = [_HIDDEN_WORD[:end] for end in range(1, len(_HIDDEN_WORD) + 1)]
    code = "".join(f"def token_{word}():\n    return {word}\n\n\n" for word in beginnings)
    files = {f"vault/{word}.py": f"{word} = 1\n" for word in beginnings}
    return bench.service("attacked", bench.tree("here", FILES | files | {"vault/tokens.py": code}))


def test_a_word_cannot_be_guessed_letter_by_letter(bench: Bench) -> None:
    """Scores, counts, order, factors, notices, corrections: who may see the files learns it, who may not does not."""
    service, access = attacked(bench)
    assert guessed(service, "token_{}", range(4, 16)) <= 5  # one in 16 by chance: more than five in 30,000 times once
    access.rules = Rules("all", lambda _: True)
    assert guessed(service, "token_{}", range(4, 16)) >= 6  # the attack works where there is something to learn


@pytest.mark.slow
@pytest.mark.parametrize("form", ["{}", "token_{}", "vault/{}.py", "vualt_{}", "def token_{}", "what is token_{}"])
def test_a_whole_word_cannot_be_guessed(bench: Bench, form: str) -> None:
    """The long form of the test above: all 32 letters, asked for in several ways."""
    service, _ = attacked(bench)
    assert guessed(service, form, range(len(_HIDDEN_WORD))) <= 9  # by chance 2 of 32, and ten in 40,000 times once


@pytest.mark.slow
def test_ten_thousand_pairs_of_requests(bench: Bench) -> None:
    """The long form of two worlds: random questions of every kind, of a tree with what is hidden and one without."""
    chance = random.Random(7)  # noqa: S311 -- no secret
    names = "open close post pay vault ledger owner account interest key master unlock yearly part step".split()
    files = dict(FILES)
    hidden = dict(HIDDEN)
    for number in range(60):
        text = "".join(
            f"def {chance.choice(names)}_{chance.choice(names)}_{number}(value):\n"
            f'    """{" ".join(chance.sample(names, 4))}."""\n'
            f"    return {chance.choice(names)}_{chance.randrange(60)}(value)\n\n\n"
            for _ in range(4)
        )
        (hidden if number % 3 == 0 else files)[f"{'vault' if number % 3 == 0 else 'bank'}/part_{number}.py"] = text
    root = bench.tree("here", files | hidden)
    with_them, _ = bench.service("with", root)
    for path in hidden:
        (root / path).rename(bench.folder / path.replace("/", "_"))
    without, _ = bench.service("without", root)
    for path in hidden:
        (bench.folder / path.replace("/", "_")).rename(root / path)
    worlds = (with_them, without)
    paths = sorted(files | hidden)
    for number in range(10_000):
        text = " ".join(chance.sample(names, chance.randrange(1, 4))) + chance.choice(["", "?", "_1", ".py", " tests"])
        path, limit = chance.choice(paths), chance.randrange(1, 30)
        kind = chance.choice(["search", "context", "symbols", "related", "read", "similar", "map", "graph", "status"])
        found = [_asked(service, kind, text, path, limit, root) for service in worlds]
        assert same(*found), (number, kind, text, path)


def _asked(service: LocalService, kind: str, text: str, path: str, limit: int, root: Path) -> object:
    request, where = SearchRequest(text, limit, explain=True), str(root)
    ask: dict[str, Callable[[], Any]] = {
        "search": lambda: service.search(request, ANN),
        "context": lambda: service.context(ContextRequest(request, 100 * limit), ANN),
        "symbols": lambda: service.symbols(text.split(maxsplit=1)[0], EVERYWHERE, limit, ANN, uses=True, callees=True),
        "related": lambda: service.related(where, path, limit, ANN),
        "read": lambda: service.read(where, path, (1, None), ANN),
        "similar": lambda: service.similar(Place(where, path, 1), request, ANN),
        "map": lambda: service.map(where, limit, ANN),
        "graph": lambda: service.graph(GraphRequest(where), ANN),
        "status": lambda: service.status(ANN),
    }
    try:
        answer = ask[kind]()
    except (QueryError, NotFound, InvalidRequest) as error:
        return type(error).__name__, error.message, error.hint
    if kind in {"search", "similar"}:
        answer = replace(answer, elapsed_ms=0.0)
    if hasattr(answer, "snapshots"):
        answer = replace(answer, snapshots=tuple(map(_timeless, answer.snapshots)))
    return [replace(one, indexed_at=0.0) for one in answer] if kind == "status" else answer


def test_who_may_see_little_finds_it_all(bench: Bench) -> None:
    """Of one file in sixty, a search finds the ten nearest ones that there are: nothing is cut off before."""
    files = {
        f"{'mine' if number % 60 == 0 else 'vault'}/part_{number}.py": f"def open_account_{number}(owner):\n"
        f'    """Open the account number {number} of an owner."""\n    return owner + {number}\n'
        for number in range(600)
    }
    root = bench.tree("here", files)
    service, access = bench.service("little", root)
    access.rules = Rules("mine", lambda path: path.startswith("mine/"))
    alone, _ = bench.service("alone", bench.tree("other", {p: t for p, t in files.items() if p.startswith("mine/")}))
    for number in range(0, 600, 60):
        text = f"open the account number {number}"
        found = service.search(SearchRequest(text, 10), ANN).hits
        exact = alone.search(SearchRequest(text, 10), LOCAL_USER).hits
        assert len(found) == 10
        scores = [round(hit.score, 5) for hit in found]
        assert scores == pytest.approx([hit.score for hit in exact], abs=1e-4)
