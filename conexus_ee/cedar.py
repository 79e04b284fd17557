# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Rules in Cedar: what they may speak of, whether they make sense, and what they decide.

Three things hold wherever this decides. What no rule permits is denied. Whatever goes wrong in deciding denies, also
where Cedar itself would pass over a prohibition that failed. And a decision is made for a class of files, not for each:
all that a rule can learn of a file is in its class.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Any, Final

from conexus.errors import EditionError, InvalidRequest
from conexus.types import AccessPolicyText, Claims, FileLabel, ListedFile, OwnersFile, PolicySet, RepoId
from conexus.values import dataclass
from conexus_ee.owners import is_readable, owners_of

SCHEMA: Final = """
entity Group;
entity Team;
entity User in [Group, Team] { name: String };
entity Client { name: String };
entity Repository { id: String, host: String, owner: String, name: String };
entity File in [Repository] {
    repository: String, path: String, language: String, branch: String, labels: Set<String>, owners: Set<String>
};
type Device = { managed?: Bool, compliant?: Bool, encrypted?: Bool, platform?: String };
type Request = {
    hour: Long, weekday: Long, address: ipaddr, client: String, agent: Bool, mfa?: Bool, device?: Device
};
action search, read, context, graph appliesTo { principal: [User, Client], resource: [File], context: Request };
action index, administer appliesTo { principal: [User, Client], resource: [Repository], context: Request };
"""
"""What rules may speak of. ``hour`` is from 0 to 23 and ``weekday`` from 1, Monday, to 7, both where the daemon runs;
``client`` is ``rest``, ``grpc`` or ``mcp``, and ``agent`` is true for the last: an AI agent acts for the principal.
``mfa`` and ``device`` are what a signed token says; without one they are not there."""

FILE_ACTIONS: Final = frozenset({"search", "read", "context", "graph"})
_UNDECIDED: Final = "undecided"
_MAX_DECISIONS: Final = 200_000
_MAX_ANSWERS: Final = 2_000
_MAX_TEXT: Final = 1_000_000
_OF_FILE: Final = frozenset({"language", "labels", "owners"})
_OF_REQUEST: Final = frozenset({"hour", "weekday", "address", "client", "agent", "mfa", "device"})
_OF_DEVICE: Final = ("managed", "compliant", "encrypted", "platform")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as rules see it."""

    kind: str
    """``User`` or ``Client``."""
    name: str
    groups: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What rules are told of a request."""

    hour: int
    weekday: int
    address: str
    client: str
    claims: Claims = Claims()

    @property
    def agent(self) -> bool:
        """Whether an AI agent acts for who asks."""
        return self.client == "mcp"

    @property
    def mfa(self) -> bool | None:
        """Whether they signed in with more than one factor, where that is known."""
        return self.claims.mfa

    @property
    def device(self) -> tuple[tuple[str, bool | str], ...]:
        """What is known of their device."""
        found = ((name, getattr(self.claims, name)) for name in _OF_DEVICE)
        return tuple((name, value) for name, value in found if value not in (None, ""))

    def record(self) -> dict[str, object]:
        """Return it as Cedar takes it."""
        return {
            **({} if self.mfa is None else {"mfa": self.mfa}),
            **({"device": dict(self.device)} if self.device else {}),
            "hour": self.hour,
            "weekday": self.weekday,
            "address": {"__extn": {"fn": "ip", "arg": self.address or "127.0.0.1"}},
            "client": self.client or "local",
            "agent": self.agent,
        }


@dataclass(frozen=True, slots=True)
class Tree:
    """Where files are."""

    repo: RepoId
    branch: str = ""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What rules are told of a file."""

    path: str
    language: str = ""
    labels: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What rules say, and why."""

    allowed: bool
    reasons: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(eq=False)
