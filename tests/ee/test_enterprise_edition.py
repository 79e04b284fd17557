# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The edition seam fails closed, and grants mean what they say."""

from importlib.metadata import EntryPoint
from typing import cast

import pytest
from licences import Clock, add_repositories, licence, surroundings

from conexus.config import Config
from conexus.edition import ENTRY_POINT_GROUP, Directory, PolicyStore, community, load_edition
from conexus.errors import AccessDenied, ConfigError, EditionError, Unauthenticated
from conexus.types import LOCAL_USER, AuditEvent, PolicyVersion, Principal, RepoId, Role, SearchFilter
from conexus_ee.access import GroupPolicy
from conexus_ee.edition import granted_repositories
from conexus_ee.policies import Policies

FLASK, CLICK = RepoId("github.com/pallets/flask"), RepoId("github.com/pallets/click")
EVE, BOB = Principal("eve"), Principal("bob", frozenset({"dev", "unknown"}))
BOTH = Principal("ann", frozenset({"dev", "docs"}))


def entry(value: str) -> EntryPoint:
    return EntryPoint("edition", value, ENTRY_POINT_GROUP)


OURS = entry("conexus_ee.edition:PACKAGE")


def policy(**grants: frozenset[RepoId]) -> GroupPolicy:
    """Grants of groups, over a directory that has nothing but two repositories."""
    directory = cast("Directory", TwoRepositories())
    return GroupPolicy(grants, directory, Policies(cast("PolicyStore", NoVersions()), directory))


class NoVersions:
    """A store without policies."""

    def current(self) -> PolicyVersion:
        """That before the first."""
        return PolicyVersion()


class TwoRepositories:
    """A directory of nothing but the ids in the catalog."""

    def repositories(self) -> frozenset[RepoId]:
        """The ids."""
        return frozenset({FLASK, CLICK})


def test_the_community_knows_no_other_credentials() -> None:
    """There is the daemon's token and there are API keys; nobody else is let in."""
    with pytest.raises(Unauthenticated):
        community().authenticator.authenticate({"authorization": "Bearer x"})


def test_the_community_limits_by_role_and_pattern() -> None:
    """Readers read, writers write, and neither what no pattern of theirs fits."""
    access = community().access
    where = SearchFilter(repos=frozenset({FLASK}))
    reader = Principal("reader", repos=("github.com/pallets/*",))
    writer = Principal("writer", role=Role.WRITER, repos=("github.com/pallets/f*",))
    community().audit.record(AuditEvent(reader, "search", 0.0))
    assert access.narrow(reader, where) == where
    assert access.may_read(reader, FLASK)
    assert not access.may_read(reader, RepoId("github.com/other/flask"))
    assert not access.may_read(Principal("nothing", repos=()), FLASK)
    access.require_write(writer, FLASK)
    access.require_write(LOCAL_USER, CLICK)
    for who, repo in ((reader, FLASK), (writer, CLICK)):
        with pytest.raises(AccessDenied):
            access.require_write(who, repo)


def test_the_enterprise_package_is_loaded() -> None:
    """One entry point is loaded and given the settings: the community without a licence."""
    with surroundings(None, Clock()) as context:
        assert load_edition(context, (OURS,)).name == "community"
    config = Config(edition={"grants": {"dev": [FLASK]}})
    with surroundings(None, Clock(), licence(), config=config) as context:
        edition = load_edition(context, (OURS,))
        assert edition.name == "enterprise"
        assert edition.access.narrow(BOB, SearchFilter(repos=frozenset({FLASK, CLICK}))).repos == {FLASK}


@pytest.mark.parametrize(
    "found",
    [
        (entry("conexus_ee.no_such_module:PACKAGE"),),
        (entry("conexus_ee.edition:no_such_name"),),
        (OURS, entry("json:dumps")),
        (entry("json:dumps"),),
    ],
    ids=["missing-module", "missing-name", "two-editions", "no-edition"],
)
def test_a_broken_edition_stops_the_start(found: tuple[EntryPoint, ...]) -> None:
    """An edition that cannot load never turns into the community edition."""
    with surroundings(None, Clock()) as context, pytest.raises(EditionError):
        load_edition(context, found)


