# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Access policies: the version in force decides, and administrators change, test and explain it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from conexus.edition import (
    OWNERS_FILES,
    AccessClasses,
    AuditSink,
    Directory,
    Entitlements,
    IndexedFiles,
    PolicyStore,
    not_available,
)
from conexus.errors import ConexusError, InvalidRequest, NotFound
from conexus.types import (
    AccessAction,
    AccessDifference,
    AccessExplanation,
    AccessQuestion,
    CaseResult,
    ChangeEvent,
    Claims,
    Feature,
    FileId,
    IndexedTree,
    IndexedView,
    ListedFile,
    OwnersFile,
    Permission,
    PolicyCase,
    PolicyReport,
    PolicySet,
    PolicyVersion,
    Principal,
    RepoId,
    RequestFacts,
    Simulation,
)
from conexus.values import dataclass
from conexus_ee.cedar import SCHEMA, Asker, Circumstances, Decision, FileFacts, Rules, Tree, compiled
from conexus_ee.events import audit_event
from conexus_ee.owners import is_readable
from conexus_ee.rights import permissions_on, subjects_of
from conexus_ee.templates import TEMPLATES

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_EXAMPLES: Final = 5
_KEPT: Final = 8
_MOST: Final = 1_000  # policies, labels and tests, of each
_CLIENT_PREFIX: Final = "key:"


class Policies:
    """Decides by the version in force. Threads may share it.

    Args:
        store: Where versions are.
        directory: Where groups and teams are.
    """

    def __init__(self, store: PolicyStore, directory: Directory) -> None:
        self._store = store
        self._directory = directory
        self._ready: tuple[int, Rules | None, str] = (0, None, "")
        self._compiled: dict[PolicySet, Rules] = {}
        """Of the last versions: going back to one, and putting the same rules in force again, takes no time."""

    def rules(self) -> tuple[int, Rules | None, str]:
        """Return the version in force: its number, its rules, and why they cannot be used, if so.

        Without a policy there are no rules and no problem: then repositories are all there is.
        """
        version = self._store.current()
        if self._ready[0] != version.number:
            rules, problem = None, ""
            if version.policies.policies:
                try:
                    rules = self._rules_of(replace(version.policies, cases=()))
                except ConexusError as exc:  # it was sound when it was put in force: another engine, or none
                    problem = exc.message
            self._ready = (version.number, rules, problem)
        return self._ready

    def _rules_of(self, policies: PolicySet) -> Rules:
        rules = self._compiled.pop(policies, None) or compiled(policies)
        self._compiled[policies] = rules
        while len(self._compiled) > _KEPT:
            self._compiled.pop(next(iter(self._compiled)))
        return rules

    def classes(self, view: IndexedView) -> AccessClasses | None:
        """Return what decides about the files of a view; ``None`` where no policy is in force."""
        number, rules, problem = self.rules()
        if rules is None:
            return Undecided(number) if problem else None
        return FileClasses(rules, Tree(view.repo, view.branch), self, view.former)

    def may(self, who: Principal, action: str, repo: RepoId) -> bool:
        """Whether a caller may do something with a repository as a whole, as far as policies go."""
        _, rules, problem = self.rules()
        if rules is None:
            return not problem
        return rules.decide_repository(self.asker(who), action, circumstances(who), repo).allowed

    def asker(self, who: Principal) -> Asker:
        """Return a caller as rules see them."""
        if not who.user and who.subject.startswith(_CLIENT_PREFIX):
            return Asker("Client", who.subject.removeprefix(_CLIENT_PREFIX))
        if not who.user:
            return Asker("User", who.subject, who.groups)
        return self.user(who.user)

    def user(self, name: str) -> Asker:
        """Return a user of the directory as rules see them."""
        subjects = subjects_of(self._directory.state(), name)
        return Asker("User", name, _named(subjects, "group:"), _named(subjects, "team:"))


def _named(subjects: Iterable[str], kind: str) -> frozenset[str]:
    return frozenset(one.removeprefix(kind) for one in subjects if one.startswith(kind))


def circumstances(who: Principal) -> Circumstances:
    """Return what rules are told of a request that is made now."""
    now = time.localtime()
    claims = who.claims if time.time() < who.claims_until else Claims()
    return Circumstances(now.tm_hour, now.tm_wday + 1, who.address, who.client, claims)


