# SPDX-License-Identifier: FSL-1.1-MIT
"""Small disks of their own that can be filled, limited and broken, and the program with its data on one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from program import Program

_MEGABYTES = 160
_MOUNT = {
    "tmpfs": 'mount -t tmpfs -o size="$2"m conexus-test "$0"',
    "ext4": 'truncate -s "$2"M "$1" && mkfs.ext4 -q -b 4096 -m 0 "$1" && mount -o loop,errors=remount-ro "$1" "$0"',
    "btrfs": 'truncate -s 512M "$1" && mkfs.btrfs -q "$1" >/dev/null && mount -o loop "$1" "$0" && '
    'btrfs quota enable "$0" && btrfs qgroup limit "$2"M "$0"',
}
_TOOLS = {"tmpfs": (), "ext4": ("mkfs.ext4",), "btrfs": ("mkfs.btrfs", "btrfs")}


class NoSuchDisk(Exception):
    """This machine lets us mount no such disk."""


@dataclass
class Disk:
    """A file system that only commands started through it see."""

    kind: str
    holder: subprocess.Popen[bytes]
    folder: Path
    image: Path

    def before(self) -> tuple[str, ...]:
        """What starts a command inside."""
        return ("nsenter", f"--target={self.holder.pid}", "--mount", f"--wdns={self.folder}")

    def inside(self, *command: str) -> str:
        """Run a command inside; return what it prints."""
        done = subprocess.run([*self.before(), *command], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    @property
    def seen_from_here(self) -> Path:
        """The same folder for processes outside."""
        return Path(f"/proc/{self.holder.pid}/root{self.folder}")

    def fill(self, left_kb: int) -> None:
        """Leave so much space, or so much of the quota, however much other programs take meanwhile."""
        if self.kind == "btrfs":
            self.inside("sync", "-f", str(self.folder))
            used = int(self.inside("btrfs", "qgroup", "show", "-r", "--raw", str(self.folder)).split()[-3])
            self.inside("btrfs", "qgroup", "limit", str(used + left_kb * 1024), str(self.folder))
            return
        ballast = self.seen_from_here / "ballast"
        with ballast.open("wb") as stream:
            while (free := shutil.disk_usage(ballast.parent).free - left_kb * 1024) > 0:
                with contextlib.suppress(OSError):  # the other one was faster
                    os.posix_fallocate(stream.fileno(), ballast.stat().st_size, free)
                    return

    def free(self) -> None:
        """Give the space back."""
        if self.kind == "btrfs":
            # Not by lifting the limit: that takes space itself, and fails where the quota is used up.
            self.inside("btrfs", "quota", "disable", str(self.folder))
        else:
            (self.seen_from_here / "ballast").unlink()

    def break_down(self) -> None:
        """Let the system find the file system damaged: from now on it can only be read."""
        device = Path(self.inside("findmnt", "-no", "SOURCE", "--mountpoint", str(self.folder)).strip()).name
        assert device.startswith("loop"), device
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1", encoding="ascii")

    def mount_anew(self) -> None:
        """Mend the file system and mount it again, as an administrator does."""
        script = (
            'cd / && for _ in $(seq 100); do umount "$0" && break; sleep 0.1; done; '
            '{ e2fsck -fp "$1" || e2fsck -fy "$1"; } && mount -o loop "$1" "$0"'
        )
        self.inside("sh", "-c", script, str(self.folder), str(self.image))

    def taken_out(self, copy: Program) -> Program:
        """A program with a copy of the data: SQLite does not find the way into another's file systems."""
        shutil.rmtree(copy.data, ignore_errors=True)
        copy_sparse(self.seen_from_here / "data", copy.data)
        return copy


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a data folder: the files of the vector engine are mostly holes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--sparse=always", source, target], check=True)


@contextlib.contextmanager
def small_disk(kind: str, folder: Path, megabytes: int = _MEGABYTES) -> Iterator[Disk]:
    """Mount a disk.

    Raises:
        NoSuchDisk: This machine cannot.
    """
    missing = [tool for tool in ("unshare", "nsenter", *_TOOLS[kind]) if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        raise NoSuchDisk(f"needs {' and '.join(missing) or 'root'}")
    place, image = folder / "disk", folder / "image"
    place.mkdir(parents=True)
    script = f"{_MOUNT[kind]} && echo ready && exec sleep 3600"
    command = ["unshare", "--mount", "sh", "-c", script, str(place), str(image), str(megabytes)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        if holder.stdout.readline() != b"ready\n":
            assert holder.stderr is not None
            raise NoSuchDisk(holder.stderr.read().decode())
        yield Disk(kind, holder, place, image)
    finally:
        holder.kill()
        holder.communicate()
        image.unlink(missing_ok=True)


class ProgramOnDisk(Program):
    """The program with its data on a small disk."""

    def __init__(self, disk: Disk, folder: Path, settings: dict[str, str]) -> None:
        super().__init__(folder, settings=settings, before=disk.before())
        self.settings = {**settings, "CONEXUS_HOME": str(disk.folder / "data")}
        self.disk = disk

    def state(self) -> Path:
        """The file in which a daemon says where it is."""
        return self.disk.seen_from_here / "data" / "daemon.json"

    def content(self) -> set[tuple[bytes, str, int]]:
        """See :meth:`Program.content`."""
        return self.disk.taken_out(Program(self.folder / "copy")).content()
