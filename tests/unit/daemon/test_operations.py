# SPDX-License-Identifier: FSL-1.1-MIT
"""The table of operations, and what is written of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conexus.daemon.operations import BY_NAME

DOCUMENT = Path(__file__).parents[3] / "docs" / "daemon.md"


@pytest.mark.parametrize("name", list(BY_NAME))
def test_every_address_is_in_the_document(name: str) -> None:
    """With capitals for what is put in: ``/v1/jobs/ID``."""
    _, path = BY_NAME[name].http
    path = re.sub(r"/directory/(?:\{kind\}|\w+)s/", "/directory/KINDS/", path)
    path = re.sub(r"\{(\w+)(?::path)?\}", lambda found: {"repository": "NAME"}.get(found[1], found[1].upper()), path)
    written = DOCUMENT.read_text(encoding="utf-8")
    assert re.search(rf"[` ]{re.escape(path)}[`/]", written), path
