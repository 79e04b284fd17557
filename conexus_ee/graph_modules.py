# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Tells which repository an import means that lies outside of its own, and which file there. Pure.

Each language names what others import in its own way: a Python package, an npm package, a Go module, a crate, a Java
package, a header. A repository offers such names, and an import asks for some, the most special first. Nothing is run
and no manifest is believed beyond the names that it gives.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from conexus.types import Ecosystem, PackageProvided

Key: TypeAlias = tuple[str, str]
"""A kind of names, and a name."""
Offers: TypeAlias = Mapping[Key, tuple[str, ...]]
"""What a repository offers, and the folders or files where it is."""

_PYTHON: Final = frozenset({"python", "notebook"})
_SCRIPT: Final = frozenset({"javascript", "typescript", "tsx", "vue", "svelte"})
_JVM: Final = frozenset({"java", "kotlin", "scala", "groovy"})
_C: Final = frozenset({"c", "cpp", "objc"})
_NOT_OFFERED: Final = frozenset(
    "test tests testing docs doc examples example benchmarks benchmark scripts tools build dist setup conftest noxfile "
    "tasks node_modules".split()
)
_ROOTS: Final = ("src", "lib", "python")
_PROTO_ROOTS: Final = ("proto", "protos", "api")
_HEADERS: Final = (".h", ".hpp", ".hh", ".hxx", ".inc")
_OF_JVM: Final = (".java", ".kt", ".scala", ".groovy")
_OF_SCRIPT: Final = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte", ".d.ts")
_JVM_ROOT = re.compile(r"^(?:.*/)?src/\w+/(?:java|kotlin|scala|groovy)/|^(?:.*/)?(?:src|java|lib|app)/")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PACKAGES: Final = {
    Ecosystem.NPM: "npm",
    Ecosystem.GO: "go",
    Ecosystem.CARGO: "cargo",
    Ecosystem.COMPOSER: "composer",
    Ecosystem.NUGET: "nuget",
    Ecosystem.SWIFT: "swift",
    Ecosystem.HEX: "hex",
}
_MAX_FILES: Final = 40
"""Of a folder that is imported as a whole."""


class Asked(NamedTuple):
    """A name that an import may mean, and what follows it."""

    key: Key
    rest: str


def offers_of(paths: Collection[str], provided: Sequence[tuple[str, PackageProvided]]) -> Offers:
    """Return what a repository offers.

    Args:
        paths: Its files.
        provided: Its packages, each with the manifest that names it.
    """
    found: dict[Key, dict[str, None]] = {}

    def offer(kind: str, name: str, place: str) -> None:
        found.setdefault((kind, name), {})[place] = None

    for manifest, package in provided:
        kind = _PACKAGES.get(package.ecosystem)
        if kind is not None:
            offer(kind, _folded(kind, package.name), _folder(manifest))
    python_roots = _python_roots(provided)
    has_python = any(package.ecosystem is Ecosystem.PYPI for _, package in provided)
    for path in paths:
        if path.endswith(".py"):
            for name, root in _python_names(path, paths, python_roots, alone=has_python):
                offer("python", name, root)
        else:
            for kind, name, place in _names_of(path):
                offer(kind, name, place)
    return {key: tuple(places) for key, places in found.items()}


def _names_of(path: str) -> Iterator[tuple[str, str, str]]:
    """Yield what others may import where they mean a file, and where that is."""
    if path.endswith(_OF_JVM):
        folder = _folder(path)
        if named := _JVM_ROOT.sub("", f"{folder}/").strip("/"):
            yield "jvm", named.replace("/", "."), folder
    elif path.endswith(_HEADERS):
        yield from (("header", name, path) for name in (path, _after(path, "include"), _after(path, "src")) if name)
    elif path.endswith(".rb") and (name := _after(path, "lib")):
        yield "ruby", name.removesuffix(".rb"), path
    elif path.endswith(".proto"):
        yield from (("proto", name, path) for name in (path, *(_after(path, one) for one in _PROTO_ROOTS)) if name)


