# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells to which package an import goes that leaves its tree. Pure.

Only packages count that the tree requires, or whose modules are known. Where the names of imports and packages differ,
what is known of the modules of other indexed packages decides, and a short list of well-known ones.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from conexus.parsing.manifests.findings import normalized
from conexus.search.known_modules import KNOWN_MODULES
from conexus.types import Ecosystem, PackageKey

_BY_LANGUAGE: Final = {
    **dict.fromkeys(("python", "notebook", "cython"), Ecosystem.PYPI),
    **dict.fromkeys(("javascript", "typescript", "tsx", "vue", "svelte", "css", "scss", "less"), Ecosystem.NPM),
    "go": Ecosystem.GO,
    "rust": Ecosystem.CARGO,
    **dict.fromkeys(("java", "kotlin", "scala", "groovy"), Ecosystem.MAVEN),
    "ruby": Ecosystem.RUBYGEMS,
    "php": Ecosystem.COMPOSER,
    **dict.fromkeys(("csharp", "fsharp", "visualbasic"), Ecosystem.NUGET),
    "swift": Ecosystem.SWIFT,
    "elixir": Ecosystem.HEX,
}
_NPM_NAME = re.compile(r"(@[^/]+/[^/]+|[^@./][^/]*)(?:/.*)?$")
_GO_MAJOR = re.compile(r"/v\d+$")
_OF_NODE: Final = frozenset(
    "assert assert/strict async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel "
    "dns dns/promises domain events fs fs/promises http http2 https inspector module net os path path/posix "
    "path/win32 perf_hooks process punycode querystring readline readline/promises repl stream stream/promises "
    "stream/web string_decoder sys timers timers/promises tls trace_events tty url util util/types v8 vm "
    "wasi worker_threads zlib".split()
)
"""Node prefers its own modules to packages of the same names; ``punycode/`` with a slash is the package."""
_OF_RUST: Final = frozenset({"std", "core", "alloc", "proc_macro", "test", "crate", "self", "super"})
_OF_JVM = re.compile(
    r"^(?:java|jdk|javax\.(?:annotation\.processing|crypto|imageio|lang|management|naming|net|script|security|sql|swing|tools"
    r"|xml\.(?:parsers|stream|transform|validation|xpath))|kotlin|org\.w3c\.dom|org\.xml\.sax|scala)\b"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_AFFIXES: Final = ("python-", "py-", "py", "lib", "django-", "types-")
_ENDINGS: Final = ("-python", "-py", "-lib")
_MIN_GROUP_PARTS = 2
_WITHOUT_CLASSES: Final = ("-bom", "-parent", "-dependencies")
_SAY_LITTLE: Final = frozenset(
    "all android api base client common commons core data http impl io java json jvm kotlin lib main model server spi "
    "sql test tests util utils web xml".split()
)
"""Words of artifacts that many have."""


class PackageResolver:
    """Finds the packages that imports of one tree mean.

    Args:
        required: What the tree requires.
        modules: Of packages whose modules are known, as from a source distribution's ``top_level.txt`` or the folders
            of an indexed repository: the package by a module's whole name, of Python ``yaml``, of Java ``org.slf4j``.
    """

    def __init__(self, required: Collection[PackageKey], modules: Mapping[str, PackageKey] | None = None) -> None:
        self._names: defaultdict[Ecosystem, dict[str, str]] = defaultdict(dict)
        for key in required:
            self._names[key.ecosystem][_folded(key)] = key.name
        self._required = frozenset(required)
        self._modules = modules or {}
        self._answers: dict[tuple[str, str], PackageKey | None] = {}

    def resolve(self, language: str, target: str) -> PackageKey | None:
        """Return the package of an import; ``None`` for one of the tree, of the language, or of what is not known.

        Args:
            language: Of the file that imports.
            target: What it imports, as written there.
        """
        key = language, target
        if key not in self._answers:
            self._answers[key] = self._found(language, target)
        return self._answers[key]

    def _found(self, language: str, target: str) -> PackageKey | None:
        ecosystem = _BY_LANGUAGE.get(language)
        if ecosystem is None or not target or target.startswith((".", "/")):
            return None
        if _is_standard(ecosystem, target):
            return None
        found = self._well_known(ecosystem, target) or _FINDERS[ecosystem](target, self._names[ecosystem])
        if found is not None:
            return PackageKey(ecosystem, found)
        for module in _prefixes(target):
            known = self._modules.get(module)
            if known is not None and known.ecosystem is ecosystem:
                return known
        return None

    def _well_known(self, ecosystem: Ecosystem, target: str) -> str | None:
        """Return the package of a module that is named otherwise, of those that the tree requires."""
        known = KNOWN_MODULES.get(ecosystem, {})
        for module in _prefixes(target) if known else ():
            for name in known.get(module, ()):
                if PackageKey(ecosystem, name) in self._required:
                    return name
        return None


def package_of_import(
    language: str, target: str, required: Collection[PackageKey], modules: Mapping[str, PackageKey] | None = None
) -> PackageKey | None:
    """Return the package of one import; see :class:`PackageResolver`, which is faster for many."""
    return PackageResolver(required, modules).resolve(language, target)


def _prefixes(target: str) -> Iterator[str]:
    """Yield a dotted name and what it begins with, the longest first."""
    parts = [part for part in re.split(r"::|[./\\]", target) if part]
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length])


