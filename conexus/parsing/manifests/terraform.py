# SPDX-License-Identifier: FSL-1.1-MIT
"""Modules and providers of Terraform."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from conexus.parsing.manifests.findings import Findings
from conexus.parsing.manifests.syntax import Syntax, line_of, read_syntax
from conexus.remotes import normalize_remote
from conexus.types import DependencyScope, Ecosystem

_REGISTRY = re.compile(r"(?:[\w.-]+\.[a-z]+(?::\d+)?/)?[\w-]+/[\w-]+/[\w-]+(?://.*)?$")
_DEFAULT_HOST = "registry.terraform.io/"
_HOSTED = re.compile(r"(?:github\.com|bitbucket\.org|gitlab\.com)/")
_REF = re.compile(r"[?&]ref=([^&]+)")


def read_terraform(_path: str, text: str, findings: Findings) -> None:
    """Read the modules and the required providers of a file."""
    if "source" not in text and "required_providers" not in text:
        return
    syntax = read_syntax("hcl", text)
    for block in syntax.nodes("block"):
        kind = syntax.text(block.named_children[0])
        values = dict(_attributes(syntax, block))
        if kind == "module" and "source" in values:
            source, line = _string(syntax, values["source"]), line_of(values["source"])
            version = _string(syntax, values["version"]) if "version" in values else ""
            _require_module(source, version or "", line, findings)
        elif kind == "required_providers":
            for name, value in values.items():
                _read_provider(syntax, name, value, findings)


def _require_module(source: str | None, version: str, line: int, findings: Findings) -> None:
    if source is None:
        findings.note(f"line {line} names a module by something computed")
        return
    if source.startswith(("./", "../", "/")):
        return
    if _REGISTRY.match(source) and not _HOSTED.match(source):
        name = source.partition("//")[0].removeprefix(_DEFAULT_HOST)
        findings.require(Ecosystem.TERRAFORM, name, version, DependencyScope.RUNTIME, line)
        return
    address = source.removeprefix("git::").partition("?")[0]
    scheme, mark, rest = address.partition("://")
    address = (scheme + mark + rest.partition("//")[0]) if mark else address.partition("//")[0]
    if _HOSTED.match(address):
        address = f"https://{address}"
    remote = normalize_remote(address)
    ref = _REF.search(source)
    if remote is None:
        findings.note(f"line {line} has a module from a place that is no repository: {address}")
    else:
        findings.require(Ecosystem.GIT, remote, ref[1] if ref else "", DependencyScope.RUNTIME, line)


def _read_provider(syntax: Syntax, name: str, value: Node, findings: Findings) -> None:
    plain = _string(syntax, value)
    source, version = f"hashicorp/{name}", plain or ""
    if plain is None:
        given = {
            syntax.text(one.child_by_field_name("key")).strip('"'): _string(syntax, one.child_by_field_name("val"))
            for one in _elements(value)
        }
        source, version = given.get("source") or source, given.get("version") or ""
    source = source.removeprefix(_DEFAULT_HOST)
    findings.require(Ecosystem.TERRAFORM, source, version, DependencyScope.RUNTIME, line_of(value))


def read_terraform_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``.terraform.lock.hcl``."""
    syntax = read_syntax("hcl", text)
    for block in syntax.nodes("block"):
        words = block.named_children
        if len(words) > 1 and syntax.text(words[0]) == "provider":
            name = syntax.text(words[1]).strip('"').removeprefix(_DEFAULT_HOST)
            given = dict(_attributes(syntax, block)).get("version")
            version = _string(syntax, given) or ""
            findings.require(Ecosystem.TERRAFORM, name, version, DependencyScope.LOCKED, line_of(block))


def _attributes(syntax: Syntax, block: Node) -> Iterator[tuple[str, Node]]:
    body = next((node for node in block.named_children if node.type == "body"), None)
    for node in body.named_children if body is not None else ():
        if node.type == "attribute" and len(node.named_children) > 1:
            yield syntax.text(node.named_children[0]), node.named_children[1]


def _elements(value: Node) -> list[Node]:
    objects = [one for inner in value.named_children for one in inner.named_children if one.type == "object"]
    return [one for found in objects for one in found.named_children if one.type == "object_elem"]


def _string(syntax: Syntax, node: Node | None) -> str | None:
    """Return what an expression holds that is nothing but a string."""
    while node is not None and node.type in {"expression", "literal_value"} and node.named_child_count == 1:
        node = node.named_children[0]
    return syntax.string(node)


__all__ = ["read_terraform", "read_terraform_lock"]
