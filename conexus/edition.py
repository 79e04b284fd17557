# SPDX-License-Identifier: FSL-1.1-MIT
"""The one seam between the core and an edition package such as conexus_ee.

The core always calls these protocols and never asks which edition runs. Each part has a community object that does
without: it refuses, allows what three roles allow, or drops what it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from conexus.config import Config
from conexus.errors import AccessDenied, ConexusError, EditionError, Unauthenticated
from conexus.plans import plan_facts, refused, required_plan
from conexus.ports import Cache, DependencyFacts, Directory, IndexedFiles, LicenceMarks, PolicyStore
from conexus.types import (
    AccessAction,
    AccessExplanation,
    AccessQuestion,
    ApiKey,
    AuditEvent,
    AuditHead,
    AuditHold,
    AuditQuery,
    AuditRecord,
    AuditReport,
    AuditVerdict,
    CaseResult,
    ChangeEvent,
    CyclesAnswer,
    DependenciesRequest,
    DependencyGraph,
    DirectoryEntry,
    DirectoryKind,
    DirectoryState,
    DriftAnswer,
    Feature,
    GraphRequest,
    ImpactAnswer,
    ImpactRequest,
    ImportGraph,
    IndexedView,
    LicenceFacts,
    Limits,
    ListedFile,
    OrphansAnswer,
    OwnersAnswer,
    OwnersFile,
    PathAnswer,
    Permission,
    Plan,
    PolicyReport,
    PolicySet,
    PolicyVersion,
    Principal,
    RepoId,
    SearchFilter,
    Simulation,
    UsageEntry,
)
from conexus.values import dataclass

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "conexus.edition"
OWNERS_FILES = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where a list of owners is looked for; the first that is there counts, as code hosts do."""
LICENCE_FILE = "license.jwt"
"""Where in the data folder an installed licence is."""


def installed_licence(data_dir: Path | None) -> Path | None:
    """Return what lies in the place of a licence, whatever it is: a link that leads nowhere is not passed over."""
    path = None if data_dir is None else data_dir / LICENCE_FILE
    return path if path is not None and (path.is_symlink() or path.exists()) else None


# ------------------------------------------------------------------------------ parts


class Entitlements(Protocol):
    """What may be used, and how much of it."""

    def plan(self) -> Plan:
        """Return the plan that is in force."""
        ...

    def limits(self) -> Limits:
        """Return how much there is of what is counted, at this moment."""
        ...

    def has(self, feature: Feature) -> bool:
        """Whether a feature may be used at this moment."""
        ...

    def why_not(self, feature: Feature) -> str:
        """Return why a feature that is not there is not, as ``the licence is over since 2027-01-31``; maybe empty."""
        ...

    def licence(self) -> LicenceFacts | None:
        """Return the licence that is in force, as it stands at this moment."""
        ...

    def notices(self) -> tuple[str, ...]:
        """Return what has to be said at every start: a licence that ends, is over or is for tests."""
        ...


class Authenticator(Protocol):
    """Finds out who is calling the daemon with credentials that are neither its own token nor an API key."""

    def authenticate(self, metadata: Mapping[str, str]) -> Principal:
        """Return the caller.

        Args:
            metadata: Headers of the request, names in lower case.

        Raises:
            Unauthenticated: The credentials are missing or wrong.
        """
        ...

    def owner(self, key: ApiKey) -> Principal:
        """Return the caller that a valid API key of a user stands for: with what both the user and the key may do.

        Raises:
            Unauthenticated: There is no such user, or they may do nothing any more.
        """
        ...

    def vouched(self, who: Principal, metadata: Mapping[str, str]) -> Principal:
        """Return a caller with what a signed token among the headers says of them; as they are where there is none.

        Args:
            who: The caller, by other credentials.
            metadata: As above.

        Raises:
            Unauthenticated: The token is not valid, or is of somebody else.
        """
        ...


