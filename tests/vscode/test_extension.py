# SPDX-License-Identifier: FSL-1.1-MIT
"""The VS Code extension in short: types, lint, unit tests, manifest and the size of the bundle; and in a workbench.

The whole is `make test-vscode`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "vscode.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tool to its end."""
    return subprocess.run(
        [sys.executable, str(TOOL), *arguments], capture_output=True, text=True, check=False, timeout=3600
    )


def test_it_is_typed_clean_and_small_and_its_parts_work() -> None:
    """TypeScript strict, no warning of the linter, every unit test, the manifest, at most 300 kB."""
    done = run("check")
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "bundle: " in done.stdout
    assert "# fail 0" in done.stdout


@pytest.mark.slow
def test_the_main_job_in_a_workbench() -> None:
    """A folder is opened, the daemon started, the folder indexed and searched, and the right line opened."""
    done = run("workbench", "main")
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
