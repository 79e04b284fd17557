# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""How a licence begins, ends and is looked after: the clock, the grace, the mark, files and settings."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from licences import DAY, Clock, add_repositories, licence, surroundings

from conexus.adapters.sqlite_directory import SqliteDirectory
from conexus.config import Config
from conexus.edition import Edition, load_edition, require_feature
from conexus.errors import AccessDenied, EditionError, FeatureNotAvailable
from conexus.types import (
    LOCAL_USER,
    Feature,
    Grant,
    LicenceState,
    Plan,
    Principal,
    Project,
    RepoId,
    SearchFilter,
    User,
)
from conexus_ee.edition import PACKAGE

WEB, CORE = RepoId("github.com/acme/web"), RepoId("github.com/acme/core")
EVE = Principal("eve")


def running(edition: Edition) -> tuple[LicenceState, int | None, bool]:
    """How an edition stands: the state, its places, and whether it manages the directory."""
    found = edition.entitlements.licence()
    assert found is not None
    return found.state, edition.entitlements.limits().repositories, edition.entitlements.has(Feature.DIRECTORY)


@pytest.mark.parametrize(
    ("days", "expected", "said"),
    [
        (-30.5, (LicenceState.VALID, 100, True), ""),
        (-30, (LicenceState.ENDING, 100, True), "ends in 30 days"),
        (-1, (LicenceState.ENDING, 100, True), "ends in 1 days"),
        (-0.01, (LicenceState.ENDING, 100, True), "ends in 1 days"),
        (0, (LicenceState.GRACE, 100, True), "renew it now"),
        (1, (LicenceState.GRACE, 100, True), "renew it now"),
        (6.99, (LicenceState.GRACE, 100, True), "renew it now"),
        (7, (LicenceState.EXPIRED, 5, False), "access control goes on being enforced"),
        (8, (LicenceState.EXPIRED, 5, False), "access control goes on being enforced"),
        (30, (LicenceState.EXPIRED, 5, False), "access control goes on being enforced"),
    ],
)
def test_the_days_around_the_end(days: float, expected: tuple[LicenceState, int, bool], said: str) -> None:
    """Thirty days before and after it: full with a warning for seven days, then what is managed stands still."""
    clock = Clock()
    end = int(clock.at) + 60 * DAY
    clock.at = end + days * DAY
    with surroundings(None, clock, licence(exp=end)) as context:
        edition = PACKAGE.edition(context)
        assert running(edition) == expected
        notices = " ".join(edition.entitlements.notices())
        assert (said in notices) if said else "licence e" not in notices
        assert "TEST LICENCE" in notices


def test_once_it_is_over_nobody_sees_more_and_rights_stand_still() -> None:
    """Day 8: what may be read is what could be read, nothing is given, and people can still be locked out."""
    clock = Clock()
    end = int(clock.at) + DAY
    grants = {"grants": {"dev": [WEB]}}
    with surroundings(None, clock, licence(exp=end), config=Config(edition=grants)) as context:
        add_repositories(context, WEB, CORE)
        edition = PACKAGE.edition(context)
        edition.directory.put(User("ann"), LOCAL_USER)
        edition.directory.put(Project("web", (WEB,), (Grant("reader", "user:ann"),)), LOCAL_USER)
        ann, dev = Principal("user:ann", user="ann"), Principal("bob", frozenset({"dev"}))

        def readable() -> list[frozenset[RepoId] | None]:
            return [edition.access.narrow(who, SearchFilter()).repos for who in (ann, dev, EVE)]

        before = readable()
        assert before == [{WEB}, {WEB}, frozenset()]
        clock.at = end + 8 * DAY
        assert running(edition)[0] is LicenceState.EXPIRED
        assert readable() == before
        for who, repo in ((ann, CORE), (dev, CORE), (EVE, WEB), (EVE, CORE)):
            assert not edition.access.may_read(who, repo)
        with pytest.raises(AccessDenied):
            edition.access.require_write(ann, WEB)
        for entry in (User("bob"), Project("web", ("*",), (Grant("admin", "user:ann"),))):
            with pytest.raises(FeatureNotAvailable, match="the licence ended on"):
                edition.directory.put(entry, LOCAL_USER)
        with pytest.raises(FeatureNotAvailable):
            require_feature(edition, Feature.BOUND_KEYS)
        edition.directory.put(User("ann", active=False), LOCAL_USER)
        assert readable() == [frozenset(), {WEB}, frozenset()]
        # And a start after the end is the same edition, with the same rights.
        again = PACKAGE.edition(context)
        assert again.name == "enterprise"
        assert again.access.narrow(dev, SearchFilter()).repos == {WEB}
        assert again.access.narrow(EVE, SearchFilter()).repos == frozenset()


