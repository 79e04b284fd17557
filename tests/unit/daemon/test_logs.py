# SPDX-License-Identifier: FSL-1.1-MIT
"""The daemon's log: one line an event, all of them, whatever is logged and whoever reads."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Iterator

import pytest

from conexus.daemon import logs

_log = logging.getLogger("conexus.daemon.test")


class Stream(io.StringIO):
    """What is written in how many goes; it can refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.is_full = False
        self.has_refused = threading.Event()

    def write(self, text: str) -> int:
        """Count, and write."""
        self.writes += 1
        if self.is_full:
            self.has_refused.set()
            raise OSError(28, "no space left on device")
        return super().write(text)


@pytest.fixture(autouse=True)
def kept_logging() -> Iterator[None]:
    """Logging as it was, afterwards."""
    root = logging.getLogger()
    names = ("raiseExceptions", "logThreads", "logProcesses", "logMultiprocessing", "_srcfile")
    before = (
        [(name, getattr(logging, name)) for name in names],
        root.handlers,
        root.level,
        logging.getLogger("conexus").level,
    )
    yield
    for name, value in before[0]:
        setattr(logging, name, value)
    root.handlers = before[1]
    root.setLevel(before[2])
    logging.getLogger("conexus").setLevel(before[3])


def test_every_line_is_written_and_not_each_by_itself() -> None:
    """Also those that come right before the end."""
    stream = Stream()
    end = logs.set_up("text", "info", stream)
    for number in range(2_500):
        _log.info("answered", extra={"request": f"r{number}", "elapsed_ms": 1.5})
    end()
    lines = stream.getvalue().splitlines()
    assert [re.findall(r"request=(r\d+)", line) for line in lines] == [[f"r{number}"] for number in range(2_500)]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} info    answered request=", line) for line in lines)
    assert stream.writes < 250


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_logged_stays_one_line(form: str) -> None:
    """But for what an exception has to say."""
    stream = Stream()
    end = logs.set_up(form, "info", stream)
    _log.info("refused", extra={"reason": "one\ntwo\x1b[2J", "days_left": 3})
    _log.debug("not wanted")
    _log.info("%d", "no number")
    try:
        int("what\x1b[2J")
    except ValueError:
        _log.exception("failed")
    end()
    first, *rest = stream.getvalue().splitlines()
    assert "\x1b" not in stream.getvalue()
    if form == "json":
        assert {key: json.loads(first)[key] for key in ("level", "message", "reason", "days_left")} == {
            "level": "info", "message": "refused", "reason": "one\ntwo\x1b[2J", "days_left": 3,
        }  # fmt: skip
        assert "ValueError" in json.loads(rest[0])["exception"]
        assert len(rest) == 1
    else:
        assert first.endswith(r" info    refused reason=one\ntwo\x1b[2J days_left=3")
        assert "error   failed" in rest[0]
        assert rest[-1].startswith("ValueError: ")


def test_a_log_that_takes_no_line_ends_nothing() -> None:
    """What comes once there is room is written."""
    stream = Stream()
    end = logs.set_up("text", "info", stream)
    stream.is_full = True
    _log.info("lost")
    assert stream.has_refused.wait(60)
    stream.is_full = False
    _log.info("kept")
    end()
    assert "kept" in stream.getvalue()
    assert "lost" not in stream.getvalue()
