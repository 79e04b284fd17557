# SPDX-License-Identifier: FSL-1.1-MIT
"""Power cuts amid indexing: what was acknowledged before a cut is on the disk after it.

The data folder is on ext4 on a loop device on a disk that notes every write and every flush (:mod:`logged_disk`). A cut
takes what the disk has for certain, which is what was written before its last flush, and any part of what was in its
cache. What only the page cache of the file system had is lost, as is its journal of the last moments: it is written
every ten minutes here, unless somebody asks for more. The disk is then mounted anew, which replays that journal.

That such cuts are real is shown by a program whose vectors are never flushed: it loses what it has acknowledged.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import acknowledged
import logged_disk
import pytest
from acknowledged import Files, Seen, lost, read, seen
from attacks import SEED, dice, not_run, rounds
from program import FOUND, INCOMPLETE, NOTHING, Ended, Program
from trees import MANY, QUESTION, SETTINGS, change, fill

from conexus.errors import ConexusError

_SIZE_MB = 400
_CUTS_A_RUN = 5
_UNFLUSHED_CUTS = 2
_WITHOUT_FLUSH = str(Path(__file__).parents[1] / "without_flush")
_MOUNTS = ("data=ordered,commit=600", "data=writeback,commit=600", "data=ordered,commit=600,nodelalloc")


def why_not() -> str:
    """Why this machine cannot have a disk of the test's own; empty where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it takes root on Linux"
    missing = [tool for tool in ("mkfs.ext4", "losetup", "nsenter", "unshare") if shutil.which(tool) is None]
    if missing:
        return f"{missing[0]} is not installed"
    if not Path("/dev/fuse").exists() or not Path("/dev/loop-control").exists():
        return "there is no FUSE, or there are no loop devices"
    return ""


