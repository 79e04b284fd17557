# SPDX-License-Identifier: FSL-1.1-MIT
"""Fetches the source trees that are asked about, through the ordinary clients of the package registries.

Nothing of a package is run that its client does not run by itself, and nothing is installed. A tree that
is in the folder already is used as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_FETCH_S = 900
_VERSION = ".version"
_APT_CONFIG = Path("/etc/apt")


@dataclass(frozen=True, slots=True)
class Corpus:
    """A source tree on the disk."""

    name: str
    version: str
    """As the registry calls it."""
    root: Path


class FetchError(Exception):
    """A registry did not give a tree."""


def fetch(name: str, folder: Path) -> Corpus:
    """Return a tree, fetched into a folder where it is not there yet.

    Args:
        name: A key of :data:`SOURCES`.
        folder: Where trees are kept; each gets a folder of its own.

    Raises:
        FetchError: The client is missing or failed, or gave something else than expected.
    """
    place = folder / name
    marker = place / _VERSION
    if not marker.is_file():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        version = SOURCES[name](place)
        marker.write_text(version + "\n", encoding="utf-8")
    # Its own repository, or the one that the folder lies in would be indexed in its place.
    _run(["git", "init", "--quiet", "--template=", place / "tree"], place)
    return Corpus(name, marker.read_text(encoding="utf-8").strip(), place / "tree")


def _pip(requirement: str) -> Callable[[Path], str]:
    def source(place: Path) -> str:
        package = requirement.split("==", 1)[0]
        _run(
            [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"),
                *("--no-deps", "--no-binary", package, "--dest", place, requirement),
            ],
            place,
        )
        archive = _only(place, "*.tar.gz")
        _unpack(archive, place)
        return archive.name.removesuffix(".tar.gz")

    return source


def _npm(package: str) -> Callable[[Path], str]:
    def source(place: Path) -> str:
        _run(["npm", "pack", "--silent", package], place)
        archive = _only(place, "*.tgz")
        _unpack(archive, place)
        return archive.name.removesuffix(".tgz")

    return source


def _debian_source(package: str) -> Callable[[Path], str]:
    def source(place: Path) -> str:
        _apt(place, "source", "--download-only", "--only-source", package)
        archive = _only(place, "*.orig.tar.*")
        _unpack(archive, place)
        return _only(place, "*.dsc").name.removesuffix(".dsc")

    return source


def _debian_crate(package: str) -> Callable[[Path], str]:
    """Return how a Rust library is had: Debian ships its source as the development package."""

    def source(place: Path) -> str:
        _apt(place, "download", package)
        archive = _only(place, "*.deb")
        _run(["dpkg-deb", "--extract", archive, place / "unpacked"], place)
        _only(place / "unpacked/usr/share/cargo/registry", "*").rename(place / "tree")
        shutil.rmtree(place / "unpacked")
        version = archive.name.rsplit("_", 1)[0]
        archive.unlink()
        return version

    return source


def _kernel(place: Path) -> str:
    """Return how Linux is had: Debian ships its source as a package. Its own ignore rules leave out every file."""
    _apt(place, "download", "linux-source-6.1")
    archive = _only(place, "*.deb")
    _run(["dpkg-deb", "--extract", archive, place / "package"], place)
    version = archive.name.rsplit("_", 1)[0]
    archive.unlink()
    _unpack(_only(place / "package/usr/src", "*.tar.xz"), place)
    shutil.rmtree(place / "package")
    rules = place / "tree/.gitignore"
    rules.write_text(rules.read_text(encoding="utf-8").partition("# Debian packaging")[0], encoding="utf-8")
    return version


SOURCES: Mapping[str, Callable[[Path], str]] = MappingProxyType(
    {
        "django": _pip("django==5.2.8"),
        # The last one whose source package pip can describe without compiling any of it.
        "numpy": _pip("numpy==1.25.2"),
        "typescript": _npm("typescript@5.9.3"),
        # Debian keeps one version, so these are whatever it has.
        "git": _debian_source("git"),
        "syncthing": _debian_source("syncthing"),
        "sequoia": _debian_crate("librust-sequoia-openpgp-dev"),
        "linux": _kernel,
    }
)
"""How each tree is had: fills a folder with ``tree`` and returns the version."""
KERNEL = "linux"
"""The largest tree, which ``benchmarks/speed/kernel.py`` indexes."""


def _apt(place: Path, *command: str) -> None:
    """Run apt-get with lists of its own, so that the machine's settings and lists stay as they are."""
    state = place.parent / "apt"
    (state / "sources").mkdir(parents=True, exist_ok=True)
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    options = [
        *(
            "-q",
            "-o",
            f"Dir::Etc::sourcelist={state / 'none.list'}",
            "-o",
            f"Dir::Etc::sourceparts={state / 'sources'}",
        ),
        *("-o", f"Dir::State::lists={state / 'lists'}", "-o", f"Dir::Cache={state / 'cache'}"),
        *("-o", "APT::Sandbox::User=root"),
    ]
    if not (state / "ready").is_file():
        _write_sources(state / "sources")
        _run(["apt-get", *options, "update"], place)
        (state / "ready").touch()
    _run(["apt-get", *options, *command], place)


