# SPDX-License-Identifier: FSL-1.1-MIT
"""Checks the documentation against the repository: links, commands and stray paths.

Prints one line for each finding and exits with 1 if there is any. Run by ``make check``.
"""

from __future__ import annotations

import atexit
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SKIPPED_FOLDERS = {".venv", ".git", "build", "dist", "node_modules", "shared", ".pytest_cache", ".hypothesis"}
COMMAND_TIMEOUT_S = 60

LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)")
FENCE = re.compile(r"^(```+|~~~+)[^\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
HOME_PATH = re.compile(r"(?<![\w.~])/(?:home|Users)/[A-Za-z][\w.-]*|(?<![\w.~])/root/\w")
SAME_AS = re.compile(r"is the same as `conexus ([a-z ]+?) PATH`")
WORD = re.compile(r"[a-z][a-z-]*$")


def documents() -> list[Path]:
    """Return every Markdown file of the repository, sorted."""
    found = (path for path in ROOT.rglob("*.md") if not SKIPPED_FOLDERS & set(path.relative_to(ROOT).parts))
    return sorted(path for path in found if "golden" not in path.parts)


def line_of(text: str, position: int) -> int:
    """Return the line, from 1, that holds a character."""
    return text.count("\n", 0, position) + 1


def blank(match: re.Match[str]) -> str:
    """Return as many lines of nothing."""
    return "\n" * match.group().count("\n")


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the names of a document's headings as links write them."""
    text = FENCE.sub(blank, path.read_text(encoding="utf-8"))
    titles = (re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text))
    return frozenset(titles)


def broken_links(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield links to files and headings that are not there. Links out of the repository are not followed."""
    prose = CODE_SPAN.sub(lambda match: " " * len(match.group()), FENCE.sub(blank, text))
    for match in LINK.finditer(prose):
        target, _, heading = match.group(1).partition("#")
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        file = path if not target else (path.parent / target).resolve()
        if not file.exists() or not file.is_relative_to(ROOT):
            yield line_of(prose, match.start()), f"link to {match.group(1)}, which is not there"
        elif heading and file.suffix == ".md" and heading not in anchors(file):
            yield line_of(prose, match.start()), f"link to {match.group(1)}: no such heading"


def home_paths(text: str) -> Iterator[tuple[int, str]]:
    """Yield paths of somebody's own machine."""
    for match in HOME_PATH.finditer(text):
        yield line_of(text, match.start()), f"path of one machine: {match.group()}"


def commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield the ``conexus`` calls of a document's code blocks."""
    for block in FENCE.finditer(text):
        for match in re.finditer(r"^\s*(?:\$ )?((?:[A-Z_]+=\S+ )*conexus(?!\S)[^\n]*)$", block.group(2), re.MULTILINE):
            yield line_of(text, block.start(2) + match.start()), match.group(1)


@cache
def help_of(words: tuple[str, ...]) -> str | None:
    """Return the help of a command, or ``None`` if there is no such command."""
    result = subprocess.run(
        [sys.executable, "-m", "conexus", *words, "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_TIMEOUT_S,
        env={**os.environ, **of_enterprise(), "COLUMNS": "200", "NO_COLOR": "1"},
    )
    return result.stdout if result.returncode == 0 else None


@cache
def of_enterprise() -> dict[str, str]:
    """Return variables with which the commands are there that a licence brings."""
    command = [sys.executable, "-m", "conexus_ee.licensing", "issue", "--test", "--customer", "docs"]
    limits = ["--tier", "enterprise", "--repos", "5", "--days", "1"]
    made = subprocess.run([*command, *limits], capture_output=True, text=True, check=True, timeout=COMMAND_TIMEOUT_S)
    folder = tempfile.mkdtemp(prefix="conexus-docs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"CONEXUS_HOME": folder, "CONEXUS_LICENSE_KEY": made.stdout.strip(), "CONEXUS_LICENSE_MODE": "test"}


def wrong_command(line: str) -> str | None:
    """Say what is wrong with a call: its command or one of its options. ``None`` if nothing is."""
    try:
        words = shlex.split(line.split(" | ", maxsplit=1)[0], comments=True)
    except ValueError as exc:
        return f"cannot be read: {exc}"
    words = words[words.index("conexus") + 1 :]
    names = [words[0]] if words and WORD.match(words[0]) else []
    text = help_of(tuple(names))
    while (
        text is not None and names and "\nCommands:" in text and words[len(names) :] and WORD.match(words[len(names)])
    ):
        names.append(words[len(names)])
        text = help_of(tuple(names))
    if text is None:
        return f"there is no command 'conexus {' '.join(names)}'"
    if meant := SAME_AS.search(re.sub(r"\s+", " ", text)):  # a group whose first command is meant where none is named
        text += help_of(tuple(meant[1].split())) or ""
    for option in (word.partition("=")[0] for word in words if word.startswith("--") and word != "--"):
        if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text):
            return f"'conexus {' '.join(names)}' has no option {option}"
    return None


def findings() -> Iterator[str]:
    """Yield everything that is wrong, as ``file:line: what``."""
    for path in documents():
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT)
        for number, what in [*broken_links(path, text), *home_paths(text)]:
            yield f"{name}:{number}: {what}"
        for number, line in commands(text):
            wrong = wrong_command(line)
            if wrong:
                yield f"{name}:{number}: {wrong}"


def main() -> int:
    """Print the findings; return the exit code."""
    found = list(findings())
    sys.stdout.write("".join(f"{finding}\n" for finding in found))
    sys.stdout.write(f"documents: {len(documents())}, findings: {len(found)}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
