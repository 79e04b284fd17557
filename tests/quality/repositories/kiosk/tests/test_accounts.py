"""Tests of accounts."""

from kiosk.accounts import LoginThrottle, hash_password, verify_password


def test_password_is_verified() -> None:
    """The right password fits and a wrong one does not."""
    stored = hash_password("correct horse")
    assert verify_password("correct horse", stored)
    assert not verify_password("wrong horse", stored)


def test_account_is_locked_after_failures() -> None:
    """Five wrong passwords lock an account."""
    throttle = LoginThrottle()
    for _ in range(5):
        throttle.note_failure("a@example.org")
    assert throttle.is_locked("a@example.org")
