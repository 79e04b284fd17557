# SPDX-License-Identifier: FSL-1.1-MIT
"""Webhooks are delivered to real receivers: signed, in time, to the address that was checked, and to no other."""

from __future__ import annotations

import base64
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from conexus.adapters.webhook_sender import SendCounts, SenderOptions, WebhookSender, check_secret
from conexus.errors import InvalidRequest, SourceError
from conexus.types import Webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
LOCAL = SenderOptions(allow_private=True, timeout_s=1.0, retry_after_s=0.01)


@dataclass
class Received:
    """One request as a receiver got it."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A web server of this machine that answers as a test wants it to."""

    answer: Callable[[BaseHTTPRequestHandler], None]
    got: list[Received] = field(default_factory=list)
    port: int = 0

    def hook(self, host: str = "127.0.0.1", secret: str = "", scheme: str = "http", path: str = "/hook") -> Webhook:
        """A webhook that leads here."""
        return Webhook("w", f"{scheme}://{host}:{self.port}{path}", 1.0, secret)


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer without a body."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


@contextmanager
def receiver(
    answer: Callable[[BaseHTTPRequestHandler], None], context: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """A receiver in a thread of its own."""
    found = Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append(Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            try:
                found.answer(self)
            except OSError:
                self.close_connection = True

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def sender(options: SenderOptions = LOCAL, **parts: object) -> Iterator[WebhookSender]:
    """A sender that is closed at the end."""
    found = WebhookSender(options, **parts)  # type: ignore[arg-type]
    try:
        yield found
    finally:
        found.close()


def wait_for(counts: Callable[[], SendCounts], number: int) -> SendCounts:
    """Wait until so many messages have ended in some way."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = counts()
        if found.delivered + found.failed + found.dropped >= number:
            return found
        time.sleep(0.005)
    raise AssertionError(f"{counts()} is not {number} in time")


# ------------------------------------------------------------------------------------ delivery


def test_a_message_arrives_signed() -> None:
    """A receiver's own library accepts it, and refuses it with any other secret or body."""
    with receiver(status(204)) as here, sender() as sending:
        sending.send(here.hook(secret=SECRET, path="/a/b?c=d"), "index.finished", {"job": "7", "name": "caf\u00e9"})
        assert wait_for(lambda: sending.counts, 1) == SendCounts(delivered=1)
        [got] = here.got
    assert got.path == "/a/b?c=d"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{here.port}"
    content = Verifier(SECRET).verify(got.body, got.headers)
    assert content["type"] == "index.finished"
    assert content["data"] == {"job": "7", "name": "caf\u00e9"}
    assert abs(float(got.headers["webhook-timestamp"]) - time.time()) < 30
    with pytest.raises(WebhookVerificationError):
        Verifier(base64.b64encode(bytes(32)).decode()).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(got.body.replace(b"7", b"8"), got.headers)


def test_without_a_secret_there_is_no_signature() -> None:
    """The id, by which a receiver knows a repetition, is there."""
    with receiver(status(200)) as here, sender() as sending:
        found = sending.deliver(here.hook(), "test", {})
    assert (found.delivered, found.status, found.attempts, found.error) == (True, 200, 1, "")
    assert "webhook-signature" not in here.got[0].headers
    assert here.got[0].headers["webhook-id"].startswith("msg_")
    assert json.loads(here.got[0].body)["data"] == {}


def test_a_failure_is_tried_once_more_with_the_same_id() -> None:
    """The signature is of the moment of sending, the message is the same."""
    codes = iter([503, 200, 429, 429, 400])

    def answer(request: BaseHTTPRequestHandler) -> None:
        status(next(codes))(request)

    with receiver(answer) as here, sender() as sending:
        for number in range(3):
            sending.send(here.hook(secret=SECRET), "test", {"number": number})
        assert wait_for(lambda: sending.counts, 3) == SendCounts(delivered=1, failed=2)
    numbers = [json.loads(got.body)["data"]["number"] for got in here.got]
    assert numbers == [0, 0, 1, 1, 2]
    ids = [got.headers["webhook-id"] for got in here.got]
    assert ids[0] == ids[1] != ids[2] == ids[3] != ids[4]
    for got in here.got:
        Verifier(SECRET).verify(got.body, got.headers)


def test_a_redirect_is_not_followed() -> None:
    """It could lead anywhere; it counts as a failure and is not tried again."""
    with receiver(status(200)) as elsewhere:
        with (
            receiver(status(307, Location=f"http://127.0.0.1:{elsewhere.port}/")) as here,
            sender() as sending,
        ):
            found = sending.deliver(here.hook(), "test", {})
            sending.send(here.hook(), "test", {})
            assert wait_for(lambda: sending.counts, 1) == SendCounts(failed=1)
        assert elsewhere.got == []
    assert (found.delivered, found.status) == (False, 307)
    assert "redirects are not followed" in found.error
    assert len(here.got) == 2


def test_a_huge_answer_is_not_read() -> None:
    """What comes after some kilobytes is left, and the delivery counts."""
    sent = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(b"x" * 100_000)
            sent.append(1)

    with receiver(answer) as here, sender() as sending:
        found = sending.deliver(here.hook(), "test", {})
        time.sleep(0.2)
    assert found.delivered
    assert found.elapsed_ms < 900
    assert len(sent) < 200  # what the system's buffers took


def drip(head: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer of which a byte comes every now and then, for ever."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(head)
        while True:
            request.wfile.write(b"a")
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize(
    ("head", "delivered"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", True),
    ],
)
def test_a_slow_answer_ends_in_time(head: bytes, delivered: bool) -> None:
    """Every byte in time is not enough: all of them together have one deadline."""
    with receiver(drip(head)) as here, sender() as sending:
        found = sending.deliver(here.hook(), "test", {})
    assert found.delivered is delivered
    assert 900 < found.elapsed_ms < 2_500


def test_who_does_not_answer_at_all() -> None:
    """A port that takes a connection and says nothing, one where nobody is, and one that speaks no HTTP."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, sender() as sending:
        found = sending.deliver(Webhook("w", f"http://127.0.0.1:{silent.getsockname()[1]}/", 1.0), "test", {})
        assert (found.delivered, found.status, found.error) == (False, None, "127.0.0.1 did not answer in time")
    with sender() as sending:
        found = sending.deliver(Webhook("w", "http://127.0.0.1:1/", 1.0), "test", {})
        assert "could not be reached" in found.error

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")

    with receiver(answer) as here, sender() as sending:
        assert "could not be reached" in sending.deliver(here.hook(), "test", {}).error


# ---------------------------------------------------------------------------------- addresses


def test_a_private_address_gets_nothing() -> None:
    """Unless the settings allow it; it is not tried again, and the hint says what to do."""
    with receiver(status(200)) as here, sender(SenderOptions(retry_after_s=0.01)) as sending:
        found = sending.deliver(here.hook(), "test", {})
        assert (found.delivered, found.attempts) == (False, 0)
        assert "127.0.0.1 is not a public address" in found.error
        assert "webhooks.allow_private" in found.hint
        sending.send(here.hook("localhost"), "test", {})
        assert wait_for(lambda: sending.counts, 1) == SendCounts(failed=1)
    assert here.got == []


def test_the_name_is_looked_up_once_and_the_connection_goes_there() -> None:
    """A name whose second answer is another one, which is how a check is tricked, gets nothing by it."""
    asked: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["10.255.255.1"]

    with receiver(status(200)) as here, sender(resolver=rebinding) as sending:
        found = sending.deliver(here.hook("hooks.example.org"), "test", {})
    assert found.delivered
    assert asked == [("hooks.example.org", here.port)]
    assert here.got[0].headers["host"] == f"hooks.example.org:{here.port}"


def test_a_name_that_becomes_private_is_refused() -> None:
    """The check is made for each delivery."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    with receiver(status(200)) as here, sender(resolver=lambda *_: next(answers)) as sending:
        assert sending.deliver(here.hook("hooks.example.org"), "test", {}).delivered
        found = sending.deliver(here.hook("hooks.example.org"), "test", {})
    assert "169.254.169.254" in found.error
    assert len(here.got) == 1


def test_another_address_of_the_name_is_tried() -> None:
    """Where nobody listens at the first; the test's network has only the second."""
    with receiver(status(200)) as here, sender(resolver=lambda *_: ["::1", "127.0.0.1"]) as sending:
        assert sending.deliver(here.hook("hooks.example.org"), "test", {}).delivered


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would look the name up again."""
    with receiver(status(200)) as proxy, receiver(status(200)) as here, sender() as sending:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert sending.deliver(here.hook(), "test", {}).delivered
    assert proxy.got == []


def test_the_certificate_is_checked_against_the_name() -> None:
    """Not against the address that the connection goes to; one that is not trusted is refused."""
    authority = trustme.CA()
    trust, server = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(trust)
    authority.issue_cert("hooks.example.org").configure_cert(server)
    with receiver(status(200), server) as here:
        with sender(resolver=lambda *_: ["127.0.0.1"], trust=trust) as sending:
            assert sending.deliver(here.hook("hooks.example.org", scheme="https"), "test", {}).delivered
            other = sending.deliver(here.hook("other.example.org", scheme="https"), "test", {})
        with sender(resolver=lambda *_: ["127.0.0.1"]) as sending:
            stranger = sending.deliver(here.hook("hooks.example.org", scheme="https"), "test", {})
    assert not other.delivered
    assert "certificate" in other.error.lower()
    assert not stranger.delivered
    assert "certificate" in stranger.error.lower()
    assert len(here.got) == 1


# -------------------------------------------------------------------------- who calls, and the queue


def test_sending_never_waits_and_drops_what_is_too_much() -> None:
    """With a receiver that hangs, and every message is accounted for."""
    go_on = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        go_on.wait(10)
        status(200)(request)

    options = SenderOptions(allow_private=True, timeout_s=10.0, retry_after_s=0.01, queue_length=3)
    with receiver(answer) as here, sender(options) as sending:
        sending.send(here.hook(), "test", {"number": 0})
        until = time.monotonic() + 10
        while not here.got and time.monotonic() < until:
            time.sleep(0.005)
        before = time.monotonic()
        for number in range(1, 9):
            sending.send(here.hook(), "test", {"number": number})
        assert time.monotonic() - before < 5
        assert sending.counts == SendCounts(dropped=5)
        go_on.set()
        assert wait_for(lambda: sending.counts, 9) == SendCounts(delivered=4, dropped=5)
    assert [json.loads(got.body)["data"]["number"] for got in here.got] == [0, 1, 2, 3]


@pytest.mark.parametrize("payload", [{"x": object()}, {"x": float("nan")}, {"x": "y" * 300_000}, {"x": {1, 2}}])
def test_a_payload_that_cannot_be_sent_is_a_failure_and_no_error(payload: dict[str, object]) -> None:
    """Whoever tells of a job must not fail by telling."""
    with receiver(status(200)) as here, sender() as sending:
        sending.send(here.hook(), "test", payload)
        assert sending.counts == SendCounts(failed=1)
    assert here.got == []


def test_nothing_that_a_hook_is_stops_the_thread() -> None:
    """An address and a secret that make no sense, and a resolver that fails: the next message is sent."""

    def resolver(host: str, _port: int) -> list[str]:
        if host == "gone.example":
            raise SourceError("the name is not known")
        return ["127.0.0.1"] if host == "127.0.0.1" else ["nonsense"]

    with receiver(status(200)) as here, sender(resolver=resolver) as sending:
        sending.send(Webhook("w", "nonsense", 1.0), "test", {})
        sending.send(Webhook("w", "http://gone.example/", 1.0), "test", {})
        sending.send(Webhook("w", "http://odd.example/", 1.0), "test", {})
        for wrong in ("whsec_", "whsec_a"):
            sending.send(here.hook(secret=wrong), "test", {})
        sending.send(here.hook(), "test", {})
        assert wait_for(lambda: sending.counts, 6) == SendCounts(delivered=1, failed=5)


def test_closing_delivers_what_waits_and_takes_no_more() -> None:
    """Closing twice is fine, and so is closing what was never used."""
    WebhookSender().close()
    with receiver(status(200)) as here:
        sending = WebhookSender(LOCAL)
        for number in range(20):
            sending.send(here.hook(), "test", {"number": number})
        sending.close()
        sending.close()
        assert sending.counts == SendCounts(delivered=20)
        sending.send(here.hook(), "test", {})
        assert sending.counts == SendCounts(delivered=20, dropped=1)
    assert len(here.got) == 20


def test_closing_ends_in_time() -> None:
    """Whatever hangs."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        sending = WebhookSender(SenderOptions(allow_private=True, timeout_s=3.0))
        for _ in range(5):
            sending.send(Webhook("w", f"http://127.0.0.1:{silent.getsockname()[1]}/", 1.0), "test", {})
        before = time.monotonic()
        sending.close(0.2)
        assert time.monotonic() - before < 2.5
        assert sending.counts.dropped == 4
    sending.close(10.0)  # its thread must not log into another test
    assert sending.counts == SendCounts(failed=1, dropped=4)


def test_the_log_names_the_host_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """An address often holds a token in its path."""
    with caplog.at_level(logging.WARNING), receiver(status(400)) as here, sender() as sending:
        sending.send(here.hook(secret=SECRET, path="/services/T0KEN?key=T0KEN"), "test", {"body": "T0KEN"})
        wait_for(lambda: sending.counts, 1)
    [record] = [record for record in caplog.records if record.name == "conexus.webhooks"]
    assert record.__dict__["address"] == f"127.0.0.1:{here.port}"
    assert "400" in record.__dict__["reason"]
    assert "T0KEN" not in str(record.__dict__)
    assert SECRET not in str(record.__dict__)
    assert SECRET not in repr(here.hook(secret=SECRET))


# ------------------------------------------------------------------------------------- secrets


def test_secrets_are_those_of_standard_webhooks() -> None:
    """With the prefix or without; kept with it."""
    plain = SECRET.removeprefix("whsec_")
    assert check_secret(plain) == check_secret(f" {SECRET}\n") == SECRET


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "hunter2", "a" * 24, base64.b64encode(bytes(23)).decode(), "\u00e9" * 40]
)
def test_weak_and_wrong_secrets_are_refused(secret: str) -> None:
    """With a command that makes a good one; the secret is not in the message."""
    with pytest.raises(InvalidRequest) as caught:
        check_secret(secret)
    assert caught.value.details == {"argument": "secret"}
    assert "openssl rand -base64 32" in str(caught.value.hint)
    assert len(secret) < 7 or secret not in caught.value.message
