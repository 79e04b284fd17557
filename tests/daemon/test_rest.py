# SPDX-License-Identifier: FSL-1.1-MIT
"""REST as a client sees it: answers, errors, streams, and what reaches no handler."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlsplit

import httpx
import pytest
from conftest import REPO, Served, serving
from program import Program

from conexus.daemon import rest
from conexus.daemon.keys import new_secret
from conexus.daemon.operations import OPERATIONS
from conexus.types import LOCAL_USER

QUESTION = "fine of a late loan"


def post(served: Served, path: str, body: dict[str, Any], **options: Any) -> httpx.Response:
    """Ask with the daemon's token."""
    with served.client(**options) as client:
        return client.post(path, json=body)


def test_a_search_finds_and_says_what_it_found(served: Served) -> None:
    """The answer has the published fields, best first, with the place to open."""
    found = post(served, "/v1/search", {"query": QUESTION, "limit": 3}).json()
    assert found["query"] == QUESTION
    assert found["complete"] is True
    best = found["results"][0]
    assert (best["path"], best["repository"], best["freshness"]) == ("desk/lending.py", REPO, "fresh")
    assert best["root"] == str(served.tree)
    assert best["start_line"] <= best["line"] <= best["end_line"]


def test_the_terminal_gets_the_same_with_and_without_a_daemon(served: Served) -> None:
    """Same ids, same order, same scores: the terminal through the daemon, REST, and the terminal alone."""
    rest = [one["id"] for one in post(served, "/v1/search", {"query": QUESTION}).json()["results"]]
    through = served.program.run("search", QUESTION, served.tree, "--json", "--verbose")
    assert "through the daemon" in through.err
    assert [one["id"] for one in through.json["results"]] == rest
    assert [one["text"] for one in through.json["results"]]


def test_notices_count_what_is_given(alone: tuple[Program, Path]) -> None:
    """Not what tells whether there is a next page; through the daemon as without it."""
    program, tree = alone
    program.ok("index", tree)
    program.ok("config", "set", "daemon.watch", "false")
    (tree / "desk" / "lending.py").unlink()
    plain = program.ok("search", "statement of a member", tree, "-n", "1", "--json").json
    with serving(program, tree) as served:
        told = post(served, "/v1/search", {"query": "statement of a member", "limit": 1}).json()
    assert told["next_cursor"]
    assert (
        told["notices"]
        == plain["notices"]
        == ["1 of 1 results changed on disk since they were indexed; run `conexus index`"]
    )


def test_pages_of_results_hold_each_result_once(served: Served) -> None:
    """Following cursors gives what one large page gives."""
    whole = [one["id"] for one in post(served, "/v1/search", {"query": "loan", "limit": 30}).json()["results"]]
    pages: list[str] = []
    cursor = ""
    while True:
        answer = post(served, "/v1/search", {"query": "loan", "limit": 4, "cursor": cursor}).json()
        pages += [one["id"] for one in answer["results"]]
        cursor = answer["next_cursor"]
        if not cursor or len(pages) >= 30:
            break
    assert len(pages) == len(set(pages))
    assert pages[: len(whole)] == whole[: len(pages)]
    assert len(pages) > 4


def test_a_filter_limits_and_an_empty_list_matches_nothing(served: Served) -> None:
    """Null means no limit; an empty list means that nothing may be found."""
    ruby = post(served, "/v1/search", {"query": "retry", "filter": {"languages": ["ruby"]}}).json()
    assert {one["language"] for one in ruby["results"]} == {"ruby"}
    nothing = post(served, "/v1/search", {"query": "retry", "filter": {"languages": []}}).json()
    assert nothing["results"] == []
    no_repository = post(served, "/v1/search", {"query": "retry", "filter": {"repositories": []}})
    assert (no_repository.status_code, no_repository.json()["code"]) == (404, "not_indexed")


