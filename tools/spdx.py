# SPDX-License-Identifier: FSL-1.1-MIT
"""Checks that every source file says under which licence it is; ``--fix`` writes the line where it is missing.

``conexus_ee`` and its tests are under the commercial licence, all else under FSL-1.1-MIT. Run by ``make check``.
Generated files, samples and what comes from others are left as they are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE, PAID = "FSL-1.1-MIT", "LicenseRef-Conexus-Commercial"
COMMENTS = {".py": "# ", ".ts": "// ", ".proto": "// ", ".scm": "; ", ".sh": "# ", ".toml": "# "}
"""How a comment begins, by suffix."""
_SKIPPED_FOLDERS = {
    *(".git", ".venv", "build", "dist", "node_modules", "shared", ".pytest_cache", ".hypothesis", ".mypy_cache"),
    *(".ruff_cache", ".import_linter_cache", "__pycache__"),
}
_SKIPPED = (
    "conexus/v1/",  # generated, byte for byte
    "clients/typescript/src/schema.ts",  # generated
    "tests/golden/",  # samples in forty languages
    "tests/quality/repositories/",  # samples
)
_PAID = ("conexus_ee/", "tests/ee/")
_TAG = re.compile(r"SPDX-License-Identifier: (\S+)")
_HEAD_LINES = 5


def source_files() -> Iterator[Path]:
    """Yield the files that are to have the line, in order."""
    for path in sorted(ROOT.rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in COMMENTS or not path.is_file() or name.startswith(_SKIPPED):
            continue
        if not _SKIPPED_FOLDERS & set(path.relative_to(ROOT).parts):
            yield path


def licence_of(name: str) -> str:
    """Return the identifier of the licence that a file is under, by its path."""
    return PAID if name.startswith(_PAID) else CORE


def tag_of(text: str) -> str:
    """Return the identifier that a file names at its head, or an empty text."""
    found = _TAG.search("\n".join(text.splitlines()[:_HEAD_LINES]))
    return found[1] if found else ""


def tagged(text: str, comment: str, licence: str) -> str:
    """Return a text with the line, after a line that names an interpreter, and in place of another licence's."""
    line = f"{comment}SPDX-License-Identifier: {licence}\n"
    lines = text.splitlines(keepends=True)
    kept = [other for number, other in enumerate(lines) if number >= _HEAD_LINES or not _TAG.search(other)]
    at = 1 if kept and kept[0].startswith("#!") else 0
    return "".join([*kept[:at], line, *kept[at:]])


def main(arguments: list[str]) -> int:
    """Print what is wrong, or mend it; return the exit code."""
    wrong = 0
    for path in source_files():
        name = path.relative_to(ROOT).as_posix()
        text = path.read_bytes().decode("utf-8")
        licence = licence_of(name)
        if not text or tag_of(text) == licence:
            continue
        if "--fix" in arguments:
            path.write_bytes(tagged(text, COMMENTS[path.suffix], licence).encode())
            continue
        wrong += 1
        print(f"{name}: the head does not say SPDX-License-Identifier: {licence} (tools/spdx.py --fix)")
    print(f"licence lines: {wrong} missing or wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
