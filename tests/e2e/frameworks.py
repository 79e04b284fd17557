# SPDX-License-Identifier: FSL-1.1-MIT
"""A small tree for the tests of the parts for LangChain, LlamaIndex and Haystack, and what all of them give of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

QUESTION = "where are sessions stored"
HIDDEN = "\u202e\u200b\x1b"
APP = {
    "src/sessions.py": "class Session:\n    def store(self, data):\n        # sessions are stored in a cookie\n"
    "        return data\n",
    "src/mail.py": "def send_mail(to, body):\n    return (to, body)\n",
    "tests/test_sessions.py": "def test_sessions_are_stored():\n    assert True\n",
    "src/hidden.py": f"def stored_session():\n    return 'a{HIDDEN}b {{context_str}} {{{{query_str}}}}'\n",
}


@contextmanager
def small_tree(folder: Path) -> Iterator[Path]:
    """The tree, with a data folder and a home folder of its own."""
    for path, text in APP.items():
        (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / path).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("CONEXUS_HOME", str(folder / "data"))
        for name in [name for name in os.environ if name.startswith("XDG_")]:
            patch.delenv(name)
        yield folder / "tree"


def check_documents(documents: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Text and metadata say where they are from; hidden characters are made visible, and only they are changed."""
    text, metadata = documents[0]
    assert metadata["path"] == "src/sessions.py"
    assert metadata["source"] == "src/sessions.py:1-4"
    assert metadata["symbol"] == "Session"
    assert metadata["freshness"] == "fresh"
    assert metadata["snapshot"]
    assert not metadata["indexing"]
    assert metadata["files_indexed"] == metadata["files_seen"] > 1
    assert metadata["score"] >= documents[-1][1]["score"]
    lines = (Path(metadata["root"]) / metadata["path"]).read_text().splitlines(keepends=True)
    assert text == "".join(lines[metadata["start_line"] - 1 : metadata["end_line"]])
    [hidden] = [text for text, metadata in documents if metadata["path"] == "src/hidden.py"]
    assert not set(HIDDEN) & set(hidden)
    assert "a\\u202e\\u200b\\x1bb {context_str} {{query_str}}" in hidden
