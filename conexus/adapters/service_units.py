# SPDX-License-Identifier: FSL-1.1-MIT
"""Files that have the system start the daemon when its user logs in: systemd on Linux, launchd on macOS."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from conexus.errors import InvalidRequest
from conexus.values import dataclass

_LABEL = "dev.conexus.daemon"
_UNIT = "conexus.service"


@dataclass(frozen=True, slots=True)
class ServiceUnit:
    """A file for a service manager."""

    path: Path
    content: bytes
    enable: str
    """What the user types to start it now and at every log-in."""
    disable: str


def service_unit(
    platform: str, home: Path, command: Sequence[str], settings: Mapping[str, str], config_home: Path | None = None
) -> ServiceUnit:
    """Return the file for a platform.

    Args:
        platform: As :data:`sys.platform`.
        home: The user's home folder.
        command: What runs the daemon in the foreground; its first part is an absolute path.
        settings: Environment variables that the daemon needs.
        config_home: The user's ``XDG_CONFIG_HOME``, where it is set.

    Raises:
        InvalidRequest: A part holds what cannot be written into such a file.
    """
    for text in (*command, *settings, *settings.values()):
        if any(ord(char) < ord(" ") for char in text):
            raise InvalidRequest(f"{text!r} cannot be part of a service: it holds a control character")
    if platform == "darwin":
        path = home / "Library" / "LaunchAgents" / f"{_LABEL}.plist"
        return ServiceUnit(
            path,
            _plist(command, settings, home),
            f"launchctl bootstrap gui/$(id -u) {path}",
            f"launchctl bootout gui/$(id -u)/{_LABEL}",
        )
    path = (config_home or home / ".config") / "systemd" / "user" / _UNIT
    return ServiceUnit(
        path,
        _systemd(command, settings).encode(),
        "systemctl --user daemon-reload && systemctl --user enable --now conexus",
        "systemctl --user disable --now conexus",
    )


def _systemd(command: Sequence[str], settings: Mapping[str, str]) -> str:
    environment = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in settings.items())
    return (
        "[Unit]\n"
        "Description=Conexus code search\n"
        "\n"
        "[Service]\n"
        "Type=exec\n"
        f"ExecStart={' '.join(_quoted(part, dollar=True) for part in command)}\n"
        "ExecReload=/bin/kill -HUP $MAINPID\n"
        f"{environment}"
        "Restart=on-failure\n"
        "RestartSec=2\n"
        "TimeoutStopSec=30\n"
        "NoNewPrivileges=yes\n"
        "UMask=0077\n"
        "\n"
        "[Install]\n"
        "WantedBy=default.target\n"
    )


def _quoted(text: str, *, dollar: bool = False) -> str:
    """Return text as systemd reads it back: quoted, with its own signs escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped.replace("$", "$$") if dollar else escaped}"'


def _plist(command: Sequence[str], settings: Mapping[str, str], home: Path) -> bytes:
    log = str(home / "Library" / "Logs" / "conexus.log")
    return plistlib.dumps(
        {
            "Label": _LABEL,
            "ProgramArguments": list(command),
            "EnvironmentVariables": dict(settings),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "StandardErrorPath": log,
            "StandardOutPath": log,
            "Umask": 0o077,
        }
    )
