# SPDX-License-Identifier: FSL-1.1-MIT
"""Trees whose indexing is stopped in the midst of it: of many small chunks, so that it takes several batches."""

from __future__ import annotations

from pathlib import Path

from program import commit, functions, write

# Small chunks, so that a small tree makes several batches; no reserve of disk space unless a test is about it.
SETTINGS = {"CONEXUS_INDEX_MAX_CHUNK_CHARS": "200", "CONEXUS_STORE_MIN_FREE_MB": "0"}
FILES = 60
FEW, MANY = 20, 75  # functions in each; with the settings above, many of them make two batches
QUESTION = "step 5 of module_7"


def fill(root: Path, count: int) -> None:
    """A tree as it is first indexed, with ``count`` functions a file."""
    write(root, {f"src/part_{n % 7}/module_{n}.py": functions(f"module_{n}", count) for n in range(FILES)})
    commit(root, "https://example.org/team/crash.git")


def change(root: Path) -> None:
    """Edit half of the files, delete some, move some, add some."""
    for number, path in enumerate(sorted(root.rglob("module_*.py"))):
        if number % 2:
            path.write_text(path.read_text().replace("Step", "Changed step", 40))
        elif number % 10 == 0:
            path.unlink()
        elif number % 10 == 2:
            path.rename(path.with_name(f"moved_{number}.py"))
    write(root, {f"new/module_{n}.py": functions(f"new_{n}", FEW) for n in range(FILES, FILES + 10)})
