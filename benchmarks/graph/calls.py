# SPDX-License-Identifier: FSL-1.1-MIT
"""Compares the definitions that calls mean, as Conexus tells them, with what jedi and TypeScript's compiler say.

    python benchmarks/graph/calls.py --folder FOLDER

Projects are fetched with pip and npm into the folder, and jedi and ``typescript`` with them, where they are not there.
Only calls count that the judge resolves, be it to something outside of the project. Each is a line and a name.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tarfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from conexus.parsing.languages import detect
from conexus.parsing.parse import parse_text
from conexus.search.imports import ImportResolver
from conexus.search.references import ReferenceResolver
from conexus.types import ParsedFile

RESULTS = Path(__file__).parent.parent / "results" / "graph-calls.md"
PYTHON = (("httpx==0.28.1", "httpx"), ("Jinja2==3.1.6", "src/jinja2"))
TYPESCRIPT = (("rxjs@7.8.2", "package/src"), ("zod@4.6.7", "package/src/v4"))
THRESHOLDS = (0.85, 0.4, 0.1)

Site: TypeAlias = tuple[str, int, str]
"""Path, line and name of a call."""
Place: TypeAlias = tuple[str, int]
"""Path and line of a definition's name."""


@dataclass
class Judged:
    """What a judge says of a project's calls."""

    name: str
    judge: str
    meant: dict[Site, set[Place]] = field(default_factory=lambda: defaultdict(set))
    """Of each call that it resolves: the definitions in the project, none where it is outside of it."""
    unresolved: int = 0


def parsed_files(root: Path, endings: Iterable[str]) -> dict[str, ParsedFile]:
    """Return the files of a project as an index has them."""
    found: dict[str, ParsedFile] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix in set(endings) and path.is_file() and not path.name.endswith(".d.ts"):
            name = path.relative_to(root).as_posix()
            found[name] = parse_text(path.read_text(encoding="utf-8", errors="replace"), detect(name), 1500)
    return found


def edges_of(files: dict[str, ParsedFile], folder: str) -> dict[Site, dict[Place, float]]:
    """Return which definitions each use of a name means, with the confidence."""
    imports = ImportResolver(((path, file.language) for path, file in files.items()), name=folder)
    resolver = ReferenceResolver(
        {path: file.symbols for path, file in files.items()},
        {
            path: {meant for one in file.imports for meant in imports.resolve(path, one.target)}
            for path, file in files.items()
        },
    )
    found: dict[Site, dict[Place, float]] = {}
    for path, file in files.items():
        for reference in file.references:
            for line in reference.lines:
                meant = resolver.resolve(path, reference.name, line)
                found[path, line, reference.name] = {(one.path, one.symbol.name_line): one.confidence for one in meant}
    return found


def by_jedi(name: str, root: Path) -> Judged:
    """Ask jedi what each call of a Python project means."""
    import jedi  # noqa: PLC0415 -- of this part alone

    result = Judged(name, "jedi")
    project = jedi.Project(root.parent)
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        script = jedi.Script(text, path=path, project=project)
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            line = node.func.end_lineno or node.lineno
            column = (node.func.end_col_offset or 1) - 1
            try:
                names = script.goto(line, column, follow_imports=True)
            except Exception:  # noqa: BLE001 -- whatever it cannot do is no judgement
                names = []
            if not names:
                result.unresolved += 1
                continue
            places = result.meant[path.relative_to(root).as_posix(), line, called]
            for one in names:
                inside = one.module_path is not None and Path(one.module_path).is_relative_to(root)
                if inside and one.type in {"function", "class"} and one.line is not None:
                    places.add((Path(one.module_path).relative_to(root).as_posix(), one.line))
    return result


_TYPESCRIPT = """
const ts = require("typescript"), path = require("path"), fs = require("fs");
const root = process.argv[2], files = [];
(function walk(folder) {
  for (const entry of fs.readdirSync(folder, {withFileTypes: true})) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) walk(full);
    else if (/\\.tsx?$/.test(entry.name) && !entry.name.endsWith(".d.ts")) files.push(full);
  }
})(root);
const program = ts.createProgram(files, {target: 99, module: 99, moduleResolution: 100, allowJs: false, noEmit: true});
const checker = program.getTypeChecker(), out = [];
const at = (source, node) => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
for (const source of program.getSourceFiles()) {
  if (!files.includes(path.normalize(source.fileName))) continue;
  (function visit(node) {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      let name = node.expression;
      if (ts.isPropertyAccessExpression(name)) name = name.name;
      if (ts.isIdentifier(name)) {
        let symbol = checker.getSymbolAtLocation(name);
        if (symbol && symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
        const declared = (symbol && symbol.declarations) || [];
        const places = declared.filter(one => files.includes(path.normalize(one.getSourceFile().fileName)))
          .map(one => [path.relative(root, one.getSourceFile().fileName),
                       at(one.getSourceFile(), one.name || one), ts.SyntaxKind[one.kind]]);
        out.push([path.relative(root, source.fileName), at(source, name), name.text, declared.length > 0, places]);
      }
    }
    ts.forEachChild(node, visit);
  })(source);
}
console.log(JSON.stringify(out));
"""
_CALLED_KINDS = frozenset(
    "FunctionDeclaration MethodDeclaration ClassDeclaration VariableDeclaration MethodSignature InterfaceDeclaration "
    "Constructor".split()
)


