# SPDX-License-Identifier: FSL-1.1-MIT
"""What Python projects provide and require. ``setup.py`` is never run: literals are read from its syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from email.parser import HeaderParser
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement

from conexus.parsing.manifests.documents import MAX_CHARS, Located, read_json, read_toml
from conexus.parsing.manifests.findings import Findings, Unreadable
from conexus.types import DependencyScope, Ecosystem

_RUNTIME, _DEVELOPMENT = DependencyScope.RUNTIME, DependencyScope.DEVELOPMENT
_BUILD, _OPTIONAL = DependencyScope.BUILD, DependencyScope.OPTIONAL
_HEAD = re.compile(r"\s*[\w.-]+\s*(?:\[[^\]]*\])?\s*")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_PIP_OPTIONS = re.compile(r"\s--?(?:hash|config-settings?|global-option|install-option|C)\b.*$")
_EDITABLE = re.compile(r"(?:-e|--editable)[ =]?(.*)")
_ARCHIVE = re.compile(r"\S+\.(?:whl|tar\.gz|zip)")
_CONDITION = re.compile(r"\b(?:python_|sys_|os_|platform_|implementation_|extra\b)")
_EGG = re.compile(r"[#&]egg=([\w.-]+)")
_OF_DEVELOPMENT = re.compile(r"dev|test|lint|docs?\b|ci\b|typ(?:e|ing)|check|format|build|bench", re.IGNORECASE)
_MAX_SETUP_CHARS = 300_000


def require(findings: Findings, written: object, scope: DependencyScope, line: int) -> None:
    """Note one requirement in the form of PEP 508; one that an extra asks for is optional."""
    if not isinstance(written, str):
        findings.note(f"line {line} holds no requirement")
        return
    text = written.strip()
    try:
        found = Requirement(text)
    except (InvalidRequirement, RecursionError):
        findings.note(f"line {line} is no requirement that Python's packaging rules allow: {text}")
        return
    before, _, _ = text.partition(" ;" if found.url else ";")
    head = _HEAD.match(before)
    constraint = before[head.end() :] if head else ""
    of_extra = found.marker is not None and "extra" in str(found.marker)
    findings.require(Ecosystem.PYPI, found.name, constraint, _OPTIONAL if of_extra else scope, line)


def _require_all(findings: Findings, found: Located, path: tuple[str, ...], scope: DependencyScope) -> None:
    """Note the requirements of a list in a document; what includes another group is none."""
    for place, written in enumerate(found.list(*path)):
        includes = isinstance(written, dict) and "include-group" in written
        if not includes and found.expect(written, str, *path, place):
            require(findings, written, scope, found.line(*path, place))


# ------------------------------------------------------------- pyproject.toml


def read_pyproject(_path: str, text: str, findings: Findings) -> None:
    """Read ``pyproject.toml``: PEP 621, PEP 735, and the tables of Poetry, PDM, uv, Flit and Hatch."""
    found = read_toml(text, findings.note, depth=6)
    line = found.line("project", "name")
    findings.provide(Ecosystem.PYPI, found.text("project", "name"), found.text("project", "version"), line)
    _require_all(findings, found, ("project", "dependencies"), _RUNTIME)
    for extra in found.table("project", "optional-dependencies"):
        _require_all(findings, found, ("project", "optional-dependencies", extra), _OPTIONAL)
    for group in found.table("dependency-groups"):
        _require_all(findings, found, ("dependency-groups", group), _DEVELOPMENT)
    _require_all(findings, found, ("build-system", "requires"), _BUILD)
    _require_all(findings, found, ("tool", "uv", "dev-dependencies"), _DEVELOPMENT)
    for group in found.table("tool", "pdm", "dev-dependencies"):
        _require_all(findings, found, ("tool", "pdm", "dev-dependencies", group), _DEVELOPMENT)
    for environment in found.table("tool", "hatch", "envs"):
        for name in ("dependencies", "extra-dependencies"):
            _require_all(findings, found, ("tool", "hatch", "envs", environment, name), _DEVELOPMENT)
    _read_flit(found, findings)
    _read_poetry(found, findings)


def _read_flit(found: Located, findings: Findings) -> None:
    path = ("tool", "flit", "metadata")
    metadata = found.table(*path)
    name = metadata.get("dist-name", metadata.get("module"))
    if isinstance(name, str):
        findings.provide(Ecosystem.PYPI, name, "", found.line(*path))
    _require_all(findings, found, (*path, "requires"), _RUNTIME)
    for extra in found.table(*path, "requires-extra"):
        _require_all(findings, found, (*path, "requires-extra", extra), _OPTIONAL)


def _read_poetry(found: Located, findings: Findings) -> None:
    poetry = ("tool", "poetry")
    if "name" not in found.table("project"):
        line = found.line(*poetry, "name")
        findings.provide(Ecosystem.PYPI, found.text(*poetry, "name"), found.text(*poetry, "version"), line)
    _read_poetry_table(found, ("tool", "poetry", "dependencies"), _RUNTIME, findings)
    _read_poetry_table(found, ("tool", "poetry", "dev-dependencies"), _DEVELOPMENT, findings)
    for group in found.table("tool", "poetry", "group"):
        _read_poetry_table(found, ("tool", "poetry", "group", group, "dependencies"), _DEVELOPMENT, findings)


def _read_poetry_table(found: Located, path: tuple[str, ...], scope: DependencyScope, findings: Findings) -> None:
    for name, written in found.table(*path).items():
        if name.lower() == "python":
            continue
        for one in written if isinstance(written, list) else [written]:
            _expect_constraint(found, one, *path, name)
            optional = isinstance(one, dict) and one.get("optional") is True
            findings.require(
                Ecosystem.PYPI, name, _constraint(one), _OPTIONAL if optional else scope, found.line(*path, name)
            )


def _expect_constraint(found: Located, written: object, *path: str) -> None:
    found.expect(written, (str, dict), *path)
    if isinstance(written, dict):
        found.expect(written.get("version"), str, *path, "version")


def _constraint(written: object) -> str:
    """Return what a table of Poetry or Pipenv asks for, which may be a version or a place."""
    if isinstance(written, str):
        return written
    if not isinstance(written, dict):
        return ""
    place = next((key for key in ("git", "url", "path", "file") if isinstance(written.get(key), str)), None)
    if isinstance(written.get("version"), str):
        return str(written["version"])
    if place is None:
        return ""
    at = next((f"@{written[key]}" for key in ("tag", "rev", "branch", "ref") if isinstance(written.get(key), str)), "")
    return f"{place}+{written[place]}{at}" if place == "git" else str(written[place])


# ------------------------------------------------------------------------ pip


def read_requirements(path: str, text: str, findings: Findings) -> None:
    """Read a requirements file of pip: options and hashes left out; what it includes is read by itself."""
    name = path.rpartition("/")[2]
    if name.startswith("constraints"):
        return  # it says which versions, not which packages
    scope = _DEVELOPMENT if _OF_DEVELOPMENT.search(name.removesuffix(".txt").removesuffix(".in")) else _RUNTIME
    for line, written in _joined_lines(text):
        if not written:
            continue
        if written.startswith("-"):
            _read_pip_option(written, scope, line, findings)
        else:
            _read_pip_line(written, scope, line, findings)


def _joined_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines without comments, continued ones as one, with the numbers of their first lines."""
    held, first = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = _COMMENT.sub("", raw) if not held or raw.lstrip().startswith("#") else raw
        first = first or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        yield first, _COMMENT.sub("", held + line).strip()
        held, first = "", 0
    if held:
        yield first, held.strip()