class AccessClasses(Protocol):
    """Tells files apart that rules may treat differently: what is of one class is seen by the same callers."""

    @property
    def key(self) -> str:
        """Another text for other rules."""
        ...

    @property
    def source(self) -> object:
        """What knows the classes: those that another one gave mean nothing to it."""
        ...

    @property
    def by_owner(self) -> bool:
        """Whether the class of a file depends on who owns it."""
        ...

    def classify(self, files: Sequence[ListedFile], owners: OwnersFile) -> Sequence[str]:
        """Return the class of each file.

        Args:
            files: The files.
            owners: The repository's CODEOWNERS; none where :attr:`by_owner` is false.
        """
        ...

    def allowed(self, who: Principal, action: AccessAction, classes: Collection[str]) -> Collection[str]:
        """Return those of some classes that a caller may see. What cannot be decided is not among them."""
        ...


class AccessPolicy(Protocol):
    """Decides what a caller may do."""

    def narrow(self, who: Principal, where: SearchFilter) -> SearchFilter:
        """Return ``where`` cut down to what ``who`` may read, before the search runs."""
        ...

    def may_read(self, who: Principal, repo: RepoId) -> bool:
        """Whether ``who`` may read anything of ``repo``."""
        ...

    def classes(self, who: Principal, view: IndexedView) -> AccessClasses | None:
        """Return what decides which files of a view ``who`` may see; ``None`` where the repository is all there is."""
        ...

    def require_write(self, who: Principal, repo: RepoId, permission: Permission = Permission.INDEX) -> None:
        """Return if ``who`` may index ``repo``, or do what else changes its index.

        Raises:
            AccessDenied: The caller may not.
        """
        ...


class AuditSink(Protocol):
    """Receives one event for each use of the service, and for each attempt."""

    @property
    def is_on(self) -> bool:
        """Whether events are kept at this moment; else nobody need make them."""
        ...

    def require(self) -> None:
        """Return if an event could be stored now: asked before something is changed.

        Raises:
            DaemonUnavailable: It could not; nothing is to be changed.
        """
        ...

    def record(self, event: AuditEvent) -> None:
        """Store one event before the answer leaves.

        Raises:
            DaemonUnavailable: The event cannot be stored; the answer is withheld.
        """
        ...


class AuditDesk(Protocol):
    """The audit log, as who may read it sees it. Each reading and change is itself recorded, before it answers."""

    def search(self, query: AuditQuery, limit: int, who: Principal) -> list[AuditRecord]:
        """Return the newest records that fit, newest first.

        Raises:
            FeatureNotAvailable: The edition has no audit log; the same for those below.
        """
        ...

    def export(self, query: AuditQuery, who: Principal) -> Iterator[AuditRecord]:
        """Yield the records that fit, oldest first."""
        ...

    def verify(self, who: Principal, checkpoints: Path | None = None) -> AuditVerdict:
        """Check every record, the chain, the tree, the signed heads and the heads of a second place.

        Args:
            who: Who asks.
            checkpoints: Where those are; what the settings say where ``None``.

        Raises:
            SourceError: The second place cannot be read.
        """
        ...

    def report(self, since: float, until: float, minutes: float, who: Principal) -> AuditReport:
        """Sum up the use of a span of time.

        Args:
            since: Seconds since the epoch.
            until: The same.
            minutes: What an answered question is taken to save.
            who: Who asks.
        """
        ...

    def head(self) -> AuditHead | None:
        """Return the newest signed head; nothing where nothing is recorded yet."""
        ...

    def public_key(self) -> str:
        """Return the key that heads are signed with, in PEM."""
        ...

    def expire(self, who: Principal) -> int:
        """Delete what the settings say is too old and no hold keeps; its hashes stay. Returns how many records."""
        ...

    def erase(self, user: str, who: Principal) -> tuple[int, int]:
        """Delete who asked and what from the records of a user that no hold keeps; return how many, and how many stay.

        Raises:
            NotFound: There is no record of that user.
        """
        ...

    def holds(self) -> list[AuditHold]:
        """Return the holds."""
        ...

    def hold(self, hold: AuditHold, who: Principal) -> None:
        """Add a hold.

        Raises:
            InvalidRequest: There is one of that name.
        """
        ...

    def release(self, name: str, who: Principal) -> None:
        """End a hold.

        Raises:
            NotFound: There is none of that name.
        """
        ...


