"""The edition seam fails closed, and grants mean what they say."""

from importlib.metadata import EntryPoint

import pytest

from conexus.config import Config
from conexus.edition import ENTRY_POINT_GROUP, community, load_edition
from conexus.errors import AccessDenied, ConfigError, EditionError, Unauthenticated
from conexus.types import LOCAL_USER, Principal, RepoId, Role, SearchFilter
from conexus_ee.access import GroupPolicy
from conexus_ee.edition import build

FLASK, CLICK = RepoId("github.com/pallets/flask"), RepoId("github.com/pallets/click")
EVE, BOB = Principal("eve"), Principal("bob", frozenset({"dev", "unknown"}))
BOTH = Principal("ann", frozenset({"dev", "docs"}))


def entry(value: str) -> EntryPoint:
    return EntryPoint("edition", value, ENTRY_POINT_GROUP)


def test_no_package_means_community() -> None:
    """Without an edition package the community edition runs."""
    assert load_edition(Config(), ()).name == "community"


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
    community().audit.record(reader, "search", {})
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
    """One entry point is loaded and called with the configuration."""
    config = Config(edition={"grants": {"dev": [FLASK]}})
    edition = load_edition(config, (entry("conexus_ee.edition:build"),))
    assert edition.name == "enterprise"
    assert edition.access.narrow(BOB, SearchFilter()).repos == {FLASK}


@pytest.mark.parametrize(
    "found",
    [
        (entry("conexus_ee.no_such_module:build"),),
        (entry("conexus_ee.edition:no_such_name"),),
        (entry("conexus_ee.edition:build"), entry("other:build")),
    ],
    ids=["missing-module", "missing-name", "two-editions"],
)
def test_a_broken_edition_stops_the_start(found: tuple[EntryPoint, ...]) -> None:
    """An edition that cannot load never turns into the community edition."""
    with pytest.raises(EditionError):
        load_edition(Config(), found)


def test_wrong_grants_stop_the_start() -> None:
    """A mistake in the grants is no reason to run without access control."""
    with pytest.raises(EditionError, match=r"edition\.grants"):
        load_edition(Config(edition={"grants": 3}), (entry("conexus_ee.edition:build"),))


def test_a_required_edition_must_run() -> None:
    """A server set to need the enterprise edition does not start without it."""
    with pytest.raises(EditionError):
        load_edition(Config(required_edition="enterprise"), ())
    config = Config(required_edition="enterprise")
    assert load_edition(config, (entry("conexus_ee.edition:build"),)).name == "enterprise"


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
        build(Config(edition=table))


@pytest.mark.parametrize("table", [{}, {"grants": {}}, {"grants": {"dev": []}}])
def test_without_grants_nobody_reads(table: dict[str, object]) -> None:
    """No grant narrows to the empty set, which matches nothing, never to ``None``."""
    access = build(Config(edition=table)).access
    for who in (EVE, BOB):
        assert access.narrow(who, SearchFilter()).repos == frozenset()
        with pytest.raises(AccessDenied):
            access.require_write(who, FLASK)


def test_a_caller_sees_only_granted_repositories() -> None:
    """Grants of all the caller's groups add up, and a filter only ever narrows them."""
    policy = GroupPolicy({"dev": frozenset({FLASK}), "docs": frozenset({CLICK})})

    assert policy.narrow(EVE, SearchFilter()).repos == frozenset()
    assert policy.narrow(BOB, SearchFilter()).repos == {FLASK}
    assert policy.narrow(BOTH, SearchFilter()).repos == {FLASK, CLICK}
    assert policy.narrow(BOB, SearchFilter(repos=frozenset({CLICK}))).repos == frozenset()
    assert policy.narrow(BOTH, SearchFilter(repos=frozenset({CLICK}))).repos == {CLICK}
    assert policy.narrow(BOB, SearchFilter(repos=frozenset())).repos == frozenset()


def test_narrowing_keeps_the_rest_of_the_filter() -> None:
    """Only the repositories change."""
    policy = GroupPolicy({"dev": frozenset({FLASK})})
    where = SearchFilter(languages=frozenset({"python"}), path_globs=("src/**",), tests=False)
    narrowed = policy.narrow(BOB, where)
    assert (narrowed.languages, narrowed.path_globs, narrowed.tests) == (where.languages, where.path_globs, False)


def test_writing_needs_a_grant() -> None:
    """A granted repository may be written, another one not."""
    policy = GroupPolicy({"dev": frozenset({FLASK})})
    policy.require_write(BOB, FLASK)
    with pytest.raises(AccessDenied, match="bob"):
        policy.require_write(BOB, CLICK)
