# SPDX-License-Identifier: FSL-1.1-MIT
"""What Ruby gems provide and require. Ruby is never run: literals are read from its syntax tree."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from conexus.parsing.manifests.findings import Findings, Unreadable
from conexus.parsing.manifests.syntax import Syntax, line_of, nodes, read_syntax
from conexus.types import DependencyScope, Ecosystem

_OF_DEVELOPMENT = frozenset({"development", "test", "ci", "lint", "doc", "docs", "debug"})
_SCOPES = {
    "add_dependency": DependencyScope.RUNTIME,
    "add_runtime_dependency": DependencyScope.RUNTIME,
    "add_development_dependency": DependencyScope.DEVELOPMENT,
}
_LOCKED = re.compile(r" {4}([\w.-]+) \(([^)]+)\)$")


def read_gemfile(_path: str, text: str, findings: Findings) -> None:
    """Read ``Gemfile``."""
    syntax = read_syntax("ruby", text)
    for call in syntax.nodes("call"):
        if syntax.text(call.child_by_field_name("method")) != "gem" or call.child_by_field_name("receiver"):
            continue
        name, constraint, options = _arguments(syntax, call)
        if name is None:
            findings.note(f"line {line_of(call)} names a gem by something computed")
            continue
        groups = _groups(syntax, call, options)
        development = bool(groups) and groups <= _OF_DEVELOPMENT
        scope = DependencyScope.DEVELOPMENT if development else DependencyScope.RUNTIME
        findings.require(Ecosystem.RUBYGEMS, name, constraint, scope, line_of(call))


def read_gemspec(path: str, text: str, findings: Findings) -> None:
    """Read a gem's specification."""
    syntax = read_syntax("ruby", text)
    name, version, line = "", "", 1
    for node in syntax.nodes("assignment", "call"):
        if node.type == "assignment":
            left, value = node.child_by_field_name("left"), syntax.string(node.child_by_field_name("right"))
            is_call = left is not None and left.type == "call"
            attribute = syntax.text(left.child_by_field_name("method")) if left is not None and is_call else ""
            if attribute == "name" and value and not name:
                name, line = value, line_of(node)
            elif attribute == "version" and value and not version:
                version = value
            continue
        scope = _SCOPES.get(syntax.text(node.child_by_field_name("method")))
        if scope is not None:
            gem, constraint, _ = _arguments(syntax, node)
            if gem is None:
                findings.note(f"line {line_of(node)} names a gem by something computed")
            else:
                findings.require(Ecosystem.RUBYGEMS, gem, constraint, scope, line_of(node))
    # By its rules a specification is named as its gem.
    findings.provide(Ecosystem.RUBYGEMS, name or path.rpartition("/")[2].removesuffix(".gemspec"), version, line)


def read_gemfile_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``Gemfile.lock``; what lies beside it is left out."""
    section, seen = "", False
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line[0].isspace():
            section = line.strip()
            seen = seen or section in {"GEM", "GIT", "PATH"}
        elif section in {"GEM", "GIT"} and (found := _LOCKED.match(line)):
            findings.require(Ecosystem.RUBYGEMS, found[1], found[2], DependencyScope.LOCKED, number)
    if not seen:
        raise Unreadable("it is no lock file of Bundler")


def _arguments(syntax: Syntax, call: Node) -> tuple[str | None, str, dict[str, Node]]:
    """Return the name, the versions and the options that a gem is given with."""
    given = call.child_by_field_name("arguments")
    arguments = [node for node in given.named_children if node.type != "comment"] if given is not None else []
    versions: list[str] = []
    options: dict[str, Node] = {}
    for node in arguments[1:]:
        if node.type == "pair":
            value = node.child_by_field_name("value")
            if value is not None:
                options[syntax.text(node.child_by_field_name("key")).strip(":\"'")] = value
        else:
            versions += [syntax.string(one) or "" for one in nodes(node, "string")]
    constraint = ", ".join(filter(None, versions))
    for key in ("git", "github", "path"):
        if not constraint and key in options:
            constraint = syntax.string(options[key]) or ""
    return syntax.string(arguments[0]) if arguments else None, constraint, options


def _groups(syntax: Syntax, call: Node, options: dict[str, Node]) -> set[str]:
    """Return the groups that a gem is in, by its options or the block around it."""
    found = {
        _word(syntax, node)
        for key in ("group", "groups")
        if key in options
        for node in nodes(options[key], "simple_symbol", "string")
    }
    return found or {_word(syntax, node) for around in _around(call) for node in _named_groups(syntax, around)}


def _around(node: Node) -> Iterator[Node]:
    while (node.parent) is not None:
        node = node.parent
        yield node


def _named_groups(syntax: Syntax, node: Node) -> list[Node]:
    if node.type != "call" or syntax.text(node.child_by_field_name("method")) != "group":
        return []
    given = node.child_by_field_name("arguments")
    return [one for one in given.named_children if one.type in {"simple_symbol", "string"}] if given is not None else []


def _word(syntax: Syntax, node: Node) -> str:
    return syntax.text(node).strip(":\"'")


__all__ = ["read_gemfile", "read_gemfile_lock", "read_gemspec"]