def test_a_clock_that_is_set_back_makes_it_no_younger(tmp_path: Path) -> None:
    """The latest time that was seen counts, in this process and in the next, and it is said."""
    clock = Clock()
    end = int(clock.at) + DAY
    token = licence(exp=end)
    with surroundings(tmp_path, clock, token) as context:
        clock.at = end + 10 * DAY
        assert running(PACKAGE.edition(context))[0] is LicenceState.EXPIRED
    clock.at = end - DAY / 2
    with surroundings(tmp_path, clock, token) as context:
        edition = PACKAGE.edition(context)
        assert running(edition)[0] is LicenceState.EXPIRED
        assert "the clock of this machine is behind" in " ".join(edition.entitlements.notices())


def test_a_newer_licence_ends_the_wait_for_a_clock_that_was_wrong(tmp_path: Path) -> None:
    """A clock that once was far ahead is forgotten when a licence comes that was issued later than the last one."""
    clock, today = Clock(), time.time()
    old, new = licence(iat=int(today) - 50 * DAY, nbf=int(today) - 50 * DAY), licence(iat=int(today) - DAY)
    with surroundings(tmp_path, clock) as context:
        desk = PACKAGE.licences(context)
        desk.install(old)
        clock.at = today + 4_000 * DAY
        assert desk.installed() is not None
        clock.at = today
        found = desk.installed()
        assert found is not None
        assert found.state is LicenceState.EXPIRED
        desk.install(old)  # the same again proves nothing
        found = desk.installed()
        assert found is not None
        assert found.state is LicenceState.EXPIRED
        assert desk.install(new).state is LicenceState.VALID


def test_one_that_is_over_takes_no_valid_one_away(tmp_path: Path) -> None:
    """What `verify` refuses is not installed, and of a bad one in the settings nobody is told to remove a good one."""
    with surroundings(tmp_path, Clock()) as context:
        desk = PACKAGE.licences(context)
        kept = desk.install(licence())
        ended = int(time.time()) - 30 * DAY
        with pytest.raises(EditionError, match="expired"):
            desk.install(licence(iat=ended - 2 * DAY, nbf=ended - 2 * DAY, exp=ended))
        installed = desk.installed()
        assert installed is not None
        assert installed.id == kept.id
    with surroundings(tmp_path, Clock(), key="garbage") as context:
        with pytest.raises(EditionError) as caught:
            PACKAGE.edition(context)
        assert "remove" not in (caught.value.hint or "")


def test_a_licence_is_installed_for_its_owner_alone(tmp_path: Path) -> None:
    """In the data folder, over the one before; removed, it is gone, and there is the community again."""
    with surroundings(tmp_path, Clock()) as context:
        desk = PACKAGE.licences(context)
        assert desk.installed() is None
        assert PACKAGE.edition(context).name == "community"
        desk.install(licence(tier="pro", max_repos=20))
        path = tmp_path / "license.jwt"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert PACKAGE.edition(context).name == "pro"
        desk.install(licence())
        edition = PACKAGE.edition(context)
        assert (edition.name, edition.label) == ("enterprise", "enterprise (TEST LICENCE)")
        assert sorted(found.name for found in tmp_path.iterdir() if "license" in found.name) == ["license.jwt"]
        assert desk.remove() == str(path)
        assert desk.remove() == ""
        assert PACKAGE.edition(context).name == "community"