def test_a_batch_answers_each_question_by_itself(served: Served) -> None:
    """One bad question leaves the others alone."""
    asked = {"searches": [{"query": QUESTION, "limit": 1}, {"query": "???"}, {"query": "backoff", "limit": 1}]}
    items = post(served, "/v1/search/batch", asked).json()["items"]
    assert items[0]["response"]["results"][0]["path"] == "desk/lending.py"
    assert items[1]["error"]["code"] == "invalid_query"
    assert items[2]["response"]["results"][0]["path"] == "jobs/backoff.rb"
    too_many = post(served, "/v1/search/batch", {"searches": [{"query": "x"}] * 51})
    details = too_many.json()["details"]
    assert (details["feature"], details["limit"], details["used"]) == ("batch_search", "50", "51")


def test_context_stays_within_its_budget_and_goes_on_where_it_ended(served: Served) -> None:
    """Neither cap is passed, and cursors lead through all code; a line may tell of it on an earlier page."""
    seen: set[str] = set()
    cursor, rounds = "", 0
    while True:
        asked = {"query": "loan", "max_tokens": 600, "max_bytes": 4000, "limit": 12, "cursor": cursor}
        answer = post(served, "/v1/context", asked).json()
        assert answer["tokens"] <= 600
        assert len(answer["text"].encode()) <= 4000
        new = {chunk for block in answer["blocks"] if not block["outline"] for chunk in block["chunks"]}
        assert not new & seen
        seen |= new
        cursor, rounds = answer["next_cursor"], rounds + 1
        if not cursor:
            break
    assert rounds > 1
    assert len(seen) == 12


def test_similar_symbols_related_file_and_map(served: Served) -> None:
    """What is no search answers from the same index."""
    similar = post(served, "/v1/similar", {"repository": "lending", "path": "desk/lending.py", "line": 30, "limit": 3})
    assert similar.status_code == 200
    assert all(0 <= one["score"] <= 1.01 for one in similar.json()["results"])
    symbols = post(served, "/v1/symbols", {"name": "statement", "uses": True}).json()
    assert [(one["path"], one["kind"]) for one in symbols["definitions"]] == [("desk/lending.py", "function")]
    assert {"path": "desk/report.py", "line": 5} in [{k: use[k] for k in ("path", "line")} for use in symbols["uses"]]
    related = post(served, "/v1/related", {"repository": REPO, "path": "desk/lending.py"}).json()
    assert "desk/report.py" in {one["path"] for one in related["files"]}
    lines = post(
        served, "/v1/file", {"repository": "lending", "path": "tests/test_lending.py", "start_line": 4, "end_line": 5}
    ).json()
    assert lines["text"].splitlines() == [
        "def test_fine_of_a_late_loan():",
        '    """A late day costs money."""',
    ]
    overview = post(served, "/v1/map", {"repository": "lending", "limit": 5}).json()
    assert len(overview["files"]) == 5
    assert overview["files_total"] > 10


def test_why_names_the_rule(served: Served) -> None:
    """By repository, or by a folder on disk."""
    by_name = post(served, "/v1/why", {"repository": "lending", "path": "trace.log"}).json()
    assert (by_name["included"], by_name["reason"]) == (False, "ignored")
    by_root = post(served, "/v1/why", {"root": str(served.tree), "path": "desk/lending.py"}).json()
    assert (by_root["included"], by_root["known"]) == (True, True)


