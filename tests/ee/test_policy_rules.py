# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Policies decide as they are written: against an oracle of our own, in random rules, and when they are broken."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conexus.errors import InvalidRequest
from conexus.types import (
    AccessAction,
    AccessPolicyText,
    Claims,
    FileId,
    FileLabel,
    ListedFile,
    OwnersFile,
    PolicySet,
    Principal,
    RepoId,
)
from conexus_ee.cedar import FILE_ACTIONS, Asker, Circumstances, FileFacts, Rules, Tree, compiled, fits
from conexus_ee.policies import FileClasses

USERS, GROUPS, TEAMS = ("ann", "bob", 'o"dd'), ("web", "core", "guests"), ("night", "day")
PATHS = (
    "src/a.py", "src/secrets/key.py", "src/secrets/deep/er.go", "docs/a.md", "a.py", "secrets.py", "src/[x].py",
    "src/üñ.py", "src/new\nline.py", "src/\udcff.py", "vault/.env", "Src/a.py",
)  # fmt: skip
LANGUAGES = ("python", "go", "")
LABELS = (
    FileLabel("confidential", ("*secrets*", "vault/*")),
    FileLabel("generated", ("*.go",)),
    FileLabel("elsewhere", ("*",), ("gitlab.com/*",)),
)
OWNERS_TEXT = "* @acme/all\nsrc/ @ann @acme/web\nsrc/secrets/ @acme/core\n*.md docs@example.org\nvault/\n"
OWNERS = OwnersFile("CODEOWNERS", OWNERS_TEXT)
REPO, OTHER = RepoId("github.com/acme/web"), RepoId("github.com/acme/core")


# ------------------------------------------------------------------------------ an oracle of rules


@dataclass(frozen=True)
class Question:
    """What is asked, with all that a rule can see of it."""

    who: Asker
    action: str
    around: Circumstances
    tree: Tree
    file: FileFacts


@dataclass(frozen=True)
class Clause:
    """A condition: how it is written, and what it means."""

    text: str
    holds: Callable[[Question], bool]


def like(pattern: str, path: str) -> bool:
    """Whether a pattern fits, by trying every split."""
    if not pattern:
        return not path
    if pattern[0] == "*":
        return any(like(pattern[1:], path[cut:]) for cut in range(len(path) + 1))
    return bool(path) and path[0] == pattern[0] and like(pattern[1:], path[1:])


def shown(path: str) -> str:
    """A path as rules see it."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def quoted(text: str) -> str:
    """A text as Cedar writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\\n", "\\n")


PATTERNS = ("*", "src/*", "*secrets*", "*.py", "src/*/*.go", "a*b*c", "docs/a.md", "*a*", "Src/*", "")
_clauses = st.one_of(
    st.sampled_from(PATTERNS).map(
        lambda p: Clause(f"resource.path like {quoted(p)}", lambda q: like(p, shown(q.file.path)))
    ),
    st.sampled_from(PATHS[:6]).map(
        lambda p: Clause(f"resource.path == {quoted(p)}", lambda q: shown(q.file.path) == p)
    ),
    st.just(Clause('["a.py", "docs/a.md"].contains(resource.path)', lambda q: q.file.path in ("a.py", "docs/a.md"))),
    st.sampled_from(LANGUAGES).map(
        lambda x: Clause(f"resource.language == {quoted(x)}", lambda q: q.file.language == x)
    ),
    st.sampled_from(LABELS).map(
        lambda x: Clause(f"resource.labels.contains({quoted(x.name)})", lambda q: x.name in q.file.labels)
    ),
    st.sampled_from(["@ann", "@acme/web", "@acme/core", "docs@example.org"]).map(
        lambda x: Clause(f"resource.owners.contains({quoted(x)})", lambda q: x in q.file.owners)
    ),
    st.just(
        Clause("resource.owners.isEmpty()", lambda q: not q.file.owners),
    ),
    st.sampled_from(["main", "release"]).map(
        lambda x: Clause(f"resource.branch == {quoted(x)}", lambda q: q.tree.branch == x)
    ),
    st.sampled_from([REPO, OTHER]).map(
        lambda x: Clause(f"resource in Repository::{quoted(x)}", lambda q: q.tree.repo == x)
    ),
    st.integers(0, 23).map(lambda x: Clause(f"context.hour >= {x}", lambda q: q.around.hour >= x)),
    st.integers(1, 7).map(lambda x: Clause(f"context.weekday < {x}", lambda q: q.around.weekday < x)),
    st.sampled_from(["10.0.0.0/8", "127.0.0.1", "::1/128"]).map(
        lambda x: Clause(
            f"context.address.isInRange(ip({quoted(x)}))",
            lambda q: ipaddress.ip_address(q.around.address) in ipaddress.ip_network(x),
        )
    ),
    st.sampled_from(["rest", "grpc"]).map(
        lambda x: Clause(f"context.client == {quoted(x)}", lambda q: q.around.client == x)
    ),
    st.just(Clause("context.agent", lambda q: q.around.client == "mcp")),
    st.just(Clause("context has mfa && context.mfa", lambda q: q.around.claims.mfa is True)),
    st.just(Clause("context has mfa", lambda q: q.around.claims.mfa is not None)),
    st.sampled_from(["managed", "compliant", "encrypted"]).map(
        lambda x: Clause(f"context has device.{x} && context.device.{x}", lambda q: getattr(q.around.claims, x) is True)
    ),
    st.just(
        Clause(
            'context has device.platform && context.device.platform == "ios"',
            lambda q: q.around.claims.platform == "ios",
        )
    ),
    st.sampled_from(GROUPS).map(lambda x: Clause(f"principal in Group::{quoted(x)}", lambda q: x in q.who.groups)),
)


