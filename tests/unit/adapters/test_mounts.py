# SPDX-License-Identifier: FSL-1.1-MIT
"""What kind of file system a folder lies on."""

from __future__ import annotations

from pathlib import Path

import pytest

from conexus.adapters.mounts import Mount, mounts, moves_pages, own_mount, remote_mount

LINES = r"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /proc rw - proc proc rw
30 21 0:40 / /home/a/far rw master:3 propagate_from:2 - nfs4 server:/export rw,vers=4.2
31 30 0:41 / /home/a/far/near rw - tmpfs tmpfs rw
32 21 0:42 / /mnt/with\040blank rw - fuse.sshfs host:/ rw
33 21 0:43 / /mnt/usb rw - fuseblk /dev/sdb1 rw
34 21 0:44 / /work rw - 9p host rw
35 21 0:45 / /work rw - ext4 /dev/sdc1 rw
36 21 0:46 /@home /srv/b rw - btrfs /dev/sdd1 rw,subvol=/@home
a line that cannot be understood
"""


@pytest.fixture
def known(tmp_path: Path) -> list[Mount]:
    """What those lines say."""
    source = tmp_path / "mountinfo"
    source.write_text(LINES)
    return mounts(source)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "nfs4"),
        ("/srv/app", None),
        ("/home/a/far/app", "nfs4"),
        ("/home/a/farther", None),
        ("/home/a/far/near/app", None),
        ("/home/a", "nfs4"),
        ("/mnt/with blank/app", "fuse.sshfs"),
        ("/mnt/usb/app", None),
        ("/work/app", None),
    ],
    ids=["a mount below", "local", "on it", "a like name", "local inside", "above it", "blank", "a stick", "covered"],
)
def test_remote_file_systems_are_told_from_local_ones(known: list[Mount], folder: str, kind: str | None) -> None:
    """By the innermost mount that holds the folder, and by those below it, which are part of the tree."""
    if folder == "/":
        known = [mount for mount in known if mount.kind != "fuse.sshfs"]
    found = remote_mount(Path(folder), known)
    assert (None if found is None else found.kind) == kind


@pytest.mark.parametrize(
    ("folder", "kind"), [("/srv/b/data", "btrfs"), ("/srv/b", "btrfs"), ("/srv/bb", "ext4"), ("/work/app", "ext4")]
)
def test_where_pages_get_new_places_is_told(known: list[Mount], folder: str, kind: str) -> None:
    """By the innermost mount, of those at one place the last."""
    own = own_mount(folder, known)
    assert own is not None
    assert own.kind == kind
    assert moves_pages(folder, known) == (kind == "btrfs")


def test_a_system_without_that_list_has_local_files_only(tmp_path: Path) -> None:
    """As macOS, whose own reports of changes are relied on."""
    assert mounts(tmp_path / "missing") == []
    assert remote_mount(tmp_path, []) is None
    assert not moves_pages(tmp_path, [])


def test_this_systems_own_list_is_understood() -> None:
    """There is a root, where there is a list."""
    found = mounts()
    assert not found or any(mount.point == "/" for mount in found)