def _folded(kind: str, name: str) -> str:
    if kind in {"nuget", "composer"}:
        return name.lower()
    if kind == "swift":
        return name.rpartition("/")[2].removesuffix(".git").lower()
    return name.replace("_", "-") if kind == "cargo" else name


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _after(path: str, folder: str) -> str:
    """Return what stands behind the first folder of a name; empty where there is none."""
    parts = path.split("/")
    return "/".join(parts[parts.index(folder) + 1 :]) if folder in parts[:-1] else ""


def _python_roots(provided: Sequence[tuple[str, PackageProvided]]) -> list[str]:
    folders = {"", *(_folder(path) for path, package in provided if package.ecosystem is Ecosystem.PYPI)}
    roots = {"/".join(filter(None, (folder, below))) for folder in folders for below in ("", *_ROOTS)}
    return sorted(roots, key=len, reverse=True)


def _python_names(path: str, paths: Collection[str], roots: Sequence[str], *, alone: bool) -> Iterator[tuple[str, str]]:
    """Yield the module that others import where they mean a file, or the package that it is in, and its root."""
    root = next(root for root in roots if not root or path.startswith(f"{root}/"))
    parts = path.removeprefix(root).lstrip("/").split("/")
    if parts[0].removesuffix(".py") in _NOT_OFFERED:
        return
    if len(parts) == 1:
        if alone:
            yield parts[0].removesuffix(".py"), root
        return
    for depth in range(1, len(parts)):
        if "/".join(filter(None, (root, *parts[:depth], "__init__.py"))) in paths:
            yield ".".join(parts[:depth]), root
            return
    yield ".".join([*parts[:-1], parts[-1].removesuffix(".py")]), root


# ------------------------------------------------------------------------------ what an import asks for


def unaliased(language: str, target: str, aliases: Mapping[str, str]) -> str:
    """Return an import with the package in it that is meant, where the manifest gives it another name."""
    if not aliases or language not in _SCRIPT:
        return target
    name = "/".join(target.split("/")[: 2 if target.startswith("@") else 1])
    return aliases[name] + target.removeprefix(name) if name in aliases else target


def asked_of(language: str, target: str) -> list[Asked]:
    """Return the names that an import may mean, the most special first; none where it lies within its own tree."""
    if not target or target.startswith((".", "/")):
        return []
    how = _ASKED.get(language)
    return [] if how is None else how(target)


def _of_python(target: str) -> list[Asked]:
    parts = target.split(".")
    if parts[0] in sys.stdlib_module_names:
        return []
    return [
        Asked(("python", ".".join(parts[:length])), ".".join(parts[length:]))
        for length in range(min(4, len(parts)), 0, -1)
    ]


def _of_script(target: str) -> list[Asked]:
    if ":" in target:
        return []  # node:fs, https://…
    parts = target.split("/")
    length = 2 if target.startswith("@") else 1
    return [Asked(("npm", "/".join(parts[:length])), "/".join(parts[length:]))] if len(parts) >= length else []


def _of_go(target: str) -> list[Asked]:
    parts = target.split("/")
    if "." not in parts[0]:
        return []
    return [Asked(("go", "/".join(parts[:length])), "/".join(parts[length:])) for length in range(len(parts), 0, -1)]


def _of_rust(target: str) -> list[Asked]:
    first, _, rest = target.removeprefix("::").partition("::")
    if first in {"crate", "self", "super", "std", "core", "alloc"}:
        return []
    return [Asked(("cargo", first.replace("_", "-")), rest.replace("::", "/"))]


def _of_jvm(target: str) -> list[Asked]:
    parts = target.removesuffix(".*").split(".")
    if parts[0] in {"java", "javax", "kotlin", "scala"}:
        return []
    return [Asked(("jvm", ".".join(parts[:length])), "/".join(parts[length:])) for length in range(len(parts), 1, -1)]


