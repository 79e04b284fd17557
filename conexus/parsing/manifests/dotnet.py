# SPDX-License-Identifier: FSL-1.1-MIT
"""What .NET projects provide and require."""

from __future__ import annotations

import re

from conexus.parsing.manifests.documents import Element, read_json, read_xml
from conexus.parsing.manifests.findings import Findings, Unreadable
from conexus.types import DependencyScope, Ecosystem

_PROPERTY = re.compile(r"\$\((\w+)\)")
_REFERENCES = ("PackageReference", "GlobalPackageReference", "PackageVersion", "DotNetCliToolReference")


def read_project(path: str, text: str, findings: Findings) -> None:
    """Read a project file, or what several share (``Directory.Packages.props``): its packages, not its projects."""
    root = read_xml(text)
    if root.tag != "Project":
        raise Unreadable("it is XML, but no project of .NET")
    values = {one.tag: one.text.strip() for group in root.all(["PropertyGroup"]) for one in group.children}
    name = path.rpartition("/")[2]
    if name.endswith("proj"):
        own = values.get("PackageId") or values.get("AssemblyName") or name.rpartition(".")[0]
        version = values.get("PackageVersion") or values.get("Version") or values.get("VersionPrefix") or ""
        findings.provide(Ecosystem.NUGET, _filled(own, values), _filled(version, values), 1)
    for one in root.all(_REFERENCES):
        _read_reference(one, values, findings)


def _read_reference(one: Element, values: dict[str, str], findings: Findings) -> None:
    package = _filled(one.value("Include") or one.value("Update"), values)
    if "$(" in package:
        findings.note(f"line {one.line} names a package by a property that the file does not give")
        return
    version = one.value("VersionOverride") or one.value("Version")
    if one.tag == "DotNetCliToolReference" or one.value("PrivateAssets").lower() == "all":
        scope = DependencyScope.BUILD
    else:
        scope = DependencyScope.RUNTIME
    for name in package.split(";"):
        findings.require(Ecosystem.NUGET, name, _filled(version, values), scope, one.line)


def _filled(text: str, values: dict[str, str]) -> str:
    return _PROPERTY.sub(lambda found: values.get(found[1]) or found[0], text)


def read_packages_config(_path: str, text: str, findings: Findings) -> None:
    """Read ``packages.config``."""
    for one in read_xml(text).all(["package"]):
        development = one.value("developmentDependency") == "true"
        scope = DependencyScope.DEVELOPMENT if development else DependencyScope.RUNTIME
        findings.require(Ecosystem.NUGET, one.value("id"), one.value("version"), scope, one.line)


def read_packages_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``packages.lock.json``; projects of the same solution are left out."""
    found = read_json(text, findings.note)
    for framework in found.table("dependencies"):
        for name, entry in found.table("dependencies", framework).items():
            if found.expect(entry, dict, "dependencies", framework, name) and entry.get("type") != "Project":
                line = found.line("dependencies", framework, name)
                findings.require(Ecosystem.NUGET, name, entry.get("resolved", ""), DependencyScope.LOCKED, line)


__all__ = ["read_packages_config", "read_packages_lock", "read_project"]
