# SPDX-License-Identifier: FSL-1.1-MIT
"""What the shim reads from the daemon, and what it puts into headers."""

from __future__ import annotations

import base64
import io
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.cli import mcp_link, mcp_shim

VERSION = "io.modelcontextprotocol/protocolVersion"


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_name_survives_a_header(name: str) -> None:
    """As it is where it can be, else as base64 in the form that the protocol has for it."""
    found = mcp_link._encoded(name)
    assert found.isascii()
    assert found == found.strip()
    assert "\n" not in found
    if found != name:
        assert base64.b64decode(found.removeprefix("=?base64?").removesuffix("?=")).decode() == name


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"method": "tools/list", "params": {"_meta": {VERSION: "2026-07-28"}}}, True),
        ({"method": "initialize", "params": {"_meta": {VERSION: "2026-07-28"}}}, False),
        ({"method": "tools/list"}, False),
        ({"method": "tools/list", "params": []}, False),
        ({"method": "tools/list", "params": {"_meta": []}}, False),
        ({"method": "tools/list", "params": {"_meta": {VERSION: 7}}}, False),
        ({"method": "tools/list", "params": {"_meta": {VERSION: "x\r\nevil: 1"}}}, False),
    ],
)
def test_the_era_of_a_message(message: dict[str, Any], expected: bool) -> None:
    """A message of 2026-07-28 says so itself; no version can bring a header of its own."""
    assert mcp_link.is_modern(message) is expected


def test_events_are_joined_and_comments_passed_over() -> None:
    """As servers send them: with signs of life, in several lines, with either line end."""
    stream = b': ping\r\n\r\nevent: message\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata:\n\ndata: {}\n\ndata: lost'
    assert list(mcp_link._events(cast("Any", io.BytesIO(stream)))) == [b'{"a": 1}', b"{}"]


def test_only_the_answer_to_a_request_ends_its_stream() -> None:
    """Not a request of the daemon with the same id, and an id is not mixed up with its text."""
    assert mcp_link._answers(b'{"jsonrpc": "2.0", "id": 1, "result": {}}', 1)
    assert mcp_link._answers(b'{"jsonrpc": "2.0", "id": 1, "error": {}}', 1)
    assert not mcp_link._answers(b'{"jsonrpc": "2.0", "id": 1, "method": "roots/list"}', 1)
    assert not mcp_link._answers(b'{"jsonrpc": "2.0", "id": "1", "result": {}}', 1)
    assert not mcp_link._answers(b"no JSON", 1)


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8))
def test_lines_are_read_as_they_are(lines: list[bytes]) -> None:
    """The last one with or without its end."""
    whole = b"\n".join(lines)
    found = [line for line in mcp_shim._lines(cast("BinaryIO", io.BytesIO(whole))) if line is not None]
    assert b"".join(found) == whole
    assert all(line.endswith(b"\n") for line in found[:-1])


def test_a_line_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """And said to be; the next one is read."""
    monkeypatch.setattr(mcp_shim, "_MAX_LINE_BYTES", 10)
    lines = b"short\n" + b"x" * 35 + b"\nnext\n"
    assert list(mcp_shim._lines(io.BytesIO(lines))) == [b"short\n", None, b"next\n"]
