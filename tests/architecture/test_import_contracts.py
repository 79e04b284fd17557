# SPDX-License-Identifier: FSL-1.1-MIT
"""The import contracts hold, and each of them catches what it should."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")
PACKAGES = ("conexus", "conexus_ee")

VIOLATIONS = [
    ("conexus/types.py", "import conexus.config", "Layers of the core"),
    ("conexus/lexical.py", "import conexus.indexing.pipeline", "Layers of the core"),
    ("conexus/search/engine.py", "import conexus.adapters.edge_store", "Layers of the core"),
    ("conexus/indexing/pipeline.py", "import conexus.search.engine", "Layers of the core"),
    ("conexus/adapters/edge_store.py", "import conexus.service", "Layers of the core"),
    ("conexus/service.py", "import conexus.bootstrap", "Layers of the core"),
    ("conexus/evaluation/history.py", "import conexus.adapters.git_history", "Layers of the core"),
    ("conexus/trials.py", "import conexus.cli.console", "Layers of the core"),
    ("conexus/utils.py", "", "Layers of the core"),
    ("conexus/service.py", "import conexus_ee.access", "The core never imports"),
    ("conexus/adapters/config_files.py", "import conexus_ee.edition", "The core never imports"),
    ("conexus_ee/access.py", "import conexus.adapters.edge_store", "The enterprise package sees"),
    ("conexus_ee/access.py", "import conexus.service", "The enterprise package sees"),
    ("conexus/adapters/edge_store.py", "import conexus.search.engine", "Adapters implement ports"),
    ("conexus/adapters/config_files.py", "import conexus.parsing.secrets", "Adapters implement ports"),
    ("conexus/search/engine.py", "import sqlite3", "No I/O library"),
    ("conexus/parsing/chunks.py", "import os", "No I/O library"),
    ("conexus/service.py", "import subprocess", "No I/O library"),
    ("conexus/parsing/secrets.py", "import conexus.parsing.chunks", "No import cycles"),
]
CYCLES = {"conexus/parsing/secrets.py": ("conexus/parsing/chunks.py", "import conexus.parsing.secrets")}
"""The other half of a violation that takes two imports."""


def lint(where: Path) -> subprocess.CompletedProcess[str]:
    # The contracts are about both packages, also where `make test` takes one away from all else.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([LINT, "--no-cache"], cwd=where, env=env, capture_output=True, text=True, check=False)


def add_line(path: Path, line: str) -> None:
    before = path.read_text(encoding="utf-8") if path.exists() else '"""x."""\n'
    path.write_text(f"{before}\n{line}\n", encoding="utf-8")


def copy_sources(target: Path) -> None:
    """Copy what the linter reads: Python files and the contracts."""
    for path in [source for name in PACKAGES for source in (ROOT / name).rglob("*.py")]:
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    shutil.copy(ROOT / "pyproject.toml", target)


def test_contracts_hold() -> None:
    """The tree as it stands breaks no contract."""
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("path", "line", "contract"), VIOLATIONS)
def test_a_contract_catches_a_violation(tmp_path: Path, path: str, line: str, contract: str) -> None:
    """Adding the named import to the named file breaks the named contract."""
    copy_sources(tmp_path)
    add_line(tmp_path / path, line)
    if contract == "No import cycles":
        other, back = CYCLES[path]
        add_line(tmp_path / other, back)

    result = lint(tmp_path)

    assert result.returncode == 1, result.stdout
    broken = [text for text in result.stdout.splitlines() if text.startswith(contract) and "BROKEN" in text]
    assert broken, result.stdout