def _write_sources(folder: Path) -> None:
    """Copy the machine's entries for Debian, with the source packages beside the built ones."""
    written = 0
    for path in [_APT_CONFIG / "sources.list", *sorted((_APT_CONFIG / "sources.list.d").glob("*"))]:
        if path.suffix not in {".list", ".sources"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        entries = _stanzas(text) if path.suffix == ".sources" else _lines(text)
        if entries:
            (folder / path.name).write_text("\n".join(entries) + "\n", encoding="utf-8")
            written += 1
    if not written:
        raise FetchError(f"no entry for Debian in {_APT_CONFIG}: this needs a Debian machine")


def _stanzas(text: str) -> list[str]:
    found = []
    for stanza in text.split("\n\n"):
        fields = [line for line in stanza.splitlines() if line and not line.startswith("#")]
        if any(line.startswith("URIs:") and _is_debian(line.split()[1:]) for line in fields):
            rest = [line for line in fields if not line.startswith("Types:")]
            found.append("\n".join(["Types: deb deb-src", *rest, ""]))
    return found


def _lines(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "deb" and _is_debian(rest.split()):
            found += [f"deb {rest}", f"deb-src {rest}"]
    return found


def _is_debian(words: Sequence[str]) -> bool:
    return any(word.rstrip("/").endswith(("/debian", "/debian-security")) for word in words)


def _unpack(archive: Path, place: Path) -> None:
    """Unpack the one folder of an archive as ``tree``, or all that lies loose in it, and remove the archive.

    Raises:
        FetchError: A member leads out of the folder.
    """
    target = place / "unpacked"
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(target, filter="data")
    except tarfile.FilterError as error:
        raise FetchError(f"{archive.name}: {error}") from error
    inside = list(target.iterdir())
    if len(inside) == 1 and inside[0].is_dir():
        inside[0].rename(place / "tree")
        target.rmdir()
    else:
        target.rename(place / "tree")
    archive.unlink()


def _only(folder: Path, pattern: str) -> Path:
    found = [path for path in folder.glob(pattern) if not path.name.endswith(".asc")]
    if len(found) != 1:
        raise FetchError(f"expected one {pattern} in {folder}, found {len(found)}")
    return found[0]


def _run(command: Sequence[str | Path], cwd: Path) -> None:
    words = [str(part) for part in command]
    if shutil.which(words[0]) is None:
        raise FetchError(f"{words[0]} is not installed")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    if done.returncode:
        raise FetchError(f"{' '.join(words[:4])} … ended with {done.returncode}:\n{done.stderr[-2000:]}")