def _read_pip_option(written: str, scope: DependencyScope, line: int, findings: Findings) -> None:
    """Note a package that is installed from its source; other options name none."""
    editable = _EDITABLE.match(written)
    if editable is None:
        return
    place = editable[1].strip()
    if egg := _EGG.search(place):
        findings.require(Ecosystem.PYPI, egg[1], place.partition("#")[0], scope, line)
    elif "://" in place:
        findings.note(f"line {line} does not say which package is at {place}")


def _read_pip_line(written: str, scope: DependencyScope, line: int, findings: Findings) -> None:
    text = _PIP_OPTIONS.sub("", f" {written}").strip()
    egg = _EGG.search(text)
    if "://" in text.split(" ", 1)[0] or text.startswith((".", "/", "file:")) or _ARCHIVE.fullmatch(text):
        if egg:
            findings.require(Ecosystem.PYPI, egg[1], text.partition("#")[0], scope, line)
        elif "@" not in text.partition("://")[0] and "://" in text:
            findings.note(f"line {line} does not say which package is at {text}")
        return
    require(findings, text, scope, line)


# ----------------------------------------------------------- setup.cfg, setup.py


def read_setup_cfg(_path: str, text: str, findings: Findings) -> None:
    """Read ``setup.cfg``, also that of pbr."""
    if len(text) > MAX_CHARS:
        raise Unreadable("it is too large")
    name, version = ("", 1), ""
    for section, key, value, line in _settings(text):
        if section == "metadata" and key == "name" and value:
            name = value, line
        elif section == "metadata" and key == "version" and not value.startswith(("attr:", "file:")):
            version = value or version
        elif section == "options" and value and not value.startswith("file:"):
            scope = {"install_requires": _RUNTIME, "setup_requires": _BUILD, "tests_require": _DEVELOPMENT}.get(key)
            if scope is not None:
                _require_settings(value, scope, line, findings)
        elif section in {"options.extras_require", "extras"} and value and not value.startswith("file:"):
            _require_settings(value, _OPTIONAL, line, findings)
    findings.provide(Ecosystem.PYPI, name[0], version, name[1])


