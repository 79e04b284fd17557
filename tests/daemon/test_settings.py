# SPDX-License-Identifier: FSL-1.1-MIT
"""What settings make of a daemon: TLS, limits, names, traces, webhooks, logs."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from conftest import make_lending, serving
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from program import Program
from prometheus_client.parser import text_string_to_metric_families
from standardwebhooks import Webhook

from conexus.v1 import common_pb2, daemon_pb2_grpc


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A program with a repository that is indexed."""
    found = Program(tmp_path)
    make_lending(tmp_path / "lending")
    found.ok("index", tmp_path / "lending")
    return found


class Receiver:
    """A web server that keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.received.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as it is there
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int) -> None:
        """Wait until so many requests came."""
        until = time.monotonic() + 60
        while len(self.received) < count and time.monotonic() < until:
            time.sleep(0.05)
        assert len(self.received) >= count


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server on this machine."""
    found = Receiver()
    yield found
    found.close()


def test_other_machines_are_served_with_tls_and_a_key(program: Program, tmp_path: Path) -> None:
    """REST and gRPC speak TLS on the public address; commands on this machine go on without noticing."""
    ca = trustme.CA()
    certificate = ca.issue_cert("search.example.org", "127.0.0.1")
    (tmp_path / "cert.pem").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    (tmp_path / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    secret = program.ok("keys", "create", "--name", "other machine").out.strip()
    program.settings["CONEXUS_DAEMON_HOSTS"] = "search.example.org"
    flags = ("--host", "0.0.0.0", "--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))  # noqa: S104 -- what is tested
    with serving(program, tmp_path / "lending", *flags) as served:
        status = program.ok("daemon", "status", "--json").json
        assert status["rest"].startswith("https://127.0.0.1:")
        assert served.url.startswith("http://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        headers = {"authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=status["rest"], verify=trusting, headers=headers) as client:
            assert client.get("/v1/status", headers={"host": "search.example.org"}).status_code == 200
            assert client.get("/v1/status", headers={"host": "other.example.org"}).status_code == 403
        with pytest.raises(httpx.TransportError):
            httpx.get(status["rest"].replace("https", "http") + "/v1/status", headers=headers)
        credentials = grpc.ssl_channel_credentials((tmp_path / "ca.pem").read_bytes())
        with grpc.secure_channel(served.grpc, credentials) as channel:
            answer = daemon_pb2_grpc.DaemonServiceStub(channel).Status(
                common_pb2.Empty(), metadata=(("authorization", f"Bearer {secret}"),), timeout=20
            )
        assert answer.repositories == 1
        assert "through the daemon" in program.ok("search", "fine", tmp_path / "lending", "-v").err


def test_clients_without_a_certificate_are_not_heard_where_one_is_asked_for(program: Program, tmp_path: Path) -> None:
    """With mTLS, on REST as on gRPC; commands on this machine go on without one."""
    ca, other = trustme.CA(), trustme.CA()
    server = ca.issue_cert("localhost", "127.0.0.1")
    (tmp_path / "cert.pem").write_bytes(b"".join(part.bytes() for part in server.cert_chain_pems))
    (tmp_path / "key.pem").write_bytes(server.private_key_pem.bytes())
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    flags = (
        "--tls-cert",
        tmp_path / "cert.pem",
        "--tls-key",
        tmp_path / "key.pem",
        "--tls-client-ca",
        tmp_path / "ca.pem",
    )
    with serving(program, tmp_path / "lending", *map(str, flags)) as served:
        status = program.ok("daemon", "status", "--json").json
        headers = {"authorization": f"Bearer {served.token}"}
        for issuer in (ca, other, None):
            trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            if issuer is not None:
                issuer.issue_cert("client").configure_cert(trusting)
            with httpx.Client(base_url=status["rest"], verify=trusting, headers=headers) as client:
                if issuer is ca:
                    assert client.get("/v1/status").status_code == 200
                else:
                    with pytest.raises(httpx.TransportError):
                        client.get("/v1/status")
        assert "through the daemon" in program.ok("search", "fine", tmp_path / "lending", "-v").err


def test_who_asks_too_often_is_told_to_wait(program: Program, tmp_path: Path) -> None:
    """After ten seconds' worth of requests at once: 429 with the time to wait; others are not touched."""
    program.settings["CONEXUS_DAEMON_REQUESTS_PER_S"] = "0.5"
    secret = program.ok("keys", "create", "--name", "eager").out.strip()
    with serving(program, tmp_path / "lending") as served, served.client(secret) as client:
        began = time.monotonic()
        answers = [client.get("/v1/status") for _ in range(60)]
        most = 5 + 0.5 * (time.monotonic() - began)  # those of ten seconds at once, and those of the time it took
        refused = [answer for answer in answers if answer.status_code == 429]
        assert 5 <= len(answers) - len(refused) <= most
        assert [answer.status_code for answer in answers[:5]] == [200] * 5
        assert refused[0].json()["code"] == "rate_limited"
        assert int(refused[0].headers["retry-after"]) >= 1
        with served.client() as other:
            assert other.get("/v1/status").status_code == 200


def test_wrong_credentials_are_slowed_down_and_right_ones_are_not(program: Program, tmp_path: Path) -> None:
    """On one machine all have one address, so only who fails is refused."""
    with serving(program, tmp_path / "lending") as served:
        with served.client("wrong") as client:
            codes = [client.get("/v1/status").status_code for _ in range(40)]
        assert codes[:20] == [401] * 20
        assert set(codes) == {401, 429}
        with served.client() as client:
            assert client.get("/v1/status").status_code == 200


def test_a_slow_request_is_stopped(program: Program, tmp_path: Path) -> None:
    """A time limit that nothing can keep gives the error that says so, and the daemon goes on."""
    program.settings["CONEXUS_DAEMON_TIMEOUT_S"] = "0.000001"
    with serving(program, tmp_path / "lending") as served, served.client() as client:
        answer = client.post("/v1/search", json={"query": "loan"})
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
        assert client.get("/healthz").json() == {"status": "ok"}


def test_webhooks_are_told_of_jobs(program: Program, tmp_path: Path, receiver: Receiver) -> None:
    """Signed, with the outcome, without source text; nothing is sent where the address is private and not allowed."""
    secret = "whsec_" + "A" * 43 + "="
    program.settings["CONEXUS_WEBHOOKS_ALLOW_PRIVATE"] = "true"
    with serving(program, tmp_path / "lending") as served, served.client() as client:
        assert client.post("/v1/webhooks", json={"url": f"{receiver.url}/hook", "secret": secret}).json()["signed"]
        assert client.post("/v1/webhooks", json={"url": "http://u:p@example.org/"}).json()["code"] == "invalid_request"
        program.ok("index", tmp_path / "lending")
        receiver.wait_for(1)
        path, headers, body = receiver.received[0]
        assert path == "/hook"
        told = Webhook(secret).verify(body, headers)
        assert told["type"] == "index.done"
        assert told["data"]["repository"] == "example.org/tools/lending"
        assert secret not in json.dumps(client.get("/v1/webhooks").json())
    program.settings["CONEXUS_WEBHOOKS_ALLOW_PRIVATE"] = "false"
    with serving(program, tmp_path / "lending"):
        program.ok("index", tmp_path / "lending")
        time.sleep(1.0)
    assert len(receiver.received) == 1


def test_traces_go_where_the_settings_say(program: Program, tmp_path: Path, receiver: Receiver) -> None:
    """A span an operation, with the request's id and nothing of what was asked."""
    program.settings["CONEXUS_DAEMON_OTLP_ENDPOINT"] = f"{receiver.url}/v1/traces"
    with serving(program, tmp_path / "lending") as served, served.client(headers={"x-request-id": "mine"}) as client:
        client.post("/v1/search", json={"query": "a secret question"})
    receiver.wait_for(1)  # the last ones are sent at the end
    spans = [
        span
        for _, _, body in receiver.received
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert [span.name for span in spans] == ["search"]
    assert {one.key: one.value.string_value for one in spans[0].attributes} == {"conexus.request_id": "mine"}
    assert b"secret question" not in b"".join(body for _, _, body in receiver.received)


def test_metrics_can_be_parsed_and_have_few_labels(program: Program, tmp_path: Path) -> None:
    """Prometheus' own parser reads them; labels are of fixed sets."""
    with serving(program, tmp_path / "lending") as served, served.client() as client:
        client.post("/v1/search", json={"query": "loan"})
        client.get("/v1/status", headers={"host": "evil.example"})
        families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    labels = {label for family in families.values() for sample in family.samples for label in sample.labels}
    assert labels <= {
        "surface", "operation", "outcome", "reason", "le", "version", "implementation", "major", "minor", "patchlevel",
        "generation",
    }  # fmt: skip
    assert families["conexus_requests"].documentation
    refused = {
        sample.labels["reason"]: sample.value
        for sample in families["conexus_refused_requests"].samples
        if sample.name.endswith("_total")
    }
    assert refused == {"host": 1.0}


PROMTOOL = shutil.which("promtool") or shutil.which(Path(__file__).parents[2] / "build" / "promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="make test gets promtool where there is apt-get; Prometheus brings it too")
def test_prometheus_own_tool_finds_no_fault_in_the_metrics(program: Program, tmp_path: Path) -> None:
    """Names, units, types and help texts are as `promtool check metrics` wants them, once everything was counted."""
    with serving(program, tmp_path / "lending") as served, served.client() as client:
        client.post("/v1/search", json={"query": "loan"})
        client.get("/v1/status", headers={"host": "evil.example"})
        program.ok("index", tmp_path / "lending")
        text = client.get("/metrics").content
    checked = subprocess.run([str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_the_log_is_json_where_asked(program: Program, tmp_path: Path) -> None:
    """One object a line, with the request's id, without the query."""
    with serving(program, tmp_path / "lending", "--log-format", "json") as served, served.client() as client:
        found = client.post("/v1/search", json={"query": "what nobody may read"})
    lines = [
        line for line in (program.folder / "serve.log").read_text(encoding="utf-8").splitlines() if line[:1] == "{"
    ]
    entries = [json.loads(line) for line in lines]
    assert found.headers["x-request-id"] in {entry.get("request") for entry in entries}
    assert "nobody may read" not in "".join(lines)
