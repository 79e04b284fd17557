# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes what Conexus is made of, as CycloneDX, and checks the licences of what it needs.

``sbom.py``          writes ``build/sbom/conexus.cdx.json``: what is in the wheel, and all that is installed with it, by
                     the lock: versions, digests and licences
``sbom.py --fix``    writes what goes into the wheel (``sboms/conexus.cdx.json``), and the list of
                     ``docs/dependencies.md``
``sbom.py --check``  exits with 1 where those two are not up to date, a licence is not among those that do, or what is
                     installed is not what the lock says. Run by ``make check``.

The same input gives the same output: there is neither a time nor a random number in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = "requirements-dev.txt"
IN_WHEEL = "sboms/conexus.cdx.json"
FULL = "build/sbom/conexus.cdx.json"
TABLE = "docs/dependencies.md"
BUNDLED = (
    ("all-MiniLM-L6-v2 (distilled)", "conexus/model", "Apache-2.0", "machine-learning-model"),
    ("cl100k_base vocabulary of tiktoken", "conexus/tokens", "MIT", "data"),
)
TARGETS = [
    {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": platform, "extra": ""}
    for version in ("3.11", "3.12", "3.13")
    for platform in ("linux", "darwin")
]
COMPATIBLE = frozenset(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause CC0-1.0 CNRI-Python ISC MIT MIT-0 MPL-2.0 PSF-2.0 Zlib".split()
)
"""Permissive, or with conditions (MPL) on changed files of the library alone. Of ``A OR B`` one has to be here."""
WORDS = {
    "MIT License": "MIT", "MIT, BSD": "MIT AND BSD-3-Clause", "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause", "ISC License": "ISC", "ISC License (ISCL)": "ISC",
    "Apache Software License": "Apache-2.0", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}  # fmt: skip
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
BEGIN, END = "<!-- written by tools/sbom.py -->", "<!-- end -->"


class Pin(NamedTuple):
    """A package as the lock has it."""

    version: str
    digests: tuple[str, ...]


def locked(root: Path = ROOT) -> dict[str, Pin]:
    """Read the lock: packages by name."""
    text = (root / LOCK).read_text(encoding="utf-8")
    starts = [*PIN.finditer(text)]
    ends = [*(match.start() for match in starts[1:]), len(text)]
    return {
        canonicalize_name(match[1]): Pin(
            match[2], tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", text[match.start() : end]))
        )
        for match, end in zip(starts, ends, strict=True)
    }


def needed(name: str = "conexus") -> list[str]:
    """Return the names of all packages that are installed with one, on any system that we name, sorted."""
    found: set[str] = set()
    waiting = [(name, "")]
    asked: set[tuple[str, str]] = set()
    while waiting:
        one = waiting.pop()
        if one in asked:
            continue
        asked.add(one)
        found.add(canonicalize_name(one[0]))
        for text in distribution(one[0]).requires or ():
            required = Requirement(text)
            if any(applies(required, {**target, "extra": one[1]}) for target in TARGETS):
                waiting += [(required.name, extra) for extra in ("", *required.extras)]
    return sorted(found - {canonicalize_name(name)})


def applies(required: Requirement, target: dict[str, str]) -> bool:
    """Whether a requirement holds on a system."""
    return required.marker is None or required.marker.evaluate({**default_environment(), **target})


def licence_of(name: str) -> str:
    """Return the licence of an installed package as an SPDX expression, as its metadata says.

    Raises:
        ValueError: It says nothing that is understood.
    """
    said = distribution(name).metadata
    if expression := said.get("License-Expression"):
        return str(expression)
    classifiers = [one.rpartition(" :: ")[2] for one in said.get_all("Classifier") or () if one.startswith("License")]
    first = (said.get("License") or "").strip().partition("\n")[0].strip()
    for text in (first, *classifiers):
        known = WORDS.get(text, text)
        if known in COMPATIBLE or text in WORDS:
            return known
    raise ValueError(f"the licence of {name} is not understood: {first[:60]!r} {classifiers}")


def is_compatible(expression: str) -> bool:
    """Whether a licence does: of alternatives one, of several at once all."""
    return any(
        all(part.strip(" ()") in COMPATIBLE for part in option.split(" AND ")) for option in expression.split(" OR ")
    )


# ------------------------------------------------------------------------------------ what is written


def version(root: Path = ROOT) -> str:
    """Return the version of Conexus."""
    match = re.search(r'^__version__ = "([^"]+)"', (root / "conexus/__init__.py").read_text("utf-8"), re.MULTILINE)
    return match[1] if match else "0"


def bundled(root: Path = ROOT) -> Iterator[dict[str, Any]]:
    """Yield what of others is in the wheel."""
    for name, folder, licence, kind in BUNDLED:
        paths = sorted(path for path in (root / folder).iterdir() if path.is_file() and path.suffix != ".py")
        yield {
            "type": kind,
            "bom-ref": folder,
            "name": name,
            "licenses": [{"expression": licence}],
            "components": [
                {
                    "type": "file",
                    "bom-ref": f"{folder}/{path.name}",
                    "name": f"{folder}/{path.name}",
                    "hashes": [digest],
                }
                for path in paths
                for digest in [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]
            ],
        }


def packages(pins: dict[str, Pin]) -> Iterator[dict[str, Any]]:
    """Yield what is installed with Conexus."""
    for name in needed():
        pin = pins[name]
        yield {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{pin.version}",
            "name": name,
            "version": pin.version,
            "purl": f"pkg:pypi/{name}@{pin.version}",
            "licenses": [{"expression": licence_of(name)}],
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in pin.digests],
        }


