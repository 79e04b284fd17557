# SPDX-License-Identifier: FSL-1.1-MIT
"""Looks for calls that run what is data, or fetch something: in ``conexus``, ``conexus_ee`` and ``tools``.

Names are resolved through imports, assignments, ``getattr`` and imports by a text, so that another name hides nothing.
Prints one line for each finding and exits with 1 if there is any. Run by ``make check``.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("conexus", "conexus_ee", "tools")
MODULES = {
    **dict.fromkeys(("pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"), "runs what it reads"),
    **dict.fromkeys(
        ("marshal", "imp", "code", "codeop", "xmlrpc", "telnetlib", "ftplib"), "is not safe with foreign data"
    ),
}
HTTP_CLIENTS = ("requests", "httpx", "httpx2")
HTTP_CALLS = ("get", "post", "request", "stream", "Session", "Client", "AsyncClient")
CALLS = {
    **dict.fromkeys(("eval", "exec", "compile"), "runs a text"),
    **dict.fromkeys(("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"), "starts a shell"),
    **dict.fromkeys(("pty.spawn", "asyncio.create_subprocess_shell"), "starts a shell"),
    **dict.fromkeys(("tempfile.mktemp", "os.tempnam", "os.tmpnam"), "names a file that others may make first"),
    **dict.fromkeys(
        ("yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"), "makes objects"
    ),
    **dict.fromkeys(("torch.load", "pandas.read_pickle"), "reads a pickle"),
    **dict.fromkeys(("urllib.request.urlopen", "urllib.request.urlretrieve", "urllib.request.Request"), "fetches"),
    **dict.fromkeys(("urllib.request.build_opener", "urllib.request.FancyURLopener"), "fetches"),
    **{
        f"{client}.{call}": "fetches"
        for client in ("requests", "httpx", "httpx2")
        for call in ("get", "post", "request")
    },
    **{f"{client}.{call}": "fetches" for client in HTTP_CLIENTS for call in HTTP_CALLS},
    **dict.fromkeys(("ssl._create_unverified_context", "ssl._create_stdlib_context"), "checks no certificate"),
    **dict.fromkeys(("huggingface_hub.snapshot_download", "huggingface_hub.hf_hub_download"), "fetches"),
}
YAML_LOADS = {"yaml.load", "yaml.load_all"}
SAFE_LOADERS = {"yaml.SafeLoader", "yaml.CSafeLoader", "SafeLoader", "CSafeLoader"}
SHELLS = re.compile(r"(subprocess|asyncio)\.\w+$")
NAMED = {"importlib.import_module", "__import__", "importlib.__import__"}
ALLOWED = {("conexus/values.py", "exec")}
"""Methods of dataclasses, made of the names of our own fields, as the standard library makes them."""
UNSAFE_URL = re.compile(r"http://(?!127\.|localhost|\[::1\]|www\.w3\.org/|graphml\.graphdrawing\.org/|host\b)[a-z0-9]")


class Reader(ast.NodeVisitor):
    """Reads one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.known: dict[str, str] = {}
        self.found: list[str] = []

    def say(self, node: ast.AST, what: str, why: str) -> None:
        """Note a finding."""
        if (self.name, what) not in ALLOWED:
            self.found.append(f"{self.name}:{getattr(node, 'lineno', 0)}: {what} {why}")

    def dotted(self, node: ast.expr) -> str:
        """Return what a name or attribute stands for, as ``os.path.join``; empty where that cannot be told."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            return self._joined(self.dotted(node.value), node.attr)
        if isinstance(node, ast.Call):
            return self._of_call(node)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            return self._joined(self.dotted(node.value), str(node.slice.value))
        return ""

    def _of_call(self, node: ast.Call) -> str:
        called, texts = self.dotted(node.func), [a.value if isinstance(a, ast.Constant) else "" for a in node.args]
        if called in NAMED and texts:
            return str(texts[0])
        if called in {"getattr", "builtins.getattr"} and len(texts) > 1:
            return self._joined(self.dotted(node.args[0]), str(texts[1]))
        if called == "functools.partial" and node.args:
            return self.dotted(node.args[0])
        return ""

    @staticmethod
    def _joined(left: str, right: str) -> str:
        return right if left in {"builtins", "__builtins__"} else f"{left}.{right}" if left else ""

    def visit_Import(self, node: ast.Import) -> None:
        """Note the names of modules."""
        for one in node.names:
            self.known[one.asname or one.name.partition(".")[0]] = (
                one.name if one.asname else one.name.partition(".")[0]
            )
            self._module(node, one.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note the names of what comes from a module."""
        module = node.module or ""
        self._module(node, module)
        for one in node.names:
            self.known[one.asname or one.name] = self._joined(module, one.name)

    def _module(self, node: ast.AST, module: str) -> None:
        top = module.partition(".")[0]
        if top in MODULES:
            self.say(node, top, MODULES[top])

    def visit_Assign(self, node: ast.Assign) -> None:
        """Note another name for something that is looked for."""
        what = self.dotted(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.known[target.id] = what if what and self._is_looked_for(what) else target.id
        self.generic_visit(node)

    @staticmethod
    def _is_looked_for(what: str) -> bool:
        every = {*CALLS, *YAML_LOADS, *MODULES, "numpy.load", *NAMED, "getattr"}
        return what in every or any(one.startswith(f"{what}.") for one in every) or bool(SHELLS.match(what))

    def visit_Call(self, node: ast.Call) -> None:
        """Judge a call."""
        what = self.dotted(node.func)
        named = self._of_call(node)
        self._module(node, named)
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if what in CALLS:
            self.say(node, what, CALLS[what])
        if named in CALLS:
            self.say(node, named, CALLS[named])
        if what in YAML_LOADS:
            loader = given.get("Loader", node.args[1] if len(node.args) > 1 else None)
            if loader is None or self.dotted(loader) not in SAFE_LOADERS:
                self.say(node, what, "makes objects: it needs SafeLoader")
        if what == "numpy.load" and not is_false(given.get("allow_pickle"), default=True):
            self.say(node, what, "reads pickles: allow_pickle")
        if SHELLS.match(what) and not is_false(given.get("shell"), default=True):
            self.say(node, what, "starts a shell: shell")
        self._unsafe_urls(node)
        self.generic_visit(node)

    def _unsafe_urls(self, node: ast.Call) -> None:
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                match = UNSAFE_URL.match(argument.value)
                if match is not None:
                    self.say(node, argument.value[:60], "goes over the network unencrypted")


def is_false(node: ast.expr | None, *, default: bool) -> bool:
    """Whether an argument is the constant false; ``default`` where it is not given."""
    return default if node is None else isinstance(node, ast.Constant) and not node.value


def findings_of(name: str, text: str) -> list[str]:
    """Return what is found in one file."""
    reader, tree = Reader(name), ast.parse(text)
    reader.visit(tree)  # a function may use a name that is given further down
    reader.found.clear()
    reader.visit(tree)
    return list(dict.fromkeys(reader.found))


def findings(root: Path = ROOT) -> Iterator[str]:
    """Yield what is found in all files, as ``file:line: what``."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            yield from findings_of(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))


def main() -> int:
    """Print the findings; return the exit code."""
    found = list(findings())
    sys.stdout.write("".join(f"{finding}\n" for finding in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
