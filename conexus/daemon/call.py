# SPDX-License-Identifier: FSL-1.1-MIT
"""One request on its way through the daemon."""

from __future__ import annotations

import threading
import time
from dataclasses import field
from enum import StrEnum

from conexus.errors import Cancelled, DeadlineExceeded
from conexus.types import Principal
from conexus.values import dataclass


class Surface(StrEnum):
    """Where a request came in."""

    CLI = "cli"
    REST = "rest"
    GRPC = "grpc"
    MCP = "mcp"


@dataclass(eq=False)
class Call:
    """Who asks, from where, and until when.

    Args:
        who: The caller.
        surface: Where the request came in.
        request_id: Names the request in answers and logs.
        deadline: Time of :func:`time.monotonic` at which the work has to stop.
    """

    who: Principal
    surface: Surface
    request_id: str
    deadline: float
    _stopped: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Tell the work that nobody waits for it any more."""
        self._stopped.set()

    def is_over(self) -> bool:
        """Whether the work should stop."""
        return self._stopped.is_set() or time.monotonic() >= self.deadline

    def check(self) -> None:
        """Return if there is still somebody who waits.

        Raises:
            Cancelled: The caller has gone.
            DeadlineExceeded: The time is up.
        """
        if self._stopped.is_set():
            raise Cancelled("the caller has gone")
        if time.monotonic() >= self.deadline:
            raise DeadlineExceeded("the request took too long and was stopped", hint="ask for less, or allow more time")

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self.deadline - time.monotonic())
