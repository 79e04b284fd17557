# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells webhooks what happened, in the form of https://www.standardwebhooks.com.

Sending is best effort: one thread, a queue of bounded length, one more attempt after a failure. Whoever sends never
waits and never sees an error; what was not delivered is counted and logged, by host and without the address, in
which there may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from conexus.adapters.webhook_address import Resolver, allowed_addresses, parse_url, resolve, within
from conexus.errors import InvalidRequest, SourceError
from conexus.types import Webhook
from conexus.values import dataclass

_LOG = logging.getLogger("conexus.webhooks")
_SECRET_PREFIX = "whsec_"  # noqa: S105 -- a prefix
_SECRET_BYTES = (24, 64)
_MAX_BODY_BYTES = 256_000
_SUCCESS = range(200, 300)
_REDIRECTION = range(300, 400)
_TRY_AGAIN = frozenset({408, 425, 429, *range(500, 600)})


@dataclass(frozen=True, slots=True)
class SenderOptions:
    """How webhooks are sent."""

    allow_private: bool = False
    """Whether they may lead into this machine's own network."""
    timeout_s: float = 5.0
    """For one attempt as a whole, from the look-up of the name on."""
    retry_after_s: float = 1.0
    queue_length: int = 200
    """Deliveries that may wait; more are dropped."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message to one webhook."""

    delivered: bool
    status: int | None = None
    """Of the last answer, where there was one."""
    attempts: int = 1
    elapsed_ms: float = 0.0
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SendCounts:
    """What became of all messages so far."""

    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    """Never tried: too many were waiting, or the sender was closed."""


@dataclass(frozen=True, slots=True)
class _Message:
    id: str
    body: bytes


class WebhookSender:
    """Sends to webhooks from a thread of its own. Any thread may call it."""

    def __init__(
        self,
        options: SenderOptions | None = None,
        *,
        resolver: Resolver = resolve,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """Keep how to send; the thread starts with the first message.

        Args:
            options: The defaults where ``None``.
            resolver: Gives the addresses of a name.
            trust: Which certificates are believed; those that the system believes where ``None``.
        """
        self._options = options or SenderOptions()
        self._resolver = resolver
        self._trust = trust
        self._waiting: deque[tuple[Webhook, _Message]] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._counts = SendCounts()

    @property
    def counts(self) -> SendCounts:
        """What became of all messages that :meth:`send` took so far."""
        with self._changed:
            return self._counts

    def set_options(self, options: SenderOptions) -> None:
        """Go by other settings from now on."""
        self._options = options

    def send(self, hook: Webhook, event_type: str, payload: Mapping[str, object]) -> None:
        """Send a message some time soon. Returns at once and raises nothing that has to do with sending.

        Args:
            hook: To whom.
            event_type: As ``index.finished``.
            payload: What JSON can hold; the same message is sent again where the first attempt fails.
        """
        try:
            message = _message(event_type, payload)
        except (TypeError, ValueError, RecursionError, InvalidRequest) as exc:
            self._note(hook, Delivery(delivered=False, attempts=0, error=f"the message cannot be written: {exc}"))
            return
        with self._changed:
            if self._closing.is_set() or len(self._waiting) >= self._options.queue_length:
                self._drop(1)
                return
            self._waiting.append((hook, message))
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="conexus-webhooks", daemon=True)
                self._thread.start()

    def _drop(self, count: int) -> None:
        self._counts = replace(self._counts, dropped=self._counts.dropped + count)
        if count:
            _LOG.warning("webhooks were not sent: too many wait, or the sender ends", extra={"reason": str(count)})

    def deliver(self, hook: Webhook, event_type: str, payload: Mapping[str, object]) -> Delivery:
        """Send a message now and wait for what becomes of it, in one attempt.

        Raises:
            InvalidRequest: The payload is too large.
        """
        return self._attempt(hook, _message(event_type, payload))

    def close(self, wait_s: float = 5.0) -> None:
        """Take no more messages, and give those that wait some time. Idempotent.

        Args:
            wait_s: At most; what is not sent by then counts as dropped.
        """
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(wait_s)
        with self._changed:
            self._drop(len(self._waiting))
            self._waiting.clear()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
                if not self._waiting:
                    return
                hook, message = self._waiting.popleft()
            self._note(hook, self._attempts(hook, message))

    def _attempts(self, hook: Webhook, message: _Message) -> Delivery:
        """Try, and once more where that may help; a fault of ours costs this message and not the thread."""
        try:
            first = self._attempt(hook, message)
            if first.delivered or not _may_help(first) or self._closing.wait(self._options.retry_after_s):
                return first
            return replace(self._attempt(hook, message), attempts=2)
        except Exception as exc:  # noqa: BLE001 -- the thread must go on, and there is nobody to tell but the log
            return Delivery(delivered=False, error=f"{type(exc).__name__}: {exc}")

    def _attempt(self, hook: Webhook, message: _Message) -> Delivery:
        started = time.monotonic()
        try:
            found = Delivery(delivered=True, status=self._post(hook, message))
        except InvalidRequest as exc:
            found = Delivery(delivered=False, attempts=0, error=exc.message, hint=exc.hint or "")
        except SourceError as exc:
            found = Delivery(delivered=False, error=exc.message, hint=exc.hint or "")
        if found.status is not None and found.status not in _SUCCESS:
            what = "redirects are not followed" if found.status in _REDIRECTION else "a success is 200 to 299"
            found = replace(found, delivered=False, error=f"{_host(hook)} answered {found.status}: {what}")
        return replace(found, elapsed_ms=1_000 * (time.monotonic() - started))

    def _post(self, hook: Webhook, message: _Message) -> int:
        from conexus.adapters.pinned_http import Post, default_trust, post  # noqa: PLC0415 -- takes 90 ms

        if self._trust is None:
            self._trust = default_trust()
        until = time.monotonic() + self._options.timeout_s
        target = parse_url(hook.url)
        resolver = within(self._resolver, self._options.timeout_s)
        addresses = allowed_addresses(target, resolver, allow_private=self._options.allow_private)
        headers = _headers(hook, message, datetime.now(UTC))
        return post(Post(target, addresses, headers, message.body), self._trust, until - time.monotonic())

    def _note(self, hook: Webhook, delivery: Delivery) -> None:
        with self._changed:
            counts = self._counts
            if delivery.delivered:
                self._counts = replace(counts, delivered=counts.delivered + 1)
            else:
                self._counts = replace(counts, failed=counts.failed + 1)
        if not delivery.delivered:
            _LOG.warning("a webhook failed", extra={"address": _host(hook), "reason": delivery.error})