def _combined(parts: tuple[Clause, Clause, str]) -> Clause:
    first, second, how = parts
    if how == "not":
        return Clause(f"!({first.text})", lambda q: not first.holds(q))
    if how == "and":
        return Clause(f"({first.text}) && ({second.text})", lambda q: first.holds(q) and second.holds(q))
    return Clause(f"({first.text}) || ({second.text})", lambda q: first.holds(q) or second.holds(q))


_conditions = st.one_of(_clauses, st.tuples(_clauses, _clauses, st.sampled_from(["and", "or", "not"])).map(_combined))
_principals = st.one_of(
    st.just(Clause("principal", lambda _: True)),
    st.sampled_from(USERS).map(
        lambda x: Clause(f"principal == User::{quoted(x)}", lambda q: (q.who.kind, q.who.name) == ("User", x))
    ),
    st.sampled_from(GROUPS).map(lambda x: Clause(f"principal in Group::{quoted(x)}", lambda q: x in q.who.groups)),
    st.sampled_from(TEAMS).map(lambda x: Clause(f"principal in Team::{quoted(x)}", lambda q: x in q.who.teams)),
    st.just(Clause("principal is Client", lambda q: q.who.kind == "Client")),
)
_actions = st.one_of(
    st.just(Clause("action", lambda _: True)),
    st.sets(st.sampled_from(sorted(FILE_ACTIONS)), min_size=1).map(
        lambda some: Clause(
            "action in [" + ", ".join(f'Action::"{one}"' for one in sorted(some)) + "]", lambda q: q.action in some
        )
    ),
)


@dataclass(frozen=True)
class Rule:
    """A rule: how it is written, and whether it applies."""

    permits: bool
    scope: tuple[Clause, Clause]
    when: Clause | None
    unless: Clause | None

    @property
    def text(self) -> str:
        """In Cedar. It is of files, which not all actions are of."""
        text = f"{'permit' if self.permits else 'forbid'}({self.scope[0].text}, {self.scope[1].text}, resource is File)"
        text += f" when {{ {self.when.text} }}" if self.when else ""
        return text + (f" unless {{ {self.unless.text} }}" if self.unless else "") + ";"

    def applies(self, question: Question) -> bool:
        """Whether it says something to a question."""
        return (
            all(clause.holds(question) for clause in self.scope)
            and (self.when is None or self.when.holds(question))
            and (self.unless is None or not self.unless.holds(question))
        )


_rules = st.builds(
    Rule,
    st.sampled_from([True, True, False]),
    st.tuples(_principals, _actions),
    st.none() | _conditions,
    st.none() | _conditions,
)
_askers = st.builds(
    Asker,
    st.just("User"),
    st.sampled_from(USERS),
    st.frozensets(st.sampled_from(GROUPS)),
    st.frozensets(st.sampled_from(TEAMS)),
) | st.just(Asker("Client", "ann"))
_circumstances = st.builds(
    Circumstances,
    st.integers(0, 23),
    st.integers(1, 7),
    st.sampled_from(["10.1.2.3", "127.0.0.1", "::1", "192.168.0.1"]),
    st.sampled_from(["rest", "grpc", "mcp"]),
    st.builds(Claims, *[st.sampled_from([None, True, False])] * 4, st.sampled_from(["", "ios", "linux"])),
)


