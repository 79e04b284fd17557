# SPDX-License-Identifier: FSL-1.1-MIT
"""API keys, webhooks and the query log from the terminal, on the data folder itself."""

from __future__ import annotations

import base64
import http.server
import json
import re
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from program import CONEXUS, ERROR, Ended, Program
from standardwebhooks.webhooks import Webhook as Verifier

from conexus.adapters.sqlite_registry import SqliteRegistry
from conexus.adapters.sqlite_usage_log import SqliteUsageLog
from conexus.daemon.keys import hash_secret, looks_like_key
from conexus.types import ApiKey, Role, UsageEntry

SECRET = base64.b64encode(bytes(range(40))).decode()
KEY = {
    "id": str,
    "name": str,
    "role": str,
    "repositories": (list, type(None)),
    "created_at": float,
    "expires_at": (float, type(None)),
    "last_used_at": (float, type(None)),
    "revoked_at": (float, type(None)),
    "user": str,
    "requests_per_s": (float, type(None)),
    "valid": bool,
    "refused": str,
}


def with_input(program: Program, text: str, *arguments: str) -> Ended:
    """Run a command that reads from a pipe."""
    done = subprocess.run(
        [CONEXUS, *arguments],
        input=text,
        env=program.environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def registry_of(program: Program) -> SqliteRegistry:
    return SqliteRegistry(str(program.data / "catalog.sqlite"))


# ------------------------------------------------------------------------------------- keys


def test_a_key_is_made_and_shown_once(program: Program) -> None:
    """Its secret is all of stdout, so that it can be piped; the store has its hash and nothing else of it."""
    before = time.time()
    arguments = ("--role", "writer", "--repos", "github.com/acme/*", "--repos", "local/x-*", "--expires", "30d")
    made = program.ok("keys", "create", "--name", "ci of acme", *arguments)
    secret = made.out.removesuffix("\n")
    assert looks_like_key(secret)
    assert secret not in made.err
    assert "the only time" in made.err
    with closing(registry_of(program)) as registry:
        key = registry.key_by_hash(hash_secret(secret))
        assert key is not None
        assert (key.name, key.role, key.repos) == ("ci of acme", Role.WRITER, ("github.com/acme/*", "local/x-*"))
        assert key.expires_at is not None
        assert before + 30 * 86_400 <= key.expires_at <= time.time() + 30 * 86_400
        assert registry.keys() == [key]
    assert all(secret.encode() not in file.read_bytes() for file in program.data.iterdir())


def test_keys_are_listed_without_their_secrets(program: Program) -> None:
    """All of them, with what becomes of each; revoking twice is fine."""
    secrets = [program.ok("keys", "create", "-n", name).out.strip() for name in ("first", "second")]
    with closing(registry_of(program)) as registry:
        registry.add_key(ApiKey("old", "th\u00eerd", Role.ADMIN, None, 1.0, expires_at=2.0), "no hash")
        first = registry.keys()[0]
    assert first.name in program.ok("keys", "revoke", first.id).out
    listed = program.ok("keys", "list", "--json")
    assert program.ok("keys", "revoke", first.id).code == 0
    assert program.ok("keys", "list", "--json").out == listed.out
    assert listed.json["schema"] == "conexus.keys/1"
    for key in listed.json["keys"]:
        assert {name for name, kind in KEY.items() if isinstance(key[name], kind)} == set(KEY) == set(key)
    assert [(key["name"], key["valid"]) for key in listed.json["keys"]] == [
        ("first", False),
        ("second", True),
        ("th\u00eerd", False),
    ]
    shown = program.ok("keys", "list").out
    heading, *rows = shown.splitlines()
    assert heading.split()[:3] == ["ID", "NAME", "ROLE"]
    assert [re.search(r"(valid|expired|revoked \d{4}-\d\d-\d\d \d\d:\d\d)$", row) is not None for row in rows] == [
        True
    ] * 3
    assert not any(secret in shown + listed.out for secret in secrets)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "--name", " "), "a name has 1 to 100 printable characters"),
        (("create", "--name", "x\x1b[31m"), "printable"),
        (("create", "--name", "x", "--expires", "yesterday"), "expires is 'yesterday'"),
        (("create", "--name", "x", "--expires", "2020-01-01"), "expires is '2020-01-01'"),
        (("create", "--name", "x", "--repos", "https://github.com/acme"), "is an address"),
        (("create", "--name", "x", "--repos", ""), "is empty"),
        (("create", "--name", "x", "--role", "owner"), "owner"),
        (("create",), "--name"),
        (("revoke", "nothing"), "there is no API key 'nothing'"),
        (("revoke", "\x1b[2J"), "there is no API key"),
    ],
)
def test_a_wrong_key_is_refused(program: Program, arguments: tuple[str, ...], message: str) -> None:
    """Nothing is made, nothing is on stdout, and no control character of what was typed comes back."""
    ended = program.run("keys", *arguments)
    assert (ended.code, ended.out) == (ERROR, "")
    assert message in ended.err
    assert "\x1b" not in ended.err
    assert program.ok("keys", "list", "--json").json["keys"] == []


