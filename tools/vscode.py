# SPDX-License-Identifier: FSL-1.1-MIT
"""Builds and tests the VS Code extension: ``check``, ``package``, ``workbench [GROUP …]``, ``pictures``.

All that npm brings is pinned in lock files and installed below ``build/vscode`` where it is missing: the tools of the
extension, those of its workbench tests, and a real VS Code, which is the server inside the npm package ``code-server``.
Nothing is downloaded from anywhere but the package registry.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import generate_typescript as npm

ROOT = Path(__file__).resolve().parents[1]
EXTENSION = ROOT / "extensions" / "vscode"
WORKBENCH = EXTENSION / "test" / "workbench"
BUILD = ROOT / "build" / "vscode"
VSIX = BUILD / "conexus.vsix"
PICTURES = BUILD / "pictures"
MOST_BUNDLE_BYTES = 300_000
MOST_PICTURE_BYTES = 150_000
DOCUMENTED = ("search-view.png", "quick-search.png", "limit.png")
_EDITORS = {"1.110": ("4.110.0", "20.20.2"), "1.139": ("4.139.1", "24.21.0")}
"""By version of VS Code, those of code-server and of the Node that it is built for."""
_USUAL = "1.110"
_QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
_INSTALL_TIMEOUT_S = 600
_RUN_TIMEOUT_S = 3600


def modules(folder: Path) -> None:
    """Install what a folder's lock file pins, where it is not there as pinned."""
    pinned = (folder / "package-lock.json").read_bytes()
    stamp = folder / "node_modules" / ".stamp"
    if not stamp.exists() or stamp.read_bytes() != pinned:
        _npm(folder, "ci", *_QUIET)
        stamp.write_bytes(pinned)


def tool(name: str, *arguments: str | Path, folder: Path = EXTENSION, home: Path = EXTENSION) -> None:
    """Run a program that npm has installed, by node; its path is below ``node_modules`` of ``home``."""
    command = [npm.program("node"), str(home / "node_modules" / name), *map(str, arguments)]
    subprocess.run(command, cwd=folder, check=True, timeout=_RUN_TIMEOUT_S, env=_environment())


def check() -> None:
    """Type-check, lint, build and unit-test; hold the bundle to its size."""
    modules(EXTENSION)
    for project in ("tsconfig.json", "webview/tsconfig.json"):
        tool("typescript/bin/tsc", "--noEmit", "-p", project)
    tool("eslint/bin/eslint.js", "--max-warnings", "0", "src", "webview", "test/unit")
    build()
    tool("../esbuild.mjs", "--tests")
    tests = sorted((EXTENSION / "build" / "unit").glob("*.cjs"))
    command = [npm.program("node"), "--test", "--test-reporter=tap", *map(str, tests)]
    subprocess.run(command, cwd=EXTENSION, check=True, timeout=_RUN_TIMEOUT_S, env=_environment())


def build() -> int:
    """Bundle the extension; return the bytes of its scripts."""
    modules(EXTENSION)
    tool("../esbuild.mjs")
    size = sum(file.stat().st_size for file in (EXTENSION / "dist").glob("*.js"))
    print(f"bundle: {size / 1000:.1f} kB (at most {MOST_BUNDLE_BYTES / 1000:.0f})", flush=True)
    if size > MOST_BUNDLE_BYTES:
        raise SystemExit("the bundle is too large")
    return size


def package() -> Path:
    """Write the ``.vsix``."""
    build()
    modules(WORKBENCH)
    BUILD.mkdir(parents=True, exist_ok=True)
    options = ("--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "--out", VSIX)
    tool("@vscode/vsce/vsce", "package", *options, home=WORKBENCH)
    print(f"{VSIX.relative_to(ROOT)}: {VSIX.stat().st_size / 1000:.1f} kB")
    return VSIX


def editor(version: str) -> tuple[Path, Path]:
    """Install a VS Code and its Node; return the folder of the one and the path of the other."""
    server, node = _EDITORS[version]
    target = BUILD / f"editor-{version}"
    if not target.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".install-", dir=BUILD))
        try:
            _install_editor(made, server, node)
            made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    found = target / "node_modules"
    return found / "code-server", found / _node_package() / "bin" / "node"


