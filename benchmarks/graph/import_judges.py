# SPDX-License-Identifier: FSL-1.1-MIT
"""Says what imports mean without Conexus: by each language's own tools, or by its rules written down once more.

A judge reads a tree and yields every import statement that it finds there, with what it means.
"""

from __future__ import annotations

import ast
import json
import os
import posixpath
import re
import subprocess
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Final

OUTSIDE, NOTHING, UNSURE = "outside", "nothing", "?"
FILE, FOLDER, PACKAGE = "file:", "folder:", "package:"
_SKIPPED: Final = frozenset({".git", "node_modules", "vendor", "third_party", "thirdparty"})


@dataclass(frozen=True)
class Judged:
    """An import and what it means.

    ``answer`` is ``file:`` or ``folder:`` with a path, or several parted by ``|`` of which each is right;
    ``package:`` with a name; ``outside`` for the standard library and what no manifest names; ``nothing`` where the
    tree does not have what is meant, as a file that a build makes; ``?`` where the judge cannot tell.
    """

    path: str
    line: int
    text: str
    kind: str
    answer: str


@dataclass
class Tools:
    """Where the programs are that judge."""

    go: str = "go"
    typescript: Path = Path()
    """Folder of ``node_modules`` with ``typescript``."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Of this language, packages by the names that are imported, where these differ."""
    flags: tuple[str, ...] = ()
    """Of C and C++: folders of headers, from the root of the tree."""


def walked(root: Path, *endings: str) -> Iterator[Path]:
    """Yield the files of a tree with some endings, without what others wrote."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            path = Path(folder, name)
            if name.endswith(endings) and not path.is_symlink():
                yield path


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


@cache
def _manifests(root: Path, pattern: str) -> str:
    return "\n".join(_text(path) for path in walked(root, "") if re.fullmatch(pattern, path.name))


def _is_named(root: Path, pattern: str, package: str) -> bool:
    """Whether a manifest of the tree names a package."""
    wanted = re.sub(r"[-_.]+", "[-_.]+", re.escape(package).replace("\\-", "-").replace("\\.", "."))
    return re.search(rf"(?<![\w.-]){wanted}(?![\w-])", _manifests(root, pattern), re.IGNORECASE) is not None


# -------------------------------------------------------------------- Python

_PYTHON_MANIFESTS: Final = (
    r"pyproject\.toml|setup\.(?:py|cfg)|.*requirements.*\.(?:txt|in)|Pipfile|PKG-INFO|(?:uv|poetry|pdm|Pipfile)\.lock"
)
_NPM_MANIFESTS: Final = r"package(?:-lock)?\.json|pnpm-lock\.yaml|yarn\.lock"


def python(root: Path, tools: Tools) -> Iterator[Judged]:
    """Judge by importlib's own finder, which runs nothing, over the roots that pip and pytest would make."""
    for path in walked(root, ".py"):
        name = path.relative_to(root).as_posix()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        roots = _python_roots(root, path)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found = _python_found(root, path, roots, 0, alias.name, "")
                    yield Judged(name, node.lineno, alias.name, *_python_kind(root, tools, 0, alias.name, "", found))
            elif isinstance(node, ast.ImportFrom):
                dots, module = "." * node.level, node.module or ""
                for alias in node.names:
                    last = "" if alias.name == "*" else alias.name
                    text = dots + ".".join(part for part in (module, last) if part)
                    found = _python_found(root, path, roots, node.level, module, last)
                    line = node.lineno
                    yield Judged(name, line, text, *_python_kind(root, tools, node.level, module, alias.name, found))


def _python_roots(root: Path, path: Path) -> list[Path]:
    found = []
    for around in (path.parent, *path.parent.parents):
        if any((around / one).exists() for one in ("pyproject.toml", "setup.py", "setup.cfg", "conftest.py")):
            found += [around / "src", around]
        if around == root:
            break
    folder = path.parent
    while (folder / "__init__.py").exists() and folder != root:
        folder = folder.parent
    found += [root / "src", root, path.parent, folder]
    inside = (path.parent / "__init__.py").exists()
    return [one for one in dict.fromkeys(found) if one.is_dir() and not (inside and one == path.parent)]