def test_nothing_is_kept_in_memory(program: Program) -> None:
    """A key that is gone at once would be of no use."""
    for command in (("keys", "list"), ("log",), ("stats",), ("webhooks", "list")):
        ended = program.run(*command, env={"CONEXUS_HOME": ":memory:"})
        assert (ended.code, ended.out) == (ERROR, "")
        assert "keeps nothing on disk" in ended.err


# ------------------------------------------------------------------------------- the query log


def fill_log(program: Program) -> None:
    """Five requests of today and one that is too old."""
    program.data.mkdir(parents=True, exist_ok=True)
    now = time.time()
    entry = UsageEntry(now - 5, "cli", "search", "local", "where are sessions", ("app", "lib"), 3, 12.0)
    with closing(SqliteUsageLog(str(program.data / "usage.sqlite"), clock=lambda: 0.0)) as log:
        log.add(
            [
                entry,
                UsageEntry(now - 4, "mcp", "context", "key ci", "where are sessions", ("app",), 1, 20.0),
                UsageEntry(now - 3, "rest", "search", "key ci", "flux \x1b[31mcapacitor\n", (), 0, 5.0),
                UsageEntry(now - 2, "rest", "search", "key ci", "", (), 0, 7.0, "invalid_query"),
                UsageEntry(now - 40 * 86_400, "cli", "search", "local", "an old one", (), 0, 1.0),
            ]
        )


