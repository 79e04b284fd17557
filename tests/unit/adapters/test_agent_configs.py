# SPDX-License-Identifier: FSL-1.1-MIT
"""Configuration files of other programs are read whole, changed in one step, and never damaged."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from conexus.adapters.agent_configs import BACKUP_SUFFIX, Target, edit_to_install, edit_to_remove, entry_state, make
from conexus.adapters.agent_entries import EntryState, Server
from conexus.adapters.coding_agents import AGENTS
from conexus.errors import SourceError

BY_ID = {agent.id: agent for agent in AGENTS}
BEFORE = '{\n  "mcpServers": {} // none\n}\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def target(path: Path, home: Path, *, agent: str = "cursor", root: Path | None = None) -> Target:
    return Target(path, Server(BY_ID[agent], "conexus", ("/opt/conexus", "mcp")), home, root)


def servers(path: Path) -> object:
    return json.loads(path.read_text())["mcpServers"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --------------------------------------------------------------------- writing


def test_an_entry_goes_in_and_out(home: Path) -> None:
    """The file is to the byte what it was, and nothing is left beside it."""
    path = home / "mcp.json"
    path.write_text(BEFORE)
    edit = edit_to_install(target(path, home))
    assert edit.changes
    assert edit.state is EntryState.ABSENT
    assert path.read_text() == BEFORE  # until it is made
    assert make(edit) is None
    assert entry_state(target(path, home)) is EntryState.INSTALLED
    assert not edit_to_install(target(path, home)).changes
    make(edit_to_remove(target(path, home)))
    assert path.read_text() == BEFORE
    assert not edit_to_remove(target(path, home)).changes
    assert names(home) == ["mcp.json"]


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(home: Path) -> None:
    """With the folders above it."""
    path = home / "a" / "b" / "mcp.json"
    assert entry_state(target(path, home)) is EntryState.ABSENT
    assert not edit_to_remove(target(path, home)).changes
    make(edit_to_install(target(path, home)))
    assert list(json.loads(path.read_text())["mcpServers"]) == ["conexus"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_projects_file_is_for_all_who_share_it(home: Path) -> None:
    """It is checked in."""
    root = home / "project"
    root.mkdir()
    path = root / ".cursor" / "mcp.json"
    old = os.umask(0o077)
    try:
        make(edit_to_install(target(path, home, root=root)))
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_keeps_its_mode(home: Path, mode: int) -> None:
    """Whatever it is."""
    path = home / "mcp.json"
    path.write_text("{}")
    path.chmod(mode)
    make(edit_to_install(target(path, home)))
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_keeps_its_owner(home: Path) -> None:
    """Who runs it as root does not take the user's configuration from them."""
    path = home / "mcp.json"
    path.write_text("{}")
    os.chown(path, 1234, 1235)
    make(edit_to_install(target(path, home)))
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_a_backup_is_kept_if_wanted(home: Path) -> None:
    """As the file was, with its mode; a later one replaces it."""
    path = home / "mcp.json"
    path.write_text(BEFORE)
    path.chmod(0o600)
    kept = make(edit_to_install(target(path, home)), backup=True)
    assert kept == home / f"mcp.json{BACKUP_SUFFIX}"
    assert kept.read_text() == BEFORE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    make(edit_to_remove(target(path, home)), backup=True)
    assert "conexus" in kept.read_text()
    assert names(home) == ["mcp.json", f"mcp.json{BACKUP_SUFFIX}"]


def test_a_block_is_a_file_of_its_own(home: Path) -> None:
    """It goes as a whole."""
    path = home / ".continue" / "mcpServers" / "conexus.yaml"
    make(edit_to_install(target(path, home, agent="continue")))
    assert path.read_text().startswith("name: conexus\n")
    edit = edit_to_remove(target(path, home, agent="continue"))
    assert edit.after is None
    make(edit)
    assert not path.exists()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_the_byte_order_mark_stay(home: Path, newline: str, bom: bytes) -> None:
    """As an editor on Windows writes them."""
    path = home / "mcp.json"
    before = bom + BEFORE.replace("\n", newline).encode()
    path.write_bytes(before)
    make(edit_to_install(target(path, home)))
    after = path.read_bytes()
    assert after.startswith(bom + b"{")
    assert after.count(b"\n") == after.count(newline.encode())
    make(edit_to_remove(target(path, home)))
    assert path.read_bytes() == before


def test_a_file_that_changed_meanwhile_is_left_alone(home: Path) -> None:
    """Claude Code writes its file all the time."""
    path = home / "mcp.json"
    path.write_text("{}")
    edit = edit_to_install(target(path, home))
    path.write_text('{"a": 1}')
    with pytest.raises(SourceError, match="has changed meanwhile"):
        make(edit)
    assert path.read_text() == '{"a": 1}'
    new = edit_to_install(target(home / "new.json", home))
    (home / "new.json").write_text("{}")
    with pytest.raises(SourceError, match="has changed meanwhile"):
        make(new)
    assert names(home) == ["mcp.json", "new.json"]


def test_where_a_file_cannot_be_written_it_is_as_it_was(home: Path) -> None:
    """A backup that is wanted comes first: here its name is too long."""
    path = home / f"{'m' * 245}.json"
    path.write_text("{}")
    with pytest.raises(SourceError, match="cannot be written: File name too long"):
        make(edit_to_install(target(path, home)), backup=True)
    assert path.read_text() == "{}"
    assert names(home) == [path.name]


