"""Keys, webhooks and the query log, as an administrator sees them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence

from conexus.daemon.keys import check_patterns, checked_name, hash_secret, new_id, new_secret
from conexus.errors import ConexusError, InvalidRequest
from conexus.ports import KeyStore, UsageLog, WebhookStore
from conexus.types import ApiKey, Role, UsageEntry, UsageStats, Webhook

_log = logging.getLogger("conexus.daemon.usage")
_FLUSHED_EVERY_S = 1.0
_FORGOTTEN_EVERY_S = 3600.0
_MAX_WAITING = 10_000


class KeyDesk:
    """Makes, lists and revokes API keys."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def create(
        self, name: str, role: Role, repos: Sequence[str] | None, expires_at: float | None
    ) -> tuple[ApiKey, str]:
        """Return a new key and its secret, which nothing keeps.

        Raises:
            InvalidRequest: The name or a pattern cannot be used, or an admin is to be limited.
        """
        if role is Role.ADMIN and repos is not None:
            raise InvalidRequest(
                "an admin key cannot be limited to repositories: it sees the query log and makes keys",
                hint="leave the patterns out, or make a writer key",
                details={"field": "repositories"},
            )
        secret = new_secret()
        key = ApiKey(
            id=new_id(),
            name=checked_name(name),
            role=role,
            repos=None if repos is None else check_patterns(repos),
            created_at=time.time(),
            expires_at=expires_at,
        )
        self._store.add_key(key, hash_secret(secret))
        return key, secret

    def all(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        return self._store.keys()

    def revoke(self, key: str) -> ApiKey:
        """Make a key invalid at once.

        Raises:
            NotFound: There is no such key.
        """
        return self._store.revoke_key(key, time.time())


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