def test_the_log_is_shown_newest_first(program: Program) -> None:
    """In lines, without what steers a terminal, and without what is older than the settings say."""
    assert "nothing is in the query log yet" in program.ok("log").err
    fill_log(program)
    lines = program.ok("log").out.splitlines()
    assert [line.split()[2] for line in lines] == ["rest", "rest", "mcp", "cli"]
    assert "error invalid_query" in lines[0]
    assert lines[1].endswith(r"0 results            flux \x1b[31mcapacitor\n")
    assert [line.split() for line in program.ok("log", "-n", "1").out.splitlines()] == [lines[0].split()]
    assert program.ok("log", "--empty").out.splitlines()[0].endswith(r"flux \x1b[31mcapacitor\n")
    assert len(program.ok("log", "--empty").out.splitlines()) == 1
    found = program.ok("log", "--json").json
    assert found["schema"] == "conexus.log/1"
    assert [entry["text"] for entry in found["entries"]][1:3] == ["flux \x1b[31mcapacitor\n", "where are sessions"]
    assert set(found["entries"][0]) == {
        *("at", "surface", "operation", "subject", "text", "repos", "results", "elapsed_ms", "error")
    }
    assert program.run("log", "-n", "0").code == ERROR
    with closing(sqlite3.connect(program.data / "usage.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM requests").fetchone() == (4,)


def test_figures_of_the_log(program: Program) -> None:
    """Those that are there; bars only on a terminal."""
    empty = program.ok("stats").out
    assert "requests        0" in empty
    assert "latency" not in empty
    fill_log(program)
    shown = program.ok("stats").out
    for line in (
        "requests        4",
        "without result  1  (25.0 %)",
        "errors          1  (25.0 %)",
        "  2  app",
        "  1  lib",
    ):
        assert line in shown
    assert "p50 7.0 ms, p95 20.0 ms, p99 20.0 ms" in shown
    assert "\u2588" not in shown
    assert "\x1b" not in shown
    on_terminal = program.on_terminal("stats").out
    assert "\u2588" * 24 in on_terminal
    assert "\x1b[31m" not in on_terminal
    found = program.ok("stats", "--since", "1d", "--json").json
    assert (found["schema"], found["requests"], found["p99_ms"]) == ("conexus.stats/1", 4, 20.0)
    assert found["top_queries"][0] == {"name": "where are sessions", "count": 2}
    assert found["empty_queries"] == [{"name": "flux \x1b[31mcapacitor\n", "count": 1}]
    assert sum(day["count"] for day in found["by_day"]) == 4
    wrong = program.run("stats", "--since", "soon")
    assert (wrong.code, wrong.out) == (ERROR, "")
    assert "since is 'soon'" in wrong.err


def test_a_damaged_log_says_what_to_do(program: Program) -> None:
    """It can go: nothing else is in it."""
    program.data.mkdir(parents=True)
    (program.data / "usage.sqlite").write_bytes(b"no database at all " * 100)
    ended = program.run("log")
    assert (ended.code, ended.out) == (ERROR, "")
    assert "usage.sqlite is damaged" in ended.err
    assert "delete the file" in ended.err


# ----------------------------------------------------------------------------------- webhooks


@contextmanager
def receiver(status: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A web server of this machine: its address, and what it got."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_is_added_tried_and_removed(program: Program) -> None:
    """The receiver can verify the message with the secret that was piped in, which is shown nowhere."""
    program.settings["CONEXUS_WEBHOOKS_ALLOW_PRIVATE"] = "true"
    with receiver(204) as (url, got):
        added = with_input(program, f"{SECRET}\n", "webhooks", "add", url, "--secret-stdin")
        assert added.code == 0, added.text
        [hook] = program.ok("webhooks", "list", "--json").json["webhooks"]
        assert (hook["url"], hook["signed"], set(hook)) == (url, True, {"id", "url", "created_at", "signed"})
        tried = program.ok("webhooks", "test", hook["id"])
        assert tried.out.startswith("delivered: the answer was 204")
    [(headers, body)] = got
    assert Verifier(SECRET).verify(body, headers)["data"] == {"webhook": hook["id"]}
    assert json.loads(body)["type"] == "test"
    gone = program.run("webhooks", "test", hook["id"])
    assert gone.code == 1
    assert "could not be reached" in gone.err
    listed = program.ok("webhooks", "list").out
    assert url in listed
    assert SECRET not in added.text + listed + tried.text + gone.text
    assert (program.data / "catalog.sqlite").stat().st_mode & 0o777 == 0o600
    program.ok("webhooks", "remove", hook["id"])
    assert "there are no webhooks" in program.ok("webhooks", "list").err
    assert program.run("webhooks", "remove", hook["id"]).code == ERROR


def test_a_local_address_needs_a_setting(program: Program) -> None:
    """When it is added, and again when it is used: the setting may have changed meanwhile."""
    with receiver(200) as (url, got):
        refused = program.run("webhooks", "add", url)
        assert (refused.code, refused.out) == (ERROR, "")
        assert "conexus config set webhooks.allow_private true" in refused.err
        program.ok("webhooks", "add", url, env={"CONEXUS_WEBHOOKS_ALLOW_PRIVATE": "true"})
        [hook] = program.ok("webhooks", "list", "--json").json["webhooks"]
        tried = program.run("webhooks", "test", hook["id"])
        assert (tried.code, tried.out, got) == (1, "", [])
        assert "is not a public address" in tried.err


@pytest.mark.parametrize("secret", ["", "hunter2", SECRET[:20], "\u00e9" * 50, "A" * 5_000])
def test_a_weak_secret_is_refused(program: Program, secret: str) -> None:
    """It is not repeated, and nothing is added."""
    ended = with_input(program, secret, "webhooks", "add", "https://ci.example.org/", "--secret-stdin")
    assert (ended.code, ended.out) == (ERROR, "")
    assert "openssl rand -base64 32" in ended.err
    assert not secret or secret not in ended.err
    assert program.ok("webhooks", "list", "--json").json["webhooks"] == []


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "https://me:pw@example.org/", "nonsense", "http://169.254.169.254/"]
)
def test_a_wrong_address_is_refused(program: Program, url: str) -> None:
    """Without the password that it may hold."""
    ended = program.run("webhooks", "add", url)
    assert (ended.code, ended.out) == (ERROR, "")
    assert ended.err.startswith("error: ")
    assert ":pw@" not in ended.err


def test_the_commands_work_beside_an_index(lending: tuple[Program, Path]) -> None:
    """In the same data folder, whose catalog they share."""
    program, root = lending
    made = program.ok("keys", "create", "--name", "beside")
    assert looks_like_key(made.out.strip())
    assert program.ok("search", "late fee", root).out
    assert program.ok("verify").out.rstrip().endswith("all as written")