def _is_standard(ecosystem: Ecosystem, target: str) -> bool:
    first = re.split(r"::|[./]", target)[0]
    if ecosystem is Ecosystem.PYPI:
        return first in sys.stdlib_module_names
    if ecosystem is Ecosystem.CARGO:
        return first in _OF_RUST
    return ecosystem is Ecosystem.MAVEN and _OF_JVM.match(target) is not None


def _folded(key: PackageKey) -> str:
    """Return a package's name as imports are compared with it."""
    if key.ecosystem is Ecosystem.CARGO:
        return key.name.replace("-", "_")
    if key.ecosystem in {Ecosystem.RUBYGEMS, Ecosystem.HEX, Ecosystem.SWIFT}:
        return key.name.lower().replace("-", "").replace("_", "")
    return key.name


def _pypi(target: str, names: Mapping[str, str]) -> str | None:
    parts = target.split(".")
    if parts[0] in sys.stdlib_module_names:
        return None
    for length in range(min(len(parts), 4), 0, -1):
        # ``google.cloud.storage`` is of google-cloud-storage.
        name = normalized(Ecosystem.PYPI, "-".join(part for part in parts[:length] if part))
        if name in names:
            return names[name]
    first = normalized(Ecosystem.PYPI, parts[0])
    for affix in _AFFIXES:  # ``yaml`` is of pyyaml, ``dateutil`` of python-dateutil
        if f"{affix}{first}" in names:
            return names[f"{affix}{first}"]
    for ending in _ENDINGS:
        if f"{first}{ending}" in names:
            return names[f"{first}{ending}"]
    return None


def _npm(target: str, names: Mapping[str, str]) -> str | None:
    found = _NPM_NAME.match(target.removeprefix("~"))
    if found is None or target.startswith("node:") or target in _OF_NODE:
        return None
    name = found[1]
    types = f"@types/{name.removeprefix('@').replace('/', '__')}"
    return names.get(name) or names.get(types)


def _go(target: str, names: Mapping[str, str]) -> str | None:
    path = target
    while path:
        if path in names:
            return names[path]
        path = path.rpartition("/")[0]
    return None


def _cargo(target: str, names: Mapping[str, str]) -> str | None:
    first = target.removeprefix("::").split("::")[0].strip().removeprefix("r#")
    return None if first in _OF_RUST else names.get(first)


