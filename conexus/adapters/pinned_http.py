# SPDX-License-Identifier: FSL-1.1-MIT
"""One HTTP request to an address that was chosen before, within a time that cannot be stretched.

httpcore2 looks no name up by itself where it is given a network of ours, follows no redirect, and reads neither
proxies nor passwords from the environment. The name of the host goes into the certificate's check and into the
header, and nowhere else.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpcore2

from conexus.adapters.webhook_address import Address, Target
from conexus.errors import SourceError
from conexus.values import dataclass

_MAX_BODY_BYTES = 64_000
_BLOCK_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Post:
    """A request."""

    target: Target
    addresses: Sequence[Address]
    """Of the host; tried in this order until one lets us connect."""
    headers: Mapping[str, str]
    body: bytes


class _Deadline:
    def __init__(self, at: float) -> None:
        self._at = at

    def left_s(self) -> float:
        """Return the seconds that are left.

        Raises:
            httpcore2.ReadTimeout: There are none.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the time is over")
        return left


class _TimedStream(httpcore2.NetworkStream):
    """A connection on which all reading and writing together has one deadline, whatever each step is given."""

    def __init__(self, inner: httpcore2.NetworkStream, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _BLOCK_BYTES):
            self._inner.write(buffer[start : start + _BLOCK_BYTES], self._deadline.left_s())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        return _TimedStream(
            self._inner.start_tls(ssl_context, server_hostname, self._deadline.left_s()), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 -- as the library has it
        return self._inner.get_extra_info(info)


class _PinnedNetwork(httpcore2.NetworkBackend):
    """A network on which every name has the addresses that were checked."""

    def __init__(self, addresses: Sequence[Address], deadline: _Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        *others, last = self._addresses
        for address in others:
            try:
                return self._connected(address, port, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connected(last, port, local_address, socket_options)

    def _connected(
        self,
        address: Address,
        port: int,
        local_address: str | None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None,
    ) -> httpcore2.NetworkStream:
        # An address that does not answer takes half of what is left, so that another one gets its turn.
        left_s = self._deadline.left_s() / (1 if address == self._addresses[-1] else 2)
        stream = self._inner.connect_tcp(str(address), port, left_s, local_address, socket_options)
        return _TimedStream(stream, self._deadline)


def post(request: Post, context: ssl.SSLContext, timeout_s: float) -> int:
    """Send a request and return the status of the answer, of whose body at most 64 kB are read.

    Args:
        request: What to send, and where.
        context: Trust for https.
        timeout_s: For all of it together.

    Raises:
        SourceError: There was no answer in time, or none that is HTTP.
    """
    deadline = _Deadline(time.monotonic() + timeout_s)
    target = request.target
    url = httpcore2.URL(
        scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
    )
    headers: dict[bytes | str, bytes | str] = {"Host": target.authority, "Connection": "close"}
    headers["Content-Length"] = str(len(request.body))
    headers.update(request.headers)
    network = _PinnedNetwork(request.addresses, deadline)
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=context, network_backend=network, retries=0) as pool,
            pool.stream("POST", url, headers=headers, content=request.body) as answer,
        ):
            _read_some(answer)
            return int(answer.status)
    except httpcore2.TimeoutException as exc:
        raise SourceError(f"{target.host} did not answer in time") from exc
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as exc:
        raise SourceError(f"{target.host} could not be reached: {str(exc) or type(exc).__name__}") from exc


def _read_some(answer: httpcore2.Response) -> None:
    """Let the other side finish a short answer; what it says is not needed, so that a long or slow one is left."""
    read = 0
    try:
        for block in answer.iter_stream():
            read += len(block)
            if read >= _MAX_BODY_BYTES:
                return
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError):
        return


def default_trust() -> ssl.SSLContext:
    """Return trust in what the system trusts."""
    return httpcore2.default_ssl_context()
