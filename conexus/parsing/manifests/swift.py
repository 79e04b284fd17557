# SPDX-License-Identifier: FSL-1.1-MIT
"""What Swift packages provide and require, named as Swift does: by the last part of their address."""

from __future__ import annotations

from tree_sitter import Node

from conexus.parsing.manifests.documents import read_json
from conexus.parsing.manifests.findings import Findings
from conexus.parsing.manifests.syntax import Syntax, line_of, nodes, read_syntax
from conexus.types import DependencyScope, Ecosystem


def read_package_swift(_path: str, text: str, findings: Findings) -> None:
    """Read ``Package.swift``: literals of its syntax tree, it is never run."""
    syntax = read_syntax("swift", text)
    for call in syntax.nodes("call_expression"):
        function = syntax.text(call.named_children[0]) if call.named_children else ""
        if function == "Package":
            name = _labelled(syntax, call).get("name")
            findings.provide(Ecosystem.SWIFT, syntax.string(name), "", line_of(call))
        elif function in {".package", "Package.Dependency.package"}:
            arguments = _labelled(syntax, call)
            url, identity = syntax.string(arguments.get("url")), syntax.string(arguments.get("id"))
            if url or identity:
                name_of = identity or _identity(url or "")
                findings.require(
                    Ecosystem.SWIFT, name_of, _constraint(syntax, call), DependencyScope.RUNTIME, line_of(call)
                )
            elif "path" not in arguments:
                findings.note(f"line {line_of(call)} names a package by something computed")


def _identity(url: str) -> str:
    """Return what Swift calls the package at an address."""
    return url.rstrip("/").rpartition("/")[2].removesuffix(".git")


def _labelled(syntax: Syntax, call: Node) -> dict[str, Node]:
    """Return the arguments of a call that have a label."""
    found: dict[str, Node] = {}
    for argument in nodes(call.named_children[-1], "value_argument"):
        label, value = argument.child_by_field_name("name"), argument.child_by_field_name("value")
        if label is not None and value is not None:
            found.setdefault(syntax.text(label), value)
    return found


def _constraint(syntax: Syntax, call: Node) -> str:
    """Return what follows the address, as it is written."""
    arguments = [one for one in call.named_children[-1].named_children for one in one.named_children]
    return ", ".join(
        syntax.text(one)
        for one in arguments
        if one.type == "value_argument" and not syntax.text(one).startswith(("url:", "id:", "name:"))
    )


def read_package_resolved(_path: str, text: str, findings: Findings) -> None:
    """Read ``Package.resolved`` of any version."""
    found = read_json(text, findings.note, depth=4)
    inside = () if "pins" in found.data else ("object",)
    for place, pin in enumerate(found.list(*inside, "pins")):
        if not found.expect(pin, dict, *inside, "pins", place):
            continue
        url = pin.get("location", pin.get("repositoryURL", ""))
        name = pin.get("identity") or _identity(url if isinstance(url, str) else "")
        state = pin.get("state")
        state = state if isinstance(state, dict) else {}
        version = state.get("version") or state.get("revision") or ""
        line = found.line(*inside, "pins", place)
        findings.require(Ecosystem.SWIFT, name, version, DependencyScope.LOCKED, line)


__all__ = ["read_package_resolved", "read_package_swift"]
