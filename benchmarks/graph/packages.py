# SPDX-License-Identifier: FSL-1.1-MIT
"""Compares what packages require, as Conexus reads it, with what the package managers themselves say.

Each package is a repository: PyPI source distributions of what a large application installs, npm packages with all
that they depend on, and Debian's packages of Go modules and Rust crates. What is right is told by others: pip's own
report of the wheels, ``npm ls``, ``go mod edit -json`` and ``cargo read-manifest``.

    python benchmarks/graph/packages.py --folder FOLDER [--go GO]

What is not in the folder yet is fetched with pip, npm and apt-get. A source distribution that pip cannot prepare in its
time is left out; how many are compared is in the result.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.worker_wire import Batch, WorkerSetup
from conexus.config import IndexOptions
from conexus.parsing.classify import skip_by_name
from conexus.parsing.manifests.reading import is_manifest
from conexus.types import Checkout, DependencyScope, Ecosystem, FileStat, ParseJob, RepoId
from conexus.worker import FileProcessor

RESULTS = Path(__file__).parent.parent / "results" / "graph-packages.md"
APPLICATION = "jupyterlab"
NPM_TOP = "express"
GO_TOP, RUST_TOP = "golang-github-containers-common-dev", "librust-clap-dev"
GO_PACKAGES, RUST_PACKAGES = 75, 60
_QUIET = "--recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances".split()
_RUNTIME = {DependencyScope.RUNTIME, DependencyScope.OPTIONAL}
_PIP_S, _NPM_S, _APT_S = 100, 300, 60


@dataclass
class Comparison:
    """Edges of one ecosystem, ours and the manager's."""

    name: str
    judge: str
    packages: int = 0
    ours: set[tuple[str, str]] = field(default_factory=set)
    theirs: set[tuple[str, str]] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def row(self) -> str:
        """Return a line of the table."""
        both = len(self.ours & self.theirs)
        precision = both / len(self.ours) if self.ours else 1.0
        recall = both / len(self.theirs) if self.theirs else 1.0
        counts = f"{self.packages} | {self.judge} | {len(self.theirs)} | {len(self.ours)}"
        return f"| {self.name} | {counts} | {precision:.4f} | {recall:.4f} |"

    def differences(self) -> Iterator[str]:
        """Yield every difference."""
        for one, other in sorted(self.ours - self.theirs):
            yield f"- {one} → {other}: only Conexus"
        for one, other in sorted(self.theirs - self.ours):
            yield f"- {one} → {other}: only {self.judge}"