class EventSink(Protocol):
    """Is told of every change: repositories, keys, the directory."""

    def publish(self, event: ChangeEvent) -> None:
        """Keep or pass on an event.

        Raises:
            StoreError: It cannot be kept.
        """
        ...

    def newest(self, limit: int) -> list[ChangeEvent]:
        """Return the newest events, newest first.

        Raises:
            FeatureNotAvailable: The edition keeps none.
        """
        ...


class Analytics(Protocol):
    """Is shown every request that the query log is told of."""

    def observe(self, entry: UsageEntry) -> None:
        """Take an entry in; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller sees of all repositories."""

    views: tuple[IndexedView, ...]
    """Working trees, each with the part of its index that the caller may see."""
    facts: DependencyFacts
    check: Callable[[], None] = lambda: None
    """Raises where nobody waits for the answer any more."""


class CrossGraph(Protocol):
    """What depends on what from one repository to another.

    Answers are made of what a caller sees and of nothing else: what they may not see is as if it were not there.
    """

    def across(self, sight: Sight, request: GraphRequest) -> ImportGraph:
        """Return which repository imports which.

        Raises:
            FeatureNotAvailable: The edition has no graph across repositories; the same for those below.
        """
        ...

    def dependencies(self, sight: Sight, request: DependenciesRequest) -> DependencyGraph:
        """Return which repository provides and requires which package, and which imports and calls which."""
        ...

    def impact(self, sight: Sight, request: ImpactRequest) -> ImpactAnswer:
        """Return what a change may break, with the path that shows it.

        Raises:
            NotFound: There is nothing of a name; the hint says what is near. The same for those below.
            InvalidRequest: It is not said what changes, or the diff is none.
        """
        ...

    def owners(self, sight: Sight, request: ImpactRequest) -> OwnersAnswer:
        """Return the owners of what a change may break."""
        ...

    def path(self, sight: Sight, source: str, target: str) -> PathAnswer:
        """Return how one thing depends on another by the fewest steps; where it does not, the other way round."""
        ...

    def drift(self, sight: Sight, package: str, limit: int) -> DriftAnswer:
        """Return packages of which repositories ask for different versions; of one package, all uses."""
        ...

    def orphans(self, sight: Sight, limit: int) -> OrphansAnswer:
        """Return what nobody uses, and what is called and nobody serves."""
        ...

    def cycles(self, sight: Sight, limit: int) -> CyclesAnswer:
        """Return repositories that depend on each other."""
        ...

    def related(self, sight: Sight, name: str, *, dependents: bool) -> frozenset[RepoId]:
        """Return the repositories that depend on a thing, or that it depends on, be it through others."""
        ...


class DirectoryDesk(Protocol):
    """Users, groups, teams, projects and roles, as an administrator sees them."""

    def state(self) -> DirectoryState:
        """Return all entries.

        Raises:
            FeatureNotAvailable: The edition has no directory; the same for those below.
        """
        ...

    def put(self, entry: DirectoryEntry, who: Principal) -> None:
        """Add an entry, or replace the one of its name.

        Raises:
            InvalidRequest: It names what is not there, or cannot be called so.
        """
        ...

    def remove(self, kind: DirectoryKind, name: str, who: Principal) -> None:
        """Forget an entry, and take its name out of all others.

        Raises:
            NotFound: There is none of that name.
        """
        ...