def rules_of(*texts: str, labels: Sequence[FileLabel] = LABELS) -> Rules:
    """Rules, ready to decide."""
    return compiled(
        PolicySet(tuple(AccessPolicyText(f"p{number}", text) for number, text in enumerate(texts)), tuple(labels))
    )


FILES = [ListedFile(FileId(n), path, LANGUAGES[n % 3]) for n, path in enumerate(PATHS)]


def expected_facts(repo: RepoId, file: ListedFile) -> FileFacts:
    """What is true of a file, found out anew."""
    labels = tuple(
        label.name
        for label in LABELS
        if any(like(pattern, shown(file.path)) for pattern in label.paths)
        and any(like(pattern, repo) for pattern in label.repositories)
    )
    owners = {
        "src/secrets": ("@acme/core",),
        "src/": ("@ann", "@acme/web"),
        "docs/a.md": ("docs@example.org",),
        "vault/": (),
        "": ("@acme/all",),
    }
    [owned] = [owners[start] for start in owners if file.path.startswith(start)][:1]
    return FileFacts(file.path, file.language, labels, owned)


def compare(rules: Sequence[Rule], askers: Sequence[Asker], requests: Sequence[Circumstances]) -> int:
    """Every question about every file, by classes and by the oracle; returns how many there were."""
    ready = rules_of(*(rule.text for rule in rules))
    asked = 0
    for tree in (Tree(REPO, "main"), Tree(OTHER, "")):
        classes = dict(zip(FILES, ready.classify(tree.repo, FILES, OWNERS), strict=True))
        for who in askers:
            for around in requests:
                for action in sorted(FILE_ACTIONS):
                    allowed = ready.allowed(who, action, around, tree, set(classes.values()))
                    for file in FILES:
                        question = Question(who, action, around, tree, expected_facts(tree.repo, file))
                        applying = [rule for rule in rules if rule.applies(question)]
                        wanted = any(rule.permits for rule in applying) and all(rule.permits for rule in applying)
                        assert (classes[file] in allowed) == wanted, (
                            question, [rule.text for rule in applying],
                        )  # fmt: skip
                        asked += 1
    return asked