def run(*command: str, cwd: Path | None = None, limit_s: float = 60.0) -> str:
    """Return what a program says; what it says wrong is not fatal here."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def required_by(folder: Path, ecosystem: Ecosystem, without: str = "") -> tuple[str, set[tuple[str, DependencyScope]]]:
    """Return the package that a tree provides at its top, and what that one requires, read as an index reads it.

    Manifests count that lie beside the one that provides the package, but for those of the name ``without``.
    """
    checkout = Checkout(folder, RepoId("local/benchmark"), folder.name)
    setup = WorkerSetup(
        str(folder),
        "local/benchmark",
        embed=False,
        max_chunk_chars=1500,
        max_file_bytes=10_000_000,
        max_data_bytes=1_000_000,
        skip_generated=True,
        parse_timeout_s=10.0,
        parse_memory_mb=2000,
    )
    processor = FileProcessor(setup, None)
    found: list[tuple[str, Any]] = []
    for item in FilesystemTree(checkout, IndexOptions(), skip_by_name).scan():
        if isinstance(item, FileStat) and is_manifest(item.path) and item.path != without:
            job = ParseJob(item, None, forced=False)
            parsed = processor.process(job, Batch((job,))).parsed
            if parsed is not None:
                found.append((item.path, parsed))
    provided = [
        (path.count("/"), path, one)
        for path, parsed in found
        for one in parsed.packages_provided
        if one.ecosystem is ecosystem
    ]
    if not provided:
        return "", set()
    _, top, package = min(provided, key=lambda entry: (entry[0], entry[1]))
    beside = top.rpartition("/")[0]
    required = {
        (one.name, one.scope)
        for path, parsed in found
        if path.rpartition("/")[0] == beside and "requirements" not in path
        for one in parsed.packages_required
        if one.ecosystem is ecosystem and one.scope is not DependencyScope.LOCKED
    }
    return package.name, required


def unpacked(archive: Path, into: Path) -> Path:
    """Unpack an archive into a folder of its own, and return the folder."""
    folder = into / archive.name
    if not folder.exists():
        folder.mkdir(parents=True)
        if archive.suffix == ".deb":
            run("dpkg", "-x", str(archive), str(folder))
        elif archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(folder)  # noqa: S202 -- of a registry, into a folder that is thrown away
        else:
            with tarfile.open(archive) as packed_tar:
                packed_tar.extractall(folder, filter="data")
    inner = [child for child in folder.iterdir() if child.is_dir()]
    return inner[0] if archive.suffix != ".deb" and len(inner) == 1 else folder


# ---------------------------------------------------------------------- pypi


def pypi(folder: Path) -> list[Comparison]:
    """Compare with the metadata of the wheels that pip would install.

    A source distribution holds the same metadata in ``PKG-INFO``. What authors wrote themselves is compared by itself.
    """
    report = folder / "report.json"
    pip = [sys.executable, "-m", "pip"]
    if not report.exists():
        options = ("--dry-run", "--ignore-installed", "--report", str(report), "-q")
        run(*pip, "install", *options, APPLICATION, limit_s=600)
    metadata = [one["metadata"] for one in json.loads(report.read_text())["install"]]
    archives = folder / "pypi"
    if not archives.exists():
        archives.mkdir()
        for one in metadata:
            pinned = f"{one['name']}=={one['version']}"
            options = ("-q", "--no-deps", "--no-binary", ":all:", "-d", str(archives))
            run(*pip, "download", *options, pinned, limit_s=_PIP_S)
    wheels = {canonicalize_name(one["name"]): one for one in metadata}
    found = []
    for title, without in (("PyPI", ""), ("PyPI, without PKG-INFO", "PKG-INFO")):
        result = Comparison(title, "pip's report of the wheels")
        for archive in sorted(archives.iterdir()):
            name, required = required_by(unpacked(archive, folder / "trees"), Ecosystem.PYPI, without)
            if name not in wheels:
                result.notes.append(f"{archive.name} provides {name or 'nothing'}, which the report does not have")
                continue
            result.packages += 1
            result.ours |= {(name, other) for other, scope in required if scope in _RUNTIME and other != name}
            for text in wheels[name].get("requires_dist", []):
                other = canonicalize_name(Requirement(text).name)
                if other != name:
                    result.theirs.add((name, other))
        found.append(result)
    return found


# ----------------------------------------------------------------------- npm


def npm(folder: Path) -> Comparison:
    """Compare with the tree that npm installs."""
    top = folder / "npmtree"
    if not top.exists():
        top.mkdir()
        wanted = {"name": "top", "version": "1.0.0", "dependencies": {NPM_TOP: "*"}}
        (top / "package.json").write_text(json.dumps(wanted))
        run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", cwd=top, limit_s=_NPM_S)
    edges: set[tuple[str, str]] = set()
    versions: set[str] = set()

    def walk(node: dict[str, Any], name: str) -> None:
        for other, inner in node.get("dependencies", {}).items():
            if "version" in inner:
                versions.add(f"{other}@{inner['version']}")
            if name:
                edges.add((name, other))
            walk(inner, other)

    walk(json.loads(run("npm", "ls", "--all", "--json", cwd=top)), "")
    archives = folder / "npm"
    if not archives.exists():
        archives.mkdir()
        run("npm", "pack", "-s", *sorted(versions), cwd=archives, limit_s=_NPM_S)
    result = Comparison("npm", "npm ls")
    names = {version.rpartition("@")[0] for version in versions}
    result.theirs = edges
    for archive in sorted(archives.iterdir()):
        name, required = required_by(unpacked(archive, folder / "trees"), Ecosystem.NPM)
        result.packages += 1
        result.ours |= {(name, other) for other, scope in required if scope in _RUNTIME and other in names}
    return result


# -------------------------------------------------------------------- Debian


def debian(folder: Path, top: str, start: str, limit: int) -> list[Path]:
    """Fetch Debian's packages of Go modules or Rust crates."""
    archives = folder / "debian"
    if not any(archives.glob(f"{start}*.deb")):
        archives.mkdir(exist_ok=True)
        lines = run("apt-cache", "depends", *_QUIET, top).splitlines()
        ours = {line for line in lines if line.startswith(start) and line.endswith("-dev")}
        for name in sorted(name for name in ours if "+" not in name)[:limit]:
            run("apt-get", "download", "-q", name, cwd=archives, limit_s=_APT_S)
    return sorted(archives.glob(f"{start}*.deb"))