class PolicyDesk(Protocol):
    """Access policies, as an administrator sees them."""

    def current(self) -> PolicyVersion:
        """Return the policies in force.

        Raises:
            FeatureNotAvailable: The edition has none; the same for those below.
        """
        ...

    def version(self, number: int) -> PolicyVersion:
        """Return a version that was in force, or is.

        Raises:
            NotFound: There is none of that number.
        """
        ...

    def schema(self) -> str:
        """Return what rules can speak of, as Cedar has it."""
        ...

    def templates(self) -> Mapping[str, str]:
        """Return policies to start from, by name."""
        ...

    def history(self, limit: int) -> list[PolicyVersion]:
        """Return the newest versions, newest first."""
        ...

    def put(self, policies: PolicySet, who: Principal, note: str = "", *, expected: int | None = None) -> PolicyReport:
        """Put policies in force, if their own tests pass.

        Args:
            policies: All of them.
            who: Who does it.
            note: Why, for the history.
            expected: The number of the version that they replace; whatever it is where ``None``.

        Raises:
            InvalidRequest: A policy makes no sense, a test fails, or the version in force is another one.
        """
        ...

    def simulate(self, policies: PolicySet, simulation: Simulation) -> PolicyReport:
        """Say what policies would change, and change nothing; their tests need not pass.

        Args:
            policies: All of them.
            simulation: For whose requests.

        Raises:
            InvalidRequest: A policy or a request makes no sense.
        """
        ...

    def test(self, policies: PolicySet | None = None) -> list[CaseResult]:
        """Run the tests of policies; of those in force where ``None``."""
        ...

    def explain(self, question: AccessQuestion) -> AccessExplanation:
        """Say whether a user may do something with a file, and why.

        Raises:
            NotFound: There is no such user, or the file is not indexed.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExtraRoute:
    """An address of REST beyond the operations of the core: ``GET``, without arguments."""

    path: str
    """As ``/v1/license``."""
    summary: str
    permission: Permission
    answer: Callable[[Principal], Mapping[str, object]]
    """Returns what JSON can hold."""


@dataclass(frozen=True, slots=True)
class ExtraTool:
    """A tool for agents beyond those of the core, without arguments."""

    name: str
    title: str
    description: str
    answer: Callable[[Principal], str]


@dataclass(frozen=True, slots=True)
class ExtraCommand:
    """A command of the terminal beyond those of the core."""

    name: str
    help: str
    run: Callable[[Sequence[str], Callable[[str], None]], None]
    """Takes the arguments, and where to print a line; raises errors of Conexus."""


# ------------------------------------------------------------------------------ community


class CommunityEntitlements:
    """Community entitlements: those of ``conexus/editions/community.toml``."""

    def plan(self) -> Plan:
        """Return the community plan."""
        return Plan.COMMUNITY

    def limits(self) -> Limits:
        """Return the community's limits."""
        return plan_facts(Plan.COMMUNITY).limits

    def has(self, feature: Feature) -> bool:
        """Whether everybody has a feature."""
        return feature in plan_facts(Plan.COMMUNITY).features

    def why_not(self, feature: Feature) -> str:
        """Say nothing: the plan is the reason."""
        return ""

    def licence(self) -> LicenceFacts | None:
        """Return that there is none."""
        return None

    def notices(self) -> tuple[str, ...]:
        """Say nothing."""
        return ()


class NoSingleSignOn:
    """Community authenticator: there is the daemon's token and there are API keys, and nothing else."""

    def authenticate(self, metadata: Mapping[str, str]) -> Principal:
        """Refuse.

        Raises:
            Unauthenticated: Always.
        """
        raise Unauthenticated(
            "the credentials are not valid",
            hint="send the daemon's token or an API key (conexus keys create) as Authorization: Bearer …",
        )

    def owner(self, key: ApiKey) -> Principal:
        """Refuse: what a user may do is not known here, and a key must not do more.

        Raises:
            Unauthenticated: Always.
        """
        raise Unauthenticated(
            f"the API key belongs to the user {key.user}, and this edition has no users",
            hint="install the licence again, or make a key that is nobody's: conexus keys create",
        )

    def vouched(self, who: Principal, metadata: Mapping[str, str]) -> Principal:
        """Return the caller as they are: no token is looked at, and no rule asks for one."""
        return who