def test_an_index_job_can_be_followed(served: Served, tmp_path: Path) -> None:
    """It is accepted at once, tells its progress as events, and ends with a report."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "one.py").write_text("def lonely():\n    return 1\n", encoding="utf-8")
    with served.client() as client:
        job = client.post("/v1/index", json={"path": str(tmp_path / "small")}).json()
        with client.stream("GET", f"/v1/jobs/{job['id']}/events") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            told = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: ")]
        assert told[-1]["state"] == "done"
        assert told[-1]["report"]["files_indexed"] == 1
        assert client.get(f"/v1/jobs/{job['id']}").json() == told[-1]
        assert job["id"] in {one["id"] for one in client.get("/v1/jobs").json()["jobs"]}
        removed = client.delete(f"/v1/repositories/{told[-1]['repository']}").json()
        assert removed["removed"] == [told[-1]["repository"]]


def test_jobs_come_in_pages(served: Served) -> None:
    """A cursor leads to the older ones."""
    with served.client() as client:
        for _ in range(3):
            job = client.post("/v1/index", json={"repository": "lending"}).json()
            while client.get(f"/v1/jobs/{job['id']}").json()["state"] not in {"done", "failed"}:
                time.sleep(0.02)
        first = client.get("/v1/jobs", params={"limit": 2}).json()
        second = client.get("/v1/jobs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert len(first["jobs"]) == 2
    assert not {one["id"] for one in first["jobs"]} & {one["id"] for one in second["jobs"]}
    assert min(one["created_at"] for one in first["jobs"]) >= max(one["created_at"] for one in second["jobs"])


def test_status_has_an_etag(served: Served) -> None:
    """Who knows the answer already is told so without it."""
    with served.client() as client:
        first = client.get("/v1/status")
        again = client.get("/v1/status", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.json()["repositories"] >= 1


def test_answers_are_compressed_and_named(served: Served) -> None:
    """Large answers come as gzip to those who take it, each with the request's id."""
    with served.client(headers={"x-request-id": "mine-42"}) as client:
        found = client.post("/v1/search", json={"query": "loan", "limit": 20})
    assert found.headers["content-encoding"] == "gzip"
    assert found.headers["x-request-id"] == "mine-42"


def test_the_documents_need_nothing_from_the_network(served: Served) -> None:
    """The page has no script and no address of elsewhere; every operation is in the OpenAPI document."""
    with served.client("") as client:
        page = client.get("/docs")
        document = client.get("/openapi.json").json()
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://127.0.0.1", "")
    assert "https://" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert document["openapi"].startswith("3.1")
    described = {entry["operationId"] for path in document["paths"].values() for entry in path.values()}
    schemas = document["components"]["schemas"]
    assert set(schemas["Result"]["required"]) == set(schemas["Result"]["properties"])
    assert (schemas["SearchRequest"]["required"], schemas["Filter"].get("required")) == (["query"], None)
    assert set(schemas["Event"]["required"]) == {"type", "at", "job"}
    assert document == rest.document()
    assert described == {operation.name for operation in OPERATIONS} | {"job_events", "events", "continue_context"}


def test_metrics_are_prometheus_text_without_names(served: Served) -> None:
    """Counters of requests are there; no repository, query or caller is a label."""
    post(served, "/v1/search", {"query": "a very particular question"})
    with served.client() as client:
        text = client.get("/metrics").text
    assert 'conexus_requests_total{operation="search",outcome="ok",surface="rest"}' in text
    assert "particular" not in text
    assert "lending" not in text


