# SPDX-License-Identifier: FSL-1.1-MIT
"""Every part of an edition has a community object, and the directory's store does what editions build on."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from conexus import edition as seam
from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.sqlite_connection import MEMORY, SqliteConnection
from conexus.adapters.sqlite_directory import SqliteDirectory
from conexus.config import Config, LicenseOptions
from conexus.data_folder import edition_context_of
from conexus.edition import Edition, EditionContext, Sight, community, load_edition, not_available, require_feature
from conexus.errors import EditionError, FeatureNotAvailable, Unauthenticated
from conexus.plans import plan_facts, required_plan
from conexus.types import (
    LOCAL_USER,
    AccessQuestion,
    ApiKey,
    AuditEvent,
    AuditHold,
    AuditQuery,
    ChangeEvent,
    CustomRole,
    DependenciesRequest,
    DirectoryChange,
    DirectoryKind,
    DirectoryState,
    Feature,
    Grant,
    GraphRequest,
    Group,
    ImpactRequest,
    Permission,
    Plan,
    PolicySet,
    Principal,
    Project,
    RepoId,
    Role,
    SearchFilter,
    Simulation,
    Team,
    UsageEntry,
    User,
)

SIGHT = Sight((), cast("Any", None))
KEY = ApiKey("id", "of ann", Role.ADMIN, None, 0.0, user="ann")
USES: dict[str, Callable[[Edition], object]] = {
    "entitlements": lambda e: (
        e.entitlements.plan(),
        e.entitlements.limits().repositories,
        e.entitlements.has(Feature.SEARCH),
        e.entitlements.why_not(Feature.SCIM),
        e.entitlements.licence(),
        e.entitlements.notices(),
    ),
    "authenticator": lambda e: (
        refused(lambda: e.authenticator.authenticate({}), Unauthenticated)
        and refused(lambda: e.authenticator.owner(KEY), Unauthenticated)
        and e.authenticator.vouched(LOCAL_USER, {"x-conexus-claims": "a.b.c"}) == LOCAL_USER
    ),
    "access": lambda e: e.access.narrow(LOCAL_USER, SearchFilter()),
    "audit": lambda e: e.audit.record(AuditEvent(LOCAL_USER, "search", 0.0)),
    "cache": lambda e: (e.cache.put("a", b"b"), e.cache.get("a")),
    "events": lambda e: (
        e.events.publish(ChangeEvent("a", 0.0, "b", "c")),
        refused(lambda: e.events.newest(1), FeatureNotAvailable),
    ),
    "analytics": lambda e: e.analytics.observe(UsageEntry(0.0, "cli", "search", "a", "b", (), 0, 0.0)),
    "graph": lambda e: tuple(
        refused(work, FeatureNotAvailable)
        for work in (
            lambda: e.graph.across(SIGHT, GraphRequest("*")),
            lambda: e.graph.dependencies(SIGHT, DependenciesRequest()),
            lambda: e.graph.impact(SIGHT, ImpactRequest(("a",))),
            lambda: e.graph.owners(SIGHT, ImpactRequest(("a",))),
            lambda: e.graph.path(SIGHT, "a", "b"),
            lambda: e.graph.drift(SIGHT, "", 1),
            lambda: e.graph.orphans(SIGHT, 1),
            lambda: e.graph.cycles(SIGHT, 1),
            lambda: e.graph.related(SIGHT, "a", dependents=True),
        )
    ),
    "directory": lambda e: (
        refused(e.directory.state, FeatureNotAvailable),
        refused(lambda: e.directory.put(User("ann"), LOCAL_USER), FeatureNotAvailable),
        refused(lambda: e.directory.remove(DirectoryKind.USER, "ann", LOCAL_USER), FeatureNotAvailable),
    ),
    "policies": lambda e: (
        refused(e.policies.current, FeatureNotAvailable),
        refused(lambda: e.policies.put(PolicySet(), LOCAL_USER), FeatureNotAvailable),
        refused(lambda: e.policies.simulate(PolicySet(), Simulation()), FeatureNotAvailable),
        refused(e.policies.test, FeatureNotAvailable),
        refused(lambda: e.policies.explain(AccessQuestion("ann", "a.py", RepoId("x/y"))), FeatureNotAvailable),
    ),
    "audit_desk": lambda e: tuple(
        refused(work, FeatureNotAvailable)
        for work in (
            lambda: e.audit_desk.search(AuditQuery(), 1, LOCAL_USER),
            lambda: e.audit_desk.export(AuditQuery(), LOCAL_USER),
            lambda: e.audit_desk.verify(LOCAL_USER),
            lambda: e.audit_desk.report(0.0, 1.0, 0.0, LOCAL_USER),
            e.audit_desk.head,
            e.audit_desk.public_key,
            lambda: e.audit_desk.expire(LOCAL_USER),
            lambda: e.audit_desk.erase("ann", LOCAL_USER),
            e.audit_desk.holds,
            lambda: e.audit_desk.hold(AuditHold("a", "", 0.0, ""), LOCAL_USER),
            lambda: e.audit_desk.release("a", LOCAL_USER),
        )
    ),
    "routes": lambda e: e.routes,
    "tools": lambda e: e.tools,
    "commands": lambda e: e.commands,
}
"""A use of each part; a part without one fails the test below."""
EXPECTED = {
    "entitlements": (Plan.COMMUNITY, 5, True, "", None, ()),
    "authenticator": True,
    "access": SearchFilter(),
    "audit": None,
    "cache": (None, None),
    "events": (None, True),
    "analytics": None,
    "graph": (True,) * 9,
    "directory": (True, True, True),
    "policies": (True, True, True, True, True),
    "audit_desk": (True,) * 11,
    "routes": (),
    "tools": (),
    "commands": (),
}


def refused(work: Callable[[], object], kind: type[Exception]) -> bool:
    """Whether something is refused with an error of a kind."""
    try:
        work()
    except kind:
        return True
    return False


def test_every_part_has_a_community_object() -> None:
    """And each does what the community edition does: it allows the roles, drops what it is told, or refuses."""
    parts = {field.name for field in dataclasses.fields(Edition)} - {"name"}
    assert set(USES) == set(EXPECTED) == parts
    found = {name: use(community()) for name, use in USES.items()}
    assert found == EXPECTED


def test_every_part_is_used_by_the_core() -> None:
    """A part that nothing calls would be a promise, not a seam."""
    folder = Path(seam.__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py") if path.name != "edition.py")
    for name in USES:
        assert f"edition.{name}" in text, name


@pytest.fixture
def context(tmp_path: Path) -> Iterator[EditionContext]:
    """What an edition starts with."""
    with closing(SqliteConnection(str(tmp_path / "catalog.sqlite"), CATALOG)) as connection:
        yield replace(edition_context_of(Config(), tmp_path, connection), now=lambda: 0.0)


def test_without_a_package_the_community_runs(context: EditionContext) -> None:
    """Nothing is installed, nothing is asked for."""
    assert load_edition(context, ()).name == "community"


@pytest.mark.parametrize("what", ["table", "key", "file", "installed", "required"])
def test_without_a_package_nothing_paid_is_passed_over(context: EditionContext, what: str) -> None:
    """A licence, an [edition] table or a required edition, and nothing that reads it: an error, not a free start."""
    changed = {
        "table": Config(edition={"grants": {}}),
        "key": Config(license=LicenseOptions(key="x")),
        "file": Config(license=LicenseOptions(file="/licence")),
        "installed": Config(),
        "required": Config(required_edition="enterprise"),
    }[what]
    if what == "installed":
        assert context.data_dir is not None
        (context.data_dir / seam.LICENCE_FILE).write_text("x")
    with pytest.raises(EditionError):
        load_edition(dataclasses.replace(context, config=changed), ())


def test_one_function_says_why_a_feature_is_not_there() -> None:
    """Every feature is of one plan, and the error has the facts of all surfaces."""
    for feature in Feature:
        plan = required_plan(feature)
        if plan is Plan.COMMUNITY:
            require_feature(community(), feature)
            continue
        with pytest.raises(FeatureNotAvailable) as caught:
            require_feature(community(), feature)
        assert caught.value.code.value == "feature_not_available"
        details = caught.value.details
        assert (details["feature"], details["required_plan"]) == (feature.value, plan.value)
        assert details["upgrade_url"].startswith("https://")
    told = not_available(community().entitlements, Feature.SCIM)
    assert "not in this version" in told.message


def test_plans_are_data_and_grow() -> None:
    """Each has what those below it have, and no feature is both there and planned."""
    plans = [plan_facts(plan) for plan in Plan]
    assert [facts.limits.repositories for facts in plans] == [5, 20, None]
    assert [facts.limits.batch_searches for facts in plans] == [50, 50, 10_000]
    assert [facts.limits.requests_per_s for facts in plans] == [500, 500, 500]
    for below, above in pairwise(plans):
        assert below.features <= above.features
        assert not above.features & above.planned
    assert plans[-1].features | plans[-1].planned == set(Feature)


# ------------------------------------------------------------------------------ the directory's store


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteDirectory]:
    """A directory, on disk and in memory."""
    path = MEMORY if request.param == "memory" else str(tmp_path / "catalog.sqlite")
    with closing(SqliteConnection(path, CATALOG)) as connection:
        yield SqliteDirectory(connection)


ENTRIES = (
    User("ann", "ann@example.org", active=False),
    Group("dev", ("ann",)),
    Team("core", ("ann",), ("dev",)),
    Project("web", ("github.com/acme/*",), (Grant("reader", "user:ann"), Grant("curator", "team:core"))),
    CustomRole("curator", (Permission.READ, Permission.INDEX)),
)
EVENT = ChangeEvent("user.put", 1.0, "local", "ann", "detail")


def test_entries_come_back_as_they_were(store: SqliteDirectory) -> None:
    """All kinds, added, replaced and removed, with the events of it."""
    assert store.state() == DirectoryState()
    store.change(lambda _: DirectoryChange(put=ENTRIES, events=(EVENT,)))
    state = store.state()
    assert (state.users["ann"], state.groups["dev"], state.teams["core"]) == ENTRIES[:3]
    assert (state.projects["web"], state.roles["curator"]) == ENTRIES[3:]
    store.change(lambda _: DirectoryChange(put=(Group("dev"),), removed=((DirectoryKind.USER, "ann"),)))
    assert store.state().groups == {"dev": Group("dev")}
    assert store.state().users == {}
    assert store.events(10) == [EVENT]


def test_a_change_that_is_refused_leaves_nothing(store: SqliteDirectory) -> None:
    """Neither entries nor events."""

    def edit(state: DirectoryState) -> DirectoryChange:
        raise ValueError

    store.change(lambda _: DirectoryChange(put=ENTRIES))
    with pytest.raises(ValueError):
        store.change(edit)
    assert set(store.state().users) == {"ann"}
    assert store.events(10) == []


def test_another_process_sees_a_change_at_once(tmp_path: Path) -> None:
    """What was read is read again once somebody has changed it."""
    path = str(tmp_path / "catalog.sqlite")
    with closing(SqliteConnection(path, CATALOG)) as one, closing(SqliteConnection(path, CATALOG)) as two:
        first, second = SqliteDirectory(one), SqliteDirectory(two)
        assert first.state().users == second.state().users == {}
        second.change(lambda _: DirectoryChange(put=(User("ann"),)))
        assert set(first.state().users) == {"ann"}
        assert first.state() is first.state()


def test_changes_at_a_time_are_one_after_the_other(store: SqliteDirectory) -> None:
    """Each is given what the ones before it left."""

    def add(number: int) -> None:
        store.change(
            lambda state: DirectoryChange(
                put=(Group("all", (*state.groups.get("all", Group("all")).members, f"u{number}")),)
            )
        )

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(store.state().groups["all"].members) == {f"u{number}" for number in range(8)}


def test_events_are_kept_newest_first_and_forgotten(store: SqliteDirectory) -> None:
    """By their time."""
    for at in (1.0, 2.0, 3.0):
        store.add_event(ChangeEvent("a", at, "b", "c"), forget_before=2.0)
    assert [event.at for event in store.events(10)] == [3.0, 2.0]
    assert [event.at for event in store.events(1)] == [3.0]


def test_permissions_follow_the_role_unless_roles_of_ones_own_say_else() -> None:
    """A principal may do what its role allows, or what it was given instead."""
    assert Principal("a").may(Permission.READ)
    assert not Principal("a").may(Permission.INDEX)
    assert all(Principal("a", role=Role.ADMIN).may(one) for one in Permission)
    assert not Principal("a", role=Role.ADMIN, permissions=frozenset()).may(Permission.READ)