class RoleAccess:
    """Community policy: three roles, each limited to the repositories that the caller's patterns fit.

    Args:
        is_locked: Whether there are access policies that nobody here can decide by: then nobody but the user of this
            machine may read anything.
    """

    def __init__(self, is_locked: Callable[[], bool] = lambda: False) -> None:
        self._is_locked = is_locked

    def narrow(self, who: Principal, where: SearchFilter) -> SearchFilter:
        """Return ``where`` as it is; :meth:`may_read` leaves repositories out one by one."""
        return where

    def may_read(self, who: Principal, repo: RepoId) -> bool:
        """Whether a pattern of the caller fits; without patterns, always."""
        if not who.local and self._is_locked():
            return False
        return who.repos is None or any(fnmatchcase(repo, pattern) for pattern in who.repos)

    def classes(self, who: Principal, view: IndexedView) -> AccessClasses | None:
        """Return ``None``: who may read a repository may read all of it."""
        return None

    def require_write(self, who: Principal, repo: RepoId, permission: Permission = Permission.INDEX) -> None:
        """Allow writers.

        Raises:
            AccessDenied: The caller only reads, or not this repository.
        """
        if not self.may_read(who, repo):
            raise AccessDenied(f"{who.subject} may not use the repository {repo}")
        if not who.may(permission):
            raise AccessDenied(
                f"{who.subject} may not change the index of {repo}",
                hint="use a key with the role writer: conexus keys create --role writer",
            )


class NoAudit:
    """Community audit: events are dropped."""

    @property
    def is_on(self) -> bool:
        """False."""
        return False

    def require(self) -> None:
        """Return: nothing has to be on record."""

    def record(self, event: AuditEvent) -> None:
        """Drop the event."""


class NoAuditDesk:
    """Community audit desk: refuses."""

    def __init__(self, entitlements: Entitlements) -> None:
        self._entitlements = entitlements

    def _refusal(self) -> ConexusError:
        return not_available(self._entitlements, Feature.AUDIT_LOG)

    def search(self, query: AuditQuery, limit: int, who: Principal) -> list[AuditRecord]:
        """Refuse.

        Raises:
            FeatureNotAvailable: Always; the same for those below.
        """
        raise self._refusal()

    def export(self, query: AuditQuery, who: Principal) -> Iterator[AuditRecord]:
        """Refuse."""
        raise self._refusal()

    def verify(self, who: Principal, checkpoints: Path | None = None) -> AuditVerdict:
        """Refuse."""
        raise self._refusal()

    def report(self, since: float, until: float, minutes: float, who: Principal) -> AuditReport:
        """Refuse."""
        raise self._refusal()

    def head(self) -> AuditHead | None:
        """Refuse."""
        raise self._refusal()

    def public_key(self) -> str:
        """Refuse."""
        raise self._refusal()

    def expire(self, who: Principal) -> int:
        """Refuse."""
        raise self._refusal()

    def erase(self, user: str, who: Principal) -> tuple[int, int]:
        """Refuse."""
        raise self._refusal()

    def holds(self) -> list[AuditHold]:
        """Refuse."""
        raise self._refusal()

    def hold(self, hold: AuditHold, who: Principal) -> None:
        """Refuse."""
        raise self._refusal()

    def release(self, name: str, who: Principal) -> None:
        """Refuse."""
        raise self._refusal()


class NoCache:
    """Community cache: everything is computed when it is asked for."""

    def get(self, key: str) -> bytes | None:
        """Return nothing."""
        return None

    def put(self, key: str, value: bytes) -> None:
        """Drop it."""