@pytest.mark.parametrize("key", ["", "licence"])
def test_wrong_grants_stop_the_start(key: str) -> None:
    """A mistake in the grants is no reason to run without access control, nor is a licence that is not there."""
    token = licence() if key else ""
    with (
        surroundings(None, Clock(), token, config=Config(edition={"grants": 3})) as context,
        pytest.raises(EditionError, match=r"edition\.grants"),
    ):
        load_edition(context, (OURS,))


def test_a_required_edition_must_run() -> None:
    """A server set to need the enterprise edition does not start without it."""
    required = Config(required_edition="enterprise")
    for key in ("", licence(tier="pro", max_repos=20)):
        with (
            surroundings(None, Clock(), key, config=required) as context,
            pytest.raises(EditionError, match="required"),
        ):
            load_edition(context, (OURS,))
    with surroundings(None, Clock(), licence(), config=required) as context:
        assert load_edition(context, (OURS,)).name == "enterprise"


@pytest.mark.parametrize(
    "table",
    [
        {"grant": {}},
        {"grants": ["dev"]},
        {"grants": None},
        {"grants": {"dev": FLASK}},
        {"grants": {"dev": None}},
        {"grants": {"dev": [3]}},
        {"grants": {"dev": [""]}},
        {"grants": {"dev": ["flask"]}},
        {"grants": {"dev": ["github.com/pallets/*"]}},
        {"grants": {"dev": ["github.com//flask"]}},
        {"grants": {"dev": [f" {FLASK}"]}},
        {"grants": {"dev": [f"{FLASK}\n"]}},
        {"grants": {"": [FLASK]}},
        {"grants": {" dev": [FLASK]}},
        {"grants": {3: [FLASK]}},
        {"grants": {"dev": [FLASK]}, "more": 1},
    ],
)
def test_a_malformed_table_is_refused(table: dict[str, object]) -> None:
    """What could not take effect as it is written is an error, never passed over."""
    with pytest.raises(ConfigError, match="edition"):
        granted_repositories(table)


@pytest.mark.parametrize("table", [{}, {"grants": {}}, {"grants": {"dev": []}}])
def test_without_grants_nobody_reads(table: dict[str, object]) -> None:
    """No grant narrows to the empty set, which matches nothing, never to ``None``."""
    with surroundings(None, Clock(), licence(), config=Config(edition=table)) as context:
        add_repositories(context, FLASK)
        access = load_edition(context, (OURS,)).access
        for who in (EVE, BOB):
            assert access.narrow(who, SearchFilter()).repos == frozenset()
            with pytest.raises(AccessDenied):
                access.require_write(who, FLASK)


def test_a_caller_sees_only_granted_repositories() -> None:
    """Grants of all the caller's groups add up, and a filter only ever narrows them."""
    granted = policy(dev=frozenset({FLASK}), docs=frozenset({CLICK}))

    assert granted.narrow(EVE, SearchFilter()).repos == frozenset()
    assert granted.narrow(BOB, SearchFilter()).repos == {FLASK}
    assert granted.narrow(BOTH, SearchFilter()).repos == {FLASK, CLICK}
    assert granted.narrow(BOB, SearchFilter(repos=frozenset({CLICK}))).repos == frozenset()
    assert granted.narrow(BOTH, SearchFilter(repos=frozenset({CLICK}))).repos == {CLICK}
    assert granted.narrow(BOB, SearchFilter(repos=frozenset())).repos == frozenset()


def test_narrowing_keeps_the_rest_of_the_filter() -> None:
    """Only the repositories change."""
    granted = policy(dev=frozenset({FLASK}))
    where = SearchFilter(languages=frozenset({"python"}), path_globs=("src/**",), tests=False)
    narrowed = granted.narrow(BOB, where)
    assert (narrowed.languages, narrowed.path_globs, narrowed.tests) == (where.languages, where.path_globs, False)


def test_writing_needs_a_grant() -> None:
    """A granted repository may be written, another one not."""
    granted = policy(dev=frozenset({FLASK}))
    granted.require_write(BOB, FLASK)
    with pytest.raises(AccessDenied, match="bob"):
        granted.require_write(BOB, CLICK)