def _python_found(root: Path, path: Path, roots: list[Path], level: int, module: str, name: str) -> str:
    parts = [part for part in module.split(".") if part]
    places = [str(one) for one in roots]
    origin = ""
    if level:
        folder = path.parent
        for _ in range(level - 1):
            folder = folder.parent
        places = [str(folder)]
        init = folder / "__init__.py"
        origin = str(init) if init.exists() else ""
    elif parts and parts[0] in sys.stdlib_module_names:
        return OUTSIDE
    ways = (_walk_modules(one, parts, origin) for one in ([place] for place in places))
    found = next((one for one in ways if one is not None), None)
    if found is None:
        return NOTHING if level else OUTSIDE
    places, origin = found
    answers = []
    if name and places and (inner := _walk_modules(places, [name], "")) is not None and inner[1]:
        answers.append(inner[1])
        if origin and not re.search(rf"\b{re.escape(name)}\b", _text(Path(origin))):
            origin = ""
    if origin:
        answers.append(origin)
    inside = [one for one in answers if Path(one).is_relative_to(root)]
    return FILE + "|".join(Path(one).relative_to(root).as_posix() for one in inside) if inside else NOTHING


def _walk_modules(places: list[str], parts: list[str], origin: str) -> tuple[list[str], str] | None:
    """Return where submodules are and the file, after some steps; ``None`` where a step leads nowhere."""
    for part in parts:
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
        origin = spec.origin or ""
    return places, origin


def _python_kind(root: Path, tools: Tools, level: int, module: str, name: str, found: str) -> tuple[str, str]:
    if name == "*":
        return "wildcard", found
    if level:
        return "relative", found
    if found != OUTSIDE:
        return "inside", found
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names:
        return "standard", OUTSIDE
    for length in range(len(parts), 0, -1):
        package = tools.names.get(".".join(parts[:length]))
        if package:
            break
    else:
        package = parts[0].replace("_", "-")
    return "package", PACKAGE + package if _is_named(root, _PYTHON_MANIFESTS, package) else OUTSIDE


# ---------------------------------------------------- JavaScript and TypeScript