class NoEvents:
    """Community events: dropped.

    Args:
        entitlements: What the edition has; the same for those below.
    """

    def __init__(self, entitlements: Entitlements) -> None:
        self._entitlements = entitlements

    def publish(self, event: ChangeEvent) -> None:
        """Drop the event."""

    def newest(self, limit: int) -> list[ChangeEvent]:
        """Refuse.

        Raises:
            FeatureNotAvailable: Always.
        """
        raise not_available(self._entitlements, Feature.CHANGE_EVENTS)


class NoAnalytics:
    """Community analytics: the query log is all there is."""

    def observe(self, entry: UsageEntry) -> None:
        """Pass over the entry."""


class NoCrossGraph:
    """Community graph: within a repository only."""

    def __init__(self, entitlements: Entitlements) -> None:
        self._entitlements = entitlements

    def _refusal(self) -> ConexusError:
        return not_available(self._entitlements, Feature.CROSS_REPOSITORY_GRAPH)

    def across(self, sight: Sight, request: GraphRequest) -> ImportGraph:
        """Refuse.

        Raises:
            FeatureNotAvailable: Always; the same for those below.
        """
        raise self._refusal()

    def dependencies(self, sight: Sight, request: DependenciesRequest) -> DependencyGraph:
        """Refuse."""
        raise self._refusal()

    def impact(self, sight: Sight, request: ImpactRequest) -> ImpactAnswer:
        """Refuse."""
        raise self._refusal()

    def owners(self, sight: Sight, request: ImpactRequest) -> OwnersAnswer:
        """Refuse."""
        raise self._refusal()

    def path(self, sight: Sight, source: str, target: str) -> PathAnswer:
        """Refuse."""
        raise self._refusal()

    def drift(self, sight: Sight, package: str, limit: int) -> DriftAnswer:
        """Refuse."""
        raise self._refusal()

    def orphans(self, sight: Sight, limit: int) -> OrphansAnswer:
        """Refuse."""
        raise self._refusal()

    def cycles(self, sight: Sight, limit: int) -> CyclesAnswer:
        """Refuse."""
        raise self._refusal()

    def related(self, sight: Sight, name: str, *, dependents: bool) -> frozenset[RepoId]:
        """Refuse."""
        raise self._refusal()


class NoDirectory:
    """Community directory: there are API keys with three roles, and no users."""

    def __init__(self, entitlements: Entitlements) -> None:
        self._entitlements = entitlements

    def state(self) -> DirectoryState:
        """Refuse.

        Raises:
            FeatureNotAvailable: Always; the same for those below.
        """
        raise not_available(self._entitlements, Feature.DIRECTORY)

    def put(self, entry: DirectoryEntry, who: Principal) -> None:
        """Refuse."""
        self.state()

    def remove(self, kind: DirectoryKind, name: str, who: Principal) -> None:
        """Refuse."""
        self.state()


class NoPolicies:
    """Community policies: there are roles, and repositories are read as a whole."""

    def __init__(self, entitlements: Entitlements) -> None:
        self._entitlements = entitlements

    def current(self) -> PolicyVersion:
        """Refuse.

        Raises:
            FeatureNotAvailable: Always; the same for those below.
        """
        raise not_available(self._entitlements, Feature.CONTEXT_BASED_ACCESS)

    def version(self, number: int) -> PolicyVersion:
        """Refuse."""
        return self.current()

    def schema(self) -> str:
        """Refuse."""
        return str(self.current())

    def templates(self) -> Mapping[str, str]:
        """Refuse."""
        self.current()
        return {}

    def history(self, limit: int) -> list[PolicyVersion]:
        """Refuse."""
        return [self.current()]

    def put(self, policies: PolicySet, who: Principal, note: str = "", *, expected: int | None = None) -> PolicyReport:
        """Refuse."""
        return PolicyReport(self.current())

    def simulate(self, policies: PolicySet, simulation: Simulation) -> PolicyReport:
        """Refuse."""
        return PolicyReport(self.current())

    def test(self, policies: PolicySet | None = None) -> list[CaseResult]:
        """Refuse."""
        self.current()
        return []

    def explain(self, question: AccessQuestion) -> AccessExplanation:
        """Refuse."""
        self.current()
        raise AssertionError  # never: the line above raises


