# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus mcp``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from conexus.adapters import config_files
from conexus.cli.mcp_link import Link
from conexus.cli.mcp_shim import Shim
from conexus.daemon import starting


def mcp() -> None:
    """Serve MCP over stdin and stdout, for agents that start their servers themselves.

    A thin bridge to the daemon, which is started if none runs. Tools search the repository of the folder that this is
    started in, unless the agent names another one. Ends with its parent.

    Examples:
        conexus mcp
        claude mcp add conexus -- conexus mcp
    """
    # What is printed by mistake must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    data_dir = _data_dir()
    Shim(Link(lambda: starting.ensure_running(data_dir, automatic=True)[0], _folder()), sys.stdin.buffer, answers).run()


def _data_dir() -> Path:
    config = config_files.load(config_files.current_environ(), None, {}).config
    found = config_files.data_dir(config)
    if found.is_dir():
        return found
    from conexus import data_folder  # noqa: PLC0415 -- takes long, and a folder is made once

    return data_folder.private_data_dir(config)


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""  # it was deleted