def document(components: list[dict[str, Any]], root: Path = ROOT) -> str:
    """Return a bill of materials."""
    own = f"pkg:pypi/conexus@{version(root)}"
    content = json.dumps(components, sort_keys=True)
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, own + content)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "conexus",
                "version": version(root),
                "purl": own,
                "licenses": [{"expression": "FSL-1.1-MIT AND LicenseRef-Conexus-Commercial"}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": [one["bom-ref"] for one in components]},
            *({"ref": one["bom-ref"]} for one in components),
        ],
    }
    return json.dumps(bom, indent=1) + "\n"


def table() -> str:
    """Return the list of licences as Markdown."""
    rows = [f"| {name} | {licence_of(name)} |" for name in needed()]
    return "\n".join([BEGIN, "", "| package | licence |", "|---|---|", *rows, "", END])


def with_table(text: str) -> str:
    """Return a document with the list as it is now."""
    head, _, rest = text.partition(BEGIN)
    return head + table() + rest.partition(END)[2]


def problems(root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong with versions and licences."""
    pins = locked(root)
    for name in needed():
        if name not in pins:
            yield f"{name} is needed, and not in {LOCK}: make lock"
            continue
        if not pins[name].digests:
            yield f"{LOCK} has no digest of {name}: make lock"
        try:
            found = distribution(name).version
            if found != pins[name].version:
                yield f"{name} is {found}, and {LOCK} says {pins[name].version}: delete .venv, and make again"
            if not is_compatible(licence_of(name)):
                yield f"{name} has the licence {licence_of(name)}, which does not do"
        except (PackageNotFoundError, ValueError) as exc:
            yield f"{name}: {exc}"


def main(arguments: list[str]) -> int:
    """Do what is asked; return the exit code."""
    found = list(problems())
    sys.stdout.write("".join(f"{line}\n" for line in found))
    if found:
        return 1
    listed = with_table((ROOT / TABLE).read_text(encoding="utf-8"))
    written = {IN_WHEEL: document(list(bundled())), TABLE: listed}
    if arguments == ["--check"]:
        stale = [path for path in written if (ROOT / path).read_text(encoding="utf-8") != written[path]]
        sys.stdout.write("".join(f"{path} is out of date: {sys.executable} tools/sbom.py --fix\n" for path in stale))
        return 1 if stale else 0
    if arguments != ["--fix"]:
        written = {FULL: document([*bundled(), *packages(locked())])}
    for path, text in written.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
