# SPDX-License-Identifier: FSL-1.1-MIT
"""The door to the MCP surface, which is made when somebody first comes by it.

Half of the time that a daemon takes to start, and 20 MB, would go into a library that many never ask.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from conexus.daemon.api import Api

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from conexus.daemon.mcp_server import McpApp


class McpDoor:
    """An ASGI application that hands each request to :class:`conexus.daemon.mcp_server.McpApp`.

    Args:
        api: The daemon.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._opening: asyncio.Task[McpApp] | None = None
        self._running: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold what is made; to be entered once, for as long as the application is served."""
        try:
            yield
        finally:
            self._ending.set()
            if self._running is not None:
                await self._running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        app = await asyncio.shield(self._opening)  # who goes away meanwhile takes it from nobody else
        await app(scope, receive, send)

    async def _open(self) -> McpApp:
        module = await asyncio.to_thread(import_module, "conexus.daemon.mcp_server")
        app = cast("Callable[[Api], McpApp]", module.McpApp)(self._api)
        is_running = asyncio.Event()
        self._running = asyncio.ensure_future(self._hold(app, is_running))
        await is_running.wait()
        return app

    async def _hold(self, app: McpApp, is_running: asyncio.Event) -> None:
        """Hold the sessions in one task: they have to be let go in the one that took them."""
        try:
            async with app.running():
                is_running.set()
                await self._ending.wait()
        finally:
            is_running.set()


__all__ = ["McpDoor"]