def by_compiler(name: str, root: Path, modules: Path) -> Judged:
    """Ask TypeScript's compiler what each call of a project means; parameters and properties are no definitions."""
    script = modules / "calls.cjs"
    script.write_text(_TYPESCRIPT, encoding="utf-8")
    done = subprocess.run(["node", str(script), str(root)], capture_output=True, text=True, check=True, cwd=modules)
    result = Judged(name, "TypeScript")
    for path, line, called, is_known, places in json.loads(done.stdout):
        if not is_known:
            result.unresolved += 1
            continue
        found = result.meant[path, line, called]
        found.update((file, at) for file, at, kind in places if kind in _CALLED_KINDS)
    return result


def rows(judged: Judged, ours: dict[Site, dict[Place, float]]) -> list[str]:
    """Return lines of the table: precision and recall of edges at least so sure."""
    theirs = {(site, place) for site, places in judged.meant.items() for place in places}
    found = []
    for least in THRESHOLDS:
        edges = {
            (site, place)
            for site in judged.meant
            for place, confidence in ours.get(site, {}).items()
            if confidence >= least
        }
        both = len(edges & theirs)
        precision, recall = both / max(1, len(edges)), both / max(1, len(theirs))
        counts = f"{len(judged.meant)} | {len(theirs)} | {len(edges)}"
        found.append(f"| {judged.name} | {judged.judge} | {least} | {counts} | {precision:.3f} | {recall:.3f} |")
    return found


def fetched(folder: Path) -> tuple[list[tuple[str, Path]], list[tuple[str, Path]]]:
    """Return the projects, after fetching what is not there."""
    archives = folder / "calls"
    if not archives.exists():
        archives.mkdir(parents=True)
        pip = [sys.executable, "-m", "pip", "-q"]
        subprocess.run([*pip, "install", "jedi"], check=True)
        wanted = [one for one, _ in PYTHON]
        subprocess.run(
            [*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", str(archives), *wanted], check=True
        )
        packages = [one for one, _ in TYPESCRIPT]
        subprocess.run(["npm", "pack", "-s", *packages], check=True, cwd=archives)
        subprocess.run(["npm", "install", "-s", "--prefix", str(folder), "typescript@5"], check=True)
    found: list[list[tuple[str, Path]]] = []
    for projects in (PYTHON, TYPESCRIPT):
        group: list[tuple[str, Path]] = []
        for pinned, inside in projects:
            name, version = pinned.replace("==", "@").split("@")
            [archive] = [
                one
                for one in archives.iterdir()
                if one.is_file() and one.name.lower().startswith(f"{name.lower()}-{version}")
            ]
            tree = archives / f"{archive.name}.d"
            if not tree.exists():
                with tarfile.open(archive) as packed:
                    packed.extractall(tree, filter="data")
            [place] = [tree / inside] if (tree / inside).exists() else [one / inside for one in tree.iterdir()]
            group.append((f"{name} {version}", place))
        found.append(group)
    return found[0], found[1]


def main() -> None:
    """Compare, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="what is fetched, and kept there")
    folder = parser.parse_args().folder.resolve()
    python, typescript = fetched(folder)
    lines = [
        "# Calls against jedi and TypeScript's compiler",
        "",
        "Written by `benchmarks/graph/calls.py`. Conexus tells by names and imports, without types, what a call means.",
        "Judged are calls that the judge resolves, also to what is outside of the project: there any edge is wrong.",
        "",
        "| project | judge | confidence ≥ | calls judged | edges, judge | edges, Conexus | precision | recall |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, root in python:
        lines += rows(by_jedi(name, root), edges_of(parsed_files(root, [".py"]), root.name))
    for name, root in typescript:
        judged = by_compiler(name, root, folder)
        lines += rows(judged, edges_of(parsed_files(root, [".ts", ".tsx"]), root.name))
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
