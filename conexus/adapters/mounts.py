# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells on what kind of file system a folder lies, as far as the system says."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from conexus.values import dataclass

# Nobody tells us of what other machines, or the host of a virtual one, change there.
_REMOTE = frozenset(
    {
        "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "glusterfs", "gpfs", "lustre", "ncpfs",
        "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
    }
)  # fmt: skip
_LOCAL_FUSE = frozenset({"fuseblk", "fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse.encfs", "fuse.lxcfs", "fuse.portal"})
_OCTAL = re.compile(r"\\([0-7]{3})")
_MOVING = frozenset({"btrfs"})
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system and where it is."""

    point: str
    kind: str

    @property
    def is_remote(self) -> bool:
        """Whether others may change files there without this system's knowing."""
        return self.kind in _REMOTE or (self.kind.startswith("fuse") and self.kind not in _LOCAL_FUSE)


def mounts(source: Path = _MOUNTS) -> list[Mount]:
    """Return what is mounted, in the order in which it was; nothing where the system has no such list."""
    try:
        text = source.read_bytes()
    except OSError:
        return []
    return [mount for mount in map(_mount, text.decode("utf-8", "surrogateescape").splitlines()) if mount is not None]


def own_mount(folder: str | Path, known: Sequence[Mount] | None = None) -> Mount | None:
    """Return the file system that a folder lies on; nothing where the system does not say.

    Args:
        folder: The folder.
        known: What is mounted; as :func:`mounts` says where ``None``.
    """
    real = os.path.realpath(folder)
    holding = [mount for mount in (mounts() if known is None else known) if _is_below(real, mount.point)]
    # Of several at one place the last one covers the others.
    return max(enumerate(holding), key=lambda pair: (len(pair[1].point), pair[0]), default=(0, None))[1]


def moves_pages(folder: str | Path, known: Sequence[Mount] | None = None) -> bool:
    """Whether a folder lies where a page that is written always gets a new place (btrfs).

    Without space, or without quota, for a new place the system ends a process that writes into the map of a file
    (SIGBUS), also where it changes but what is there.

    Args:
        folder: The folder.
        known: As in :func:`own_mount`.
    """
    own = own_mount(folder, known)
    return own is not None and own.kind in _MOVING


def remote_mount(root: Path, known: Sequence[Mount] | None = None) -> Mount | None:
    """Return the remote file system that a folder, or something below it, lies on.

    Args:
        root: The folder.
        known: What is mounted; as :func:`mounts` says where ``None``.
    """
    found = mounts() if known is None else known
    own = own_mount(root, found)
    if own is not None and own.is_remote:
        return own
    real = os.path.realpath(root)
    return next((mount for mount in found if mount.is_remote and _is_below(mount.point, real)), None)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _mount(line: str) -> Mount | None:
    """Read a line of ``mountinfo``: after a dash come the kind and the source."""
    left, dash, right = line.partition(" - ")
    parts, kinds = left.split(" "), right.split(" ")
    if not dash or len(parts) < 5 or not kinds[0]:  # noqa: PLR2004 -- number, parent, device, root, point
        return None
    return Mount(_OCTAL.sub(lambda match: chr(int(match[1], 8)), parts[4]), kinds[0])