@dataclass
class Machine:
    """A machine with a disk of its own: a mount namespace in which the disk is mounted at ``disk``."""

    folder: Path
    base: Path
    """The image that the disk begins with."""
    options: str
    log: Path = field(init=False)
    disk: Path = field(init=False)
    _holder: subprocess.Popen[bytes] = field(init=False)
    _device: str = field(init=False)

    def __post_init__(self) -> None:
        fuse, image = self.folder / "fuse", self.folder / "image"
        self.log, self.disk = self.folder / "log", self.folder / "disk"
        for made in (fuse, self.disk):
            made.mkdir(parents=True)
        copied(self.base, image)
        command = ("unshare", "--mount", sys.executable, logged_disk.__file__, fuse, image, self.log)
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"
        self._device = self.ran("losetup", "--find", "--show", fuse / "disk").strip()
        self.ran("mount", "-o", self.options, self._device, self.disk)

    def before(self) -> tuple[str, ...]:
        """What starts a command on the machine."""
        return ("nsenter", f"--target={self._holder.pid}", "--mount", f"--wdns={self.folder}")

    def ran(self, *command: str | Path) -> str:
        """Run a command on the machine, to its end."""
        done = subprocess.run([*self.before(), *command], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def program(self, disk: Path, settings: dict[str, str] | None = None) -> Program:
        """Conexus on the machine, with its data on a disk."""
        made = Program(self.folder / f"program of {disk.name}", before=self.before())
        made.settings = {**SETTINGS, "CONEXUS_HOME": str(disk / "data"), **(settings or {})}
        return made

    def seen(self, disk: Path) -> Seen:
        """What another process sees in the catalog on a disk."""
        return read(self.ran(sys.executable, "-I", acknowledged.__file__, catalog_of(disk)))[1]

    def watched(self, *arguments: str | Path, settings: dict[str, str]) -> tuple[Ended, list[tuple[int, Seen]]]:
        """Run Conexus; also return what another process saw meanwhile, each time with the size of the log after it."""
        command = (*self.before(), sys.executable, "-I", acknowledged.__file__, catalog_of(self.disk), self.log)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
            lines: list[str] = []
            assert watcher.stdout is not None
            reader = threading.Thread(target=lines.extend, args=(watcher.stdout,))
            reader.start()
            ended = self.program(self.disk, settings).run(*arguments)
            assert watcher.stdin is not None
            watcher.stdin.close()
            reader.join()
        assert watcher.returncode == 0
        return ended, [read(line) for line in lines]

    def content(self, disk: Path) -> Files:
        """What catalog and vectors on a disk hold; from a copy, since they are not to be seen from here."""
        copy = Program(self.folder / "copy")
        shutil.rmtree(copy.data, ignore_errors=True)
        copied(f"/proc/{self._holder.pid}/root{disk}/data", copy.data)
        copy.content()  # the same in the catalog and the vectors
        return seen(copy.data / "catalog.sqlite").files

    @contextlib.contextmanager
    def mounted(self, image: Path) -> Iterator[Path]:
        """Mount another disk, which replays its journal."""
        disk = self.folder / "after"
        disk.mkdir(exist_ok=True)
        self.ran("mount", "-o", "loop", image, disk)
        yield disk
        self.ran("umount", disk)

    def end(self) -> None:
        """Take the disk away."""
        self.ran("umount", self.disk)
        self.ran("losetup", "--detach", self._device)
        self.ran("umount", self.folder / "fuse")
        self._holder.communicate(timeout=60)


@dataclass(frozen=True)
class Cut:
    """A moment at which the power is cut."""

    end: int
    """Size of the disk's log."""
    before: Seen
    """What another process saw before; right after a run that ended, what its report says."""


@dataclass
class Losses:
    """What cuts did."""

    cuts: int = 0
    acknowledged: int = 0
    writes_lost: int = 0
    corrupt: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Scene:
    """A tree, a disk that is behind it, and what a run makes of it."""

    tree: Path
    base: Path
    """The image of the disk."""
    expected: Files


NOTHING_SEEN = Seen({}, frozenset())


def catalog_of(disk: Path) -> Path:
    """Where the catalog is on a disk."""
    return disk / "data" / "catalog.sqlite"


def copied(source: Path | str, target: Path) -> None:
    """Copy an image or a folder without holes."""
    subprocess.run(["cp", "--recursive", "--sparse=always", source, target], check=True)


class Scenes:
    """What is indexed while the power is cut; each is made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Scene] = {}
        self._makers = (self.first, self.shrunk, self.changed, self.resized)

    def number(self, number: int) -> Scene:
        """One after the other, again and again."""
        make = self._makers[number % len(self._makers)]
        if make.__name__ not in self._made:
            self._made[make.__name__] = make()
        return self._made[make.__name__]

    def first(self) -> Scene:
        """An empty disk."""
        return self._scene("first", lambda _: None, {}, is_empty=True)

    def shrunk(self) -> Scene:
        """Most files are gone, so that the run packs the vectors."""
        return self._scene("shrunk", shrink, {})

    def changed(self) -> Scene:
        """A tree that was edited."""
        return self._scene("changed", change, {})

    def resized(self) -> Scene:
        """An index in chunks of another size, beside which the run builds a new one."""
        return self._scene("resized", lambda _: None, {"CONEXUS_INDEX_MAX_CHUNK_CHARS": "300"})

    def _scene(
        self, name: str, edit: Callable[[Path], None], settings: dict[str, str], *, is_empty: bool = False
    ) -> Scene:
        tree, image = self._folder / name, self._folder / f"{name}.image"
        old = Program(self._folder / f"{name}.old", settings={**SETTINGS, **settings})
        fill(tree, MANY)
        if not is_empty:
            old.ok("index", tree)
        with image.open("wb") as made:
            made.truncate(_SIZE_MB << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", "-d", old.folder, image], check=True)
        edit(tree)
        program = Program(old.folder, settings=SETTINGS)
        program.ok("index", tree)
        return Scene(tree, image, seen(catalog_of(program.folder)).files)


def shrink(tree: Path) -> None:
    """Delete most files."""
    for path in sorted(tree.rglob("module_*.py"))[5:]:
        path.unlink()


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    """The scenes of all cuts."""
    return Scenes(tmp_path_factory.mktemp("power"))


def indexed(machine: Machine, scene: Scene, settings: dict[str, str]) -> list[Cut]:
    """Index on a machine; return a cut for each moment at which something new was acknowledged, the last at the end."""
    ended, moments = machine.watched("index", scene.tree, "--json", settings=settings)
    assert ended.code == FOUND, ended.text
    assert ended.json["files_total"] == len(moments[-1][1].files) == len(scene.expected)
    return [Cut(end, before) for end, before in moments]


def chosen(machine: Machine, acknowledged: list[Cut], cuts: int, chance: random.Random) -> Iterator[Cut]:
    """Choose cuts: at the end of the run, right after something was acknowledged, and after any write or flush."""
    ends = logged_disk.ends(machine.log)
    yield acknowledged[-1]
    for number in range(cuts - 1):
        end = chance.choice(ends) if number % 2 else chance.choice(acknowledged).end
        yield Cut(end, next((cut.before for cut in reversed(acknowledged) if cut.end <= end), NOTHING_SEEN))


def look(machine: Machine, scene: Scene, cut: Cut, disk: Path, told: Losses, where: str) -> bool:
    """Look at what a cut left: does it open, and what is lost? Returns whether it opens."""
    after = machine.seen(disk)
    ended = machine.program(disk).run("search", QUESTION, scene.tree)
    if ended.code not in {FOUND, NOTHING, INCOMPLETE} or "error:" in ended.text:
        told.corrupt.append(f"{where}: the search ended with {ended.code}: {ended.text}")
        return False
    try:
        found = machine.content(disk) if after.generations else {}
    except (AssertionError, ConexusError) as exc:
        told.corrupt.append(f"{where}: catalog and vectors disagree: {str(exc)[:500]}")
        return False
    told.gone += [f"{where}: {path}" for path in lost(cut.before.files, after.in_flight, found, scene.expected)]
    return True


def go_on(machine: Machine, scene: Scene, disk: Path, told: Losses, where: str) -> None:
    """Index what a cut left, and see that it is as if nothing had happened."""
    program = machine.program(disk)
    program.ok("index", scene.tree)
    verified = program.run("verify")
    if "all as written" not in verified.out or machine.content(disk) != scene.expected:
        told.other.append(f"{where}: {verified.text}")


@contextlib.contextmanager
def started(folder: Path, base: Path, options: str) -> Iterator[Machine]:
    """Start a machine for some time."""
    machine = Machine(folder, base, options)
    try:
        yield machine
    finally:
        machine.end()
    shutil.rmtree(folder)


@contextlib.contextmanager
def cut_power(machine: Machine, cut: Cut, chance: random.Random, told: Losses) -> Iterator[tuple[Path, str]]:
    """Mount what a cut left; also give words for it."""
    image = machine.folder / "cut"
    made = logged_disk.cut(machine.base, machine.log, cut.end, chance, image)
    told.cuts += 1
    told.acknowledged += len(cut.before.files)
    told.writes_lost += made["lost"]
    with machine.mounted(image) as disk:
        yield disk, f"cut {told.cuts} of seed {SEED}, {machine.options}, at {cut.end}: {made}"


@rounds(3, 50)
def test_a_power_cut_loses_nothing(
    scenes: Scenes,
    tmp_path: Path,
    figure: Callable[..., None],
    record_property: Callable[[str, object], None],
    rounds: int,
) -> None:
    """See the module: 0 acknowledged files lost, and the index ends as if nothing had happened."""
    if reason := why_not():
        not_run("power", reason, record_property)
    told = Losses()
    for run in range(rounds):  # at most
        if told.cuts == rounds:
            break
        chance = dice("power", run)
        cuts = min(_CUTS_A_RUN, (rounds + 1) // 2, rounds - told.cuts)
        scene = scenes.number(run)
        with started(tmp_path / str(run), scene.base, chance.choice(_MOUNTS)) as machine:
            for cut in chosen(machine, indexed(machine, scene, {}), cuts, chance):
                with cut_power(machine, cut, chance, told) as (disk, where):
                    if look(machine, scene, cut, disk, told, where):
                        go_on(machine, scene, disk, told, where)
    figure(
        "power",
        cuts=told.cuts,
        acknowledged=told.acknowledged,
        cached_writes_lost=told.writes_lost,
        corrupt_opens=len(told.corrupt),
        files_lost=len(told.gone),
        other_indexes=len(told.other),
    )
    assert not told.corrupt, told.corrupt[:3]
    assert not told.gone, told.gone[:10]
    assert not told.other, told.other[:3]


def test_without_flush_a_power_cut_does_lose(
    scenes: Scenes, tmp_path: Path, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """The same cuts, of a program that flushes no vectors, leave files without vectors that were acknowledged."""
    if reason := why_not():
        not_run("power without flush", reason, record_property)
    told = Losses()
    chance = dice("power without flush")
    scene = scenes.number(0)
    with started(tmp_path / "run", scene.base, _MOUNTS[0]) as machine:
        *amid, _ = indexed(machine, scene, {"PYTHONPATH": _WITHOUT_FLUSH})
        for cut in [cut for cut in amid if cut.before.files][:_UNFLUSHED_CUTS]:
            with cut_power(machine, cut, chance, told) as (disk, where):
                look(machine, scene, cut, disk, told, where)
    harmed = len({text.split(":")[0] for text in (*told.corrupt, *told.gone)})
    figure(
        "power without flush",
        cuts=told.cuts,
        acknowledged=told.acknowledged,
        cuts_that_lost=harmed,
        files_lost=len(told.gone),
        corrupt_opens=len(told.corrupt),
    )
    assert harmed
