# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds out who calls: the user of this machine by the daemon's token, others by API key or single sign-on."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from conexus.daemon.keys import hash_secret, looks_like_key
from conexus.edition import AuditSink, Authenticator
from conexus.errors import RateLimited, Unauthenticated
from conexus.ports import KeyStore
from conexus.types import LOCAL_USER, AuditEvent, Claims, Principal, Role

_SCHEME = "bearer "
_MAX_CREDENTIAL_CHARS = 10_000
_NOTED_EVERY_S = 30.0
_FAILURES = 20  # of one address in the time below; a person who mistypes is far from it
_FAILURES_S = 10.0
_MAX_ADDRESSES = 10_000


def metadata_of(headers: Iterable[tuple[str | bytes, str | bytes]]) -> dict[str, str]:
    """Return the headers of a request, names in lower case.

    One that comes more than once is joined (RFC 9110): so it cannot be that one of two is looked at here, and the
    other by what stands before the daemon.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = (one.decode("latin-1") if isinstance(one, bytes) else one for one in (name, value))
        key = key.lower()
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


class Gatekeeper:
    """Turns credentials into a caller.

    Args:
        token: The daemon's own, a file of the user's holds it.
        keys: Where API keys are.
        others: Knows further credentials.
        audit: Is told of wrong credentials, as long as those of an address are few.
    """

    def __init__(self, token: str, keys: KeyStore, others: Authenticator, audit: AuditSink) -> None:
        self._audit = audit
        self._token = token.encode()
        self._keys = keys
        self._others = others
        self._mutex = threading.Lock()
        self._used: dict[str, float] = {}
        self._noted_at = time.monotonic()
        self._failures: dict[str, list[float]] = {}

    def admit(self, metadata: Mapping[str, str], address: str, client: str = "") -> Principal:
        """Return the caller.

        Args:
            metadata: Headers, names in lower case.
            address: Where the call comes from: to slow down who guesses, and for access policies.
            client: What it comes by, for access policies: ``rest``, ``grpc`` or ``mcp``.

        Raises:
            Unauthenticated: There are no credentials, or they are not valid (any more).
            RateLimited: Too many wrong ones came from this address.
        """
        found = Principal("")
        try:
            found = self._known(metadata)
            if found.local:
                return found
            return replace(self._others.vouched(found, metadata), address=address, client=client)
        except Unauthenticated as error:
            # Only who fails is slowed down: on one machine, all callers have the same address.
            self._require_few_failures(address)
            if self._audit.is_on:
                who = replace(found, address=address, client=client)
                event = AuditEvent(who, "authenticate", time.time(), client, outcome=error.code.value)
                self._audit.record(event)
            raise

    def local(self, metadata: Mapping[str, str]) -> Principal | None:
        """Return the user of this machine where the credentials are the daemon's own token; asks no store."""
        given = metadata.get("authorization", "")
        scheme, credential = given[: len(_SCHEME)].lower(), given[len(_SCHEME) :]
        if scheme == _SCHEME and credential.isascii() and hmac.compare_digest(credential.encode(), self._token):
            return LOCAL_USER
        return None

    def _known(self, metadata: Mapping[str, str]) -> Principal:
        given = metadata.get("authorization", "")
        if not given:
            raise Unauthenticated(
                "credentials are missing",
                hint="send the daemon's token or an API key (conexus keys create) as Authorization: Bearer …",
            )
        credential = given[len(_SCHEME) :].strip() if given[: len(_SCHEME)].lower() == _SCHEME else ""
        if not credential or len(credential) > _MAX_CREDENTIAL_CHARS or not credential.isascii():
            return self._others.authenticate(metadata)
        if hmac.compare_digest(credential.encode(), self._token):
            return LOCAL_USER
        if looks_like_key(credential):
            return self._by_key(credential)
        return self._others.authenticate(metadata)

    def _by_key(self, secret: str) -> Principal:
        now = time.time()
        key = self._keys.key_by_hash(hash_secret(secret))
        if key is None or not key.is_valid(now):
            raise Unauthenticated(
                "the API key is not valid: unknown, expired or revoked", hint="make another: conexus keys create"
            )
        self._note(key.id, now)
        if key.user:
            return self._others.owner(key)
        # What an administrator may do is not limited to repositories: a limited one is a writer.
        role = Role.WRITER if key.role is Role.ADMIN and key.repos is not None else key.role
        return Principal(f"key:{key.name}", role=role, repos=key.repos, key=key.id, requests_per_s=key.requests_per_s)

    def require_still(self, who: Principal) -> None:
        """Return if a caller's key is still good, for answers that take long.

        Raises:
            Unauthenticated: It was revoked, or has expired.
        """
        now = time.time()
        key = next((key for key in self._keys.keys() if key.id == who.key), None)  # noqa: SIM118
        if who.key and key is not None and key.is_valid(now) and key.user:
            self._others.owner(key)  # who may have been locked out
        if who.key and (key is None or not key.is_valid(now)):
            raise Unauthenticated("the API key is not valid any more", hint="make another: conexus keys create")
        if who.claims != Claims() and now >= who.claims_until:
            raise Unauthenticated("the token with claims is over", hint="have a new one made")

    def _note(self, key: str, now: float) -> None:
        with self._mutex:
            self._used[key] = now
            if time.monotonic() - self._noted_at < _NOTED_EVERY_S:
                return
        self.flush()

    def flush(self) -> None:
        """Write down when keys were last used."""
        with self._mutex:
            used, self._used = self._used, {}
            self._noted_at = time.monotonic()
        if used:
            self._keys.note_key_use(used)

    def _require_few_failures(self, address: str) -> None:
        now = time.monotonic()
        with self._mutex:
            if len(self._failures) >= _MAX_ADDRESSES:
                self._failures.clear()
            recent = [at for at in self._failures.get(address, ()) if now - at < _FAILURES_S]
            self._failures[address] = [*recent[-_FAILURES:], now]
        if len(recent) >= _FAILURES:
            wait_s = _FAILURES_S - (now - recent[0])
            raise RateLimited(
                "too many wrong credentials", hint=f"wait {wait_s:.0f} s", details={"retry_after_s": f"{wait_s:.0f}"}
            )
