# SPDX-License-Identifier: FSL-1.1-MIT
"""Memory of processes, and how much more there is, in each of the places that limit it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from mmap import ACCESS_COPY, ACCESS_WRITE, MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path

import pytest

from conexus.adapters.memory_use import available_bytes, let_go_of, own_private_bytes, private_bytes

GB = 1 << 30
V2, V1 = (
    ("memory.max", "memory.current", "inactive_file"),
    (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)
UNLIMITED_1 = str(0x7FFFFFFFFFFFF000)


def write(folder: Path, files: dict[str, str]) -> None:
    """Make files with their folders."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def group(names: tuple[str, str, str], limit: str, used: int, droppable: int) -> dict[str, str]:
    """The files of a group."""
    return {names[0]: f"{limit}\n", names[1]: f"{used}\n", "memory.stat": f"anon 5\n{names[2]} {droppable}\nfile 7\n"}


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """A machine with 4 GB to spare and no groups."""
    write(tmp_path / "proc", {"meminfo": f"MemTotal: 9 kB\nMemAvailable:   {4 * GB // 1024} kB\n"})
    return tmp_path / "proc", tmp_path / "cgroup"


def test_without_groups_the_machine_counts(machine: tuple[Path, Path]) -> None:
    """And where it says nothing, nothing is known."""
    assert available_bytes(*machine) == 4 * GB
    (machine[0] / "meminfo").write_text("MemTotal: many kB\nMemAvailable: some\n")
    assert available_bytes(*machine) is None
    assert available_bytes(machine[0] / "nowhere", machine[1]) is None


@pytest.mark.parametrize(
    ("entry", "names", "base"),
    [
        ("0::/user/app", V2, ""),
        ("5:memory:/user/app", V1, "memory"),
        ("3:cpu,memory:/user/app", V1, "memory"),
    ],
)
def test_a_limit_of_any_group_around_counts(
    machine: tuple[Path, Path], entry: str, names: tuple[str, str, str], base: str
) -> None:
    """What can be dropped at once is room; a group without a limit limits nothing."""
    proc, cgroups = machine
    write(proc, {"self/cgroup": f"9:cpuset:/other\n{entry}\n"})
    none = "max" if names is V2 else UNLIMITED_1
    app = cgroups / base / "user" / "app"
    write(app, group(names, none, GB, 0))
    assert available_bytes(*machine) == 4 * GB
    write(app.parent, group(names, str(2 * GB), GB, GB // 4))
    assert available_bytes(*machine) == GB + GB // 4
    write(app, group(names, str(GB), GB // 2, 0))
    assert available_bytes(*machine) == GB // 2
    write(app, group(names, str(GB), 2 * GB, 0))
    assert available_bytes(*machine) == 0
    write(app, {names[1]: "nonsense"})
    assert available_bytes(*machine) == GB + GB // 4


@pytest.mark.parametrize("place", ["/docker/0123", "/../../etc", "/", "weird"])
def test_in_a_container_the_groups_of_the_host_are_not_seen(machine: tuple[Path, Path], place: str) -> None:
    """Its own files are at the top."""
    write(machine[0], {"self/cgroup": f"0::{place}\nnot an entry\n"})
    write(machine[1], group(V2, str(GB), 0, 0))
    assert available_bytes(*machine) == GB


def test_private_memory_is_what_no_file_backs(tmp_path: Path) -> None:
    """Of processes that are gone, none."""
    page = resource.getpagesize()
    write(tmp_path, {"7/statm": "900 500 200 1 0 300 0\n", "8/statm": "9 5 1 1 0 3 0\n", "9/statm": "odd\n"})
    assert private_bytes([7, 8, 9, 10], tmp_path) == 304 * page


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is known elsewhere")
def test_the_real_figures_are_likely() -> None:
    """This process holds more after it took more, and the machine has room."""
    size = 100_000_000
    before = own_private_bytes()
    with mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS) as taken:  # what is free in the heap would be taken first
        taken[:] = os.urandom(1000) * (size // 1000)
        grown = own_private_bytes() - before
    assert 0.8 * size < grown < 1.5 * size
    room = available_bytes()
    assert room is not None
    assert room > 0


def _of_files() -> int:
    """What this process has in memory of files, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[2]) * resource.getpagesize()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell what is mapped")
def test_what_is_let_go_of_is_not_lost(tmp_path: Path) -> None:
    """Maps of one folder alone, through a link as well; what was written and is on no disk yet is there afterwards."""
    size = 8_000_000
    for name in ("in/shared", "in/own", "in-other/shared"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "link").symlink_to("in")
    maps = []
    for name, access in (("in/shared", ACCESS_WRITE), ("in/own", ACCESS_COPY), ("in-other/shared", ACCESS_WRITE)):
        with (tmp_path / name).open("r+b") as file:
            maps.append(mmap(file.fileno(), 0, access=access))
        maps[-1][:] = b"x" * size
    before = _of_files()
    let_go_of(tmp_path / "link")
    assert before - _of_files() == pytest.approx(size, rel=0.2)
    for mapped in maps:
        assert mapped[:] == b"x" * size
        mapped.close()
    assert (tmp_path / "in/own").read_bytes() == bytes(size)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell how much memory there is")
def test_a_process_that_is_limited_gets_half_of_what_there_is() -> None:
    """An engine that asks for any amount ends by itself, and not another program by the system; a lower limit stays."""
    code = (
        "import resource, sys\n"
        "from conexus.adapters.memory_use import available_bytes, limit_memory\n"
        "there = available_bytes()\n"
        "limit_memory()\n"
        "limit = resource.getrlimit(resource.RLIMIT_DATA)[0]\n"
        "assert max(1 << 30, there * 2 // 5) <= limit <= max(1 << 30, there * 3 // 5)\n"
        "try:\n"
        "    bytearray(max(1 << 30, there * 4 // 5))\n"
        "except MemoryError:\n"
        "    resource.setrlimit(resource.RLIMIT_DATA, (500_000_000, resource.RLIM_INFINITY))\n"
        "    limit_memory()\n"
        "    sys.exit(resource.getrlimit(resource.RLIMIT_DATA)[0] != 500_000_000)\n"
        "sys.exit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
