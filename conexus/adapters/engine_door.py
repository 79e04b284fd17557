# SPDX-License-Identifier: FSL-1.1-MIT
"""Lets other processes of the user search a shard that one process has open, over a socket in the shard's folder.

A shard can be open once: without this a search would have to wait until a run of another process is over.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from conexus.adapters.worker_wire import read_frame, write_frame

if TYPE_CHECKING:
    import socket

DOOR: Final = "door"
_NAME_BYTES: Final = 100  # a socket's name has to be short
_PATIENCE_S: Final = 10.0
_WAITING: Final = 16
_POLL_S: Final = 0.05
_TO_READ, _BOTH_WAYS = 0, 2  # socket.SHUT_RD and SHUT_RDWR, without the import


class Door:
    """The end of the process that has the shard open.

    Args:
        folder: The shard's.
        answer: Gives the reply to a request.

    Raises:
        OSError: There can be none, as on a disk that takes no writes.
    """

    def __init__(self, folder: Path, answer: Callable[[bytes], bytes]) -> None:
        self._path = folder / DOOR
        self._answer = answer
        self._gate = threading.Lock()
        self._is_closed = False
        self._guests: set[socket.socket] = set()
        self._path.unlink(missing_ok=True)  # of a process that was killed
        self._listener = _socket()
        try:
            with _address(self._path) as address:
                self._listener.bind(address)
            self._path.chmod(0o600)
            self._listener.listen(_WAITING)
        except OSError:
            self._listener.close()
            raise
        threading.Thread(target=self._let_in, daemon=True, name="door").start()

    def close(self) -> None:
        """Let nobody in any more, and send all away; returns when the last request is answered. Idempotent."""
        with self._gate:
            self._is_closed = True
            for guest in self._guests:
                with suppress(OSError):
                    guest.shutdown(_TO_READ)  # its thread has read the last request, and ends once that is answered
        self.take_away()
        with suppress(OSError):
            self._listener.shutdown(_BOTH_WAYS)  # wakes who waits for the next one
        self._listener.close()

    def take_away(self) -> None:
        """Leave nothing on the disk, for a process that is about to end."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _let_in(self) -> None:
        while not self._is_closed:
            try:
                guest, _ = self._listener.accept()
            except OSError:  # it is closed, or there is no room for a guest just now
                time.sleep(_POLL_S)
                continue
            threading.Thread(target=self._serve, args=(guest,), daemon=True, name="door").start()

    def _serve(self, guest: socket.socket) -> None:
        with self._kept(guest), guest.makefile("rwb") as stream, suppress(OSError, ValueError):
            guest.settimeout(None)
            while (request := read_frame(cast("BinaryIO", stream))) is not None:
                with self._gate:  # the shard is not closed while it answers
                    if self._is_closed:
                        return
                    reply = self._answer(request)
                write_frame(cast("BinaryIO", stream), reply)

    @contextmanager
    def _kept(self, guest: socket.socket) -> Iterator[None]:
        with self._gate:
            self._guests.add(guest)
        try:
            with guest:
                yield
        finally:
            with self._gate:
                self._guests.discard(guest)


class Guest:
    """The end of a process that searches.

    Raises:
        OSError: Nobody lets it in.
    """

    def __init__(self, folder: Path) -> None:
        self._socket = self.connection(folder)
        self._socket.settimeout(_PATIENCE_S)
        self._stream = cast("BinaryIO", self._socket.makefile("rwb"))
        self._one_at_a_time = threading.Lock()

    @staticmethod
    def connection(folder: Path) -> socket.socket:
        """Return a connection to the door of a shard's folder, over which frames go to and fro.

        Raises:
            OSError: Nobody lets it in.
        """
        found = _socket()
        try:
            found.settimeout(_PATIENCE_S)
            with _address(folder / DOOR) as address:
                found.connect(address)
            found.settimeout(None)
        except OSError:
            found.close()
            raise
        return found

    def ask(self, request: bytes) -> bytes | None:
        """Return the reply; nothing where the shard was closed meanwhile, or its process ended or stands still."""
        with self._one_at_a_time:
            try:
                write_frame(self._stream, request)
                return read_frame(self._stream)
            except (OSError, ValueError):
                return None

    def close(self) -> None:
        """Go. Idempotent."""
        with suppress(OSError):
            self._stream.close()
        self._socket.close()


def _socket() -> socket.socket:
    import socket  # noqa: PLC0415 -- few searches need one

    return socket.socket(socket.AF_UNIX)


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """Give a name by which a socket can be bound or reached, however long its path is."""
    if len(os.fsencode(path)) <= _NAME_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


__all__ = ["DOOR", "Door", "Guest"]