def _of_csharp(target: str) -> list[Asked]:
    parts = target.lower().split(".")
    return [Asked(("nuget", ".".join(parts[:length])), "") for length in range(len(parts), 0, -1)]


def _of_php(target: str) -> list[Asked]:
    parts = target.strip("\\").split("\\")
    names = ["-".join(_CAMEL.sub("-", part).lower() for part in parts[1:length]) for length in (3, 2)]
    return [Asked(("composer", f"{parts[0].lower()}/{name}"), "") for name in names if name]


def _of_elixir(target: str) -> list[Asked]:
    parts = [_CAMEL.sub("_", part).lower() for part in target.split(".")]
    return [Asked(("hex", "_".join(parts[:length])), "") for length in range(min(3, len(parts)), 0, -1)]


_ASKED: Final[dict[str, Callable[[str], list[Asked]]]] = {
    **dict.fromkeys(_PYTHON, _of_python),
    **dict.fromkeys(_SCRIPT, _of_script),
    **dict.fromkeys(_JVM, _of_jvm),
    **dict.fromkeys(_C, lambda target: [Asked(("header", target), "")]),
    "go": _of_go,
    "rust": _of_rust,
    "csharp": _of_csharp,
    "php": _of_php,
    "elixir": _of_elixir,
    "ruby": lambda target: [Asked(("ruby", target.removesuffix(".rb")), "")],
    "protobuf": lambda target: [Asked(("proto", target), "")],
    "swift": lambda target: [Asked(("swift", target.lower()), "")],
}


# ------------------------------------------------------------------------------ the file that is meant


def files_meant(
    asked: Asked, places: Sequence[str], at: Mapping[str, int], folders: Mapping[str, Sequence[int]]
) -> list[int]:
    """Return the files of a repository that an import means; none where only the repository can be told.

    Args:
        asked: The name that the repository offers, and what follows it.
        places: Where the repository has it.
        at: Its files by path.
        folders: Its files by the folder that they lie in.
    """
    kind, name = asked.key
    found: list[int] = []
    for place in places:
        if kind in {"header", "ruby", "proto"}:
            found += [at[place]] if place in at else []
        elif kind == "go":
            folder = "/".join(filter(None, (place, asked.rest)))
            found += list(folders.get(folder, ()))[:_MAX_FILES]
        elif (
            one := next((at[path] for path in _candidates(kind, name, asked.rest, place) if path in at), None)
        ) is not None:
            found.append(one)
        elif kind == "jvm" and not asked.rest:
            found += list(folders.get(place, ()))[:_MAX_FILES]
    return found


def _candidates(kind: str, name: str, rest: str, place: str) -> Iterator[str]:
    """Yield the paths that a name may be of, the most special first."""
    if kind == "python":
        parts = [*name.split("."), *filter(None, rest.split("."))]
        for length in range(len(parts), 0, -1):
            base = _joined(place, *parts[:length])
            yield f"{base}.py"
            yield f"{base}/__init__.py"
    elif kind == "npm":
        bases = [_joined(place, rest), _joined(place, "src", rest), _joined(place, "lib", rest)]
        for base in bases:
            if rest:
                yield base
                yield from (base + ending for ending in _OF_SCRIPT)
            yield from (_joined(base, "index" + ending) for ending in _OF_SCRIPT)
        if not rest:
            yield from (_joined(place, "main" + ending) for ending in _OF_SCRIPT)
    elif kind == "cargo":
        parts = list(filter(None, rest.split("/")))
        for length in range(len(parts), 0, -1):
            base = _joined(place, "src", *parts[:length])
            yield f"{base}.rs"
            yield f"{base}/mod.rs"
        yield _joined(place, "src", "lib.rs")
    elif kind == "jvm" and rest:
        yield from (_joined(place, rest.split("/", maxsplit=1)[0] + ending) for ending in _OF_JVM)


def _joined(*parts: str) -> str:
    return "/".join(filter(None, parts))


__all__ = ["Asked", "Key", "Offers", "asked_of", "files_meant", "offers_of"]
