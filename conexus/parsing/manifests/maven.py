# SPDX-License-Identifier: FSL-1.1-MIT
"""What Maven projects provide and require, and Gradle's version catalogs, which name packages the same way."""

from __future__ import annotations

import re
from collections.abc import Mapping

from conexus.parsing.manifests.documents import Element, Located, read_toml, read_xml
from conexus.parsing.manifests.findings import Findings, Unreadable
from conexus.types import DependencyScope, Ecosystem

_PROPERTY = re.compile(r"\$\{([^${}]+)\}")
_MAX_HOPS = 10
_MAX_CHARS = 500
_PLUGINS = "org.apache.maven.plugins"
_BUILD = DependencyScope.BUILD


def read_pom(_path: str, text: str, findings: Findings) -> None:
    """Read ``pom.xml``: properties are filled in where the file gives them."""
    project = read_xml(text)
    if project.tag != "project":
        raise Unreadable("it is XML, but no project of Maven")
    pom = _Pom(project, findings)
    pom.read()


class _Pom:
    def __init__(self, project: Element, findings: Findings) -> None:
        self._project = project
        self._findings = findings
        self._parent = project.child("parent") or Element("parent", {}, 1)
        self._properties = {
            one.tag: one.text.strip() for table in project.below("properties") for one in table.children
        }
        for key in ("groupId", "artifactId", "version"):
            own = project.value(key) or (self._parent.value(key) if key != "artifactId" else "")
            for prefix in ("project.", "pom.", ""):
                self._properties.setdefault(f"{prefix}{key}", own)
            self._properties.setdefault(f"project.parent.{key}", self._parent.value(key))
        self._managed: dict[str, str] = {}

    def read(self) -> None:
        """Note what the project says."""
        project, parent = self._project, self._parent
        if parent.children:
            self._require(parent, _BUILD)
        name = self._name(project, self._properties["groupId"])
        if name:
            line = (project.child("artifactId") or project).line
            self._findings.provide(Ecosystem.MAVEN, name, self._filled(self._properties["version"]), line)
        for place in [project, *project.below("profiles", "profile")]:
            self._read_managed(place)
        self._read_place(project, optional=False)
        for profile in project.below("profiles", "profile"):
            self._read_place(profile, optional=True)

    def _read_managed(self, place: Element) -> None:
        for one in place.below("dependencyManagement", "dependencies", "dependency"):
            if one.value("scope") == "import":
                self._require(one, _BUILD)
            elif name := self._name(one, ""):
                self._managed.setdefault(name, one.value("version"))

    def _read_place(self, place: Element, *, optional: bool) -> None:
        for one in place.below("dependencies", "dependency"):
            scope = DependencyScope.DEVELOPMENT if one.value("scope") == "test" else DependencyScope.RUNTIME
            is_optional = optional or one.value("optional") == "true"
            self._require(one, DependencyScope.OPTIONAL if is_optional else scope)
        for build in place.below("build"):
            for one in build.below("plugins", "plugin"):
                self._require(one, _BUILD, default_group=_PLUGINS)
                for inner in one.below("dependencies", "dependency"):
                    self._require(inner, _BUILD)
            for one in build.below("extensions", "extension"):
                self._require(one, _BUILD)

    def _require(self, one: Element, scope: DependencyScope, default_group: str = "") -> None:
        name = self._name(one, default_group)
        if name:
            version = one.value("version") or self._managed.get(name, "")
            self._findings.require(Ecosystem.MAVEN, name, self._filled(version), scope, one.line)

    def _name(self, one: Element, default_group: str) -> str:
        group, artifact = self._filled(one.value("groupId") or default_group), self._filled(one.value("artifactId"))
        if not group or not artifact:
            return ""
        if "${" in group + artifact:
            self._findings.note(f"line {one.line} names a package by a property that the file does not give")
            return ""
        return f"{group}:{artifact}"

    def _filled(self, text: str) -> str:
        """Return a text with its properties filled in, as far as the file gives them."""
        for _ in range(_MAX_HOPS):
            filled = _PROPERTY.sub(self._value, text)[:_MAX_CHARS]
            if filled == text:
                break
            text = filled
        return text

    def _value(self, found: re.Match[str]) -> str:
        return self._properties.get(found[1]) or found[0]


def read_version_catalog(_path: str, text: str, findings: Findings) -> None:
    """Read ``libs.versions.toml``: the libraries and plugins that a build with Gradle chooses from."""
    found = read_toml(text, findings.note)
    for alias, written in found.table("libraries").items():
        found.expect(written, (str, dict), "libraries", alias)
        name, version = _library(written)
        scope = DependencyScope.RUNTIME
        findings.require(Ecosystem.MAVEN, name, _version(found, version), scope, found.line("libraries", alias))
    for alias, written in found.table("plugins").items():
        line = found.line("plugins", alias)
        found.expect(written, (str, dict), "plugins", alias)
        if isinstance(written, str):
            plugin, _, given = written.partition(":")
            findings.require(Ecosystem.MAVEN, f"{plugin}:{plugin}.gradle.plugin", given, _BUILD, line)
        elif isinstance(written, dict) and isinstance(written.get("id"), str):
            name = f"{written['id']}:{written['id']}.gradle.plugin"
            findings.require(Ecosystem.MAVEN, name, _version(found, written.get("version")), _BUILD, line)


def _library(written: object) -> tuple[str, object]:
    if isinstance(written, str):
        parts = written.split(":")
        return ":".join(parts[:2]) if len(parts) > 1 else "", parts[2] if len(parts) > 2 else ""  # noqa: PLR2004
    if not isinstance(written, dict):
        return "", ""
    if isinstance(written.get("module"), str):
        return written["module"], written.get("version")
    return f"{written.get('group', '')}:{written.get('name', '')}", written.get("version")


def _version(found: Located, written: object) -> object:
    """Return a version that is given, or that a table of the catalog gives by a name."""
    if isinstance(written, Mapping) and "ref" in written:
        written = found.table("versions").get(str(written["ref"]))
    if isinstance(written, Mapping):  # a rich version
        return next((written[key] for key in ("strictly", "require", "prefer") if key in written), "")
    return written


__all__ = ["read_pom", "read_version_catalog"]
