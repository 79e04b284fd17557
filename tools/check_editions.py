# SPDX-License-Identifier: FSL-1.1-MIT
"""Rejects a core that leans on the paid package: an import of it by any way, or code that was copied from it.

``lint-imports`` sees ordinary imports; this sees names in texts as well, as ``import_module("conexus_ee.…")``, and runs
of lines that stand in both. Run by ``make check``.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_RUN_LINES = 6
"""So many lines in a row that say something are no chance."""
_LEAST_CHARS = 12
_DOTTED = "conexus_ee."


def imports_of_paid(path: Path) -> Iterator[tuple[int, str]]:
    """Yield where a core file imports the paid package, or names one of its modules in a text that code uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(text) for text in _documentation(tree)}
    for node in ast.walk(tree):
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "conexus_ee" for alias in node.names)) or (
            isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "conexus_ee"
        ):
            yield node.lineno, "imports conexus_ee"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            name = node.value
            if name == "conexus_ee" or (name.startswith(_DOTTED) and " " not in name):
                yield node.lineno, "names a module of conexus_ee"


def _documentation(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def code_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines of a file that say something: without imports, comments, texts that document, and brackets."""
    hidden: set[int] = set()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_field = isinstance(node, ast.AnnAssign) and node.value is None  # values that pass the seam look alike
        if is_text or is_field or isinstance(node, ast.Import | ast.ImportFrom):
            hidden.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    comments = {
        token.start[0]: token.start[1]
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        kept = " ".join(line[: comments.get(number)].split())
        if number not in hidden and len(kept) >= _LEAST_CHARS:
            found.append((number, kept))
    return found


def runs(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield every run of lines of a file, with the number of its first one."""
    lines = code_lines(path.read_text(encoding="utf-8"))
    for start in range(len(lines) - _RUN_LINES + 1):
        yield lines[start][0], tuple(line for _, line in lines[start : start + _RUN_LINES])


def findings(root: Path = ROOT) -> list[str]:
    """Return everything that is wrong, as ``file:line: what``."""
    core = [path for path in sorted((root / "conexus").rglob("*.py")) if path.parent.name != "v1"]
    theirs = sorted((root / "conexus_ee").rglob("*.py"))
    paid = {run: f"{path.relative_to(root)}:{line}" for path in theirs for line, run in runs(path)}
    found = []
    for path in core:
        name = path.relative_to(root)
        found += [f"{name}:{line}: {what}" for line, what in imports_of_paid(path)]
        found += [f"{name}:{line}: the same code as {paid[run]}" for line, run in runs(path) if run in paid]
    return found


def main() -> int:
    """Print the findings; return the exit code."""
    found = findings()
    sys.stdout.write("".join(f"{finding}\n" for finding in found))
    sys.stdout.write(f"the core without conexus_ee: {len(found)} findings\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