_NODE: Final = r"""
const path = require("path"), fs = require("fs"), builtin = new Set(require("module").builtinModules);
const ts = require(process.argv[2]), root = fs.realpathSync(process.argv[3]);
const wanted = new RegExp(process.argv[4]), skipped = new Set([".git", "node_modules", "vendor", "third_party"]);
const files = [], links = new Map(), out = [];
(function walk(folder) {
  for (const entry of fs.readdirSync(folder, {withFileTypes: true})) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) { if (!skipped.has(entry.name)) walk(full); }
    else if (entry.isFile() && wanted.test(entry.name)) files.push(full);
    if (entry.name === "package.json") {
      try { const name = JSON.parse(fs.readFileSync(full, "utf8")).name; if (name) links.set(name, folder); } catch {}
    }
  }
})(root);
// What a package manager would link below node_modules of the root.
const virtual = name => {
  const at = path.join(root, "node_modules") + path.sep;
  if (!name.startsWith(at)) return name;
  const parts = name.slice(at.length).split(path.sep), count = parts[0].startsWith("@") ? 2 : 1;
  const folder = links.get(parts.slice(0, count).join("/"));
  return folder && folder !== root ? path.join(folder, ...parts.slice(count)) : name;
};
const host = {
  fileExists: name => ts.sys.fileExists(virtual(name)), readFile: name => ts.sys.readFile(virtual(name)),
  directoryExists: name => name === path.join(root, "node_modules") || ts.sys.directoryExists(virtual(name)) ||
    (name.startsWith(path.join(root, "node_modules", "@")) &&
     [...links.keys()].some(one => one.startsWith(path.basename(name) + "/"))),
  getCurrentDirectory: () => root, realpath: name => virtual(name),
  getDirectories: name => ts.sys.getDirectories(virtual(name)), useCaseSensitiveFileNames: true,
};
const configs = new Map();
function optionsOf(file) {
  let folder = path.dirname(file);
  for (; folder.startsWith(root); folder = path.dirname(folder)) {
    for (const name of ["tsconfig.json", "jsconfig.json"]) {
      const at = path.join(folder, name);
      if (!fs.existsSync(at)) continue;
      if (!configs.has(at)) {
        const read = ts.readConfigFile(at, ts.sys.readFile);
        const parsed = ts.parseJsonConfigFileContent(read.config || {}, {...ts.sys, readDirectory: () => []}, folder);
        configs.set(at, parsed.options);
      }
      return configs.get(at);
    }
  }
  return {};
}
function resolved(name, file) {
  const own = optionsOf(file), bundler = {moduleResolution: 100, module: 99, allowJs: true, resolveJsonModule: true,
    allowImportingTsExtensions: true, baseUrl: own.baseUrl, paths: own.paths, pathsBasePath: own.pathsBasePath,
    customConditions: own.customConditions};
  for (const options of [{...own, allowJs: true, resolveJsonModule: true}, bundler,
                         {...bundler, customConditions: ["source", "development"]}]) {
    try {
      const found = ts.resolveModuleName(name, file, options, host).resolvedModule;
      if (found) return virtual(found.resolvedFileName);
    } catch {}
  }
  if (/^\.\.?(\/|$)/.test(name)) {
    const at = path.resolve(path.dirname(file), name);
    if (fs.existsSync(at) && fs.statSync(at).isFile()) return at;
  }
  return null;
}
for (const file of files) {
  const text = fs.readFileSync(file, "utf8");
  const source = ts.createSourceFile(file, text, 99, true, /x$|\.js$/.test(file) ? 4 : undefined);
  const seen = new Map();
  const add = (node, literal, kind) => {
    if (literal && ts.isStringLiteralLike(literal) && literal.text)
      seen.set(literal.text, [source.getLineAndCharacterOfPosition(literal.getStart(source)).line + 1, kind]);
  };
  (function visit(node) {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, "import");
    else if (ts.isExportDeclaration(node))
      add(node, node.moduleSpecifier, node.exportClause ? "handed on" : "wildcard");
    else if (ts.isImportEqualsDeclaration(node)) add(node, node.moduleReference.expression, "import");
    else if (ts.isCallExpression(node) && node.arguments.length &&
      (node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.text === "require"))
      add(node, node.arguments[0], "call");
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal, "type");
    ts.forEachChild(node, visit);
  })(source);
  for (const [name, [line, kind]] of seen) {
    const found = resolved(name, file);
    const inside = found && found.startsWith(root + path.sep) ? path.relative(root, found) : null;
    const bare = name.replace(/^node:/, "").split("/");
    const own = bare.slice(0, name.startsWith("@") ? 2 : 1).join("/");
    out.push([path.relative(root, file), line, name, kind, inside,
              name.startsWith("node:") || builtin.has(own), links.has(own) ? links.get(own) : null]);
  }
}
process.stdout.write(JSON.stringify(out));
"""


def scripts(root: Path, tools: Tools, pattern: str) -> Iterator[Judged]:
    """Judge by TypeScript's own resolution, with the packages of the tree linked as a package manager does."""
    program = root.parent / "imports_of_scripts.cjs"
    program.write_text(_NODE, encoding="utf-8")
    command = ("node", str(program), str(tools.typescript / "typescript"), str(root), pattern)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for path, line, name, written, inside, is_builtin, linked in json.loads(done.stdout):
        if inside:
            kind = "relative" if name.startswith(".") else "inside"
            twin = re.sub(r"\.d\.([mc]?)ts$", r".\1js", inside)  # what runs, where a file of its types is beside it
            answer = FILE + (f"{twin}|{inside}" if twin != inside and (root / twin).exists() else inside)
            yield Judged(path, line, name, written if written in {"handed on", "wildcard"} else kind, answer)
        elif name.startswith("."):
            yield Judged(path, line, name, "relative", NOTHING)
        elif is_builtin:
            yield Judged(path, line, name, "standard", OUTSIDE)
        elif linked:
            yield Judged(path, line, name, "inside", UNSURE)
        else:
            package = "/".join(name.split("/")[: 2 if name.startswith("@") else 1])
            types = f"@types/{package.removeprefix('@').replace('/', '__')}"
            named = [one for one in (package, types) if _is_named(root, _NPM_MANIFESTS, one)]
            yield Judged(path, line, name, "package", PACKAGE + named[0] if named else OUTSIDE)


