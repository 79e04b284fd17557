# SPDX-License-Identifier: FSL-1.1-MIT
"""Which folder a command means."""

from __future__ import annotations

from pathlib import Path

import pytest

from conexus.cli.session import checkout_at
from conexus.errors import SourceError


def test_a_folder_beside_is_meant_by_dots_and_not_by_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``..`` leads out of a repository because somebody typed it; a link in it leads where its author wants."""
    for name in ("first", "second"):
        (tmp_path / name / ".git").mkdir(parents=True)
    (tmp_path / "second" / "inner").mkdir()
    (tmp_path / "first" / "out").symlink_to(tmp_path / "second")
    monkeypatch.chdir(tmp_path / "first")
    assert checkout_at(Path("../second"), force=True).root == tmp_path / "second"
    assert checkout_at(Path("../second/inner/.."), force=True).root == tmp_path / "second"
    for link in ("out", "out/inner", "../first/out"):
        with pytest.raises(SourceError, match="is a link that leads out of"):
            checkout_at(Path(link), force=True)