# ------------------------------------------------------------------------------ the edition


@dataclass(frozen=True, slots=True)
class Edition:
    """All parts that an edition may replace."""

    name: str
    entitlements: Entitlements
    authenticator: Authenticator
    access: AccessPolicy
    audit: AuditSink
    cache: Cache
    events: EventSink
    analytics: Analytics
    graph: CrossGraph
    directory: DirectoryDesk
    policies: PolicyDesk
    audit_desk: AuditDesk
    routes: tuple[ExtraRoute, ...] = ()
    tools: tuple[ExtraTool, ...] = ()
    commands: tuple[ExtraCommand, ...] = ()

    @property
    def label(self) -> str:
        """The name for people, which says where the licence is one for tests."""
        licence = self.entitlements.licence()
        return f"{self.name} (TEST LICENCE)" if licence is not None and licence.is_test else self.name


class Licences(Protocol):
    """Looks after the licence of an installation, also where the one that is there cannot be used."""

    def installed(self) -> LicenceFacts | None:
        """Return the licence that is found, verified, or ``None``.

        Raises:
            EditionError: It is not one; the message says what is wrong with it. The same for those below.
        """
        ...

    def verify(self, token: str) -> LicenceFacts:
        """Return what a licence says, once it is verified; changes nothing."""
        ...

    def install(self, token: str) -> LicenceFacts:
        """Verify a licence and keep it in the data folder."""
        ...

    def remove(self) -> str:
        """Delete the licence that was installed; returns where it was, or an empty text where there was none."""
        ...


@dataclass(frozen=True, slots=True)
class EditionContext:
    """What an edition is given to start with."""

    config: Config
    data_dir: Path | None
    """``None`` where nothing is kept."""
    directory: Directory
    marks: LicenceMarks
    policies: PolicyStore
    indexed: IndexedFiles
    now: Callable[[], float]
    """Seconds since the epoch."""
    journal: str = "WAL"
    """The journal mode of SQLite that the disk of the data folder needs."""


class EditionPackage(Protocol):
    """What an entry point of the group ``conexus.edition`` names."""

    def edition(self, context: EditionContext) -> Edition:
        """Return the edition that the licence unlocks.

        Raises:
            ConexusError: It cannot start; see :func:`load_edition`.
        """
        ...

    def licences(self, context: EditionContext) -> Licences:
        """Return what looks after licences. Never fails for the licence that is there."""
        ...


def community(entitlements: Entitlements | None = None, policies: PolicyStore | None = None) -> Edition:
    """Return the edition that needs nothing but the core.

    Args:
        entitlements: Others than those of the community.
        policies: Where access policies would be: those that another edition left there are never passed over.
    """
    entitlements = entitlements or CommunityEntitlements()
    return Edition(
        entitlements.plan().value,
        entitlements,
        NoSingleSignOn(),
        RoleAccess(lambda: policies is not None and bool(policies.current().policies.policies)),
        NoAudit(),
        NoCache(),
        NoEvents(entitlements),
        NoAnalytics(),
        NoCrossGraph(entitlements),
        NoDirectory(entitlements),
        NoPolicies(entitlements),
        NoAuditDesk(entitlements),
    )


def load_edition(context: EditionContext, found: Sequence[EntryPoint]) -> Edition:
    """Return the installed edition, or the community one if there is none.

    Args:
        context: Passed on to the edition's package.
        found: Entry points of group ``conexus.edition``. One whose package was deleted counts as not there.

    Raises:
        EditionError: More than one edition is installed, the installed one
            cannot be loaded or start, or it is not the one the configuration
            requires; or there is a licence or an ``[edition]`` table and
            nothing that reads it. There is no fall-back to the community
            edition, which would drop access control without a word.
    """
    config = context.config
    package = load_package(found)
    edition = community(policies=context.policies) if package is None else _started(package, context, found[0].value)
    if package is None:
        _require_nothing_paid(context)
    if config.required_edition not in ("", edition.name):
        raise EditionError(
            f"the {config.required_edition} edition is required, but the {edition.name} one runs",
            hint="install its licence (conexus license install FILE), or: conexus config set required_edition ''",
        )
    return edition