def _maven(target: str, names: Mapping[str, str]) -> str | None:
    """Return the package whose group, or group and artifact, an import begins with, or whose artifact it names."""
    if _OF_JVM.match(target):
        return None
    best: tuple[int, int, int, str] | None = None
    for name in names:
        group, _, artifact = name.partition(":")
        if artifact.endswith(_WITHOUT_CLASSES):
            continue
        score = max(_begins(target, group), _begins(target, f"{group}.{artifact.replace('-', '.')}"))
        words = artifact.replace(group.rpartition(".")[2], "").replace("-", ".").strip(".")
        score = max(score, _begins(target, f"{group}.{words}") if words else 0, _names_artifact(target, artifact))
        order = score, _begins(target, group), -len(artifact), name
        if score and (best is None or order > best):
            best = order
    return best[3] if best is not None else None


def _names_artifact(target: str, artifact: str) -> int:
    """Return how long the part of an import is that ends with an artifact's name, as ``okhttp3`` of ``okhttp``."""
    folders = [part for part in target.split(".") if part[:1].islower()]
    bare = [part.rstrip("0123456789") for part in folders]
    words = [word.lower() for word in re.split(r"[-._]", artifact) if word]
    found = 0
    for length in range(len(words), 0, -1):
        # ``slf4j-api`` has the classes of ``org.slf4j``.
        if length < len(words) and not set(words[length:]) <= _SAY_LITTLE:
            break
        if length == 1 and words[0] in _SAY_LITTLE:
            break
        for start in range(len(folders)):
            for own in (folders, bare):
                if own[start : start + length] == words[:length]:
                    found = max(found, len(".".join(folders[: start + length])))
                if own[start] == "".join(words[:length]):
                    found = max(found, len(".".join(folders[: start + 1])))
    return found


def _begins(target: str, prefix: str) -> int:
    """Return how long a prefix of at least two names is that an import begins with; else 0."""
    enough = prefix.count(".") + 1 >= _MIN_GROUP_PARTS
    return len(prefix) if enough and (target == prefix or target.startswith(f"{prefix}.")) else 0


def _rubygems(target: str, names: Mapping[str, str]) -> str | None:
    parts = target.split("/")
    for length in range(len(parts), 0, -1):
        if (found := names.get("".join(parts[:length]).lower().replace("-", "").replace("_", ""))) is not None:
            return found
    return None


def _composer(target: str, names: Mapping[str, str]) -> str | None:
    parts = [part for part in target.strip("\\").split("\\") if part]
    words = ["-".join(_WORDS.findall(part)).lower() for part in parts]
    if len(parts) > 1:
        joined = f"{parts[0].lower()}/{words[1]}"
        for name in (joined, f"{words[0]}/{words[1]}", f"{parts[0].lower()}/{parts[1].lower()}"):
            if name in names:
                return names[name]
    own = f"{words[0]}/{words[0]}" if words else ""
    return names.get(own)


def _nuget(target: str, names: Mapping[str, str]) -> str | None:
    parts = target.lower().split(".")
    for length in range(len(parts), 0, -1):
        if (found := names.get(".".join(parts[:length]))) is not None:
            return found
    return None


def _plain(target: str, names: Mapping[str, str]) -> str | None:
    return names.get(target.split(".", maxsplit=1)[0].lower().replace("_", ""))


_FINDERS: Final[Mapping[Ecosystem, Callable[[str, Mapping[str, str]], str | None]]] = {
    Ecosystem.PYPI: _pypi,
    Ecosystem.NPM: _npm,
    Ecosystem.GO: _go,
    Ecosystem.CARGO: _cargo,
    Ecosystem.MAVEN: _maven,
    Ecosystem.RUBYGEMS: _rubygems,
    Ecosystem.COMPOSER: _composer,
    Ecosystem.NUGET: _nuget,
    Ecosystem.SWIFT: _plain,
    Ecosystem.HEX: _plain,
}

__all__ = ["PackageResolver", "package_of_import"]