def test_a_folder_that_is_a_file_is_named(home: Path) -> None:
    """Nothing can be made below it."""
    (home / "folder").write_text("")
    with pytest.raises(SourceError, match="cannot be written: Not a directory"):
        make(edit_to_install(target(home / "folder" / "mcp.json", home)))
    assert (home / "folder").read_text() == ""


# ----------------------------------------------------------------------- links


def test_a_link_is_followed_to_its_file(home: Path) -> None:
    """Who keeps dotfiles in a repository has links; they stay."""
    real = home / "dotfiles" / "cursor.json"
    real.parent.mkdir()
    real.write_text("{}")
    link = home / "mcp.json"
    link.symlink_to(real)
    edit = edit_to_install(target(link, home))
    assert edit.real_path == real
    make(edit)
    assert link.is_symlink()
    assert "conexus" in real.read_text()


def test_a_link_to_a_file_elsewhere_is_followed_if_the_file_is_there(home: Path, tmp_path: Path) -> None:
    """Never is a file made outside the home folder."""
    real = tmp_path / "elsewhere.json"
    link = home / "mcp.json"
    link.symlink_to(real)
    with pytest.raises(SourceError, match="leads out of your home folder"):
        edit_to_install(target(link, home))
    assert not real.exists()
    real.write_text("{}")
    make(edit_to_install(target(link, home)))
    assert "conexus" in real.read_text()


def test_a_file_that_a_variable_puts_elsewhere_is_made(home: Path, tmp_path: Path) -> None:
    """CODEX_HOME may be anywhere: no link leads there."""
    path = tmp_path / "srv" / "mcp.json"
    make(edit_to_install(target(path, home)))
    assert "conexus" in path.read_text()


@pytest.mark.parametrize("link", [".cursor", ".cursor/mcp.json"])
def test_a_projects_link_may_not_lead_out(home: Path, link: str) -> None:
    """A stranger's repository could otherwise have a file of yours changed."""
    root = home / "project"
    (root / ".cursor").mkdir(parents=True)
    mine = home / "mine"
    mine.mkdir()
    (mine / "mcp.json").write_text("{}")
    if link == ".cursor":
        (root / link).rmdir()
        (root / link).symlink_to(mine)
    else:
        (root / link).symlink_to(mine / "mcp.json")
    with pytest.raises(SourceError, match="leads out of the project"):
        edit_to_install(target(root / ".cursor/mcp.json", home, root=root))
    assert (mine / "mcp.json").read_text() == "{}"


def test_a_link_to_itself_is_named(home: Path) -> None:
    """And not followed for ever."""
    link = home / "mcp.json"
    link.symlink_to(link)
    with pytest.raises(SourceError, match=r"leads to itself|cannot be read"):
        edit_to_install(target(link, home))


# --------------------------------------------------------------------- hostile


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100_000_000)


HOSTILE = {
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a pipe": (os.mkfifo, "is no regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is no regular file"),
    "too large": (_huge, "is larger than 16,000,000 bytes"),
    "not UTF-8": (lambda path: path.write_bytes(b'{\n "a": "\xff"}'), ":2:8: not UTF-8"),
    "UTF-16": (lambda path: path.write_text("{}", encoding="utf-16"), ":1:1: not UTF-8"),
    "not JSON": (lambda path: path.write_text("{\n  x: 1\n}"), r":2:3: unexpected 'x'"),
    "a list": (lambda path: path.write_text("[1]"), ":1:1: the file must hold an object"),
    "no object of servers": (lambda path: path.write_text('{"mcpServers": [1]}'), ":1:16: 'mcpServers' must hold"),
    "twice": (lambda path: path.write_text('{"mcpServers": {}, "mcpServers": {}}'), ":1:20: 'mcpServers' is there"),
    "cut off": (lambda path: path.write_text('{"mcpServers": {'), ":1:17: the file ends"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_read_is_named_and_left(home: Path, kind: str) -> None:
    """File, line and column; nothing is written, and nothing waits."""
    prepare, message = HOSTILE[kind]
    path = home / "mcp.json"
    prepare(path)
    before = path.read_bytes() if path.is_file() else None
    for attempt in (entry_state, edit_to_install, edit_to_remove):
        with pytest.raises(SourceError, match=message) as caught:
            attempt(target(path, home))
        assert str(path) in caught.value.message
    assert (path.read_bytes() if path.is_file() else None) == before
    assert names(home) == ["mcp.json"]


@pytest.fixture
def nobody(home: Path) -> Iterator[None]:
    """Run as somebody who is not root, to whom modes apply."""
    user = os.geteuid()
    if user == 0:
        for above in [home, *home.parents]:
            if above != Path("/"):
                above.chmod(above.stat().st_mode | 0o055)
        os.seteuid(65_534)
    yield
    os.seteuid(user)


def test_a_file_of_somebody_else_is_named(home: Path, nobody: None) -> None:
    """As the system says it."""
    user = os.geteuid()
    path = home / "mcp.json"
    os.seteuid(os.getuid())
    path.write_text("{}")
    path.chmod(0)
    os.seteuid(user)
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        entry_state(target(path, home))


def test_a_name_with_a_nul_is_no_crash(home: Path) -> None:
    """A variable can hold none, but a caller may."""
    with pytest.raises(SourceError):
        entry_state(target(home / "a\0b", home))
