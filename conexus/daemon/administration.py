# SPDX-License-Identifier: FSL-1.1-MIT
"""Keys, webhooks and the query log, as an administrator sees them."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable

from conexus.daemon.keys import check_patterns, checked_name, hash_secret, new_id, new_secret
from conexus.edition import Edition, community, require_feature
from conexus.errors import ConexusError, InvalidRequest, Unauthenticated
from conexus.ports import KeyStore, UsageLog, WebhookStore
from conexus.types import (
    LOCAL_USER,
    ApiKey,
    ChangeEvent,
    DirectoryKind,
    Feature,
    NewKey,
    Principal,
    Role,
    UsageEntry,
    UsageStats,
    Webhook,
)

_log = logging.getLogger("conexus.daemon.usage")
_FLUSHED_EVERY_S = 1.0
_FORGOTTEN_EVERY_S = 3600.0
_MAX_WAITING = 10_000


class KeyDesk:
    """Makes, lists and revokes API keys.

    Args:
        store: Where they are.
        edition: Knows whether a key may belong to a user, or have a limit of its own.
    """

    def __init__(self, store: KeyStore, edition: Edition | None = None) -> None:
        self._store = store
        self._edition = edition or community()

    def create(self, asked: NewKey, who: Principal = LOCAL_USER) -> tuple[ApiKey, str]:
        """Return a new key and its secret, which nothing keeps.

        Raises:
            InvalidRequest: The name or a pattern cannot be used, an admin is to be limited, or there is no such user.
            FeatureNotAvailable: The edition has no keys of users, or no limits of keys.
        """
        if asked.role is Role.ADMIN and asked.repos is not None:
            raise InvalidRequest(
                "an admin key cannot be limited to repositories: it sees the query log and makes keys",
                hint="leave the patterns out, or make a writer key",
                details={"field": "repositories"},
            )
        self._require_features(asked)
        self._edition.audit.require()
        secret = new_secret()
        key = ApiKey(
            id=new_id(),
            name=checked_name(asked.name),
            role=asked.role,
            repos=None if asked.repos is None else check_patterns(asked.repos),
            created_at=time.time(),
            expires_at=asked.expires_at,
            user=asked.user,
            requests_per_s=asked.requests_per_s,
        )
        self._store.add_key(key, hash_secret(secret))
        self._tell("key.created", key, who)
        return key, secret

    def remove_entry(self, kind: DirectoryKind, name: str, who: Principal = LOCAL_USER) -> None:
        """Remove an entry of the directory; the keys of a user go first, and do not come back with the name.

        Raises:
            NotFound: There is none of that name.
            FeatureNotAvailable: The edition has no directory.
        """
        if kind is DirectoryKind.USER and name in self._edition.directory.state().users:
            for key in self.all():
                if key.user == name and key.revoked_at is None:
                    self.revoke(key.id, who)
        self._edition.directory.remove(kind, name, who)

    def _require_features(self, asked: NewKey) -> None:
        if asked.requests_per_s is not None:
            require_feature(self._edition, Feature.KEY_RATE_LIMITS)
            if not 0 < asked.requests_per_s < math.inf:
                raise InvalidRequest("a limit is a number of requests above 0", details={"field": "requests_per_s"})
        if asked.user:
            require_feature(self._edition, Feature.BOUND_KEYS)
            user = self._edition.directory.state().users.get(asked.user)
            if user is not None and not user.active:
                raise InvalidRequest(
                    f"the user {asked.user} is locked out",
                    hint=f"let them in first: conexus admin users enable {asked.user}",
                    details={"field": "user"},
                )
            if user is None:
                raise InvalidRequest(
                    f"there is no user {asked.user!r}",
                    hint="see `conexus admin users list`",
                    details={"field": "user"},
                )

    def _tell(self, change: str, key: ApiKey, who: Principal) -> None:
        detail = f"{key.role} {key.name}" + (f" of {key.user}" if key.user else "")
        self._edition.events.publish(ChangeEvent(change, time.time(), who.subject, key.id, detail))

    def all(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        return self._store.keys()

    def why_refused(self, key: ApiKey) -> str:
        """Return why a key lets nobody in that is neither revoked nor expired; empty where it does."""
        if not key.user or not key.is_valid(time.time()):
            return ""
        try:
            self._edition.authenticator.owner(key)
        except Unauthenticated as error:
            return error.message
        return ""

    def revoke(self, key: str, who: Principal = LOCAL_USER) -> ApiKey:
        """Make a key invalid at once.

        Raises:
            NotFound: There is no such key.
        """
        self._edition.audit.require()
        found = self._store.revoke_key(key, time.time())
        self._tell("key.revoked", found, who)
        return found


class WebhookDesk:
    """Keeps the addresses that are told of index jobs."""

    def __init__(self, store: WebhookStore, check: Callable[[str, str], None]) -> None:
        """Keep where addresses are.

        Args:
            store: Where.
            check: Raises InvalidRequest for an address and a secret that cannot be used.
        """
        self._store = store
        self._check = check

    def add(self, url: str, secret: str) -> Webhook:
        """Keep an address.

        Raises:
            InvalidRequest: It, or the secret, cannot be used.
        """
        self._check(url, secret)
        hook = Webhook(new_id(), url, time.time(), secret)
        self._store.add_webhook(hook)
        return hook

    def all(self) -> list[Webhook]:
        """Return all, oldest first."""
        return self._store.webhooks()

    def remove(self, hook: str) -> None:
        """Forget one.

        Raises:
            NotFound: There is none of this id.
        """
        self._store.remove_webhook(hook)


class UsageRecorder:
    """Writes the query log from a thread of its own, so that no request waits for the disk.

    Args:
        log: Where entries go.
        keep_s: How long they are kept.
    """

    def __init__(self, log: UsageLog, keep_s: Callable[[], float]) -> None:
        self._log = log
        self._keep_s = keep_s
        self._mutex = threading.Lock()
        self._waiting: list[UsageEntry] = []
        self._stop = threading.Event()
        self._forgotten_at = 0.0
        self._thread = threading.Thread(target=self._write, name="usage-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def note(self, entry: UsageEntry) -> None:
        """Keep an entry; returns at once. Where the disk is too slow, entries are dropped."""
        with self._mutex:
            if len(self._waiting) < _MAX_WAITING:
                self._waiting.append(entry)

    def entries(self, limit: int, *, since: float, only_empty: bool) -> list[UsageEntry]:
        """Return the newest entries, newest first."""
        self.flush()
        return self._log.entries(limit, since=since, only_empty=only_empty)

    def stats(self, since: float, top: int) -> UsageStats:
        """Return figures of all entries since a time."""
        self.flush()
        return self._log.stats(since, top)

    def stop(self) -> None:
        """Write what is left and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(ConexusError):
            self.flush()

    def _write(self) -> None:
        while not self._stop.wait(_FLUSHED_EVERY_S):
            try:
                self.flush()
                if time.monotonic() - self._forgotten_at > _FORGOTTEN_EVERY_S or not self._forgotten_at:
                    self._log.forget(time.time() - self._keep_s())
                    self._forgotten_at = time.monotonic()
            except ConexusError as error:
                _log.warning("the query log cannot be written", extra={"reason": error.code.value})

    def flush(self) -> None:
        """Write what waits.

        Raises:
            StoreError: It cannot be written, and is lost.
        """
        with self._mutex:
            waiting, self._waiting = self._waiting, []
        if waiting:
            self._log.add(waiting)