# ------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "field"),
    [
        ("/v1/search", {"query": "x", "surprise": 1}, 400, "invalid_request", "surprise"),
        ("/v1/search", {"query": "x", "filter": {"langs": []}}, 400, "invalid_request", "filter.langs"),
        ("/v1/search", {}, 400, "invalid_request", "query"),
        ("/v1/search", {"query": "x", "limit": 0}, 400, "invalid_request", "limit"),
        ("/v1/search", {"query": "x", "limit": 10**30}, 400, "invalid_request", "limit"),
        ("/v1/search", {"query": "?"}, 400, "invalid_query", None),
        ("/v1/search", {"query": "x", "cursor": "AAAA"}, 400, "invalid_request", "cursor"),
        (
            "/v1/search",
            {"query": "x", "filter": {"languages": ["klingon"]}},
            400,
            "invalid_request",
            "filter.languages",
        ),
        ("/v1/search", {"query": "x", "filter": {"repositories": ["nope"]}}, 404, "not_indexed", None),
        ("/v1/file", {"repository": "lending", "path": "../../etc/passwd"}, 404, "not_found", "path"),
        ("/v1/file", {"repository": "lending", "path": "/etc/passwd"}, 404, "not_found", "path"),
        (
            "/v1/file",
            {"repository": "lending", "path": "desk/lending.py", "start_line": 9999},
            400,
            "invalid_request",
            "start_line",
        ),
        ("/v1/index", {}, 400, "invalid_request", "path"),
        ("/v1/index", {"path": "relative"}, 400, "invalid_request", "path"),
        ("/v1/index", {"path": "/"}, 400, "source", None),
        ("/v1/why", {"path": "x"}, 400, "invalid_request", "repository"),
    ],
)
def test_errors_have_one_form(
    served: Served, path: str, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    """Status by the table; code, message, hint and details always; the field at fault is named."""
    answer = post(served, path, body)
    found = answer.json()
    assert (answer.status_code, found["code"], found["details"].get("field")) == (status, code, field)
    assert set(found) == {"code", "message", "hint", "details"}
    assert found["message"]


def test_what_is_no_json_is_refused(served: Served) -> None:
    """Neither broken JSON nor a form nor half a character gets further."""
    with served.client() as client:
        for content in (b"{", b"[1]", b"null", b'{"query": "\\ud800"}', b"\xff\xfe", b"query=x"):
            answer = client.post("/v1/search", content=content, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), content
        assert client.get("/v1/search").json()["code"] == "invalid_request"
        assert client.get("/v1/nothing").json()["code"] == "not_found"
        assert client.get("/v1/status", params={"x": "1"}).json()["details"] == {"field": "x"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "fine of a late loan"}',
        b'{"query": "loan", "limit": "3", "filter": {"languages": ["python"]}}',
        b'\xef\xbb\xbf{"query": "loan", "query": "fine"}',
        b'{"query": "loan", "limit": 2.0}',
        b'{"query": "loan", "limit": NaN}',
        b'{"query": "loan", "limit": 1e400}',
        b'{"query": "loan", "colour": "red"}',
        b'{"query": "\\ud800"}',
        b'{"query": 7}',
        b'{"limit": 7, "filter": []}',
        b'{"query": "loan"',
        b'{"query": "\xff"}',
        b"[]",
        b"null",
        b"",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("parameters", [{}, {"limit": "3"}])
def test_a_body_means_the_same_whoever_reads_it(served: Served, body: bytes, parameters: dict[str, str]) -> None:
    """Where the content type is written otherwise, FastAPI reads the body, and not our own short cut."""
    answers = []
    for kind in ("application/json", "application/json; charset=utf-8"):
        with served.client(headers={"content-type": kind}) as client:
            answer = client.post("/v1/search", content=body, params=parameters)
        told = answer.json()
        told.pop("elapsed_ms", None)
        answers.append((answer.status_code, told))
    assert answers[0] == answers[1]
    assert answers[0][0] in {200, 400}


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8"])
def test_a_fault_of_ours_is_told_by_the_name_that_the_log_has(kind: str) -> None:
    """Whoever reads the body. Nothing else of it leaves."""

    class Broken:
        def new_call(self, *_: object) -> None:
            raise RuntimeError("at /home/somebody")

    app = rest.rest_app(cast("Any", Broken()))

    async def named(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"request_id": "name-of-it", "who": LOCAL_USER}
        await app(scope, receive, send)

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(named, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post("/v1/search", content=b'{"query": "x"}', headers={"content-type": kind})

    answer = asyncio.run(asked())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "name-of-it" in answer.json()["hint"]
    assert "somebody" not in answer.text


def test_too_large_a_request_is_refused_with_and_without_a_length(served: Served) -> None:
    """Also where the length is only known when all has been read."""
    large = json.dumps({"query": "x" * 30_000_000}).encode()  # more than the system takes in for the daemon
    headers = {"content-type": "application/json"}
    with served.client(headers=headers) as client:
        assert client.post("/v1/search", content=large).json()["code"] == "too_large"
    with served.client(headers=headers) as client:
        pieces = (large[start : start + 65_536] for start in range(0, len(large), 65_536))
        assert client.post("/v1/search", content=pieces).json()["code"] == "too_large"


# ------------------------------------------------------------------------------ who may


def requests_in(served: Served) -> float:
    """How many requests have reached a handler, by the daemon's own count, but for this question."""
    with served.client() as client:
        lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("conexus_requests_total"))


WAYS_OUT = (
    "..", ".", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc", "lending%2f..%2f..", "..%5c..%5cetc",
    "%5c..%5c", "lending%2f.%2fx", "a%00b", "%c0%ae%c0%ae%2fetc", "%ff", "lending%2f%2e%2e",
)  # fmt: skip
WITH_A_NAME = (
    ("GET", "/v1/repositories/{}"), ("PATCH", "/v1/repositories/{}"), ("DELETE", "/v1/repositories/{}"),
    ("GET", "/v1/jobs/{}"), ("GET", "/v1/jobs/{}/events"), ("POST", "/v1/jobs/{}/cancel"), ("DELETE", "/v1/keys/{}"),
    ("DELETE", "/v1/webhooks/{}"),
)  # fmt: skip
HOSTILE = 500


def hostile(served: Served, seed: int) -> list[dict[str, Any]]:
    """Requests that must not reach a handler: 500 of them."""
    random_ = random.Random(seed)  # noqa: S311 -- a seed that gives the same requests again
    paths = ["/v1/status", "/v1/repositories", "/v1/jobs", "/v1/keys", "/v1/log", "/metrics", "/v1/events", "/mcp"]
    good = {"authorization": f"Bearer {served.token}"}
    revoked, expired = dead_keys(served)
    port = served.url.rsplit(":", 1)[1]
    hosts: list[str | bytes] = [
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "[::ffff:10.0.0.1]",
        "127.0.0.1@evil.example",
        "evil.example#127.0.0.1",
        "0x7f.1",
        "2130706433",
        "localhost:80:90",
        "",
        "127.0.0.1,evil.example",
        b"l\xd0\xbecalhost",
        "metadata.google.internal",
        "10.0.0.1",
    ]
    origins = [
        "null",
        "http://evil.example",
        "https://localhost.evil.example",
        "file://",
        "http://127.0.0.1:1",
        f"http://evil.example:{port}",
        "chrome-extension://abcdef",
        "http://localhost",
        served.url,
        "https://127.0.0.1",
    ]
    tokens = [
        "",
        "x",
        served.token[:-1],
        served.token + "A",
        served.token.swapcase(),
        "cnx_" + "A" * 49,
        "null",
        "undefined",
        "Bearer " + served.token,
        "' OR 1=1 --",
        "../../daemon.token",
        "é",
        "a" * 9000,
        revoked,
        expired,
        secrets.token_urlsafe(32),  # of another daemon
        new_secret(),  # of another data folder
    ]
    found: list[dict[str, Any]] = []
    for method, place in WITH_A_NAME:
        found += [{"method": method, "url": place.format(trick), "headers": good} for trick in WAYS_OUT]
    while len(found) < HOSTILE:
        path = random_.choice(paths)
        kind = random_.randrange(4)
        if kind == 0:
            found.append({"url": path, "headers": {**good, "host": random_.choice(hosts)}})
        elif kind == 1:
            found.append({"url": path, "headers": {**good, "origin": random_.choice(origins)}})
        elif kind == 2:
            token = random_.choice(tokens)
            scheme = random_.choice(["Bearer", "bearer", "Basic", "Token", "Bearer Bearer"])
            header = {"authorization": f"{scheme} {token}".strip().encode()} if token or random_.random() < 0.5 else {}
            if header.get("authorization") in {f"{one} {served.token}".encode() for one in ("Bearer", "bearer")}:
                continue
            found.append({"url": path, "headers": header})
        else:
            found.append({"url": path, "headers": {**good, "sec-fetch-site": "cross-site"}})
    return found


def dead_keys(served: Served) -> tuple[str, str]:
    """The secrets of two keys of the daemon's own: one that was revoked, one that has expired."""
    with served.client() as client:
        revoked, expired = (
            client.post("/v1/keys", json={"name": name, "role": "admin", "expires_at": until}).json()
            for name, until in (("revoked", None), ("expired", time.time() + 3.0))
        )
        client.delete(f"/v1/keys/{revoked['key']['id']}")
    time.sleep(max(0.0, expired["key"]["expires_at"] - time.time()) + 0.01)
    return revoked["secret"], expired["secret"]


def sent_as_it_is(client: httpx.Client, request: dict[str, Any]) -> httpx.Response:
    """Send a request whose address the client would else put straight."""
    target = {"target": request["url"].encode()}
    return client.request(request.get("method", "GET"), "/", headers=request["headers"], extensions=target)


def test_five_hundred_hostile_requests_reach_no_handler(attacked: Served) -> None:
    """Foreign names, foreign pages, wrong and dead credentials and ways out end at the door; no answer tells paths."""
    requests = hostile(attacked, seed=7)
    assert len(requests) == HOSTILE
    before = requests_in(attacked)
    with httpx.Client(base_url=attacked.url, timeout=60) as client:
        for request in requests:
            answer = sent_as_it_is(client, request)
            assert answer.status_code in {400, 401, 403, 429}, (request, answer.status_code, answer.text)
            assert str(attacked.tree) not in answer.text
            assert str(attacked.program.folder) not in answer.text
    assert requests_in(attacked) == before


def test_traversal_in_path_parameters_finds_nothing(served: Served) -> None:
    """Neither names of repositories nor ids of jobs, keys and webhooks lead anywhere else."""
    tricks = [
        "..%2f..%2fetc%2fpasswd", "%2e%2e", "....//", "%2fetc%2fpasswd", "a%00b", "%5c..%5c", "lending%2f..%2f..",
        "lending%0d%0aX-Injected:1", "%c0%ae%c0%ae", "file:%2f%2f%2fetc", "~root", "*", "lending%20", "%25252e",
    ]  # fmt: skip
    places = ["/v1/repositories/{}", "/v1/jobs/{}", "/v1/jobs/{}/events"]
    secret = served.key("admin")
    for token in (served.token, secret):
        with served.client(token) as client:
            for trick in tricks:
                for place in places:
                    answer = client.get(place.format(trick))
                    assert answer.status_code in {400, 404}, (place, trick, answer.text)
                    assert "root:" not in answer.text
                    assert "x-injected" not in answer.headers
                for place in ("/v1/keys/{}", "/v1/webhooks/{}", "/v1/repositories/{}"):
                    assert client.delete(place.format(trick)).status_code in {400, 404, 405}


def test_keys_have_roles_and_repositories_and_end(served: Served) -> None:
    """A reader reads, a writer indexes, an admin administers; a pattern hides; revoked and expired keys are dead."""
    reader, writer, admin = served.key("reader"), served.key("writer"), served.key("admin")
    elsewhere = served.key("reader", "--name", "elsewhere", "--repos", "github.com/other/*")
    with served.client(reader) as client:
        found = client.post("/v1/search", json={"query": QUESTION}).json()
        assert found["results"][0]["path"] == "desk/lending.py"
        assert {one["root"] for one in found["results"]} == {""}
        assert client.post("/v1/index", json={"repository": "lending"}).json()["code"] == "access_denied"
        assert client.get("/v1/keys").json()["details"] == {"required_role": "admin", "required_permission": "keys"}
        assert client.get("/metrics").status_code == 403
        assert client.get("/v1/status").json()["data_dir"] == ""
    with served.client(writer) as client:
        assert client.post("/v1/index", json={"repository": "lending"}).json()["state"] in {"queued", "running", "done"}
        assert client.post("/v1/index", json={"path": str(served.tree)}).json()["code"] == "access_denied"
        assert client.post("/v1/stop").json()["code"] == "access_denied"
    with served.client(elsewhere) as client:
        assert client.post("/v1/search", json={"query": QUESTION}).json()["code"] == "not_indexed"
        assert client.get("/v1/repositories").json() == {"repositories": []}
        assert client.get("/v1/repositories/lending").json()["code"] == "not_indexed"
        assert client.get("/v1/jobs").json()["jobs"] == []
    with served.client(admin) as client:
        listed = client.get("/v1/keys").json()["keys"]
        assert reader not in json.dumps(listed)
        [dead] = [one["id"] for one in listed if one["name"] == "elsewhere"]
        assert client.delete(f"/v1/keys/{dead}").json()["revoked_at"]
        made = client.post("/v1/keys", json={"name": "short", "expires_at": time.time() + 4.0}).json()
    with served.client(elsewhere) as client:
        assert client.get("/v1/status").status_code == 401
    with served.client(made["secret"]) as client:
        expires_at = made["key"]["expires_at"]
        assert client.get("/v1/status").status_code == 200 or time.time() > expires_at
        time.sleep(max(0.0, expires_at - time.time()) + 0.1)
        assert client.get("/v1/status").json()["code"] == "unauthenticated"


def test_errors_for_callers_over_the_network_hold_no_paths(served: Served) -> None:
    """What the local user is told with its place, others are told without."""
    secret = served.key("writer")
    with served.client(secret) as client:
        for path, body in (
            ("/v1/file", {"repository": "lending", "path": "no/such/file.py"}),
            ("/v1/related", {"repository": "lending", "path": "nothing.py"}),
            ("/v1/map", {"repository": str(served.tree)}),
            ("/v1/search", {"query": "x", "filter": {"roots": [str(served.tree)]}}),
            ("/v1/why", {"root": str(served.tree), "path": "x"}),
        ):
            answer = client.post(path, json=body)
            assert answer.status_code in {403, 404}
            assert str(served.tree.parent) not in answer.text


def test_what_is_asked_is_logged_for_the_operator(served: Served) -> None:
    """`conexus log` and `conexus stats` see the daemon's requests within moments."""
    post(served, "/v1/search", {"query": "a question to remember"})
    until = time.monotonic() + 60
    while "a question to remember" not in served.program.ok("log", "--json").out:
        assert time.monotonic() < until, "the log does not have it"
        time.sleep(0.2)
    with served.client() as client:
        stats = client.get("/v1/stats").json()
        log = client.get("/v1/log", params={"limit": 5}).json()
    assert stats["requests"] >= 1
    assert len(log["entries"]) <= 5


def test_a_stream_ends_with_the_key_it_was_opened_with(served: Served) -> None:
    """Revoked amid a stream, a key hears no more, and is told why."""
    secret = served.key("reader")
    with served.client(secret) as client, client.stream("GET", "/v1/events") as events:
        lines = events.iter_lines()
        with served.client() as admin:
            [key] = [one["id"] for one in admin.get("/v1/keys").json()["keys"][-1:]]
            admin.delete(f"/v1/keys/{key}")
            admin.post("/v1/index", json={"repository": "lending"})
        told = list(lines)
    assert [line for line in told if line.startswith("event:")] == ["event: error"]
    assert "unauthenticated" in told[-2] + told[-1]


def test_an_admin_key_is_not_limited_to_repositories(served: Served) -> None:
    """It would see everybody's queries, and could make itself a key without limits."""
    with served.client() as client:
        answer = client.post("/v1/keys", json={"name": "x", "role": "admin", "repositories": ["a/*"]})
    assert (answer.status_code, answer.json()["details"]) == (400, {"field": "repositories"})
    refused = served.program.run("keys", "create", "--name", "x", "--role", "admin", "--repos", "a/*")
    assert refused.code == 2


def test_a_limited_key_gives_no_names(served: Served) -> None:
    """Whether a name is taken tells of repositories that it may not see."""
    secret = served.key("writer", "--repos", "example.org/*")
    with served.client(secret) as client:
        assert client.patch("/v1/repositories/lending", json={"name": "other"}).json()["code"] == "access_denied"
        asked = {"repository": "lending", "name": "other"}
        assert client.post("/v1/index", json=asked).json()["code"] == "access_denied"


def test_a_request_with_two_lengths_is_refused_and_the_connection_ends(served: Served) -> None:
    """What follows could be meant as another request by a proxy in front."""
    place = httpx.URL(served.url)
    head = f"POST /v1/search HTTP/1.1\r\nHost: {place.host}\r\nAuthorization: Bearer {served.token}\r\n"
    with socket.create_connection((place.host, place.port or 0), timeout=60) as connection:
        connection.sendall(f"{head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode())
        connection.sendall(
            f"GET /v1/keys HTTP/1.1\r\nHost: {place.host}\r\nAuthorization: Bearer {served.token}\r\n\r\n".encode()
        )
        answer = b""
        with suppress(ConnectionResetError):  # it may close before it has read what follows
            while part := connection.recv(65_536):
                answer += part
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


# ------------------------------------------------------------------------------ addresses and bodies


def test_a_line_break_at_the_end_is_part_of_an_address(alone: tuple[Program, Path]) -> None:
    """A folder may end in one, and is another one than that without."""
    program, tree = alone
    other = tree.with_name(f"{tree.name}\n")
    amid = tree.with_name("a\nb")
    for folder in (other, amid):
        folder.mkdir()
        (folder / "m.py").write_text("def m(): ...\n", encoding="utf-8")
    for folder in (tree, other, amid):
        program.ok("index", folder)
    with serving(program, tree) as served, served.client() as client:
        for path in ("/v1/status", "/v1/repositories", "/healthz", "/metrics", "/mcp", "/docs", "/openapi.json"):
            assert client.get(f"{path}%0a").status_code == 404, path
        assert client.post("/v1/search%0a", json={"query": QUESTION}).status_code == 404
        for folder in (other, amid):
            address = f"/v1/repositories/{quote(str(folder), safe='')}"
            assert [one["root"] for one in client.get(address).json()["repositories"]] == [str(folder)]
            assert client.delete(address).status_code == 200
        left = client.get("/v1/repositories").json()["repositories"]
    assert [one["root"] for one in left] == [str(tree)]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8"])
def test_what_takes_no_fields_refuses_them(served: Served, kind: str) -> None:
    """Whoever reads the body."""
    with served.client(headers={"content-type": kind}) as client:
        for body in (b'{"surprise": 1}', b"garbage", b"[]", b"null", b"{"):
            answer = client.post("/v1/reload", content=body)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), body
        for body in (b"{}", b""):
            assert client.post("/v1/reload", content=body).status_code == 200, body


# ------------------------------------------------------------------------------ who does not end


def closed_after(served: Served, first: bytes, more: bytes) -> float:
    """How many seconds it took the daemon to close a connection on which more comes again and again, 20 at most."""
    began = time.monotonic()
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=0.1) as connection:
        connection.sendall(first)
        while time.monotonic() - began < 20:
            try:
                if not connection.recv(65_536):
                    break
            except TimeoutError:
                with suppress(OSError):
                    connection.sendall(more)
            except OSError:
                break
    return time.monotonic() - began


