# SPDX-License-Identifier: FSL-1.1-MIT
"""Takes an operation from a surface to its handler: role, rates, threads, time limits, metrics, log.

Every surface comes through here, so that none can forget a check.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from conexus.daemon.audit_events import UNRECORDED, event_of
from conexus.daemon.call import Call
from conexus.daemon.failures import internal
from conexus.daemon.metrics import Metrics
from conexus.daemon.operations import Operation
from conexus.edition import AuditSink
from conexus.errors import (
    AccessDenied,
    Cancelled,
    ConexusError,
    DaemonUnavailable,
    DeadlineExceeded,
    ErrorCode,
    RateLimited,
)
from conexus.lanes import Lanes
from conexus.types import Permission, Principal
from conexus.values import dataclass

_log = logging.getLogger("conexus.daemon.requests")
_T = TypeVar("_T")
_MAX_CALLERS = 10_000
_BURST_S = 10.0
_SEARCHES = frozenset({"search", "similar", "context"})
"""What computes for some milliseconds; a batch of them has a thread of its own."""
_GRACE_S = 2.0  # between the time at which work should have stopped by itself, and that at which nobody waits for it

Tracer = Callable[[str, str], AbstractContextManager[None]]
"""Opens a span for an operation and a request id."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is done at a time, and how often one caller may ask."""

    threads: int
    max_waiting: int
    requests_per_s: float
    timeout_s: float
    long_timeout_s: float


class Dispatcher:
    """Runs operations in threads.

    Args:
        limits: How much is allowed.
        metrics: Counts.
        trace: Opens spans.
        audit: Is told of each request, and of each that is refused for want of a right, before the answer leaves.
    """

    def __init__(self, limits: Limits, metrics: Metrics, trace: Tracer, audit: AuditSink) -> None:
        self._audit = audit
        self._metrics = metrics
        self._trace = trace
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="request")
        self._lanes = Lanes(limits.threads, "search")
        self._busy = 0
        self._rates: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._stopping = False
        self.limits = limits
        self.last_request_at = time.monotonic()

    def time_limit_s(self, operation: Operation) -> float:
        """Longest time for an operation."""
        return self.limits.timeout_s if operation.quick else self.limits.long_timeout_s

    async def run(self, operation: Operation, handler: Callable[[Any, Call], _T], request: object, call: Call) -> _T:
        """Do an operation.

        Raises:
            ConexusError: It was refused, failed or took too long. A fault of Conexus comes as InternalError, with
                the rest in the log.
        """
        started = time.perf_counter()
        outcome = "ok"
        self.last_request_at = time.monotonic()
        self._metrics.busy(1)
        try:
            await self._require_allowed(operation, request, call)
            return await self._in_thread(operation, handler, request, call)
        except ConexusError as error:
            outcome = error.code.value
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except Exception as exc:
            outcome = "internal"
            _log.exception("a request failed by a fault of Conexus", extra=_fields(operation, call))
            raise internal(call.request_id) from exc
        finally:
            elapsed_s = time.perf_counter() - started
            self._metrics.busy(-1)
            self._metrics.answered(call.surface.value, operation.name, outcome, elapsed_s)
            self.last_request_at = time.monotonic()
            _log.info(
                "answered",
                extra={**_fields(operation, call), "outcome": outcome, "elapsed_ms": round(elapsed_s * 1000, 1)},
            )

    async def _in_thread(
        self, operation: Operation, handler: Callable[[Any, Call], _T], request: object, call: Call
    ) -> _T:
        def work() -> _T:
            try:
                call.check()  # the caller may have gone while the request waited
                if operation.needs is not Permission.READ:
                    self._audit.require()  # else it would be done, and not on record
                with self._trace(operation.name, call.request_id):
                    answer = handler(request, call)
            except ConexusError as error:
                self._record(operation, request, call, None, error.code.value)
                raise
            except Exception:
                self._record(operation, request, call, None, ErrorCode.INTERNAL.value)
                raise
            self._record(operation, request, call, answer, "ok")
            return answer

        self._busy += 1
        try:
            pool = self._lanes if operation.name in _SEARCHES else self._pool
            future = asyncio.wrap_future(pool.submit(work))
            # A handler stops by itself at the deadline; what cannot, as a wait for a lock, is not waited for.
            return await asyncio.wait_for(future, call.left_s + _GRACE_S)
        except TimeoutError as exc:
            call.cancel()
            raise DeadlineExceeded("the request took too long and was given up", hint="ask for less") from exc
        except asyncio.CancelledError:
            call.cancel()
            raise
        finally:
            self._busy -= 1

    def _record(self, operation: Operation, request: object, call: Call, answer: object, outcome: str) -> None:
        """Have a request on record, before anybody hears of its answer.

        Raises:
            DaemonUnavailable: It cannot be.
        """
        if self._audit.is_on and (outcome != "ok" or operation.name not in UNRECORDED):
            self._audit.record(event_of(operation, request, call, answer, outcome))

    async def _require_allowed(self, operation: Operation, request: object, call: Call) -> None:
        if self._stopping:
            raise DaemonUnavailable("the daemon is about to stop", hint="try again in a moment")
        self._require_rate(call.who)
        if self._busy >= self.limits.threads + self.limits.max_waiting:
            raise DaemonUnavailable("the daemon has too much to do", hint="try again in a moment")
        if not call.who.may(operation.needs):
            await asyncio.to_thread(self._record, operation, request, call, None, ErrorCode.ACCESS_DENIED.value)
            by_permission = call.who.permissions is not None  # a user: what roles allow is theirs to say
            has = "has not" if by_permission else f"has {call.who.role}"
            needs = f"the permission {operation.needs}" if by_permission else f"the role {operation.role}"
            raise AccessDenied(
                f"{operation.name} needs {needs}, {call.who.subject} {has}",
                details={"required_role": operation.role.value, "required_permission": operation.needs.value},
            )

    def _require_rate(self, who: Principal) -> None:
        """Take a token from the caller's bucket, which holds what ten seconds bring. Each API key has one of its own.

        A key's own limit counts where it is lower than the daemon's, or the daemon has none.
        """
        subject = who.key or who.subject
        rate = min(filter(None, (self.limits.requests_per_s, who.requests_per_s)), default=0.0)
        if not rate:
            return
        now = time.monotonic()
        most = max(1.0, rate * _BURST_S)
        tokens, at = self._rates.pop(subject, (most, now))
        tokens = min(most, tokens + (now - at) * rate)
        self._rates[subject] = (max(0.0, tokens - 1.0), now)
        while len(self._rates) > _MAX_CALLERS:
            self._rates.popitem(last=False)
        if tokens < 1.0:
            wait_s = max(1.0, (1.0 - tokens) / rate)
            raise RateLimited(
                "too many requests", hint=f"wait {wait_s:.0f} s", details={"retry_after_s": f"{wait_s:.0f}"}
            )

    def refuse_new(self) -> None:
        """Answer what comes from now on with :class:`~conexus.errors.DaemonUnavailable`."""
        self._stopping = True

    def close(self) -> None:
        """Wait for the threads; what has not begun is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._lanes.close()


def _fields(operation: Operation, call: Call) -> dict[str, object]:
    return {
        "request": call.request_id,
        "surface": call.surface.value,
        "operation": operation.name,
        "subject": call.who.subject,
    }


__all__ = ["Cancelled", "Dispatcher", "Limits", "Tracer"]
