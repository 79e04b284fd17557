# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells what Rust imports: each path of a ``use``, and the files of ``mod``. Pure.

Paths are given as the file would write them at its top: ``super::a`` within ``mod tests { … }`` is ``self::a`` there. A
module of a file of its own is ``self::name``, or ``./path.rs`` where an attribute says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from conexus.parsing.heads import text_of

_IN_MACRO = re.compile(r"(?<![\w$])(?:use\s+(?P<use>[^;()$]+);|mod\s+(?:r#)?(?P<mod>\w+)\s*;)")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_ALIAS = re.compile(r"\s+as\s+\w+\s*$")
_PATH = re.compile(r"#\[\s*path\s*=\s*\"([^\"]+)\"\s*\]")
_MAX_NESTING = 20


def rust_imports(source: bytes, node: Node) -> list[tuple[str, int]] | None:
    """Return the paths that a node imports, with their lines; ``None`` for a node that is none of Rust's imports."""
    line = node.start_point.row + 1
    around = node.parent.type if node.parent is not None else ""
    if around == "use_declaration":
        return [(path, line) for path in _paths(text_of(source, node), _modules_around(source, node))]
    if around == "mod_item":
        return [(_module_file(source, node), line)]
    if node.type == "token_tree" and around == "macro_invocation":
        return _of_macro(source, node)
    return None


def _paths(text: str, modules: list[str]) -> Iterator[str]:
    for path in dict.fromkeys(_leaves(_COMMENT.sub(" ", text).replace("r#", ""), _MAX_NESTING)):
        yield _from_top(path, modules)


def _leaves(text: str, depth: int) -> Iterator[str]:
    """Yield the paths of a use tree, a wildcard's and ``self``'s without that."""
    text = text.strip()
    start = text.find("{")
    if start < 0 or depth == 0:
        path = "".join(_ALIAS.sub("", text).split()).removesuffix("::*")
        if path and path != "*" and "{" not in path:
            yield path.removesuffix("::self") or path
        return
    prefix = "".join(text[:start].split())
    for part in _parted(text[start + 1 : text.rfind("}")]):
        for path in _leaves(part, depth - 1):
            whole = prefix.removesuffix("::") if path == "self" else prefix + path
            if whole:
                yield whole
        if part.strip() == "*" and prefix:
            yield prefix.removesuffix("::")


def _parted(text: str) -> Iterator[str]:
    """Yield what commas part, those within braces left."""
    depth = start = 0
    for place, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _modules_around(source: bytes, node: Node) -> list[str]:
    """Return the names of the modules within the file that a node is in, the outermost first."""
    names: list[str] = []
    around = node.parent
    while around is not None:
        if around.type == "mod_item" and (name := around.child_by_field_name("name")) is not None and name != node:
            names.append(text_of(source, name))
        around = around.parent
    return names[::-1]


def _from_top(path: str, modules: list[str]) -> str:
    """Return a path as the top of the file would write it."""
    first, _, rest = path.partition("::")
    if first not in {"self", "super"}:
        return path
    inside = list(modules)
    ups = 0
    parts = [part for part in (first, *rest.split("::")) if part]
    while parts and parts[0] in {"self", "super"}:
        if parts.pop(0) == "super":
            if inside:
                inside.pop()
            else:
                ups += 1
    return "::".join((*(["super"] * ups or ["self"]), *inside, *parts))


def _module_file(source: bytes, node: Node) -> str:
    item = node.parent
    before = item.prev_named_sibling if item is not None else None
    while before is not None and before.type in {"attribute_item", "line_comment", "block_comment"}:
        if (found := _PATH.search(text_of(source, before))) is not None:
            return f"./{found[1]}" if not found[1].startswith("/") else ""
        before = before.prev_named_sibling
    return _from_top(f"self::{text_of(source, node)}", _modules_around(source, node))


def _of_macro(source: bytes, node: Node) -> list[tuple[str, int]]:
    """Return what a macro's braces import, as those of ``cfg_feature! { mod a; pub use b::c; }``."""
    text = text_of(source, node)
    if not text.startswith("{"):
        return []
    modules = _modules_around(source, node)
    text = _COMMENT.sub(lambda part: re.sub(r"[^\n]", " ", part[0]), text)
    found: list[tuple[str, int]] = []
    for one in _IN_MACRO.finditer(text):
        line = node.start_point.row + 1 + text.count("\n", 0, one.start())
        if one["mod"]:
            found.append((_from_top(f"self::{one['mod']}", modules), line))
        else:
            found += [(path, line) for path in _paths(one["use"], modules)]
    return found


__all__ = ["rust_imports"]
