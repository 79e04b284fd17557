# SPDX-License-Identifier: FSL-1.1-MIT
"""What PHP packages provide and require."""

from __future__ import annotations

import re

from conexus.parsing.manifests.documents import read_json
from conexus.parsing.manifests.findings import Findings
from conexus.types import DependencyScope, Ecosystem

_PLATFORM = re.compile(r"(?:php(?:-.*)?|hhvm|ext-.*|lib-.*|composer(?:-.*)?)$")


def read_composer(_path: str, text: str, findings: Findings) -> None:
    """Read ``composer.json``; PHP itself and its extensions are no packages."""
    found = read_json(text, findings.note)
    findings.provide(Ecosystem.COMPOSER, found.text("name"), found.text("version"), found.line("name"))
    for section, scope in (("require", DependencyScope.RUNTIME), ("require-dev", DependencyScope.DEVELOPMENT)):
        for name, written in found.table(section).items():
            found.expect(written, str, section, name)
            if not _PLATFORM.match(name):
                findings.require(Ecosystem.COMPOSER, name, written, scope, found.line(section, name))


def read_composer_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``composer.lock``."""
    found = read_json(text, findings.note)
    for section in ("packages", "packages-dev"):
        for place, entry in enumerate(found.list(section)):
            if found.expect(entry, dict, section, place):
                line = found.line(section, place, "name")
                findings.require(
                    Ecosystem.COMPOSER, entry.get("name"), entry.get("version", ""), DependencyScope.LOCKED, line
                )


__all__ = ["read_composer", "read_composer_lock"]
