"""Customers, their passwords, and who may sign in."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections import defaultdict, deque

_ROUNDS = 600_000
_MAX_FAILURES = 5
_WINDOW_S = 900.0


def hash_password(plain: str, salt: bytes | None = None) -> str:
    """Return salt and digest of a password, slow to guess."""
    salt = os.urandom(16) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha256", plain.encode(), salt, _ROUNDS)
    return f"{salt.hex()}${digest.hex()}"


def verify_password(plain: str, stored: str) -> bool:
    """Compare in constant time."""
    salt, _, _ = stored.partition("$")
    return hmac.compare_digest(hash_password(plain, bytes.fromhex(salt)), stored)


class LoginThrottle:
    """Locks an account for a while after too many wrong passwords."""

    def __init__(self) -> None:
        self._failures: defaultdict[str, deque[float]] = defaultdict(deque)

    def is_locked(self, email: str) -> bool:
        """Whether the customer has to wait."""
        times = self._failures[email]
        while times and times[0] < time.monotonic() - _WINDOW_S:
            times.popleft()
        return len(times) >= _MAX_FAILURES

    def note_failure(self, email: str) -> None:
        """Count a wrong password."""
        self._failures[email].append(time.monotonic())