def javascript(root: Path, tools: Tools) -> Iterator[Judged]:
    """Judge JavaScript."""
    return scripts(root, tools, r"\.[mc]?jsx?$")


def typescript(root: Path, tools: Tools) -> Iterator[Judged]:
    """Judge TypeScript."""
    return scripts(root, tools, r"\.[mc]?tsx?$")


# ------------------------------------------------------------------------ Go

_GO_PROGRAM: Final = r"""
package main

import ("encoding/json"; "go/parser"; "go/token"; "io/fs"; "os"; "path/filepath"; "strconv"; "strings")

func main() {
	root := os.Args[1]
	out := [][]any{}
	filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && (entry.Name() == "vendor" || entry.Name() == "testdata" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") { return nil }
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ImportsOnly)
		if err != nil { return nil }
		name, _ := filepath.Rel(root, path)
		for _, one := range file.Imports {
			text, _ := strconv.Unquote(one.Path.Value)
			alias := ""
			if one.Name != nil { alias = one.Name.Name }
			out = append(out, []any{name, set.Position(one.Pos()).Line, text, alias})
		}
		return nil
	})
	json.NewEncoder(os.Stdout).Encode(out)
}
"""


def go(root: Path, tools: Tools) -> Iterator[Judged]:
    """Judge by what ``go/parser``, ``go list std`` and ``go mod edit`` say."""
    env = {**os.environ, "GO111MODULE": "on", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off"}

    def said(*command: str) -> str:
        done = subprocess.run([tools.go, *command], capture_output=True, text=True, env=env, check=True, cwd="/")
        return done.stdout

    program = root.parent / "imports_of_go.go"
    program.write_text(_GO_PROGRAM, encoding="utf-8")
    standard = {*said("list", "std").split(), "C"}
    modules: dict[str, str] = {}
    required: dict[str, set[str]] = {}
    for manifest in walked(root, "go.mod"):
        folder = manifest.parent.relative_to(root).as_posix()
        told = json.loads(said("mod", "edit", "-json", str(manifest)))
        modules[folder] = told["Module"]["Path"]
        required[folder] = {one["Path"] for one in told.get("Require") or ()}
    for path, line, text, alias in json.loads(said("run", str(program), str(root))):
        kind = {"": "inside", "_": "for its effects", ".": "wildcard"}.get(alias, "alias")
        if text in standard:
            yield Judged(path, line, text, "standard", OUTSIDE)
            continue
        around = [folder for folder in modules if folder == "." or path.startswith(f"{folder}/")]
        own = max(around, key=lambda folder: -1 if folder == "." else len(folder), default="")
        of_tree = [(len(module), folder, module) for folder, module in modules.items() if _is_below(text, module)]
        if of_tree:
            _, folder, module = max(of_tree)
            inside = posixpath.normpath(posixpath.join(folder, text[len(module) :].lstrip("/")))
            there = any(one.suffix == ".go" for one in (root / inside).glob("*")) if (root / inside).is_dir() else False
            yield Judged(path, line, text, kind, f"{FOLDER}{inside}" if there else NOTHING)
            continue
        named = [one for one in required.get(own, ()) if _is_below(text, one)]
        yield Judged(path, line, text, "package", PACKAGE + max(named, key=len) if named else OUTSIDE)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


# ----------------------------------------------------------------- C and C++


def c_family(root: Path, endings: tuple[str, ...]) -> Iterator[Judged]:
    """Yield what is included, to be judged by :func:`included` where it is drawn."""
    for path in walked(root, *endings):
        name = path.relative_to(root).as_posix()
        text = re.sub(r"/\*.*?\*/", lambda part: re.sub(r"[^\n]", " ", part[0]), _text(path), flags=re.DOTALL)
        for line, content in enumerate(text.splitlines(), 1):
            found = re.match(r"\s*#\s*(?:include|import)(?:_next)?\s*(<[^>\n]+>|\"[^\"\n]+\")", content)
            if found is not None:
                kind = "standard" if found[1] in _STANDARD_HEADERS else "quoted" if found[1][0] == '"' else "angled"
                yield Judged(name, line, found[1], kind, "")


def included(root: Path, tools: Tools, one: Judged) -> str:
    """Judge by gcc: which file it opens for one ``#include`` from the file's folder, with the project's flags."""
    flags = tuple(f"-I{root / flag}" for flag in tools.flags)
    folder = (root / one.path).parent
    language = "c" if one.path.endswith(".c") else "c++"
    command = ("gcc", "-E", "-H", "-x", language, *flags, "-o", os.devnull, "-")
    done = subprocess.run(
        command, input=f"#include {one.text}\n", cwd=folder, capture_output=True, text=True, check=False
    )
    found = next((line[2:] for line in done.stderr.splitlines() if line.startswith((". ", "! ", "x "))), "")
    if not found:
        return NOTHING if one.text.startswith('"') else OUTSIDE
    path = (folder / found).resolve()
    inside = path.is_relative_to(root.resolve())
    return FILE + path.relative_to(root.resolve()).as_posix() if inside else OUTSIDE


_STANDARD_HEADERS: Final = frozenset(
    f"<{name}>"
    for name in "stdio.h stdlib.h string.h errno.h stdint.h stddef.h assert.h unistd.h limits.h stdarg.h ctype.h "
    "time.h sys/types.h"
    " string vector memory algorithm utility map set iostream functional cstdint cstring cstddef".split()
)


def c(root: Path, tools: Tools) -> Iterator[Judged]:
    """Judge C."""
    return c_family(root, (".c", ".h"))


def cpp(root: Path, tools: Tools) -> Iterator[Judged]:
    """Judge C++."""
    return c_family(root, (".cc", ".cpp", ".cxx", ".h", ".hpp", ".hh", ".inl"))


# ---------------------------------------------------------------------- Java

_JAVA_PROGRAM: Final = r"""
import com.sun.source.tree.*;
import com.sun.source.util.*;
import java.nio.file.*;
import java.util.*;
import javax.tools.*;

public class ImportsOfJava {
  static void types(String around, List<? extends Tree> members, StringBuilder out, String path) {
    for (Tree one : members) if (one instanceof ClassTree type) {
      String name = around + type.getSimpleName();
      out.append("T\t").append(path).append('\t').append(name).append('\n');
      types(name + ".", type.getMembers(), out, path);
    }
  }
  public static void main(String[] files) throws Exception {
    Path root = Path.of(files[0]);
    List<Path> paths = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of(files[1]))) paths.add(Path.of(line));
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null);
    JavacTask task = (JavacTask) compiler.getTask(null, manager, d -> {}, List.of("-proc:none"), null,
        manager.getJavaFileObjectsFromPaths(paths));
    StringBuilder out = new StringBuilder();
    SourcePositions at = Trees.instance(task).getSourcePositions();
    for (CompilationUnitTree unit : task.parse()) {
      String path = root.relativize(Path.of(unit.getSourceFile().toUri())).toString();
      String name = unit.getPackageName() == null ? "" : unit.getPackageName().toString();
      out.append("P\t").append(path).append('\t').append(name).append('\n');
      types(name.isEmpty() ? "" : name + ".", unit.getTypeDecls(), out, path);
      for (ImportTree one : unit.getImports())
        out.append("I\t").append(path).append('\t').append(unit.getLineMap().getLineNumber(
            at.getStartPosition(unit, one))).append('\t').append(one.isStatic()).append('\t')
            .append(one.getQualifiedIdentifier()).append('\n');
    }
    System.out.print(out);
  }
}
"""


_OF_JDK = re.compile(
    r"(?:java|jdk|sun|com\.sun|javax\.(?:lang|tools|sql|naming|xml|crypto|net|management|security|swing"
    r"|annotation\.processing))\."
)


def java(root: Path, tools: Tools) -> Iterator[Judged]:
    """Judge by what javac's parser says of packages and types."""
    program, listed = root.parent / "ImportsOfJava.java", root.parent / "files_of_java"
    program.write_text(_JAVA_PROGRAM, encoding="utf-8")
    listed.write_text("\n".join(str(path) for path in walked(root, ".java")), encoding="utf-8")
    done = subprocess.run(["java", str(program), str(root), str(listed)], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    types: defaultdict[str, list[str]] = defaultdict(list)
    packages: defaultdict[str, set[str]] = defaultdict(set)
    for what, path, *rest in rows:
        if what == "T":
            types[rest[0]].append(path)
        elif what == "P":
            packages[rest[0]].add(posixpath.dirname(path))
    for what, path, *rest in rows:
        if what == "I":
            line, is_static, name = int(rest[0]), rest[1] == "true", rest[2]
            yield Judged(path, line, name, *_java_meant(root, tools, name, types, packages, is_static=is_static))


def _java_meant(
    root: Path,
    tools: Tools,
    name: str,
    types: Mapping[str, list[str]],
    packages: Mapping[str, set[str]],
    *,
    is_static: bool,
) -> tuple[str, str]:
    bare = name.removesuffix(".*")
    kind = "static" if is_static else "wildcard" if name != bare else "inside"
    parts = bare.split(".")
    for length in (len(parts), len(parts) - 1):
        known = types.get(".".join(parts[:length]))
        if known:
            return kind, FILE + "|".join(sorted(set(known)))
    if name != bare and bare in packages:
        return kind, FOLDER + "|".join(sorted(packages[bare]))
    if re.match(
        r"(?:java|jdk|sun|com\.sun|javax\.(?:lang|tools|sql|naming|xml|crypto|net|management|security|swing|annotation\.processing))\.",
        name,
    ):
        return "standard", OUTSIDE
    for length in range(len(parts), 0, -1):
        package = tools.names.get(".".join(parts[:length]))
        if package:
            manifests = r"pom\.xml|.*\.gradle(?:\.kts)?|libs\.versions\.toml"
            named = [one for one in package.split("|") if _is_named(root, manifests, one.rpartition(":")[2])]
            return "package", PACKAGE + "|".join(named) if named else OUTSIDE
    return "package", UNSURE


# ---------------------------------------------------------------------- Rust

_RUST_NOISE = re.compile(
    r"//[^\n]*|/\*.*?\*/|\bb?r(#*)\".*?\"\1|\bb?\"(?:\\.|[^\"\\])*\"|\"(?:\\.|[^\"\\])*\"|'(?:\\[^\n']+|[^\n'\\])'",
    re.DOTALL,
)
_RUST_PATH = re.compile(r"#\[path\s*=\s*\"([^\"\n]+)\"\s*\]")
_RUST_TOKEN = re.compile(
    r"(?P<macro>\bmacro_rules!\s*\w+)|#\[path=@(?P<path>[^@]+)@\]|\bmod\s+(?:r#)?(?P<mod>\w+)\s*(?P<body>[;{])"
    r"|\buse\s+(?P<use>[^;()]+);|\bextern\s+crate\s+(?P<extern>\w+)"
    r"|\b(?:struct|enum|trait|fn|type|const|static|union)\s+(?P<item>\w+)|(?P<brace>[{}])"
)
_RUST_STANDARD: Final = frozenset({"std", "core", "alloc", "proc_macro", "test"})


@dataclass(eq=False)
class _Module:
    """A module of a crate."""

    file: Path
    folder: Path
    """Where files of modules in it are."""
    parent: _Module | None
    crate: _Crate
    children: dict[str, _Module] = field(default_factory=dict)
    items: set[str] = field(default_factory=set)
    uses: list[tuple[list[str], str, int]] = field(default_factory=list)
    """Of each use: its path, the name that it gives (``*`` for all) and the line."""
    declared: list[tuple[str, int]] = field(default_factory=list)


@dataclass(eq=False)
class _Crate:
    """One target of a package."""

    library: Path | None
    """The source of its package's library."""
    name: str
    dependencies: Mapping[str, str]
    """Packages by the names that code uses."""
    edition: str
    root: _Module | None = None


class _RustTree:
    """The crates of a tree, read by cargo's account of targets and rustc's rules of files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.crates: list[_Crate] = []
        self.libraries: dict[str, _Crate] = {}
        """By the name of the package."""
        self.modules: list[_Module] = []
        self._by_file: dict[Path, _Module] = {}
        seen: set[str] = set()
        read: set[Path] = set()
        for manifest in sorted(walked(root, "Cargo.toml"), key=lambda path: len(path.parts)):
            if str(manifest) in seen:
                continue
            command = ("cargo", "metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path")
            done = subprocess.run([*command, str(manifest)], capture_output=True, text=True, check=False)
            for package in json.loads(done.stdout)["packages"] if done.returncode == 0 else ():
                if package["manifest_path"] not in seen:
                    seen.add(package["manifest_path"])
                    self._add(package, read)

    def _add(self, package: dict[str, Any], read: set[Path]) -> None:
        dependencies = {
            (one["rename"] or one["name"]).replace("-", "_"): one["name"] for one in package["dependencies"]
        }
        targets = sorted(package["targets"], key=lambda one: "bin" in one["kind"] or "lib" not in "".join(one["kind"]))
        libraries = [one for one in targets if {"lib", "proc-macro", "rlib", "cdylib", "staticlib"} & set(one["kind"])]
        library = Path(libraries[0]["src_path"]) if libraries else None
        own = libraries[0]["name"].replace("-", "_") if libraries else ""
        for target in targets:
            source = Path(target["src_path"])
            if source in read or not source.exists() or not source.is_relative_to(self._root):
                continue
            crate = _Crate(library if source != library else None, own, dependencies, package["edition"])
            crate.root = _Module(source, source.parent, None, crate)
            self.crates.append(crate)
            if source == library:
                self.libraries[package["name"]] = crate
            self._read(crate.root, read)

    def _read(self, module: _Module, read: set[Path]) -> None:  # noqa: C901 -- a case for each token
        read.add(module.file)
        text = _RUST_PATH.sub(lambda part: f"#[path=@{part[1]}@]", _text(module.file))
        text = _RUST_NOISE.sub(lambda part: re.sub(r"[^\n]", " ", part[0]), text)
        self.modules.append(module)
        stack: list[_Module | None] = []
        skipped, given, awaits = 0, "", False
        for token in _RUST_TOKEN.finditer(text):
            if skipped or (awaits and token["brace"] == "{"):
                skipped += {"{": 1, "}": -1}.get(token["brace"] or token["body"] or "", 0)
                awaits = False
                continue
            awaits = token["macro"] is not None
            inside = next((one for one in reversed(stack) if one is not None), module)
            line = text.count("\n", 0, token.start()) + 1
            if token["path"]:
                given = token["path"]
            elif token["mod"] and token["body"] == "{":
                child = _Module(module.file, inside.folder / (given or token["mod"]), inside, module.crate)
                inside.children[token["mod"]] = child
                self.modules.append(child)
                stack.append(child)
                given = ""
            elif token["mod"]:
                self._declare(module, inside, token["mod"], given, line, read)
                given = ""
            elif token["brace"] == "{":
                stack.append(None)
            elif token["brace"] and stack:
                stack.pop()
            elif token["use"]:
                inside.uses += [(parts, name, line) for parts, name in _use_leaves(token["use"])]
            elif token["extern"]:
                inside.uses.append((["", token["extern"]], token["extern"], line))
            elif token["item"]:
                inside.items.add(token["item"])

    def _declare(self, module: _Module, inside: _Module, name: str, given: str, line: int, read: set[Path]) -> None:
        inside.declared.append((name, line))
        if given:
            places = [(module.file.parent if inside is module else inside.folder) / given]
        else:
            places = [inside.folder / f"{name}.rs", inside.folder / name / "mod.rs"]
        for place in places:
            if place.exists():
                own = Path(os.path.normpath(place))
                folder = own.parent if own.name == "mod.rs" or given else own.parent / own.stem
                child = _Module(own, folder, inside, module.crate)
                inside.children.setdefault(name, child)
                if own not in read:
                    self._read(child, read)
                    self._by_file[own] = child
                elif own in self._by_file:
                    child.children, child.items = self._by_file[own].children, self._by_file[own].items
                return

    def find(self, parts: list[str], module: _Module, hops: int = 8) -> tuple[_Module | None, list[str]] | str | None:
        """Return the module that a path leads to and what is left of the path, or whose package it is."""
        head, rest = parts[0], parts[1:]
        crate = module.crate
        if head in {"crate", "$crate"}:
            return self._below(crate.root, rest, hops)
        if head in {"self", "super"}:
            start: _Module | None = module
            if head == "super":
                start = module.parent
            while rest and rest[0] == "super" and start is not None:
                start, rest = start.parent, rest[1:]
            return self._below(start, rest, hops)
        if head == "" and crate.edition != "2015":
            return self._outer(rest, crate, hops)
        if head == "":
            head, rest, module = rest[0], rest[1:], crate.root or module
        elif crate.edition == "2015" and crate.root is not None:
            module = crate.root
        if head in module.children or head in module.items:
            return self._below(module, [head, *rest], hops)
        return self._outer([head, *rest], crate, hops) or self._below(module, [head, *rest], hops)

    def _outer(self, parts: list[str], crate: _Crate, hops: int) -> tuple[_Module | None, list[str]] | str | None:
        head, rest = parts[0], parts[1:]
        if head in _RUST_STANDARD:
            return OUTSIDE
        if head == crate.name:
            own = next((one for one in self.libraries.values() if one.root and one.root.file == crate.library), None)
            if own is not None:
                return self._below(own.root, rest, hops)
        if head in crate.dependencies:
            package = crate.dependencies[head]
            if package in self.libraries:
                return self._below(self.libraries[package].root, rest, hops)
            return PACKAGE + package
        return None

    def _below(
        self, module: _Module | None, parts: list[str], hops: int
    ) -> tuple[_Module | None, list[str]] | str | None:
        while module is not None and parts and parts[0] in module.children:
            module, parts = module.children[parts[0]], parts[1:]
        if module is None or len(parts) < 2 or parts[0] in module.items or hops == 0:
            return module, parts
        for path, name, _ in module.uses:
            if name == parts[0] and path[-1] != "*":
                return self.find([*path, *parts[1:]], module, hops - 1)
        return module, parts


def _use_leaves(text: str) -> list[tuple[list[str], str]]:
    """Return the paths of a use declaration with the names that they give."""
    text = text.strip().replace("r#", "")
    start = text.find("{")
    if start < 0:
        path, _, alias = (part.strip() for part in text.partition(" as "))
        parts = [part.strip() for part in path.split("::")]
        return [(parts, alias or parts[-1])]
    prefix = [part.strip() for part in text[:start].strip().removesuffix("::").split("::")]
    prefix = [] if prefix == [""] and not text.startswith("::") else prefix
    inner, depth, part, found = text[start + 1 : text.rfind("}")], 0, "", []
    for letter in f"{inner},":
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            if part.strip():
                for path, name in _use_leaves(part):
                    full = [*prefix, *path]
                    found.append(
                        (full[:-1], full[-2] if name == "self" else name) if path == ["self"] else (full, name)
                    )
            part = ""
        else:
            part += letter
    return found


def rust(root: Path, tools: Tools) -> Iterator[Judged]:
    """Judge by cargo's targets and rustc's rules of modules."""
    del tools
    tree = _RustTree(root.resolve())
    for module in tree.modules:
        name = module.file.relative_to(root.resolve()).as_posix()
        for child, line in module.declared:
            known = module.children.get(child)
            answer = FILE + known.file.relative_to(root.resolve()).as_posix() if known else NOTHING
            yield Judged(name, line, child, "module", answer)
        for parts, _, line in module.uses:
            path = parts[:-1] if parts[-1] == "*" else parts
            if not path or path == [""]:
                continue
            kind = "wildcard" if path != parts else "relative" if parts[0] in {"self", "super"} else "inside"
            found = tree.find(path, module)
            text = "::".join(path).removeprefix("::") if module.crate.edition == "2015" else "::".join(path)
            text = parts[1] if len(parts) == 2 and not parts[0] else text
            if isinstance(found, str):
                yield Judged(name, line, text, "standard" if found == OUTSIDE else "package", found)
            elif found is None or found[0] is None or len(found[1]) > 1:
                last = found is not None and found[0] is not None and found[1][0] in found[0].items
                answer = FILE + found[0].file.relative_to(root.resolve()).as_posix() if last and found else UNSURE  # type: ignore[union-attr]
                yield Judged(name, line, text, kind, answer)
            else:
                target = found[0].file.relative_to(root.resolve()).as_posix()
                yield Judged(name, line, text, kind, NOTHING if target == name else FILE + target)


JUDGES: Final[Mapping[str, Callable[[Path, Tools], Iterator[Judged]]]] = {
    "Python": python,
    "JavaScript": javascript,
    "TypeScript": typescript,
    "Go": go,
    "Rust": rust,
    "Java": java,
    "C": c,
    "C++": cpp,
}