def check_secret(secret: str) -> str:
    """Return a secret that messages can be signed with.

    Args:
        secret: 24 to 64 bytes as Base64, with ``whsec_`` before it or without.

    Raises:
        InvalidRequest: It is something else.
    """
    text = secret.strip().removeprefix(_SECRET_PREFIX)
    try:
        length = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        length = 0
    least, most = _SECRET_BYTES
    if not least <= length <= most:
        raise InvalidRequest(
            f"the secret must be {least} to {most} bytes in Base64, with {_SECRET_PREFIX} before it or without",
            hint="make one with: openssl rand -base64 32",
            details={"argument": "secret"},
        )
    return _SECRET_PREFIX + text


def _message(event_type: str, payload: Mapping[str, object]) -> _Message:
    content = {"type": event_type, "timestamp": datetime.now(UTC).isoformat(), "data": dict(payload)}
    body = json.dumps(content, allow_nan=False).encode("ascii")
    if len(body) > _MAX_BODY_BYTES:
        raise InvalidRequest(f"a message has at most {_MAX_BODY_BYTES:,} bytes, and this one has {len(body):,}")
    return _Message(f"msg_{secrets.token_hex(16)}", body)


def _headers(hook: Webhook, message: _Message, at: datetime) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "conexus",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(at.timestamp())),
    }
    if hook.secret:
        from standardwebhooks.webhooks import Webhook as Signer  # noqa: PLC0415 -- takes 15 ms

        headers["webhook-signature"] = Signer(hook.secret).sign(message.id, at, message.body.decode("ascii"))
    return headers


def _may_help(delivery: Delivery) -> bool:
    """Whether another attempt may do better."""
    return delivery.attempts > 0 and (delivery.status is None or delivery.status in _TRY_AGAIN)


def _host(hook: Webhook) -> str:
    try:
        return parse_url(hook.url).authority
    except InvalidRequest:
        return "?"
