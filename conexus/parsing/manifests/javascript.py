# SPDX-License-Identifier: FSL-1.1-MIT
"""What JavaScript packages provide and require: npm, pnpm and Yarn."""

from __future__ import annotations

import re

from conexus.parsing.manifests.documents import read_json, read_yaml
from conexus.parsing.manifests.findings import Findings, Unreadable
from conexus.types import DependencyScope, Ecosystem

_SCOPES = {
    "dependencies": DependencyScope.RUNTIME,
    "peerDependencies": DependencyScope.RUNTIME,
    "devDependencies": DependencyScope.DEVELOPMENT,
    "optionalDependencies": DependencyScope.OPTIONAL,
}
_ALIAS = re.compile(r"npm:((?:@[^/@]+/)?[^@]+)(?:@(.*))?")
_MODULES = "node_modules/"
_PNPM_OLD = re.compile(r"/((?:@[^/]+/)?[^/@]+)/(\d[^/_(]*)")
_PNPM_KEY = re.compile(r"/?((?:@[^/]+/)?[^@/]+)@([^(]+)")
_MAX_NESTING = 50
_YARN_HEAD = re.compile(r"\"?((?:@[^/@\s\"]+/)?[^@\s\",]+)@")
_YARN_VERSION = re.compile(r"\s+version:? \"?([^\"\s]+)")
_YARN_RESOLUTION = re.compile(r"\s+resolution: \"((?:@[^/@\s\"]+/)?[^@\s\"]+)@(\w+):")


def read_package_json(_path: str, text: str, findings: Findings) -> None:
    """Read ``package.json``; an alias is the package that it stands for."""
    found = read_json(text, findings.note)
    findings.provide(Ecosystem.NPM, found.text("name"), found.text("version"), found.line("name"))
    peers = found.table("peerDependenciesMeta")
    optional = found.table("optionalDependencies")
    for section, scope in _SCOPES.items():
        for name, written in found.table(section).items():
            if section == "dependencies" and name in optional:
                continue  # npm writes what is optional into both
            found.expect(written, str, section, name)
            of_peer = peers.get(name) if section == "peerDependencies" else None
            is_optional = isinstance(of_peer, dict) and of_peer.get("optional") is True
            alias = _ALIAS.fullmatch(written) if isinstance(written, str) else None
            findings.require(
                Ecosystem.NPM,
                alias[1] if alias else name,
                (alias[2] or "") if alias else written,
                DependencyScope.OPTIONAL if is_optional else scope,
                found.line(section, name),
            )


def aliases_of(text: str) -> dict[str, str]:
    """Return the names under which a ``package.json`` has packages that are called otherwise, with those packages."""
    if '"npm:' not in text:
        return {}
    try:
        found = read_json(text, lambda _: None)
    except Unreadable:
        return {}
    return {
        name: alias[1]
        for section in _SCOPES
        for name, written in found.table(section).items()
        if isinstance(written, str) and (alias := _ALIAS.fullmatch(written)) is not None and alias[1] != name
    }


def read_npm_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``package-lock.json`` or ``npm-shrinkwrap.json`` of any version; workspaces and links are left out."""
    found = read_json(text, findings.note, depth=2)
    packages = found.table("packages")
    for place, entry in packages.items():
        if _MODULES not in place or not found.expect(entry, dict, "packages", place) or entry.get("link") is True:
            continue
        name = entry.get("name") or place.rpartition(_MODULES)[2]
        _lock(findings, name, entry.get("version", ""), found.line("packages", place))
    if packages:
        return
    pending = [(found.table("dependencies"), 0, 0)]
    while pending:
        table, depth, outer = pending.pop()
        for name, entry in table.items():
            if not found.expect(entry, dict, "dependencies", name):
                continue
            line = outer or found.line("dependencies", name)
            version = str(entry.get("version", ""))
            alias = _ALIAS.fullmatch(version)
            _lock(findings, alias[1] if alias else name, (alias[2] or "") if alias else version, line)
            inner = entry.get("dependencies")
            if isinstance(inner, dict) and depth < _MAX_NESTING:
                pending.append((inner, depth + 1, line))


def read_pnpm_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``pnpm-lock.yaml`` of any version."""
    for key, entry, line in read_yaml(text).at("packages"):
        found = _PNPM_OLD.match(key) or _PNPM_KEY.match(key)
        name, version = entry.get("name"), entry.get("version")
        if found and ":" not in found[2]:
            _lock(findings, found[1], found[2], line)
        elif name is not None and name.text:  # a tarball or a repository
            _lock(findings, name.text, version.text if version is not None else "", line)


def read_yarn_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``yarn.lock``: that of Yarn 1, which is no YAML, and that of later ones, which has the same lines."""
    if not text.lstrip().startswith(("#", "__metadata", '"', "@")) and "\n  version" not in text:
        raise Unreadable("it is no lock file of Yarn")
    name, line = "", 0
    for number, written in enumerate(text.splitlines(), 1):
        if written[:1] not in {" ", "\t", "#", ""}:
            head = _YARN_HEAD.match(written)
            name, line = head[1] if head else "", number
            alias = re.search(r"@npm:((?:@[^/@\s\"]+/)?[^@\s\"\^~<>=*,]+)@", written)
            if alias and not alias[1][0].isdigit():
                name = alias[1]
            if "@workspace:" in written or "@link:" in written or "@portal:" in written:
                name = ""
        elif name and (version := _YARN_VERSION.match(written)):
            _lock(findings, name, version[1], line)
            name = ""


def _lock(findings: Findings, name: object, version: object, line: int) -> None:
    findings.require(Ecosystem.NPM, name, version, DependencyScope.LOCKED, line)


__all__ = ["aliases_of", "read_npm_lock", "read_package_json", "read_pnpm_lock", "read_yarn_lock"]
