# SPDX-License-Identifier: FSL-1.1-MIT
"""The core needs nothing of the enterprise package, and indexed text never starts a program."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import importlib, importlib.util, pathlib, pkgutil, sys
import conexus
from conexus.config import Config
assert pathlib.Path(conexus.__file__).is_relative_to(sys.argv[1]), conexus.__file__
assert importlib.util.find_spec("conexus_ee") is None
for module in pkgutil.walk_packages(conexus.__path__, "conexus."):
    # One runs, the others need extras.
    if module.name.removeprefix("conexus.") not in ("__main__", "langchain", "llamaindex", "haystack"):
        importlib.import_module(module.name)
from conexus import data_folder
from conexus.config import StoreOptions
with data_folder.open_edition(Config(store=StoreOptions(path=sys.argv[1] + "/data"))) as edition:
    pass
print(edition.name, edition.access.may_read(conexus.types.LOCAL_USER, "a/b"))
"""


def test_the_core_works_with_the_enterprise_package_deleted(tmp_path: Path) -> None:
    """Every module of a copy without ``conexus_ee`` can be imported, and the community edition runs."""
    shutil.copytree(ROOT / "conexus", tmp_path / "conexus", ignore=shutil.ignore_patterns("__pycache__"))
    libraries = sysconfig.get_paths()["purelib"]

    result = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, str(tmp_path)],  # -S: the editable install is not seen
        env={"PYTHONPATH": f"{tmp_path}:{libraries}", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["community", "True"]


def test_the_paid_package_is_away_where_the_core_is_tested() -> None:
    """``make test`` runs the core's tests without it, in this process and in those that are started."""
    taken_away = "core_alone" in os.environ.get("PYTHONPATH", "")
    assert (importlib.util.find_spec("conexus_ee") is None) == taken_away
    asked = "import importlib.util; print(importlib.util.find_spec('conexus_ee') is None)"
    done = subprocess.run([sys.executable, "-P", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(taken_away)


def imported_names(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    direct = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return direct | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}


def test_product_code_unpickles_nothing_and_asks_no_shell() -> None:
    """No module imports pickle or its kin, and none passes ``shell=True``."""
    for path in (file for name in ("conexus", "conexus_ee") for file in (ROOT / name).rglob("*.py")):
        assert not imported_names(path) & {"pickle", "marshal", "shelve", "dill"}, path
        assert "shell=True" not in path.read_text(encoding="utf-8"), path