def _require_settings(value: str, scope: DependencyScope, line: int, findings: Findings) -> None:
    """Note the requirements of one line of a value, which ``;`` parts unless a condition follows it."""
    first, *others = value.split(";")
    if any(_CONDITION.search(other) for other in others):
        require(findings, value, scope, line)
        return
    for part in (first, *others):
        if part.strip():
            require(findings, part, scope, line)


def _settings(text: str) -> Iterator[tuple[str, str, str, int]]:
    """Yield section, key and value of each line of an INI file; a value of several lines comes line by line."""
    section = key = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if raw[0] in " \t" and key:
            yield section, key, _COMMENT.sub("", line), number
        elif line.startswith("[") and line.endswith("]"):
            section, key = line[1:-1].strip(), ""
        else:
            found = re.match(r"([^=:]+?)\s*[=:]\s*(.*)", line)
            key = found[1].strip().lower().replace("-", "_") if found and "extras" not in section else ""
            if found and "extras" in section:
                key = found[1].strip()
            if found and found[2]:
                yield section, key, _COMMENT.sub("", found[2]), number


def read_setup_py(_path: str, text: str, findings: Findings) -> None:
    """Read the literals that ``setup()`` is called with, and those of variables that it is given."""
    if len(text) > _MAX_SETUP_CHARS:
        raise Unreadable("it is too large")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unreadable("it is no Python that can be read") from None
    call = next((node for node in _nodes(tree) if _is_setup(node)), None)
    if not isinstance(call, ast.Call):
        return
    known = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    _SetupCall(known, findings).read(call)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree without recursion."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop(0)
        yield node
        pending.extend(ast.iter_child_nodes(node))


