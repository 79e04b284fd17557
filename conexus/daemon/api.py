# SPDX-License-Identifier: FSL-1.1-MIT
"""What every surface is built on: who calls, what may be asked, and what happens."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import field

from conexus.daemon import messages, schema
from conexus.daemon.call import Call, Surface
from conexus.daemon.dispatch import Dispatcher
from conexus.daemon.events import Broker, Happening
from conexus.daemon.gatekeeper import Gatekeeper
from conexus.daemon.guard import Doors
from conexus.daemon.handlers import Handlers
from conexus.daemon.metrics import Metrics
from conexus.daemon.operations import BY_NAME, Operation
from conexus.edition import Edition, community
from conexus.types import Principal
from conexus.values import dataclass

_ASKED_EVERY_S = 2.0  # whether the key of one who listens is still good


@dataclass(frozen=True, slots=True)
class Api:
    """The parts of a daemon that its surfaces share."""

    handlers: Handlers
    dispatcher: Dispatcher
    gatekeeper: Gatekeeper
    broker: Broker
    metrics: Metrics
    doors: Doors
    edition: Edition = field(default_factory=community)

    def licence_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Return what every answer says where the licence is one for tests."""
        licence = self.edition.entitlements.licence()
        return [(b"x-conexus-licence", b"TEST LICENCE")] if licence is not None and licence.is_test else []

    def new_call(
        self,
        operation: Operation,
        who: Principal,
        surface: Surface,
        request_id: str = "",
        timeout_s: float | None = None,
    ) -> Call:
        """Return a call that is over when the caller's time or the daemon's is, whichever is first.

        Args:
            operation: What is asked.
            who: The caller.
            surface: Where the request came in.
            request_id: Its name; a new one where empty.
            timeout_s: How long the caller waits.
        """
        limit_s = self.dispatcher.time_limit_s(operation)
        if timeout_s is not None:
            limit_s = min(limit_s, max(0.0, timeout_s))
        return Call(who, surface, request_id or secrets.token_hex(8), time.monotonic() + limit_s)

    async def answer(self, operation: Operation, request: schema.Message, call: Call) -> schema.Message:
        """Do an operation.

        Raises:
            ConexusError: See :meth:`conexus.daemon.dispatch.Dispatcher.run`.
        """
        found: schema.Message = await self.dispatcher.run(operation, operation.handler(self.handlers), request, call)
        return found

    async def watch(self, job: str, call: Call) -> AsyncGenerator[schema.Job, None]:
        """Yield an index job as it is now and whenever it changes, until it is over or the daemon ends.

        Raises:
            NotFound: There is no such job for this caller.
        """
        with self.broker.listen() as happenings:
            request = schema.JobRequest(id=job)
            now = await self.dispatcher.run(BY_NAME["job"], self.handlers.job, request, call)
            yield now
            if now.state.is_over:
                return
            async for happening in self._while_valid(happenings, call.who):
                if happening.job is not None and happening.job.id == job:
                    yield messages.job(happening.job, call.who)
                    if happening.job.state.is_over:
                        return

    async def events(self, who: Principal) -> AsyncGenerator[schema.Event, None]:
        """Yield what happens from now on, as far as the caller may know, until the daemon ends."""
        with self.broker.listen() as happenings:
            async for happening in self._while_valid(happenings, who):
                if happening.job is None:
                    yield schema.Event(type=happening.type, at=happening.at)
                elif self.handlers.may_see(happening.job, who):
                    yield schema.Event(type=happening.type, at=happening.at, job=messages.job(happening.job, who))

    async def _while_valid(
        self, happenings: AsyncIterator[Happening], who: Principal
    ) -> AsyncGenerator[Happening, None]:
        """Pass on what happens as long as the caller's key is good."""
        following: asyncio.Future[Happening | None] = asyncio.ensure_future(anext(happenings, None))
        try:
            while True:
                done, _ = await asyncio.wait({following}, timeout=_ASKED_EVERY_S)
                if who.key:
                    await asyncio.to_thread(self.gatekeeper.require_still, who)
                if not done:
                    continue
                happening = following.result()
                if happening is None:
                    return
                yield happening
                following = asyncio.ensure_future(anext(happenings, None))
        finally:
            following.cancel()