def test_a_licence_that_is_not_valid_is_not_installed(tmp_path: Path) -> None:
    """What was there stays."""
    with surroundings(tmp_path, Clock()) as context:
        desk = PACKAGE.licences(context)
        desk.install(licence())
        for wrong in ("", "x", licence()[:-4], licence(iss="someone")):
            with pytest.raises(EditionError, match="the licence is not valid"):
                desk.install(wrong)
        found = desk.installed()
        assert found is not None
        assert found.customer == "Acme"


@pytest.mark.parametrize("required", ["", "enterprise"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "malformed"),
        (b"garbage", "malformed"),
        (b"\xff\xfe\x00", "malformed"),
        (b"a" * 100_000, "malformed"),
        (licence().encode()[:-8] + b"AAAAAAAA", "tampered"),
        (licence(iss="someone").encode(), "foreign"),
        (licence(nbf=int(time.time()) + DAY).encode(), "not valid yet"),
    ],
)
def test_a_licence_that_cannot_be_used_stops_the_start(
    tmp_path: Path, content: bytes, reason: str, required: str
) -> None:
    """With an error that says which it is, never as the community without a word; looking after it goes on."""
    with surroundings(tmp_path, Clock(), config=Config(required_edition=required)) as context:
        (tmp_path / "license.jwt").write_bytes(content)
        with pytest.raises(EditionError) as caught:
            PACKAGE.edition(context)
        assert caught.value.details["reason"] == reason
        assert str(tmp_path / "license.jwt") in caught.value.message
        assert PACKAGE.licences(context).remove()
        assert PACKAGE.edition(context).name == "community"


@pytest.mark.parametrize("what", ["dangling", "loop", "fifo", "folder"])
def test_what_lies_in_the_place_of_a_licence_is_not_passed_over(tmp_path: Path, what: str) -> None:
    """A mount that got lost, or worse: the start stops at once and says what to do, also without the package."""
    place = tmp_path / "license.jwt"
    match what:
        case "dangling":
            place.symlink_to(tmp_path / "nowhere" / "license.jwt")
        case "loop":
            place.symlink_to(place)
        case "fifo":
            os.mkfifo(place)
        case _:
            place.mkdir()
    with surroundings(tmp_path, Clock()) as context:
        for started in (lambda: PACKAGE.edition(context), lambda: load_edition(context, ())):
            with pytest.raises(EditionError):
                cast("Callable[[], object]", started)()
        with pytest.raises(EditionError) as caught:
            PACKAGE.licences(context).installed()
        assert str(place) in caught.value.message
        assert "conexus license remove" in (caught.value.hint or "")
        if what == "folder":
            with pytest.raises(EditionError, match="cannot be written"):
                PACKAGE.licences(context).install(licence())
            assert [path.name for path in tmp_path.glob("license*")] == ["license.jwt"]
            with pytest.raises(EditionError, match="cannot be removed"):
                PACKAGE.licences(context).remove()
        else:
            assert PACKAGE.licences(context).remove() == str(place)
            assert PACKAGE.edition(context).name == "community"


def test_a_licence_that_a_windows_editor_saved_is_one(tmp_path: Path) -> None:
    """With a mark at its beginning and other ends of lines."""
    (tmp_path / "license.jwt").write_bytes(b"\xef\xbb\xbf" + licence().encode() + b"\r\n")
    with surroundings(tmp_path, Clock()) as context:
        assert PACKAGE.edition(context).name == "enterprise"