def _is_setup(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    return (isinstance(function, ast.Name) and function.id == "setup") or (
        isinstance(function, ast.Attribute)
        and function.attr == "setup"
        and isinstance(function.value, ast.Name)
        and function.value.id in {"setuptools", "core", "distutils"}
    )


class _SetupCall:
    """Reads the arguments of one call of ``setup()``."""

    _SCOPES: Final = {"install_requires": _RUNTIME, "requires": _RUNTIME, "setup_requires": _BUILD}
    _MAX_HOPS = 8

    def __init__(self, known: Mapping[str, ast.expr], findings: Findings) -> None:
        self._known = known
        self._findings = findings

    def read(self, call: ast.Call) -> None:
        """Note what the call says."""
        arguments = dict(self._arguments(call))
        name, version = (self._text(arguments.get(key)) for key in ("name", "version"))
        if name:
            self._findings.provide(Ecosystem.PYPI, name, version, arguments["name"].lineno)
        elif "name" in arguments:
            self._findings.note("the name is computed: setup.py is read, never run")
        for key, scope in {**self._SCOPES, "tests_require": _DEVELOPMENT}.items():
            if key in arguments:
                self._read_list(arguments[key], scope, key)
        if "extras_require" in arguments:
            self._read_extras(arguments["extras_require"])

    def _arguments(self, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        for keyword in call.keywords:
            if keyword.arg is not None:
                yield keyword.arg, keyword.value
                continue
            whole = self._meant(keyword.value)
            if isinstance(whole, ast.Dict):
                yield from self._pairs(whole)
            elif isinstance(whole, ast.Call) and isinstance(whole.func, ast.Name) and whole.func.id == "dict":
                yield from ((one.arg, one.value) for one in whole.keywords if one.arg)
            else:
                self._findings.note("some arguments are computed: setup.py is read, never run")

    def _pairs(self, node: ast.Dict) -> Iterator[tuple[str, ast.expr]]:
        for key, value in zip(node.keys, node.values, strict=True):
            text = self._text(key) if key is not None else ""
            if text:
                yield text, value

    def _meant(self, node: ast.expr) -> ast.expr:
        """Return what a name stands for, where the file assigns it a value."""
        for _ in range(self._MAX_HOPS):
            if not isinstance(node, ast.Name) or node.id not in self._known:
                break
            node = self._known[node.id]
        return node

    def _text(self, node: ast.expr | None) -> str:
        meant = self._meant(node) if node is not None else None
        return meant.value if isinstance(meant, ast.Constant) and isinstance(meant.value, str) else ""

    def _read_list(self, node: ast.expr, scope: DependencyScope, what: str) -> None:
        for item in self._items(node, what):
            if isinstance(item.value, str):
                for number, line in enumerate(item.value.splitlines()):
                    if _COMMENT.sub("", line).strip():
                        require(self._findings, _COMMENT.sub("", line), scope, item.lineno + number)

    def _items(self, node: ast.expr, what: str, hops: int = 0) -> Iterable[ast.Constant]:
        meant = self._meant(node)
        if isinstance(meant, ast.Constant):
            return [meant]
        if isinstance(meant, ast.List | ast.Tuple) and hops < self._MAX_HOPS:
            return [one for item in meant.elts for one in self._items(item, what, hops + 1)]
        if isinstance(meant, ast.Starred) and hops < self._MAX_HOPS:
            return self._items(meant.value, what, hops + 1)
        if isinstance(meant, ast.BinOp) and isinstance(meant.op, ast.Add) and hops < self._MAX_HOPS:
            return [*self._items(meant.left, what, hops + 1), *self._items(meant.right, what, hops + 1)]
        self._findings.note(f"{what} is computed in part: setup.py is read, never run")
        return []

    def _read_extras(self, node: ast.expr) -> None:
        meant = self._meant(node)
        if not isinstance(meant, ast.Dict):
            self._findings.note("extras_require is computed: setup.py is read, never run")
            return
        for key, value in zip(meant.keys, meant.values, strict=True):
            # ``":python_version < '3'"`` is no extra, but a condition of what is always required.
            of_all = key is not None and self._text(key).startswith(":")
            self._read_list(value, _RUNTIME if of_all else _OPTIONAL, "extras_require")


# ------------------------------------------------------------ metadata, Pipenv


def read_metadata(_path: str, text: str, findings: Findings) -> None:
    """Read ``PKG-INFO`` or ``METADATA``, which a source distribution has."""
    if len(text) > MAX_CHARS:
        raise Unreadable("it is too large")
    head, _, _ = text.replace("\r\n", "\n").partition("\n\n")
    fields = HeaderParser().parsestr(head)
    lines: dict[str, int] = {}
    for number, line in enumerate(head.splitlines(), 1):
        lines.setdefault(line.strip(), number)
    name = str(fields.get("Name", ""))
    if not name:
        raise Unreadable("it names no package")
    findings.provide(Ecosystem.PYPI, name, str(fields.get("Version", "")), lines.get(f"Name: {name}", 1))
    for written in fields.get_all("Requires-Dist", []):
        require(findings, str(written), _RUNTIME, lines.get(f"Requires-Dist: {written}".strip(), 1))


def read_pipfile(_path: str, text: str, findings: Findings) -> None:
    """Read ``Pipfile``."""
    found = read_toml(text, findings.note)
    for category, table in found.data.items():
        if category in {"source", "requires", "scripts", "pipenv"} or not found.expect(table, dict, category):
            continue
        for name, written in table.items():
            _expect_constraint(found, written, category, name)
            constraint = _constraint(written)
            scope = _RUNTIME if category == "packages" else _DEVELOPMENT
            constraint = "" if constraint == "*" else constraint
            findings.require(Ecosystem.PYPI, name, constraint, scope, found.line(category, name))


# ----------------------------------------------------------------- lock files


def read_pipfile_lock(_path: str, text: str, findings: Findings) -> None:
    """Read ``Pipfile.lock``."""
    found = read_json(text, findings.note)
    for category in (one for one in found.data if one != "_meta"):
        for name, entry in found.table(category).items():
            version = entry.get("version", "") if found.expect(entry, dict, category, name) else ""
            _lock(findings, name, str(version).removeprefix("=="), found.line(category, name))


def read_package_lock(_path: str, text: str, findings: Findings) -> None:
    """Read the lock files of Poetry, uv and PDM, and ``pylock.toml``: what is in the project itself is left out."""
    found = read_toml(text, findings.note, depth=3)
    key = "packages" if "lock-version" in found.data and "packages" in found.data else "package"
    for place, entry in enumerate(found.list(key)):
        if found.expect(entry, dict, key, place) and not _is_local(entry):
            _lock(findings, entry.get("name"), entry.get("version", ""), found.line(key, place, "name"))


def _is_local(entry: Mapping[str, Any]) -> bool:
    source = entry.get("source")
    if isinstance(source, dict):
        return source.get("type") == "directory" or bool({"virtual", "editable", "directory"} & source.keys())
    return "directory" in entry or ("path" in entry and "files" not in entry)


def _lock(findings: Findings, name: object, version: object, line: int) -> None:
    findings.require(Ecosystem.PYPI, name, version, DependencyScope.LOCKED, line)


__all__ = [
    "read_metadata",
    "read_package_lock",
    "read_pipfile",
    "read_pipfile_lock",
    "read_pyproject",
    "read_requirements",
    "read_setup_cfg",
    "read_setup_py",
    "require",
]
