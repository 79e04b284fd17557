# SPDX-License-Identifier: FSL-1.1-MIT
"""What Elixir projects provide and require: literals of their syntax trees, nothing is run."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from conexus.parsing.manifests.findings import Findings
from conexus.parsing.manifests.syntax import Syntax, line_of, nodes, read_syntax
from conexus.types import DependencyScope, Ecosystem

_OF_DEVELOPMENT = frozenset({"dev", "test", "docs"})


def read_mix(_path: str, text: str, findings: Findings) -> None:
    """Read ``mix.exs``."""
    syntax = read_syntax("elixir", text)
    for function in syntax.nodes("call"):
        if syntax.text(function.child_by_field_name("target")) not in {"def", "defp"}:
            continue
        name = _function_name(syntax, function)
        if name == "project":
            _read_project(syntax, function, findings)
        if name == "deps" or name.endswith("_deps") or name == "project":
            for node in nodes(function, "tuple"):
                _read_dependency(syntax, node, findings)


def _function_name(syntax: Syntax, function: Node) -> str:
    arguments = next((node for node in function.named_children if node.type == "arguments"), None)
    return syntax.text(arguments).partition("(")[0].strip() if arguments is not None else ""


def _read_project(syntax: Syntax, function: Node, findings: Findings) -> None:
    pairs = dict(_pairs(syntax, function))
    app = pairs.get("app")
    if app is None or app.type != "atom":
        return
    version = pairs.get("version")
    written = syntax.string(version)
    if written is None and version is not None and version.type == "unary_operator":  # @version
        name = syntax.text(version).lstrip("@ ")
        for node in syntax.nodes("unary_operator"):
            call = node.child_by_field_name("operand")
            if call is not None and call.type == "call" and syntax.text(call.child_by_field_name("target")) == name:
                written = next((found for one in nodes(call, "string") if (found := syntax.string(one))), None)
                break
    findings.provide(Ecosystem.HEX, syntax.text(app).lstrip(":"), written or "", line_of(app))


def _pairs(syntax: Syntax, node: Node) -> Iterator[tuple[str, Node]]:
    for pair in nodes(node, "pair"):
        value = pair.child_by_field_name("value")
        if value is not None:
            yield syntax.text(pair.child_by_field_name("key")).strip().rstrip(":"), value


def _read_dependency(syntax: Syntax, node: Node, findings: Findings) -> None:
    parts = node.named_children
    if not parts or parts[0].type != "atom":
        return
    options = dict(_pairs(syntax, node))
    constraint = syntax.string(parts[1]) if len(parts) > 1 else None
    if constraint is None and not {"git", "github", "path", "in_umbrella", "hex"} & options.keys():
        return
    if "path" in options or "in_umbrella" in options:
        return
    name = syntax.text(parts[0]).lstrip(":")
    if "hex" in options:
        name = syntax.text(options["hex"]).strip(':"')
    only = options.get("only")
    words = {syntax.text(one).lstrip(":") for one in nodes(only, "atom")} if only is not None else set()
    scope = DependencyScope.RUNTIME
    if words and words <= _OF_DEVELOPMENT:
        scope = DependencyScope.DEVELOPMENT
    elif "optional" in options and syntax.text(options["optional"]) == "true":
        scope = DependencyScope.OPTIONAL
    place = next((syntax.string(options[key]) for key in ("git", "github") if key in options), None)
    findings.require(Ecosystem.HEX, name, constraint or place or "", scope, line_of(node))


def read_mix_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``mix.lock``."""
    syntax = read_syntax("elixir", text)
    for node in syntax.nodes("tuple"):
        parts = node.named_children
        if len(parts) > 2 and syntax.text(parts[0]) == ":hex" and parts[1].type == "atom":  # noqa: PLR2004
            name, version = syntax.text(parts[1]).lstrip(":").strip('"'), syntax.string(parts[2])
            around = node.parent
            if version is not None and around is not None and around.type in {"binary_operator", "pair"}:
                findings.require(Ecosystem.HEX, name, version, DependencyScope.LOCKED, line_of(node))


__all__ = ["read_mix", "read_mix_lock"]