@given(
    st.lists(_rules, min_size=1, max_size=7),
    st.lists(_askers, min_size=1, max_size=3),
    st.lists(_circumstances, min_size=1, max_size=2),
)
@settings(
    max_examples=int(os.environ.get("CONEXUS_CASES", "1200")) // 50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_rules_decide_as_an_oracle_does(rules: list[Rule], askers: list[Asker], requests: list[Circumstances]) -> None:
    """No leak and no wrong denial, whatever the rules, the caller, the action, the request and the file."""
    assert compare(rules, askers, requests) >= len(FILES) * 8


@pytest.mark.slow
def test_a_hundred_thousand_questions() -> None:
    """The long form of the test above: at least so many decisions, all of them right."""
    asked = 0

    @given(
        st.lists(_rules, min_size=1, max_size=7),
        st.lists(_askers, min_size=2, max_size=3),
        st.lists(_circumstances, min_size=2, max_size=2),
    )
    @settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def run(rules: list[Rule], askers: list[Asker], requests: list[Circumstances]) -> None:
        nonlocal asked
        asked += compare(rules, askers, requests)

    run()
    assert asked >= 100_000


@given(st.text("ab*/", max_size=8), st.text("ab/\n", max_size=8))
@settings(max_examples=400, deadline=None)
def test_patterns_mean_what_cedar_means(pattern: str, path: str) -> None:
    """Our reading of a pattern, which makes the classes, is the oracle's."""
    assert fits(pattern, path) == like(pattern, path)


# ------------------------------------------------------------------------------ what is broken denies

ANN = Asker("User", "ann", frozenset({"web"}))
NOON = Circumstances(12, 1, "127.0.0.1", "rest")
HERE = Tree(REPO, "main")
EVERYTHING = "permit(principal, action, resource is File);"


def allowed_paths(rules: Rules, who: Asker = ANN, around: Circumstances = NOON, action: str = "read") -> set[str]:
    """The files that somebody may read."""
    classes = rules.classify(REPO, FILES, OWNERS)
    allowed = rules.allowed(who, action, around, HERE, set(classes))
    return {file.path for file, its in zip(FILES, classes, strict=True) if its in allowed}


def test_nothing_is_allowed_that_no_rule_permits() -> None:
    """A prohibition alone permits nothing."""
    assert allowed_paths(rules_of('forbid(principal, action, resource) when { principal in Group::"x" };')) == set()
    assert allowed_paths(rules_of(EVERYTHING)) == set(PATHS)


def test_a_prohibition_that_fails_denies() -> None:
    """Cedar passes over a rule that cannot be evaluated, be it a prohibition; that would let everybody in."""
    overflow = "context.hour + 9223372036854775800 > 0"
    broken = rules_of(EVERYTHING, f"forbid(principal, action, resource is File) when {{ {overflow} }};")
    assert allowed_paths(broken) == set()
    [decision] = broken.decide(ANN, "read", NOON, HERE, [FileFacts("src/a.py")])
    assert (decision.allowed, decision.reasons) == (False, ("p0",))
    assert "overflow" in decision.errors[0]


BROKEN = {
    "no Cedar": ("permit(principal, action", "is no Cedar"),
    "no rule": ("// nothing", "has no rule"),
    "a missing attribute": (EVERYTHING[:-1] + " when { resource.colour == 1 };", "does not make sense"),
    "a wrong type": (EVERYTHING[:-1] + " when { resource.path == 1 };", "not supported|does not make sense"),
    "an unknown action": ('permit(principal, action == Action::"peek", resource);', "does not make sense"),
    "an unknown kind of principal": ('permit(principal == Robot::"r", action, resource);', "does not make sense"),
    "a template": ("permit(principal == ?principal, action, resource);", "is a template"),
    "a file by its name": ('permit(principal, action, resource == File::"a.py");', "names a File"),
    "a path used otherwise": (
        EVERYTHING[:-1] + " when { resource.labels.contains(resource.path) };", "not supported",
    ),
    "the context as a whole": (EVERYTHING[:-1] + " when { context == context };", "context as a whole|make sense"),
    "a detour": (EVERYTHING[:-1] + ' when { (if true then resource else resource).path like "x*" };', "as a whole"),
    "a detour by a record": (EVERYTHING[:-1] + ' when { {a: resource}.a.labels.contains("x") };', "as a whole"),
    "a detour by a set": (EVERYTHING[:-1] + " when { [resource].contains(resource) };", "as a whole"),
    "a file as a whole": (EVERYTHING[:-1] + " when { resource == resource };", "as a whole"),
    "claims that may not be there": (EVERYTHING[:-1] + " when { context.mfa };", "optional attribute `mfa`"),
    "a device that may not be there": (
        EVERYTHING[:-1] + " when { context has device && context.device.managed };", "optional attribute",
    ),
    "a slip of the pen": (EVERYTHING[:-1] + " unless { context has mfaa && context.mfaa };", "context.mfaa, which"),
    "a slip in a part": (
        EVERYTHING[:-1] + " unless { context has device.managd && context.device.managd };", "context.device.managd",
    ),
    "a detour to claims": (EVERYTHING[:-1] + " when { {a: context}.a has mfa };", "context as a whole"),
    "an asterisk in a path": (EVERYTHING[:-1] + ' when { resource.path == "a*b" };', "asterisk"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_makes_no_sense_is_refused(what: str) -> None:
    """With the policy's name and the reason."""
    text, why = BROKEN[what]
    with pytest.raises(InvalidRequest, match=why) as caught:
        rules_of(EVERYTHING, text)
    assert "policy p1" in caught.value.message


class FailingEngine:
    """Stands for an engine that fails, or that answers something else than it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Fail, or answer."""
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer", [RuntimeError("engine"), ValueError("x"), MemoryError(), [], None, [None] * 3], ids=repr
)
def test_a_failing_engine_denies(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in it."""
    rules = rules_of(EVERYTHING)
    monkeypatch.setattr("cedarpy.is_authorized_batch", FailingEngine(answer))
    assert allowed_paths(rules) == set()
    assert not rules.decide_repository(ANN, "index", NOON, REPO).allowed


ODD = st.text(max_size=12) | st.sampled_from(["", "read", "ann", '"', "\\", "::", "\0", "\udcff", "💥", "a" * 3000])


@given(ODD, ODD, ODD, ODD, st.integers(-(2**70), 2**70) | st.integers(0, 23), ODD)
@settings(max_examples=int(os.environ.get("CONEXUS_CASES", "1200")) // 4, deadline=None)
def test_odd_requests_are_not_allowed(action: str, name: str, address: str, client: str, hour: int, kind: str) -> None:
    """What is no action, no address, no time or no caller is denied: a rule for web's reading says nothing of it."""
    rules = rules_of('permit(principal in Group::"web", action == Action::"read", resource is File);')
    who = Asker(kind, name, frozenset({"web"}))
    around = Circumstances(hour, 1, address, client)
    sound = action == "read" and kind == "User" and -(2**63) <= hour < 2**63 and _is_address(address)
    for decision in rules.decide(who, action, around, HERE, [FileFacts("src/a.py")]):
        assert decision.allowed <= sound
    assert not rules.decide_repository(who, action, around, REPO).allowed


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_interface(text or "127.0.0.1")
    except ValueError:
        return False
    return True


@pytest.mark.slow
def test_ten_thousand_odd_requests() -> None:
    """The long form of the test above."""
    asked = 0

    @given(ODD, ODD, ODD, ODD, st.integers(-(2**70), 2**70), ODD)
    @settings(max_examples=10_000, deadline=None)
    def run(action: str, name: str, address: str, client: str, hour: int, kind: str) -> None:
        nonlocal asked
        test_odd_requests_are_not_allowed.hypothesis.inner_test(action, name, address, client, hour, kind)  # type: ignore[attr-defined]
        asked += 1

    run()
    assert asked >= 10_000


# ------------------------------------------------------------------------------ owners and branches


@pytest.mark.parametrize(
    "owners", [OwnersFile("CODEOWNERS", None), OwnersFile("CODEOWNERS", "!docs/ @a\n"), OwnersFile("x", "^[x @y\n")]
)
def test_owners_that_cannot_be_told_let_nobody_in(owners: OwnersFile) -> None:
    """Where a rule speaks of owners; to others it is all the same."""
    rules = rules_of(EVERYTHING, 'forbid(principal, action, resource is File) when { resource.owners.contains("@x") };')
    classes = rules.classify(REPO, FILES, owners)
    assert set(rules.allowed(ANN, "read", NOON, HERE, set(classes))) == set()
    if owners.text is not None:
        other = rules_of(EVERYTHING)
        assert set(other.allowed(ANN, "read", NOON, HERE, set(other.classify(REPO, FILES, owners)))) != set()


def test_classes_are_few() -> None:
    """Rules that speak of two patterns make no more than four classes of any number of files."""
    rules = rules_of(EVERYTHING, 'forbid(principal, action, resource is File) when { resource.path like "*secrets*" };')
    many = [replace_path(n) for n in range(2000)]
    assert len(set(rules.classify(REPO, many, OwnersFile()))) == 2


def replace_path(number: int) -> ListedFile:
    """A file among many."""
    return FILES[0]._replace(id=FileId(number), path=f"src/{'secrets/' if number % 7 == 0 else ''}f{number}.py")


def test_between_two_branches_both_have_to_allow() -> None:
    """While text may be of either of two branches, what the rules of one keep shut is shut."""
    rules = _compiled(
        'permit(principal, action, resource is File) when { ["main", "topic"].contains(resource.branch) };'
    )
    assert rules is not None

    class Askers:
        def asker(self, who: Principal) -> Asker:
            return Asker("User", who.user)

    askers: Any = Askers()
    files = [ListedFile(FileId(1), "src/a.py", "python")]
    for branch, former, sees in (
        ("main", (), True),
        ("main", ("topic",), True),
        ("main", ("secret",), False),
        ("secret", ("main",), False),
        ("main", ("topic", "secret"), False),
    ):
        classes = FileClasses(rules, Tree(RepoId("example.org/a/b"), branch), askers, former)
        of_file = classes.classify(files, OwnersFile())
        found = classes.allowed(Principal("user:ann", user="ann"), AccessAction.SEARCH, set(of_file))
        assert bool(found) == sees, (branch, former)
    keys = {FileClasses(rules, Tree(RepoId("x/y"), "main"), askers, former).key for former in ((), ("a",), ("a", "b"))}
    assert len(keys) == 3


def _compiled(text: str) -> Rules | None:
    return compiled(PolicySet((AccessPolicyText("one", text),)))
