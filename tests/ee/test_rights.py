# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What the directory gives: only what a grant gives, and never more when something is taken away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from licences import DAY, Clock, licence, surroundings

from conexus.adapters.cached_queries import CachedQueries
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.types import (
    LOCAL_USER,
    ROLE_PERMISSIONS,
    ChangeEvent,
    CustomRole,
    DirectoryKind,
    DirectoryState,
    Grant,
    Group,
    Permission,
    Project,
    RepoId,
    Role,
    Team,
    User,
)
from conexus_ee.cache import MemoryCache
from conexus_ee.directory import _without
from conexus_ee.edition import PACKAGE
from conexus_ee.rights import permissions_anywhere, permissions_on

REPOS = [RepoId(f"example.org/{team}/{name}") for team in ("acme", "other") for name in ("web", "core")]


@st.composite
def states(draw: st.DrawFn) -> DirectoryState:
    """Small directories in which everything that is named is there."""
    users = {name: User(name, active=draw(st.booleans())) for name in ("ann", "bob")}
    members = st.lists(st.sampled_from(list(users)), unique=True).map(tuple)
    groups = {name: Group(name, draw(members)) for name in ("g1", "g2")}
    some_groups = st.lists(st.sampled_from(list(groups)), unique=True).map(tuple)
    teams = {"t": Team("t", draw(members), draw(some_groups))}
    roles = {"r": CustomRole("r", tuple(draw(st.sets(st.sampled_from(list(Permission))))))}
    subjects = st.sampled_from(["user:ann", "user:bob", "group:g1", "group:g2", "team:t"])
    grants = st.builds(Grant, st.sampled_from(["reader", "writer", "admin", "r"]), subjects)
    patterns = st.lists(st.sampled_from(["*", "*/acme/*", REPOS[0], "nothing"]), max_size=2).map(tuple)
    projects = {name: Project(name, draw(patterns), tuple(draw(st.lists(grants, max_size=3)))) for name in ("p", "q")}
    return DirectoryState(users, groups, teams, projects, roles)


def rights(state: DirectoryState) -> dict[tuple[str, RepoId | None], frozenset[Permission]]:
    """Everybody's permissions on everything."""
    return {
        (user, repo): permissions_on(state, user, repo) for user in ("ann", "bob", "eve") for repo in (*REPOS, None)
    }


@given(states())
def test_who_has_no_grant_has_nothing(state: DirectoryState) -> None:
    """A stranger, somebody who is locked out, and everybody where there are no projects."""
    for repo in (*REPOS, None):
        assert permissions_on(state, "eve", repo) == frozenset()
        for name, user in state.users.items():
            if not user.active:
                assert permissions_on(state, name, repo) == permissions_anywhere(state, name) == frozenset()
    assert set(rights(replace(state, projects={})).values()) == {frozenset()}


@given(states(), st.sampled_from([("user", "ann"), ("group", "g1"), ("team", "t"), ("project", "p"), ("role", "r")]))
def test_what_is_removed_never_gives_more(state: DirectoryState, gone: tuple[str, str]) -> None:
    """Of users, groups, teams, projects and roles alike."""
    before = rights(state)
    kind, name = DirectoryKind(gone[0]), gone[1]
    changed = {
        field: {key: value for key, value in getattr(state, field).items() if (field, key) != (f"{kind}s", name)}
        for field in ("users", "groups", "teams", "projects", "roles")
    }
    for entry in _without(state, kind, name):
        field = {User: "users", Group: "groups", Team: "teams", Project: "projects", CustomRole: "roles"}[type(entry)]
        if entry.name in changed[field]:
            changed[field][entry.name] = entry
    after = rights(DirectoryState(**changed))
    assert all(after[key] <= before[key] for key in before)


@given(states())
def test_what_is_of_no_repository_takes_a_project_of_everything(state: DirectoryState) -> None:
    """Keys, logs and the directory are not given by a grant for some repositories."""
    narrow = {name: replace(one, repositories=("*/acme/*",)) for name, one in state.projects.items()}
    for user in state.users:
        limited = replace(state, projects=narrow)
        assert permissions_on(limited, user, None) == frozenset()
        assert permissions_anywhere(limited, user) <= ROLE_PERMISSIONS[Role.WRITER]
        assert permissions_on(limited, user, REPOS[2]) == frozenset()


def test_questions_are_embedded_once() -> None:
    """The vector of a question comes from the cache, bit for bit; what is damaged there is made anew."""
    cache, model = MemoryCache(), StaticEmbedder()
    cached = CachedQueries(model, cache)
    first = cached.embed_query("where is it")
    assert np.array_equal(first, model.embed_query("where is it"))
    [key] = cache._entries
    assert np.array_equal(cached.embed_query("where is it"), first)
    cache.put(key, b"short")
    assert np.array_equal(cached.embed_query("where is it"), first)
    assert (cached.name, cached.dim, cached.fingerprint) == (model.name, model.dim, model.fingerprint)


def test_the_cache_keeps_a_few_things_a_while() -> None:
    """Those that were asked for last, and none that are large."""
    cache = MemoryCache()
    for number in range(2_001):
        cache.put(str(number), b"x")
        cache.get("0")
    assert (cache.get("0"), cache.get("1"), cache.get("2000")) == (b"x", None, b"x")
    cache.put("large", b"x" * 20_000)
    assert cache.get("large") is None


def test_events_are_kept_as_long_as_the_plan_says() -> None:
    """A year, also while the licence is over; then they can be read again."""
    clock = Clock()
    end = int(clock.at) + DAY
    with surroundings(None, clock, licence(exp=end)) as context:
        edition = PACKAGE.edition(context)
        edition.events.publish(ChangeEvent("old", clock.at - 400 * DAY, "a", "b"))
        edition.events.publish(ChangeEvent("new", clock.at, "a", "b"))
        assert [event.type for event in edition.events.newest(10)] == ["new"]
        clock.at = end + 20 * DAY
        edition.events.publish(ChangeEvent("later", clock.at, "a", "b"))
        assert [event.type for event in context.directory.events(10)] == ["later", "new"]
        assert edition.access.may_read(LOCAL_USER, REPOS[0])