class Rules:
    """A set of policies, ready to decide. Threads may share it."""

    policies: Any
    """Cedar's own."""
    schema: Any
    digest: str
    """Of the rules and labels."""
    labels: tuple[FileLabel, ...]
    names: Mapping[str, str]
    """Of each rule by Cedar's number for it."""
    patterns: tuple[str, ...]
    """Of paths that the rules speak of, with ``*`` for anything; and whole paths."""
    about_files: frozenset[str]
    """Which other facts of files they speak of."""
    about_requests: frozenset[str]
    """Which facts of requests."""
    matcher: PatternMatcher = field(init=False)
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _samples: dict[str, FileFacts] = field(default_factory=dict)
    _decisions: dict[tuple[object, ...], bool] = field(default_factory=dict)
    _allowed: dict[tuple[object, ...], frozenset[str]] = field(default_factory=dict)
    _classes: dict[tuple[object, ...], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.matcher = PatternMatcher(self.patterns)

    @property
    def by_owner(self) -> bool:
        """Whether a rule speaks of owners."""
        return "owners" in self.about_files

    def facts_of(self, repo: RepoId, files: Sequence[ListedFile], owners: OwnersFile) -> list[FileFacts]:
        """Return what rules are told of files, as far as they ask."""
        labels = [label for label in self.labels if any(fnmatchcase(repo, one) for one in label.repositories)]
        owned = owners_of(owners, [file.path for file in files]) if self.by_owner else {}
        return [
            FileFacts(
                file.path,
                file.language if "language" in self.about_files else "",
                tuple(sorted(label.name for label in labels if _fits(label.paths, file.path)))
                if "labels" in self.about_files
                else (),
                tuple(sorted(owned.get(file.path, ()))),
            )
            for file in files
        ]

    def classify(self, repo: RepoId, files: Sequence[ListedFile], owners: OwnersFile) -> list[str]:
        """Return the class of each file: two of the same one differ in nothing that a rule could ask for.

        Where it depends on owners and it cannot be told who they are, it is one of which nothing is allowed.
        """
        if owners.text is None or (self.by_owner and not is_readable(owners)):
            return [_UNDECIDED] * len(files)
        source = (repo, hash(owners))
        known = [self._classes.get((*source, file.path, file.language)) for file in files]
        new = [file for file, its in zip(files, known, strict=True) if its is None]
        if len(self._classes) > _MAX_DECISIONS:
            self._classes.clear()
        for file, facts in zip(new, self.facts_of(repo, new, owners), strict=True):
            name = json.dumps([self.matcher.fitting(facts.path), facts.language, facts.labels, facts.owners])
            self._samples.setdefault(name, facts)
            self._classes[*source, file.path, file.language] = name
        if not new:
            return [its for its in known if its is not None]
        made = dict(zip(map(id, new), (self._classes[*source, file.path, file.language] for file in new), strict=True))
        return [its if its is not None else made[id(file)] for file, its in zip(files, known, strict=True)]

    def allowed(
        self, who: Asker, action: str, around: Circumstances, tree: Tree, classes: Collection[str]
    ) -> Collection[str]:
        """Return the classes of which somebody may do something with the files."""
        asked = tuple(getattr(around, name) for name in sorted(self.about_requests))
        key = (who, action, asked, tree)
        of_all = (*key, classes) if isinstance(classes, frozenset) else None  # whose hash is kept
        if of_all is not None and (before := self._allowed.get(of_all)) is not None:
            return before
        missing = [name for name in classes if (*key, name) not in self._decisions]
        if missing:
            known = [name for name in missing if name in self._samples]
            decided = self.decide(who, action, around, tree, [self._samples[name] for name in known])
            with self._mutex:
                if len(self._decisions) > _MAX_DECISIONS:
                    self._decisions.clear()
                self._decisions.update(((*key, name), False) for name in missing)
                self._decisions.update(((*key, name), one.allowed) for name, one in zip(known, decided, strict=True))
        found = frozenset(name for name in classes if self._decisions.get((*key, name), False))
        if of_all is not None:
            with self._mutex:
                if len(self._allowed) > _MAX_ANSWERS:
                    self._allowed.clear()
                self._allowed[of_all] = found
        return found

    def decide(
        self, who: Asker, action: str, around: Circumstances, tree: Tree, files: Sequence[FileFacts]
    ) -> list[Decision]:
        """Decide for each of some files whether somebody may do something with it. Never fails: that denies."""
        try:
            repository, parents = _repository(tree.repo)
            entities = [*_asker(who), *parents]
            requests = []
            for number, facts in enumerate(files):
                uid = {"type": "File", "id": str(number)}
                attributes = {
                    "repository": tree.repo,
                    "path": _text(facts.path),
                    "language": facts.language,
                    "branch": tree.branch,
                    "labels": list(facts.labels),
                    "owners": list(facts.owners),
                }
                entities.append({"uid": uid, "attrs": attributes, "parents": [repository]})
                requests.append(_request(who, action, uid, around))
            return self._asked(requests, entities)
        except Exception as exc:  # noqa: BLE001 -- whatever it is, nothing is allowed
            return [Decision(allowed=False, errors=(f"{type(exc).__name__}: {exc}",))] * len(files)

    def decide_repository(self, who: Asker, action: str, around: Circumstances, repo: RepoId) -> Decision:
        """Decide whether somebody may do something with a repository as a whole. Never fails: that denies."""
        try:
            uid, entities = _repository(repo)
            [decision] = self._asked([_request(who, action, uid, around)], [*_asker(who), *entities])
        except Exception as exc:  # noqa: BLE001 -- as above
            return Decision(allowed=False, errors=(f"{type(exc).__name__}: {exc}",))
        return decision

    def _asked(self, requests: list[dict[str, object]], entities: list[dict[str, object]]) -> list[Decision]:
        import cedarpy  # noqa: PLC0415 -- an extra

        if not requests:
            return []
        graph = cedarpy.Entities.from_json_str(json.dumps(entities), self.schema)
        answers = cedarpy.is_authorized_batch(requests, self.policies, graph, self.schema)
        if len(answers) != len(requests):
            raise EditionError("the policy engine did not answer every question")
        return [self._decision(answer) for answer in answers]

    def _decision(self, answer: Any) -> Decision:  # noqa: ANN401 -- Cedar's
        errors = tuple(str(error) for error in answer.diagnostics.errors)
        reasons = tuple(dict.fromkeys(self.names.get(reason, reason) for reason in answer.diagnostics.reasons))
        return Decision(allowed=bool(answer.allowed) and not errors, reasons=reasons, errors=errors)


def _text(path: str) -> str:
    """Return a path as Cedar can hold it: bytes that are no text are made visible."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _fits(patterns: Sequence[str], path: str) -> bool:
    return any(fits(pattern, path) for pattern in patterns)


class PatternMatcher:
    """Finds which of many patterns fit a path, without trying each: by the text that a pattern begins with.

    Args:
        patterns: The patterns, as of :func:`fits`.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._by_start: dict[int, dict[str, list[tuple[int, tuple[str, ...]]]]] = {}
        for number, pattern in enumerate(patterns):
            parts = tuple(pattern.split("*"))
            of_length = self._by_start.setdefault(len(parts[0]), {})
            of_length.setdefault(parts[0], []).append((number, parts))

    def fitting(self, path: str) -> list[int]:
        """Return the numbers of the patterns that fit, in order."""
        path = _text(path)
        found = [
            number
            for length, starts in self._by_start.items()
            for number, parts in starts.get(path[:length], ())
            if _fits_parts(parts, path)
        ]
        return sorted(found)


def fits(pattern: str, path: str) -> bool:
    """Whether a pattern of a rule or of a label fits a path: ``*`` stands for anything, and there is nothing else."""
    return _fits_parts(tuple(pattern.split("*")), _text(path))


def _fits_parts(parts: tuple[str, ...], path: str) -> bool:
    first, *others = parts
    if not others:
        return path == first
    if not path.startswith(first):
        return False
    position = len(first)
    for part in others[:-1]:
        position = path.find(part, position)
        if position < 0:
            return False
        position += len(part)
    return len(path) - position >= len(others[-1]) and path.endswith(others[-1])


def _request(who: Asker, action: str, resource: Mapping[str, str], around: Circumstances) -> dict[str, object]:
    return {
        "principal": {"type": who.kind, "id": who.name},
        "action": {"type": "Action", "id": action},
        "resource": dict(resource),
        "context": around.record(),
    }


def _asker(who: Asker) -> list[dict[str, object]]:
    parents = [{"type": "Group", "id": name} for name in sorted(who.groups)]
    parents += [{"type": "Team", "id": name} for name in sorted(who.teams)]
    mine = {"uid": {"type": who.kind, "id": who.name}, "attrs": {"name": who.name}}
    others: list[dict[str, object]] = [{"uid": uid, "attrs": {}, "parents": []} for uid in parents]
    return [{**mine, "parents": parents if who.kind == "User" else []}, *(others if who.kind == "User" else [])]


def _repository(repo: RepoId) -> tuple[dict[str, str], list[dict[str, object]]]:
    host, _, rest = repo.partition("/")
    owner, _, name = rest.rpartition("/")
    uid = {"type": "Repository", "id": str(repo)}
    return uid, [{"uid": uid, "attrs": {"id": repo, "host": host, "owner": owner, "name": name or rest}, "parents": []}]


# ------------------------------------------------------------------------------ reading rules


def compiled(policies: PolicySet) -> Rules:
    """Return a set of policies, ready to decide.

    Raises:
        InvalidRequest: A policy is no Cedar, speaks of what there is not, or asks of a path what no class can answer.
        EditionError: The policy engine is not installed.
    """
    try:
        import cedarpy  # noqa: PLC0415 -- an extra
    except ImportError as exc:
        raise EditionError("access policies need cedarpy", hint="pip install 'conexus[enterprise]'") from exc
    if sum(len(policy.text) for policy in policies.policies) > _MAX_TEXT:
        raise InvalidRequest(f"the policies have more than {_MAX_TEXT:,} characters together")
    schema = cedarpy.Schema.from_str(SCHEMA)
    names: dict[str, str] = {}
    patterns: dict[str, None] = {}
    about_files: set[str] = set()
    about_requests: set[str] = set()
    for policy in policies.policies:
        rules = _parsed(policy)
        for number, rule in enumerate(rules, start=1):
            label = rule.get("annotations", {}).get("id") or ""
            of_it = f"{policy.name}#{number}" if len(rules) > 1 else policy.name
            names[f"policy{len(names)}"] = f"{of_it} ({label})" if label and label != policy.name else of_it
            found = _Mentions(policy.name)
            found.read(rule)
            patterns |= dict.fromkeys(found.patterns)
            about_files |= found.about_files
            about_requests |= found.about_requests
    text = "\n".join(policy.text for policy in policies.policies)
    checked = cedarpy.validate_policies(text, SCHEMA)
    if not checked.validation_passed:
        problem = checked.errors[0]
        where = names.get(problem.policy_id, problem.policy_id)
        raise InvalidRequest(f"the policy {where} does not make sense: {problem.error}", hint=_SCHEMA_HINT)
    return Rules(
        cedarpy.PolicySet.from_str(text),
        schema,
        hashlib.sha256(repr((policies.policies, policies.labels)).encode("utf-8", "surrogatepass")).hexdigest(),
        policies.labels,
        names,
        tuple(patterns),
        frozenset(about_files),
        frozenset(about_requests),
    )


_SCHEMA_HINT = "a rule about paths says `resource is File`; `conexus policy schema` prints what rules can speak of"


def _parsed(policy: AccessPolicyText) -> list[dict[str, Any]]:
    import cedarpy  # noqa: PLC0415 -- an extra

    try:
        found = json.loads(cedarpy.policies_to_json_str(policy.text))
    except ValueError as exc:
        raise InvalidRequest(f"the policy {policy.name} is no Cedar: {_first_line(exc)}") from exc
    if found.get("templates") or found.get("templateLinks"):
        raise InvalidRequest(f"the policy {policy.name} is a template of Cedar's, with ?principal or ?resource in it")
    rules = found["staticPolicies"]
    if not rules:
        raise InvalidRequest(f"the policy {policy.name} has no rule")
    return [rules[name] for name in sorted(rules, key=lambda name: int(name.removeprefix("policy")))]


def _first_line(problem: object) -> str:
    return (str(problem).strip().splitlines() or ["it cannot be read"])[0]


@dataclass(eq=False)
class _Mentions:
    """What a rule speaks of."""

    name: str
    patterns: list[str] = field(default_factory=list)
    about_files: set[str] = field(default_factory=set)
    about_requests: set[str] = field(default_factory=set)

    def read(self, node: object) -> None:
        """Take in an expression, or a rule."""
        if isinstance(node, list):
            for one in node:
                self.read(one)
        elif isinstance(node, dict) and not self._about_path(node) and not self._asks_whether(node):
            self._read_parts(node)

    def _read_parts(self, node: dict[str, Any]) -> None:
        if _is_entity(node) and node["type"] == "File":
            raise InvalidRequest(
                f"the policy {self.name} names a File", hint='say `resource.path == "src/a.py"` in a `when` clause'
            )
        if node == {"Var": "resource"}:
            raise InvalidRequest(
                f"the policy {self.name} uses resource as a whole",
                hint="name what it asks of it, as resource.path, or say `resource in Repository::…`",
            )
        attribute = _attribute_of(node, "resource")
        if attribute == "path":
            raise InvalidRequest(
                f"the policy {self.name} asks of resource.path what is not supported",
                hint="compare a path by `like`, by == or != with a text, or by [...].contains(resource.path)",
            )
        if attribute in _OF_FILE:
            self.about_files.add(attribute)
        asked = _attribute_of(node, "context")
        if asked:
            self.about_requests.add(asked)
        elif asked is None and node == {"Var": "context"}:
            raise InvalidRequest(f"the policy {self.name} uses context as a whole", hint="name what it asks of it")
        if asked is None and attribute is None:
            for name, value in node.items():
                if name not in {"annotations", "effect"}:
                    self.read(value)

    def _asks_whether(self, node: dict[str, Any]) -> bool:
        """Whether an expression asks if context has something; it is noted then.

        Cedar takes a name that is in no schema for one that is never there, so that a rule with a slip of the pen
        would never hold.
        """
        if set(node) != {"has"}:
            return False
        left, asked = node["has"].get("left"), str(node["has"].get("attr"))
        if left == {"Var": "context"}:
            known, of, name = _OF_REQUEST, asked, asked
        elif (of_context := _attribute_of(left, "context")) is not None:
            known, of, name = frozenset(_OF_DEVICE), of_context, f"{of_context}.{asked}"
        else:
            return False
        if asked not in known:
            raise InvalidRequest(f"the policy {self.name} asks for context.{name}, which is never there")
        self.about_requests.add(of)
        return True

    def _about_path(self, node: dict[str, Any]) -> bool:
        """Whether an expression compares a path with something that is known; it is noted then."""
        if set(node) == {"like"} and _attribute_of(node["like"]["left"], "resource") == "path":
            self.patterns.append("".join(_piece(piece, self.name) for piece in node["like"]["pattern"]))
            return True
        if set(node) & {"==", "!="}:
            sides = next(iter(node.values()))
            for one, other in ((sides["left"], sides["right"]), (sides["right"], sides["left"])):
                if _attribute_of(one, "resource") == "path" and isinstance(value := other.get("Value"), str):
                    self.patterns.append(_plain(value, self.name))
                    return True
        if set(node) == {"contains"} and _attribute_of(node["contains"]["right"], "resource") == "path":
            values = [one.get("Value") for one in node["contains"]["left"].get("Set", [{}])]
            if all(isinstance(value, str) for value in values):
                self.patterns += [_plain(value, self.name) for value in values]
                return True
        if set(node) == {"has"}:
            return bool(node["has"].get("left") == {"Var": "resource"})
        for name in ("is", "in"):  # of which kind it is, and in which repository: the same for all files of a tree
            if set(node) == {name} and node[name].get("left") == {"Var": "resource"}:
                self.read([value for side, value in node[name].items() if side != "left"])
                return True
        return False


def _piece(piece: object, name: str) -> str:
    return "*" if piece == "Wildcard" else _plain(str(piece["Literal"] if isinstance(piece, dict) else piece), name)


def _plain(text: str, name: str) -> str:
    if "*" in text:
        raise InvalidRequest(f"the policy {name} speaks of a path with an asterisk in its name")
    return text


def _attribute_of(node: object, variable: str) -> str | None:
    """Return the attribute of a variable that an expression is, if it is one."""
    if isinstance(node, dict) and set(node) == {"."} and node["."].get("left") == {"Var": variable}:
        return str(node["."]["attr"])
    return None


def _is_entity(node: Mapping[str, Any]) -> bool:
    return set(node) == {"type", "id"}


__all__ = [
    "FILE_ACTIONS",
    "SCHEMA",
    "Asker",
    "Circumstances",
    "Decision",
    "FileFacts",
    "PatternMatcher",
    "Rules",
    "Tree",
    "compiled",
    "fits",
]