def go(folder: Path, program: str) -> Comparison:
    """Compare with what the go command reads of each ``go.mod``."""
    result = Comparison("Go", "go mod edit -json")
    for archive in debian(folder, GO_TOP, "golang-", GO_PACKAGES):
        tree = unpacked(archive, folder / "trees")
        for manifest in sorted(tree.rglob("go.mod")):
            said = json.loads(run(program, "mod", "edit", "-json", str(manifest)) or "{}")
            module = said.get("Module", {}).get("Path", "")
            if not module or "testdata" in manifest.parts or "vendor" in manifest.parts:
                continue
            result.packages += 1
            name, required = required_by(manifest.parent, Ecosystem.GO)
            result.ours |= {(name, other) for other, _ in required}
            result.theirs |= {
                (module, one["Path"]) for one in said.get("Require") or [] if not one.get("Indirect", False)
            }
    return result


def rust(folder: Path) -> Comparison:
    """Compare with what cargo reads of each ``Cargo.toml``, with the kinds of dependencies."""
    result = Comparison("Rust", "cargo read-manifest")
    kinds = {
        DependencyScope.RUNTIME: "normal",
        DependencyScope.OPTIONAL: "normal",
        DependencyScope.DEVELOPMENT: "dev",
        DependencyScope.BUILD: "build",
    }
    for archive in debian(folder, RUST_TOP, "librust-", RUST_PACKAGES):
        tree = unpacked(archive, folder / "trees")
        for manifest in sorted(tree.glob("usr/share/cargo/registry/*/Cargo.toml")):
            said = json.loads(run("cargo", "read-manifest", "--manifest-path", str(manifest)) or "{}")
            if not said:
                result.notes.append(f"cargo does not read {manifest.parent.name}")
                continue
            result.packages += 1
            name, required = required_by(manifest.parent, Ecosystem.CARGO)
            result.ours |= {(name, f"{other} ({kinds[scope]})") for other, scope in required}
            for one in said["dependencies"]:
                result.theirs.add((said["name"], f"{one['name']} ({one['kind'] or 'normal'})"))
    return result


def main() -> None:
    """Compare, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="what is fetched, and kept there")
    parser.add_argument("--only-go", action="store_true", help="compare Go alone, printed and not written")
    parser.add_argument("--go", default=shutil.which("go"), help="the go command; without it Go is left out")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    folder: Path = options.folder.resolve()
    if options.only_go:
        compared = go(folder, options.go)
        print("\n".join((compared.row(), *compared.differences(), *compared.notes)))
        return
    found = [*pypi(folder), npm(folder), *([go(folder, options.go)] if options.go else []), rust(folder)]
    lines = [
        "# Package edges against the package managers",
        "",
        "Written by `benchmarks/graph/packages.py`: what each package requires, as Conexus reads it of the package's",
        "own source, and as the package manager says it.",
        "",
        f"PyPI: the source distributions of what `{APPLICATION}` installs; those that pip could fetch. Each holds",
        "what the judge says in `PKG-INFO`, so what authors wrote is compared by itself too.",
        f"npm: `{NPM_TOP}` and all that it depends on.",
        "Go and Rust: Debian's packages. Edges count by name, once; of Rust with their kind.",
        "",
        "| ecosystem | packages | judge | edges, judge | edges, Conexus | precision | recall |",
        "|---|---|---|---|---|---|---|",
        *(one.row() for one in found),
    ]
    for one in found:
        differences = [*one.differences(), *(f"- {note}" for note in one.notes)]
        lines += ["", f"## {one.name}: differences", "", *(differences or ["None."])]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