def load_package(found: Sequence[EntryPoint]) -> EditionPackage | None:
    """Return the package of an installed edition, or ``None`` where there is none.

    Raises:
        EditionError: There is more than one, or it cannot be loaded.
    """
    there = [entry for entry in found if find_spec(entry.module.partition(".")[0]) is not None]
    if not there:
        return None
    if len(there) > 1:
        names = ", ".join(sorted(entry.value for entry in there))
        raise EditionError(f"more than one edition is installed: {names}", hint="uninstall all but one")
    try:
        package: EditionPackage = there[0].load()
    except Exception as exc:
        raise EditionError(f"edition {there[0].value!r} cannot be loaded: {exc}") from exc
    return package


def _started(package: EditionPackage, context: EditionContext, name: str) -> Edition:
    try:
        return package.edition(context)
    except EditionError:
        raise
    except ConexusError as exc:
        raise EditionError(f"the edition cannot start: {exc.message}", hint=exc.hint, details=exc.details) from exc
    except Exception as exc:
        raise EditionError(f"edition {name!r} cannot start: {exc}") from exc


def _require_nothing_paid(context: EditionContext) -> None:
    """Refuse to run without what a licence or an ``[edition]`` table was meant for.

    Raises:
        EditionError: There is one.
    """
    options = context.config.license
    if options.key or options.file or installed_licence(context.data_dir) is not None:
        what = "there is a licence"
    elif context.config.edition:
        what = "the settings have an [edition] table"
    else:
        return
    raise EditionError(
        f"{what}, but the package that reads it (conexus_ee) is not installed",
        hint="install Conexus whole, or take the licence and the table away",
    )


# ------------------------------------------------------------------------------ the feature gate


def require_feature(edition: Edition, feature: Feature) -> None:
    """Return if a feature may be used: the one gate, asked on every surface.

    Raises:
        FeatureNotAvailable: It may not.
    """
    if not edition.entitlements.has(feature):
        raise not_available(edition.entitlements, feature)


def not_available(entitlements: Entitlements, feature: Feature) -> ConexusError:
    """Return the error for a feature that is not there."""
    plan = required_plan(feature)
    name = feature.value.replace("_", " ")
    if feature in plan_facts(plan).planned:
        return refused(feature, f"{name} is not in this version of Conexus", f"it is planned for {plan}", plan)
    if why := entitlements.why_not(feature):
        return refused(feature, why, "renew the licence, or ask for one that has it (conexus license show)", plan)
    why = f"the {entitlements.plan()} edition has no {name}"
    return refused(feature, why, f"it comes with {plan} (conexus features)", plan)


__all__ = [
    "ENTRY_POINT_GROUP",
    "LICENCE_FILE",
    "OWNERS_FILES",
    "AccessClasses",
    "AccessPolicy",
    "Analytics",
    "AuditDesk",
    "AuditSink",
    "Authenticator",
    "Cache",
    "CrossGraph",
    "DependencyFacts",
    "Directory",
    "DirectoryDesk",
    "Edition",
    "EditionContext",
    "EditionPackage",
    "Entitlements",
    "EventSink",
    "ExtraCommand",
    "ExtraRoute",
    "ExtraTool",
    "IndexedFiles",
    "LicenceMarks",
    "Licences",
    "PolicyDesk",
    "PolicyStore",
    "Sight",
    "community",
    "installed_licence",
    "load_edition",
    "load_package",
    "not_available",
    "require_feature",
]
