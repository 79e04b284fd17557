# SPDX-License-Identifier: FSL-1.1-MIT
"""API keys: secrets that cannot be guessed or mistyped, and requests that mean what they say."""

from __future__ import annotations

import hashlib
import re
import string
from datetime import date, datetime
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.daemon.keys import (
    SECRET_CHARS,
    check_patterns,
    checked_name,
    hash_secret,
    looks_like_key,
    new_id,
    new_secret,
    parse_expiry,
)
from conexus.errors import InvalidRequest

NOW = 1_700_000_000.5
LETTERS = string.ascii_letters + string.digits + "-_"
anything = st.text(st.characters(codec=None, categories=None), max_size=80)  # type: ignore[arg-type]


def test_secrets_look_like_keys_and_differ() -> None:
    """Each has the prefix and the length, no sign that a shell or a header would change, and is never given twice."""
    found = [new_secret() for _ in range(500)]
    assert len(set(found)) == 500
    for secret in found:
        assert looks_like_key(secret)
        assert re.fullmatch(r"cnx_[A-Za-z0-9_-]{49}", secret)
        assert len(secret) == SECRET_CHARS
    assert len({new_id() for _ in range(500)}) == 500


@settings(max_examples=300, deadline=None)
@given(st.integers(0, SECRET_CHARS - 1), st.sampled_from(LETTERS), st.randoms(use_true_random=False))
def test_one_wrong_letter_is_noticed(place: int, letter: str, random: object) -> None:
    """Wherever it is: a checksum of 32 bits never misses a single change."""
    secret = new_secret()
    changed = secret[:place] + letter + secret[place + 1 :]
    assert looks_like_key(changed) is (changed == secret)


@given(st.integers(0, SECRET_CHARS))
def test_a_secret_that_was_cut_is_noticed(length: int) -> None:
    """And one with something around it."""
    secret = new_secret()
    assert looks_like_key(secret[:length]) is (length == SECRET_CHARS)
    assert not any(map(looks_like_key, (f" {secret}", f"{secret}\n", f"{secret}A", secret.upper(), secret * 2)))


@given(anything)
def test_no_other_text_looks_like_a_key(text: str) -> None:
    """Whatever it is, asking is no error; nor is hashing it."""
    assert not looks_like_key(text)
    assert not looks_like_key("cnx_" + text)
    assert re.fullmatch(r"[0-9a-f]{64}", hash_secret(text))


def test_what_is_kept_is_the_sha256() -> None:
    """So that keys stay valid from one version to the next."""
    secret = "cnx_" + "A" * 43 + "hrEXxw"
    assert looks_like_key(secret)
    assert hash_secret(secret) == hashlib.sha256(secret.encode()).hexdigest()
    assert hash_secret(secret) != hash_secret(secret[:-1])


# ------------------------------------------------------------------------- names and patterns


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 101, "bell\x07", "\u202eevil", "half \ud800"])
def test_names_that_cannot_be_shown_are_refused(name: str) -> None:
    """The error names the argument."""
    with pytest.raises(InvalidRequest) as caught:
        checked_name(name)
    assert caught.value.details == {"argument": "name"}


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "is empty"),
        (" github.com/acme", "begins or ends"),
        ("a\nb", "cannot be shown"),
        ("https://github.com/acme/*", "is an address"),
        ("/home/a/app", "is a folder"),
        ("~/app", "is a folder"),
        ("x" * 301, "more than 300"),
    ],
)
def test_patterns_that_fit_nothing_are_refused(pattern: str, why: str) -> None:
    """A key that is silently good for nothing would be a riddle; the hint shows how ids look."""
    with pytest.raises(InvalidRequest, match=why) as caught:
        check_patterns(["github.com/acme/*", pattern])
    assert caught.value.details == {"argument": "repos"}
    assert "github.com/acme/*" in str(caught.value.hint)


def test_the_number_of_patterns_is_bounded() -> None:
    """None at all would be a key for nothing, and is not taken for one for everything."""
    with pytest.raises(InvalidRequest):
        check_patterns([])
    with pytest.raises(InvalidRequest):
        check_patterns([f"github.com/acme/{number}" for number in range(101)])
    assert len(check_patterns([f"github.com/acme/{number}" for number in range(100)])) == 100


@given(st.lists(st.sampled_from(["*", "**", "github.com", "/", "acme", "[a-z]", "?", "!", "["]), min_size=1))
def test_patterns_that_are_taken_can_be_matched(parts: list[str]) -> None:
    """Whatever signs they hold, and in a time that does not grow with them."""
    pattern = "".join(parts)
    if pattern.startswith("/"):
        return
    assert check_patterns([pattern]) == (pattern,)
    assert fnmatchcase("github.com/acme/shop", pattern) in {True, False}


# ------------------------------------------------------------------------------------ expiry


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1_800), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600), ("100y", 3_153_600_000)],
)
def test_a_span_counts_from_now(text: str, seconds: int) -> None:
    """Minutes, hours, days, weeks, years."""
    assert parse_expiry(text, NOW) == NOW + seconds


def test_a_day_is_the_last_one() -> None:
    """A key is valid to its end, here."""
    found = parse_expiry("2027-01-31", NOW)
    assert found is not None
    assert datetime.fromtimestamp(found).astimezone().date() == date(2027, 2, 1)
    assert datetime.fromtimestamp(found - 1).astimezone().date() == date(2027, 1, 31)
    today = datetime.fromtimestamp(NOW).astimezone().date().isoformat()
    assert parse_expiry(today, NOW) is not None
    assert parse_expiry("never", NOW) is None


NO_TIMES = [
    *("", "0d", "-1d", "30", "d", "30 d", "30d\n", "101y", "99999999999999999999d", "1e9d", "nan", "Never"),
    *("2020-01-01", "2027-02-30", "20270131", "2027-1-1", "0001-01-01", "9999-12-31"),
    *("\u0663d", "\u0662\u0660\u0662\u0667-01-31"),  # digits of Arabic
]


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_or_over_is_refused(text: str) -> None:
    """The error names the argument, and the hint shows what can be typed."""
    with pytest.raises(InvalidRequest) as caught:
        parse_expiry(text, NOW)
    assert caught.value.details == {"argument": "expires"}
    assert "30d" in str(caught.value.hint)


@given(anything)
def test_an_expiry_is_understood_or_refused(text: str) -> None:
    """Nothing else happens, whatever is typed."""
    try:
        found = parse_expiry(text, NOW)
    except InvalidRequest:
        return
    assert found is None or found > NOW
