# SPDX-License-Identifier: FSL-1.1-MIT
"""Units for systemd and launchd hold what they are given, whatever signs it has."""

from __future__ import annotations

import plistlib
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.adapters.service_units import service_unit
from conexus.errors import InvalidRequest

HOME = Path("/home/ann lee")
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cs", "Cc"]), min_size=1)


def test_the_unit_of_systemd() -> None:
    """Where it is, what it runs, and how it is started."""
    unit = service_unit(
        "linux", HOME, ["/opt/my python/bin/python", "-P", "-m", "conexus", "serve"], {"CONEXUS_HOME": "/d"}
    )
    assert unit.path == HOME / ".config/systemd/user/conexus.service"
    lines = unit.content.decode().splitlines()
    assert 'ExecStart="/opt/my python/bin/python" "-P" "-m" "conexus" "serve"' in lines
    assert 'Environment="CONEXUS_HOME=/d"' in lines
    assert "WantedBy=default.target" in lines
    assert "enable --now conexus" in unit.enable
    elsewhere = service_unit("linux", HOME, ["/p"], {}, Path("/xdg"))
    assert elsewhere.path == Path("/xdg/systemd/user/conexus.service")


@given(PRINTABLE, PRINTABLE)
def test_every_sign_of_a_command_survives(part: str, value: str) -> None:
    """Read back as systemd does (quotes, then specifiers), and as launchd does, the same comes out."""
    unit = service_unit("linux", HOME, ["/p", part], {"A": value}).content.decode()
    command = next(line for line in unit.splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")
    read = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)]
    assert read == ["/p", part]
    setting = next(line for line in unit.splitlines() if line.startswith("Environment=")).removeprefix("Environment=")
    assert [word.replace("%%", "%") for word in shlex.split(setting)] == [f"A={value}"]
    agent = plistlib.loads(service_unit("darwin", HOME, ["/p", part], {"A": value}).content)
    assert (agent["ProgramArguments"], agent["EnvironmentVariables"]) == (["/p", part], {"A": value})


@pytest.mark.parametrize("part", ["a\nExecStartPre=/bin/evil", "a\0b", "\x1b[31m"])
def test_control_characters_are_refused(part: str) -> None:
    """A line end would begin another setting."""
    for command, settings in ((["/p", part], {}), (["/p"], {"A": part})):
        with pytest.raises(InvalidRequest):
            service_unit("linux", HOME, command, settings)
