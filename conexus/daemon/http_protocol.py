# SPDX-License-Identifier: FSL-1.1-MIT
"""HTTP/1.1 as uvicorn speaks it, with an end to waiting for a request."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """Closes a connection on which a request does not come, or not to its end.

    uvicorn does so between two requests alone, and until the first byte of the second. All connections have a place in
    common, and who has no credentials could hold them all.
    """

    request_s = 30.0
    """After so long a request has to be there, head and body."""
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """End waiting."""
        super().connection_lost(exc)
        self._stop()

    def _look(self) -> None:
        """Wait from now on where a request is not there, and no longer where it is."""
        if self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._stop()
        elif self._late is None:
            self._late = self.loop.call_later(self.request_s, self._give_up)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        # Between two requests uvicorn's own clock runs, and it need not have come to the second one.
        if self.conn.their_state in {h11.IDLE, h11.SEND_BODY} and not self.transport.is_closing():
            self.transport.close()


__all__ = ["PatientProtocol"]