def test_a_request_that_does_not_end_holds_no_connection(alone: tuple[Program, Path]) -> None:
    """A head or a body that comes byte by byte, the second request of a connection too; a stream of events goes on."""
    program, tree = alone
    program.ok("index", tree)
    program.ok("config", "set", "daemon.timeout_s", "1")
    with serving(program, tree) as served:
        host = b"host: 127.0.0.1\r\n"
        token = f"authorization: Bearer {served.token}\r\n".encode()
        to_search = b"POST /v1/search HTTP/1.1\r\n" + host
        of_json = b"content-type: application/json\r\ncontent-length: 99\r\n"
        for first, more in (
            (b"", b"G"),
            (b"GET /healthz HTTP/1.1\r\n" + host + b"\r\nG", b"G"),
            (to_search + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
            (to_search + token + of_json + b"\r\n", b"{"),
        ):
            assert closed_after(served, first, more) < 10, first
        with served.client() as client, client.stream("GET", "/v1/events") as events:
            time.sleep(3)
            assert post(served, "/v1/search", {"query": QUESTION}).status_code == 200
            assert post(served, "/v1/index", {"path": str(tree)}).status_code == 200
            assert next(events.iter_lines()) == "event: job"


def test_a_command_says_that_a_daemon_has_too_many_connections(alone: tuple[Program, Path]) -> None:
    """What the HTTP server itself refuses has no form of ours."""
    program, tree = alone
    program.ok("index", tree)
    program.ok("config", "set", "daemon.max_waiting", "1")
    with serving(program, tree) as served, ExitStack() as idle:
        place = urlsplit(served.url)
        for _ in range(4):
            idle.enter_context(socket.create_connection((place.hostname or "", place.port or 0)))
        told = [program.run("daemon", "status"), program.run("search", QUESTION, tree)]
    assert [one.code for one in told] == [2, 2]
    assert all("too many connections" in one.err and "hint:" in one.err for one in told)
