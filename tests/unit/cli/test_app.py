# SPDX-License-Identifier: FSL-1.1-MIT
"""Tests of how the command line ends."""

from __future__ import annotations

import sys
from typing import NoReturn

import pytest

from conexus.cli import app, interrupts


class Interrupted:
    """What is interrupted while the class that it belongs to is made."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Python 3.11 puts a RuntimeError of its own around what is raised here."""
        raise KeyboardInterrupt


def test_ctrl_c_while_a_class_is_made(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As any other: classes are made while modules are imported, which a command does at any time."""

    def command(**_: object) -> NoReturn:
        type("Made", (), {"field": Interrupted()})
        pytest.fail("not interrupted")

    monkeypatch.setattr(app, "app", command)
    monkeypatch.setattr(app, "_add_commands", lambda _: None)
    monkeypatch.setattr(interrupts, "end_in_order", lambda: None)
    monkeypatch.setattr(sys, "argv", ["conexus", "--version"])
    with pytest.raises(SystemExit) as ended:
        app.run()
    assert ended.value.code == interrupts.EXIT_INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"