def workbench(groups: list[str], version: str) -> int:
    """Run the scenarios; return the exit code."""
    if version not in _EDITORS:
        raise SystemExit(f"VSCODE={version}: scenarios run in {', '.join(_EDITORS)}")
    package()
    server, node = editor(version)
    tool("typescript/bin/tsc", "--noEmit", "-p", "test/workbench/tsconfig.json")
    tool("eslint/bin/eslint.js", "--max-warnings", "0", "test/workbench")
    tool("../test/workbench/build.mjs")
    env = {
        "CODE_SERVER": str(server),
        "VSCODE_NODE": str(node),
        "CONEXUS": str(Path(sys.executable).with_name("conexus")),
        "VSIX": str(VSIX),
        "CHROMIUM": _chromium(),
        "PICTURES": str(PICTURES),
        "REPOSITORY": str(ROOT),
        "PYTHON": sys.executable,
    }
    command = [npm.program("node"), "test/workbench/build/run.mjs", *groups]
    done = subprocess.run(command, cwd=EXTENSION, check=False, timeout=_RUN_TIMEOUT_S, env=_environment(env))
    return done.returncode


def take_pictures() -> None:
    """Copy the pictures of the documentation from the last run of the workbench."""
    for name in DOCUMENTED:
        target = EXTENSION / "media" / "pictures" / name
        shutil.copy(PICTURES / name, target)
        if target.stat().st_size > MOST_PICTURE_BYTES:
            raise SystemExit(f"{name} is too large")


def _install_editor(folder: Path, server: str, node: str) -> None:
    """Install the server without its scripts, which would compile; what it needs of them is fetched as packages."""
    (folder / "package.json").write_text('{"private": true}')
    _npm(folder, "install", f"code-server@{server}", f"{_node_package()}@{node}", *_QUIET)
    inside = folder / "node_modules" / "code-server" / "lib" / "vscode"
    for part in (inside, inside / "extensions"):
        _npm(part, "install", "--omit=dev", *_QUIET)
    ripgrep = inside / "node_modules" / "@vscode" / "ripgrep"
    if ripgrep.is_dir() and not (ripgrep / "bin" / "rg").exists():  # older ones download it: it is a package too
        _npm(folder, "install", "@vscode/ripgrep-universal@1.18.0", *_QUIET)
        (ripgrep / "bin").mkdir(exist_ok=True)
        source = folder / "node_modules" / "@vscode" / "ripgrep-universal" / "bin" / f"linux-{_architecture()}" / "rg"
        (ripgrep / "bin" / "rg").symlink_to(os.path.relpath(source, ripgrep / "bin"))


def _npm(folder: Path, *arguments: str) -> None:
    command = [npm.program("npm"), *arguments]
    subprocess.run(
        command, cwd=folder, check=True, timeout=_INSTALL_TIMEOUT_S, stdout=subprocess.DEVNULL, env=_environment()
    )


def _environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables with which scripts find the same node."""
    path = os.pathsep.join((str(Path(npm.program("node")).parent), os.environ.get("PATH", os.defpath)))
    return {**os.environ, "PATH": path, **(extra or {})}


def _architecture() -> str:
    return {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]


def _node_package() -> str:
    return f"node-linux-{_architecture()}"


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("the workbench tests need Chromium: make browser installs it on Debian")
    return found


def main(arguments: list[str]) -> int:
    """Do what is asked; return the exit code."""
    what, *groups = arguments or ["check"]
    version = os.environ.get("VSCODE", _USUAL)
    match what:
        case "check":
            check()
        case "package":
            package()
        case "workbench":
            return workbench(groups, version)
        case "pictures":
            take_pictures()
        case _:
            raise SystemExit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