def test_each_edition_speaks_of_itself(tmp_path: Path) -> None:
    """Pro has no directory, and says that it is pro; who has the plan is told of the licence."""
    with surroundings(tmp_path, Clock(), licence(tier="pro", max_repos=50)) as context:
        edition = PACKAGE.edition(context)
        with pytest.raises(FeatureNotAvailable, match="the pro edition has no directory"):
            edition.directory.state()
        facts = edition.entitlements.licence()
        assert facts is not None
        assert facts.max_repositories == edition.entitlements.limits().repositories == 20
    with surroundings(tmp_path, Clock(), licence(features=["bound_keys"])) as context:
        with pytest.raises(FeatureNotAvailable, match="does not include") as caught:
            require_feature(PACKAGE.edition(context), Feature.KEY_RATE_LIMITS)
        assert "ask for one that has it" in (caught.value.hint or "")


def test_a_test_licence_counts_in_test_mode_alone(tmp_path: Path) -> None:
    """Elsewhere it is refused with the reason, and the real keys do not count in test mode."""
    with (
        surroundings(tmp_path, Clock(), licence(), mode="") as context,
        pytest.raises(EditionError, match="it is for tests") as caught,
    ):
        PACKAGE.edition(context)
    assert "CONEXUS_LICENSE_MODE=test" in (caught.value.hint or "")


def test_the_licence_of_the_settings_comes_first(tmp_path: Path) -> None:
    """Over the one that was installed; and a file that is named has to be there."""
    with surroundings(tmp_path, Clock()) as context:
        PACKAGE.licences(context).install(licence(tier="pro", max_repos=20))
    with surroundings(tmp_path, Clock(), licence()) as context:
        assert PACKAGE.edition(context).name == "enterprise"


@pytest.mark.parametrize(("claimed", "places"), [(7, 7), (20, 20), (500, 20)])
def test_pro_has_twenty_places_at_most(claimed: int, places: int) -> None:
    """Fewer where the licence says so; and nothing else that the community has not."""
    with surroundings(None, Clock(), licence(tier="pro", max_repos=claimed)) as context:
        edition = PACKAGE.edition(context)
        assert edition.entitlements.limits().repositories == places
        assert edition.entitlements.plan() is Plan.PRO
        with pytest.raises(FeatureNotAvailable) as caught:
            edition.directory.state()
        assert caught.value.details["required_plan"] == "enterprise"


def test_features_are_those_of_the_licence() -> None:
    """One that names some has those; access control needs none."""
    with surroundings(None, Clock(), licence(features=["bound_keys"])) as context:
        edition = PACKAGE.edition(context)
        require_feature(edition, Feature.BOUND_KEYS)
        require_feature(edition, Feature.SEARCH)
        with pytest.raises(FeatureNotAvailable, match="the licence of Acme does not include directory"):
            edition.directory.put(User("ann"), LOCAL_USER)
        assert not edition.access.may_read(EVE, WEB)


def test_what_is_planned_is_not_sold_as_there() -> None:
    """An enterprise licence for everything does not make a feature of a later version available."""
    with surroundings(None, Clock(), licence()) as context:
        edition = PACKAGE.edition(context)
        with pytest.raises(FeatureNotAvailable, match="not in this version"):
            require_feature(edition, Feature.SCIM)


def test_grants_without_a_licence_stop_the_start() -> None:
    """Settings that meant to keep people out are not passed over, by the community and by pro alike."""
    config = Config(edition={"grants": {"dev": [WEB]}})
    for key in ("", licence(tier="pro", max_repos=20)):
        with (
            surroundings(None, Clock(), key, config=config) as context,
            pytest.raises(EditionError, match=r"\[edition\] table"),
        ):
            PACKAGE.edition(context)


def test_the_mark_only_goes_forward(tmp_path: Path) -> None:
    """However it is asked, and it is written down at most once an hour."""
    with surroundings(tmp_path, Clock()) as context:
        marks = context.marks
        assert isinstance(marks, SqliteDirectory)
        assert [marks.seen(at) for at in (100_000.0, 90_000.0, 200_000.0, 1.0)] == [1e5, 1e5, 2e5, 2e5]
        before = (tmp_path / "catalog.sqlite-wal").stat().st_size
        assert marks.seen(200_010.0) == 200_010.0
        assert (tmp_path / "catalog.sqlite-wal").stat().st_size == before
