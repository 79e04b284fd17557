# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells by its name which manifest a file is, and reads it. Whatever it holds, reading ends with a result."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final, TypeAlias, cast

from conexus.parsing.languages import BY_NAME, detect
from conexus.parsing.manifests.findings import Findings, Manifest, Unreadable

Reader: TypeAlias = Callable[[str, str, Findings], None]

_MANIFESTS: Final = {
    "pyproject.toml": "python.read_pyproject",
    "setup.cfg": "python.read_setup_cfg",
    "setup.py": "python.read_setup_py",
    "pipfile": "python.read_pipfile",
    "pkg-info": "python.read_metadata",
    "metadata": "python.read_metadata",
    "package.json": "javascript.read_package_json",
    "go.mod": "go.read_go_mod",
    "go.work": "go.read_go_work",
    "cargo.toml": "rust.read_cargo_toml",
    "pom.xml": "maven.read_pom",
    "build.gradle": "gradle.read_gradle",
    "build.gradle.kts": "gradle.read_gradle",
    "settings.gradle": "gradle.read_gradle",
    "settings.gradle.kts": "gradle.read_gradle",
    "gemfile": "ruby.read_gemfile",
    "gems.rb": "ruby.read_gemfile",
    "composer.json": "php.read_composer",
    "packages.config": "dotnet.read_packages_config",
    "directory.packages.props": "dotnet.read_project",
    "directory.build.props": "dotnet.read_project",
    "directory.build.targets": "dotnet.read_project",
    "package.swift": "swift.read_package_swift",
    "mix.exs": "elixir.read_mix",
    "dockerfile": "containers.read_dockerfile",
    "containerfile": "containers.read_dockerfile",
    "compose.yml": "containers.read_compose",
    "compose.yaml": "containers.read_compose",
    "docker-compose.yml": "containers.read_compose",
    "docker-compose.yaml": "containers.read_compose",
    "action.yml": "workflows.read_action",
    "action.yaml": "workflows.read_action",
    ".gitmodules": "git_modules.read_gitmodules",
}
_LOCK_FILES: Final = {
    "pipfile.lock": "python.read_pipfile_lock",
    "poetry.lock": "python.read_package_lock",
    "uv.lock": "python.read_package_lock",
    "pdm.lock": "python.read_package_lock",
    "pylock.toml": "python.read_package_lock",
    "package-lock.json": "javascript.read_npm_lock",
    "npm-shrinkwrap.json": "javascript.read_npm_lock",
    "pnpm-lock.yaml": "javascript.read_pnpm_lock",
    "yarn.lock": "javascript.read_yarn_lock",
    "go.sum": "go.read_go_sum",
    "cargo.lock": "rust.read_cargo_lock",
    "gemfile.lock": "ruby.read_gemfile_lock",
    "composer.lock": "php.read_composer_lock",
    "packages.lock.json": "dotnet.read_packages_lock",
    "package.resolved": "swift.read_package_resolved",
    "mix.lock": "elixir.read_mix_lock",
    ".terraform.lock.hcl": "terraform.read_terraform_lock",
}
_ENDINGS: Final = {
    ".csproj": "dotnet.read_project",
    ".fsproj": "dotnet.read_project",
    ".vbproj": "dotnet.read_project",
    ".gemspec": "ruby.read_gemspec",
    ".tf": "terraform.read_terraform",
    ".versions.toml": "maven.read_version_catalog",
    ".dockerfile": "containers.read_dockerfile",
}
_PATTERNS: Final = (
    (
        re.compile(r"(?:^|/)(?:[\w.-]*requirements[\w.-]*|requirements/[\w./-]+)\.(?:txt|in)$"),
        "python.read_requirements",
    ),
    (re.compile(r"(?:^|/)(?:dockerfile|containerfile)\.[\w.-]+$"), "containers.read_dockerfile"),
    (re.compile(r"(?:^|/)(?:docker-)?compose\.[\w.-]+\.ya?ml$"), "containers.read_compose"),
    (re.compile(r"(?:^|/)\.github/workflows/[^/]+\.ya?ml$"), "workflows.read_workflow"),
    (re.compile(r"(?:^|/)pylock\.[\w-]+\.toml$"), "python.read_package_lock"),
)
_SUFFIXES: Final = tuple(_ENDINGS)
_MAYBE = ("requirements", "dockerfile.", "containerfile.", "compose.", ".github/workflows/", "pylock.")


def is_lock_file(path: str) -> bool:
    """Whether a file is one that nobody reads, but for the packages that it locks."""
    return path.rpartition("/")[2].lower() in _LOCK_FILES


def is_manifest(path: str) -> bool:
    """Whether a file is named as one that says what is provided or required."""
    return bool(_reader_of(path))


def read_manifest(path: str, text: str) -> Manifest:
    """Return what a manifest or a lock file provides and requires; of what cannot be read, a note says why.

    Args:
        path: From the root; tells what the file is. Of others nothing is found.
        text: The whole file.
    """
    reader = _reader_of(path)
    findings = Findings()
    if reader:
        try:
            _function(reader)(path, text, findings)
        except Unreadable as exc:
            findings.note(str(exc))
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as exc:
            # A form that nobody writes by hand; what was found before it counts.
            findings.note(f"a part of it is not in the form that its name promises ({type(exc).__name__})")
    return findings.result()


def _reader_of(path: str) -> str:
    lowered = path.lower()
    name = lowered.rpartition("/")[2]
    reader = _MANIFESTS.get(name) or _LOCK_FILES.get(name)
    if reader is None and name.endswith(_SUFFIXES):
        reader = next(reader for suffix, reader in _ENDINGS.items() if name.endswith(suffix))
    if reader is None and any(word in lowered for word in _MAYBE):
        reader = next((reader for pattern, reader in _PATTERNS if pattern.search(lowered)), None)
        if reader == "containers.read_dockerfile" and detect(path) is not BY_NAME["dockerfile"]:
            return ""  # dockerfile.md, dockerfile.go
    return reader or ""


@cache
def _function(name: str) -> Reader:
    """Return a reader; its module is imported when a file needs it."""
    module, _, function = name.partition(".")
    return cast("Reader", getattr(import_module(f"conexus.parsing.manifests.{module}"), function))


__all__ = ["is_lock_file", "is_manifest", "read_manifest"]