@dataclass(frozen=True, slots=True)
class FileClasses:
    """The classes of a tree's files. Implements ``conexus.edition.AccessClasses``."""

    rules: Rules
    tree: Tree
    policies: Policies
    former: tuple[str, ...] = ()
    """Other branches that a file's text may be of: what rules keep shut there is shut."""

    @property
    def key(self) -> str:
        """Another one for other rules and each tree."""
        return "\n".join([f"{self.rules.digest} {self.tree.repo} {self.tree.branch}", *self.former])

    @property
    def source(self) -> object:
        """The rules."""
        return self.rules

    @property
    def by_owner(self) -> bool:
        """Whether a rule speaks of owners."""
        return self.rules.by_owner

    def classify(self, files: Sequence[ListedFile], owners: OwnersFile) -> Sequence[str]:
        """Return the class of each file."""
        return self.rules.classify(self.tree.repo, files, owners)

    def allowed(self, who: Principal, action: AccessAction, classes: Collection[str]) -> Collection[str]:
        """Return the classes of which a caller may see the files."""
        asker, around = self.policies.asker(who), circumstances(who)
        found: Collection[str] = classes
        for tree in (self.tree, *(Tree(self.tree.repo, branch) for branch in self.former)):
            found = self.rules.allowed(asker, action.value, around, tree, found)
        return found


@dataclass(frozen=True, slots=True)
class Undecided:
    """Rules that cannot be used: nobody sees anything. Implements ``conexus.edition.AccessClasses``."""

    number: int

    @property
    def key(self) -> str:
        """That of a version."""
        return f"{self.number} undecided"

    @property
    def source(self) -> object:
        """Nothing: there is one class."""
        return None

    @property
    def by_owner(self) -> bool:
        """False."""
        return False

    def classify(self, files: Sequence[ListedFile], owners: OwnersFile) -> Sequence[str]:
        """Return one class for all."""
        return ["undecided"] * len(files)

    def allowed(self, who: Principal, action: AccessAction, classes: Collection[str]) -> Collection[str]:
        """Return nothing."""
        return ()


# ------------------------------------------------------------------------------ the desk


