# SPDX-License-Identifier: FSL-1.1-MIT
"""What Go modules provide and require."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conexus.parsing.manifests.findings import Findings, Unreadable
from conexus.types import DependencyScope, Ecosystem

_BLOCK = re.compile(r"(\w+)\s*\($")
_SUM = re.compile(r"(\S+) (v[^\s/]+)(/go\.mod)? h1:\S+$")
_INDIRECT = "indirect"


def read_go_mod(_path: str, text: str, findings: Findings) -> None:
    """Read ``go.mod``: what it marks as indirect is locked, as only what others require needs it."""
    has_module = False
    for directive, words, comment, line in _directives(text):
        if directive == "module" and words:
            has_module = True
            findings.provide(Ecosystem.GO, words[0], "", line)
        elif directive == "require" and words:
            indirect = comment.split(";")[0].strip() == _INDIRECT
            scope = DependencyScope.LOCKED if indirect else DependencyScope.RUNTIME
            findings.require(Ecosystem.GO, words[0], words[1] if len(words) > 1 else "", scope, line)
    if not has_module:
        findings.note("it names no module")


def read_go_work(_path: str, text: str, findings: Findings) -> None:
    """Read ``go.work``, which names folders, whose modules their own files describe."""
    if not any(directive == "use" for directive, *_ in _directives(text)):
        findings.note("it uses no module")


def read_go_sum(_path: str, text: str, findings: Findings) -> None:
    """Read ``go.sum``: the modules whose code, not only whose ``go.mod``, is needed."""
    seen = False
    for number, line in enumerate(text.splitlines(), 1):
        if found := _SUM.match(line.strip()):
            seen = True
            if not found[3]:
                findings.require(Ecosystem.GO, found[1], found[2], DependencyScope.LOCKED, number)
    if not seen and text.strip():
        raise Unreadable("it has no checksum in it")


def _directives(text: str) -> Iterator[tuple[str, list[str], str, int]]:
    """Yield the directives of a file with their words, comments and lines; those of a block one by one."""
    block = ""
    for number, raw in enumerate(text.splitlines(), 1):
        code, _, comment = raw.partition("//")
        code = code.strip()
        if not code:
            continue
        if block and code == ")":
            block = ""
        elif not block and (found := _BLOCK.match(code)):
            block = found[1]
        else:
            words = [word.strip('"`') for word in code.split()]
            if block:
                yield block, words, comment.strip(), number
            else:
                yield words[0], words[1:], comment.strip(), number


__all__ = ["read_go_mod", "read_go_sum", "read_go_work"]
