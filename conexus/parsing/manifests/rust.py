# SPDX-License-Identifier: FSL-1.1-MIT
"""What Rust crates provide and require."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conexus.parsing.manifests.documents import Located, read_toml
from conexus.parsing.manifests.findings import Findings
from conexus.types import DependencyScope, Ecosystem

_SECTIONS = {
    "dependencies": DependencyScope.RUNTIME,
    "dev-dependencies": DependencyScope.DEVELOPMENT,
    "dev_dependencies": DependencyScope.DEVELOPMENT,
    "build-dependencies": DependencyScope.BUILD,
    "build_dependencies": DependencyScope.BUILD,
}


def read_cargo_toml(_path: str, text: str, findings: Findings) -> None:
    """Read ``Cargo.toml``.

    What is inherited from a workspace is filled in where the workspace is in the same file. Else its version is not
    known here; the file of the workspace names it.
    """
    found = read_toml(text, findings.note, depth=5)
    where = "package" if "package" in found.data else "project"
    version = found.table(where).get("version")
    inherits = isinstance(version, dict) and version.get("workspace") is True
    version = found.text("workspace", "package", "version") if inherits else found.text(where, "version")
    findings.provide(Ecosystem.CARGO, found.text(where, "name"), version, found.line(where, "name"))
    for path, scope in _tables(found):
        for key, written in found.table(*path).items():
            _read_dependency(found, (*path, key), written, scope, findings)


def _tables(found: Located) -> Iterator[tuple[tuple[str, ...], DependencyScope]]:
    for section, scope in _SECTIONS.items():
        yield (section,), scope
        for target in found.table("target"):
            yield ("target", target, section), scope
    yield ("workspace", "dependencies"), DependencyScope.RUNTIME


def _read_dependency(
    found: Located, path: tuple[str, ...], written: object, scope: DependencyScope, findings: Findings
) -> None:
    name: Any = path[-1]
    line = found.line(*path)
    found.expect(written, (str, dict), *path)
    if isinstance(written, dict):
        for key in ("version", "package", "git", "path"):
            found.expect(written.get(key), str, *path, key)
        if written.get("optional") is True and scope is DependencyScope.RUNTIME:
            scope = DependencyScope.OPTIONAL
        if written.get("workspace") is True:
            inherited = found.table("workspace", "dependencies").get(name, "")
            written = inherited if isinstance(inherited, dict) else {"version": inherited}
        name = written.get("package", name)
    findings.require(Ecosystem.CARGO, name, _constraint(written), scope, line)


def _constraint(written: object) -> object:
    if not isinstance(written, dict):
        return written
    if "version" in written:
        return written["version"]
    if isinstance(written.get("git"), str):
        at = next((f"#{written[key]}" for key in ("tag", "rev", "branch") if isinstance(written.get(key), str)), "")
        return f"git+{written['git']}{at}"
    return written.get("path", "")


def read_cargo_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``Cargo.lock``; crates of the workspace, which have no source, are left out."""
    found = read_toml(text, findings.note, depth=3)
    for place, entry in enumerate(found.list("package")):
        if found.expect(entry, dict, "package", place) and "source" in entry:
            line = found.line("package", place, "name")
            findings.require(Ecosystem.CARGO, entry.get("name"), entry.get("version", ""), DependencyScope.LOCKED, line)


__all__ = ["read_cargo_lock", "read_cargo_toml"]