class LicensedPolicies:
    """Implements ``conexus.edition.PolicyDesk``.

    Once the licence is over the policies in force go on being enforced, and can be looked at, tested and explained;
    they cannot be changed.

    Args:
        store: Where versions are.
        policies: Decides by the one in force.
        directory: Where users are, and the events of changes.
        indexed: Which files there are.
        entitlements: Says whether policies may be changed.
        now: Seconds since the epoch.
        audit: Is told of each change.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- one for each part that it ties together
        self,
        store: PolicyStore,
        policies: Policies,
        directory: Directory,
        indexed: IndexedFiles,
        entitlements: Entitlements,
        now: Callable[[], float],
        audit: AuditSink,
    ) -> None:
        self._audit = audit
        self._store = store
        self._policies = policies
        self._directory = directory
        self._indexed = indexed
        self._entitlements = entitlements
        self._now = now

    def current(self) -> PolicyVersion:
        """Return the policies in force."""
        return self._store.current()

    def version(self, number: int) -> PolicyVersion:
        """Return a version that was in force, or is.

        Raises:
            NotFound: There is none of that number.
        """
        found = PolicyVersion() if number == 0 else self._store.version(number)
        if found is None:
            raise NotFound(f"there is no version {number} of the policies", hint="see `conexus policy history`")
        return found

    def schema(self) -> str:
        """Return what rules can speak of, as Cedar has it."""
        return SCHEMA

    def templates(self) -> Mapping[str, str]:
        """Return policies to start from, by name."""
        return TEMPLATES

    def history(self, limit: int) -> list[PolicyVersion]:
        """Return the newest versions, newest first."""
        return self._store.newest(limit)

    def put(self, policies: PolicySet, who: Principal, note: str = "", *, expected: int | None = None) -> PolicyReport:
        """Put policies in force, if their own tests pass.

        Raises:
            InvalidRequest: A policy makes no sense, a test fails, or the version in force is another one.
            FeatureNotAvailable: The licence is over, or does not include policies.
        """
        present = self._present()
        if expected is not None and expected != present.number:
            raise _changed_meanwhile(present.number)
        results = tuple(_results(_checked(policies), policies))
        failed = [one for one in results if not one.passed]
        if failed:
            raise InvalidRequest(
                f"the test {failed[0].case.name} fails: {_verdict(failed[0])}" + _and_others(len(failed)),
                hint="nothing was changed; --dry-run shows all of them",
            )
        version = PolicyVersion(present.number + 1, self._now(), who.subject, note, policies)
        self._audit.require()
        if not self._store.add(version):
            raise _changed_meanwhile(self._store.current().number)
        detail = f"version {version.number}{': ' if note else ''}{note}"
        event = ChangeEvent("policies.put", version.at, who.subject, "policies", detail)
        self._directory.add_event(event)
        self._audit.record(audit_event(event, who))
        return PolicyReport(version, results)

    def simulate(self, policies: PolicySet, simulation: Simulation) -> PolicyReport:
        """Say what policies would change, and change nothing; their tests need not pass.

        Raises:
            InvalidRequest: A policy or a request makes no sense.
            FeatureNotAvailable: As above.
        """
        present = self._present()
        _require_sound(simulation.around)
        rules = _checked(policies)
        version = PolicyVersion(present.number + 1, self._now(), policies=policies)
        differences = tuple(self._differences(rules, simulation))
        return PolicyReport(version, tuple(_results(rules, policies)), differences, applied=False)

    def _present(self) -> PolicyVersion:
        if not self._entitlements.has(Feature.CONTEXT_BASED_ACCESS):
            raise not_available(self._entitlements, Feature.CONTEXT_BASED_ACCESS)
        return self._store.current()

    def test(self, policies: PolicySet | None = None) -> list[CaseResult]:
        """Run the tests of policies; of those in force where ``None``."""
        tested = self._store.current().policies if policies is None else policies
        return list(_results(_checked(tested), tested))

    def explain(self, question: AccessQuestion) -> AccessExplanation:
        """Say whether a user may do something with a file, and why.

        Raises:
            NotFound: There is no such user, or the file is not indexed.
        """
        _require_sound(question.around)
        state = self._directory.state()
        if question.user not in state.users:
            raise NotFound(f"there is no user {question.user!r}", hint="see `conexus admin users list`")
        tree, file = self._file(question)
        granted = Permission.READ in permissions_on(state, question.user, tree.repo)
        number, rules, problem = self._policies.rules()
        asker = self._policies.user(question.user)
        around = _around(question.around)
        if rules is None:
            decision = Decision(not problem, (), (problem,) if problem else ())
            facts = FileFacts(file.path, file.language)
        else:
            owners = self._owners(tree)
            [facts] = rules.facts_of(tree.repo, [file], owners)
            decision = rules.decide(asker, question.action, around, Tree(tree.repo, tree.branch), [facts])[0]
            if rules.by_owner and not is_readable(owners):
                decision = Decision(allowed=False, errors=("CODEOWNERS is there and cannot be read",))
        return AccessExplanation(
            allowed=granted and decision.allowed and bool(subjects_of(state, question.user)),
            granted=granted,
            reasons=decision.reasons,
            errors=decision.errors,
            version=number,
            groups=tuple(sorted(asker.groups)),
            teams=tuple(sorted(asker.teams)),
            language=file.language,
            branch=tree.branch,
            labels=facts.labels,
            owners=facts.owners,
            hour=around.hour,
            weekday=around.weekday,
            address=around.address,
            client=around.client,
            claims=around.claims,
        )

    def _file(self, question: AccessQuestion) -> tuple[IndexedTree, ListedFile]:
        trees, path = self._indexed.trees(), question.path
        if question.repository:
            trees = [one for one in trees if one.repo == question.repository and question.root in ("", one.root)]
        else:
            around = [one for one in trees if path.startswith(f"{one.root}/")]  # the innermost one first
            trees = sorted(around, key=lambda one: -len(one.root))[:1]
            path = path.removeprefix(f"{trees[0].root}/") if trees else path
        for tree in trees:
            for file in self._indexed.files(tree.root):
                if file.path == path:
                    return tree, file
        if not trees:
            raise NotFound(f"{question.repository or path} is not indexed", hint="see `conexus repos list`")
        raise NotFound(f"{path} is not in the index of {trees[0].repo}", hint="`conexus why FILE` says why")

    def _owners(self, tree: IndexedTree) -> OwnersFile:
        paths = {file.path for file in self._indexed.files(tree.root)}
        for path in OWNERS_FILES:
            if path in paths:  # the first that is there counts; without a text it was left out
                return OwnersFile(path, self._indexed.text(tree.root, path) or None)
        return OwnersFile()

    def _differences(self, rules: Rules | None, simulation: Simulation) -> Iterable[AccessDifference]:
        """What other rules would give users and keys and take from them; by REST from this machine if not said."""
        _, before, _ = self._policies.rules()
        given = simulation.around
        around = _around(replace(given, address=given.address or "127.0.0.1", client=given.client or "rest"))
        for indexed in self._indexed.trees():
            files, owners = self._indexed.files(indexed.root), self._owners(indexed)
            tree = Tree(indexed.repo, indexed.branch)
            sides = [
                None if one is None else dict(zip(files, one.classify(tree.repo, files, owners), strict=True))
                for one in (before, rules)
            ]
            for user, asker in self._readers(indexed.repo, simulation.keys):
                for action in AccessAction:
                    seen = [
                        _seen(one, files if side is None else side, (asker, action, around, tree))
                        for one, side in zip((before, rules), sides, strict=True)
                    ]
                    gained, lost = sorted(seen[1] - seen[0]), sorted(seen[0] - seen[1])
                    if gained or lost:
                        examples = [
                            *(f"+{path}" for path in gained[:_EXAMPLES]),
                            *(f"-{path}" for path in lost[:_EXAMPLES]),
                        ]
                        yield AccessDifference(user, indexed.repo, action, len(gained), len(lost), tuple(examples))

    def _readers(self, repo: RepoId, keys: Sequence[str]) -> Iterable[tuple[str, Asker]]:
        """Users who may read a repository, and keys: which of them may, only who has their secrets knows."""
        state = self._directory.state()
        for user in sorted(state.users):
            if Permission.READ in permissions_on(state, user, repo):
                yield user, self._policies.user(user)
        for key in keys:
            yield f"{_CLIENT_PREFIX}{key}", Asker("Client", key)


def _seen(
    rules: Rules | None,
    files: Collection[ListedFile] | Mapping[ListedFile, str],
    asked: tuple[Asker, AccessAction, Circumstances, Tree],
) -> set[str]:
    if rules is None or not isinstance(files, Mapping):
        return {file.path for file in files}
    allowed = rules.allowed(*asked, set(files.values()))
    return {file.path for file, its in files.items() if its in allowed}


def _require_sound(around: RequestFacts) -> None:
    """Return if a request could be so.

    Raises:
        InvalidRequest: It could not.
    """
    text = around.address
    try:
        if text:
            ip_address(text)
    except ValueError as exc:
        raise InvalidRequest(f"{text[:100]!r} is no address", hint="as 10.0.0.7 or 2001:db8::7") from exc
    if around.client not in {"", "rest", "grpc", "mcp"}:
        raise InvalidRequest(f"requests do not come by {around.client[:100]!r}", hint="by rest, grpc or mcp")


def _around(given: RequestFacts) -> Circumstances:
    now = time.localtime()
    hour = now.tm_hour if given.hour is None else given.hour
    weekday = now.tm_wday + 1 if given.weekday is None else given.weekday
    return Circumstances(hour, weekday, given.address, given.client, given.claims)


def _checked(policies: PolicySet) -> Rules | None:
    """Return the rules of a set that makes sense; ``None`` where it has none.

    Raises:
        InvalidRequest: It makes no sense.
    """
    for kind, entries in (("policy", policies.policies), ("label", policies.labels), ("test", policies.cases)):
        names = [entry.name for entry in entries]
        if len(names) > _MOST:
            raise InvalidRequest(f"there are more than {_MOST:,} entries of the kind {kind}")
        for name in names:
            if kind != "test" and not _NAME.fullmatch(name):
                raise InvalidRequest(f"{name!r} is no name of a {kind}", hint="use letters, digits, . _ and -")
        if twice := {name for name in names if names.count(name) > 1}:
            raise InvalidRequest(f"there is more than one {kind} called {min(twice)}")
    return compiled(policies) if policies.policies else None


def _results(rules: Rules | None, policies: PolicySet) -> Iterable[CaseResult]:
    for case in policies.cases:
        if rules is None:
            yield CaseResult(case, allowed=True, reasons=("there is no policy",))
            continue
        decision = _decided(rules, case)
        yield CaseResult(case, decision.allowed, (*decision.reasons, *decision.errors))


def _decided(rules: Rules, case: PolicyCase) -> Decision:
    name = case.user or "somebody"
    asker = Asker("User", name, frozenset(case.groups), frozenset(case.teams))
    repo = RepoId(case.repository)
    file = ListedFile(FileId(0), case.path, case.language)
    [facts] = rules.facts_of(repo, [file], OwnersFile())
    around = Circumstances(case.hour, case.weekday, case.address, case.client, case.claims)
    owned = replace(facts, owners=tuple(sorted(case.owners)))
    return rules.decide(asker, case.action, around, Tree(repo, case.branch), [owned])[0]


def _verdict(result: CaseResult) -> str:
    said = "allowed" if result.allowed else "denied"
    return f"{said}, and {'allowed' if result.case.allowed else 'denied'} is expected" + (
        f" ({', '.join(result.reasons)})" if result.reasons else ""
    )


def _and_others(count: int) -> str:
    return f", and {count - 1} more" if count > 1 else ""


def _changed_meanwhile(number: int) -> InvalidRequest:
    return InvalidRequest(
        f"the policies in force are version {number} by now",
        hint="look at them, and try again",
        details={"field": "expected"},
    )


__all__ = ["FileClasses", "LicensedPolicies", "Policies", "Undecided", "circumstances"]
