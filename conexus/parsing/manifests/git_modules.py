# SPDX-License-Identifier: FSL-1.1-MIT
"""Git's submodules."""

from __future__ import annotations

import re

from conexus.parsing.manifests.findings import Findings
from conexus.remotes import normalize_remote
from conexus.types import DependencyScope, Ecosystem

_SETTING = re.compile(r"\s*(url|branch)\s*=\s*(.*?)\s*$")
_SECTION = re.compile(r"\s*\[submodule\s")


def read_gitmodules(_path: str, text: str, findings: Findings) -> None:
    """Read ``.gitmodules``: a submodule is named as a repository is, by its remote."""
    url, line, branch = "", 0, ""
    for number, written in enumerate([*text.splitlines(), "[submodule "], 1):
        if _SECTION.match(written):
            _require(url, branch, line, findings)
            url, line, branch = "", 0, ""
        elif found := _SETTING.match(written):
            value = found[2].strip('"')
            if found[1] == "url":
                url, line = value, number
            else:
                branch = value


def _require(url: str, branch: str, line: int, findings: Findings) -> None:
    if not url:
        return
    remote = normalize_remote(url)
    if remote is None:
        findings.note(f"line {line} has a submodule whose address is relative or local: {url}")
    else:
        findings.require(Ecosystem.GIT, remote, branch, DependencyScope.RUNTIME, line)


__all__ = ["read_gitmodules"]
