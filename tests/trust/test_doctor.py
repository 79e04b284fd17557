# SPDX-License-Identifier: FSL-1.1-MIT
"""Every check of ``conexus doctor`` on a machine where what it looks at is really wrong, and on a sound one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from attacks import dice, not_run, rounds
from program import ERROR, FOUND, Program, finish, functions, workers_of, write

from conexus.adapters.engine_orphans import engines_of
from conexus.cli.doctor.checks import NAMES
from conexus.cli.doctor.installation import SQLITE_FEATURES, sqlite_lacks

CLOCK = Path(__file__).parents[1] / "set_clock"
DAY_S = 86_400


@dataclass(frozen=True)
class Way:
    """One way in which a check fails, and what it then has to say."""

    of: str
    make: Callable[[Program, ExitStack], None]
    says: str
    hint: str
    level: str = "error"


WAYS: list[Way] = []


def way(of: str, says: str, hint: str, level: str = "error") -> Callable[[Any], Any]:
    """Put what makes a check fail into the list."""

    def put(make: Callable[[Program, ExitStack], None]) -> Callable[[Program, ExitStack], None]:
        WAYS.append(Way(of, make, says, hint, level))
        return make

    return put


def shell(script: str, *arguments: str, inside: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What starts a command after a script."""
    return (*inside, "sh", "-ec", f'{script}\nshift {len(arguments)}\nexec "$@"', "sh", *arguments)


def disk(program: Program, options: str, after: str = "") -> None:
    """A file system in memory for the data folder, which only the command sees."""
    program.data.mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o mode=700,{options} conexus-test "$1"\n{after}'
    program.before = shell(script, str(program.data), inside=("unshare", "--mount"))


def failing_call(program: Program, name: str, how: str) -> None:
    """A system that refuses a call."""
    program.before = ("strace", "--quiet=all", "-o", os.devnull, "-e", f"trace={name}", "-e", f"inject={name}:{how}")


# ----------------------------------------------------------------------- disk, temporary folder, clock


@way("data folder", "read-only file system", "mount it writable")
def read_only(program: Program, _: ExitStack) -> None:
    disk(program, "size=300m", 'echo "*" >"$1/.gitignore"; mount -o remount,ro "$1"')


@way("data folder", "is full", "free some space")
def full(program: Program, _: ExitStack) -> None:
    disk(program, "size=1m", 'echo "*" >"$1/.gitignore"; head -c 2m /dev/zero >"$1/ballast" 2>&1 || true')


@way("data folder", "indexing stops below", "conexus gc")
def below_the_reserve(program: Program, _: ExitStack) -> None:
    disk(program, "size=50m")


@way("data folder", "which is little", "conexus gc", "warning")
def little_space(program: Program, _: ExitStack) -> None:
    disk(program, "size=500m")


@way("data folder", "Input/output error", "disk of this machine")
def no_sync(program: Program, _: ExitStack) -> None:
    failing_call(program, "fsync", "error=EIO")


@way("data folder", "Invalid cross-device link", "disk of this machine")
def no_rename(program: Program, _: ExitStack) -> None:
    failing_call(program, "rename", "error=EXDEV")


@way("data folder", "a database cannot be kept", "disk of this machine")
def no_database(program: Program, _: ExitStack) -> None:
    failing_call(program, "pwrite64", "error=EIO")


@way("data folder", "remote file system (fuse", "disk of this machine")
def over_fuse(program: Program, _: ExitStack) -> None:
    program.data.mkdir()
    behind = program.folder / "behind"
    behind.mkdir()
    program.before = shell(
        'bindfs -f "$1" "$2" &\nwhile ! grep -q " $2 fuse" /proc/mounts; do sleep 0.05; done',
        str(behind), str(program.data), inside=("unshare", "--mount", "--pid", "--fork", "--kill-child"),
    )  # fmt: skip


@way("temporary folder", "which cannot be written", "set TMPDIR")
def no_temporary_folder(program: Program, _: ExitStack) -> None:
    program.settings["TMPDIR"] = str(program.folder / "nowhere")


@way("temporary folder", "everybody can replace", "chmod +t")
def open_temporary_folder(program: Program, _: ExitStack) -> None:
    folder = program.folder / "open"
    folder.mkdir()
    folder.chmod(0o777)
    program.settings["TMPDIR"] = str(folder)


@way("temporary folder", "free", "set TMPDIR", "warning")
def small_temporary_folder(program: Program, _: ExitStack) -> None:
    folder = program.folder / "small"
    folder.mkdir()
    script = 'mount -t tmpfs -o size=20m,mode=700 conexus-test "$1"'
    program.before = shell(script, str(folder), inside=("unshare", "--mount"))
    program.settings["TMPDIR"] = str(folder)


def set_clock(program: Program, seconds: int) -> None:
    clock = program.folder / "clock"
    clock.write_text(str(seconds))
    others = os.environ.get("PYTHONPATH", "")
    program.settings |= {"TEST_CLOCK": str(clock), "PYTHONPATH": f"{CLOCK}{os.pathsep}{others}".strip(os.pathsep)}


@way("clock", "86,400 s ahead of", "NTP")
def clock_ahead(program: Program, _: ExitStack) -> None:
    set_clock(program, DAY_S)


@way("clock", "86,400 s behind", "NTP")
def clock_behind(program: Program, _: ExitStack) -> None:
    set_clock(program, -DAY_S)


@way("clock", "written in the future", "-exec touch")
def clock_was_ahead(program: Program, _: ExitStack) -> None:
    program.ok("doctor", "edition")
    later = time.time() + DAY_S
    os.utime(program.data / "catalog.sqlite", (later, later))


# ------------------------------------------------------------------------------- permissions, locks


@way("permissions", "others can read the data folder", "chmod go-rwx")
def open_data_folder(program: Program, _: ExitStack) -> None:
    program.data.mkdir()
    program.data.chmod(0o755)


@way("permissions", "others can read the daemon's token", "chmod go-rwx")
def open_token(program: Program, _: ExitStack) -> None:
    program.data.mkdir(mode=0o700)
    (program.data / "daemon.token").touch()
    (program.data / "daemon.token").chmod(0o644)


@way("permissions", "belongs to user 12345", "not as root" if os.geteuid() == 0 else "chown")
def foreign_file(program: Program, _: ExitStack) -> None:
    program.ok("doctor", "edition")
    os.chown(program.data / "catalog.sqlite", 12345, 12345)


@way("permissions", "in the place of", "chmod o-w")
def open_parent(program: Program, _: ExitStack) -> None:
    program.folder.chmod(0o777)


def settings_file(program: Program, text: str, mode: int) -> None:
    path = program.home / ".config" / "conexus" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)


@way("permissions", "which holds a secret", "chmod go-rwx")
def open_secret(program: Program, _: ExitStack) -> None:
    settings_file(program, '[store]\napi_key = "a-key"\n', 0o640)


@way("permissions", "others can change the settings file", "chmod go-rwx")
def settings_of_all(program: Program, _: ExitStack) -> None:
    settings_file(program, "[search]\nlimit = 3\n", 0o666)


@way("permissions", "the key of the daemon's certificate", "chmod go-rwx")
def open_key(program: Program, _: ExitStack) -> None:
    for name in ("cert.pem", "key.pem"):
        (program.folder / name).touch()
        (program.folder / name).chmod(0o644)
        program.settings[f"CONEXUS_DAEMON_TLS_{name.split('.')[0].upper()}"] = str(program.folder / name)


@way("locks", "do not keep other processes out", "disk of this machine")
def locks_that_mean_nothing(program: Program, _: ExitStack) -> None:
    failing_call(program, "flock", "retval=0")


@way("locks", "No locks available", "local disk")
def no_locks(program: Program, _: ExitStack) -> None:
    failing_call(program, "flock", "error=ENOLCK")


HOLDER = """
import sys, time
from pathlib import Path
from conexus.adapters.process_locks import FileLocks
with FileLocks(Path(sys.argv[1]) / "locks").view(Path(sys.argv[1]), "indexing", 0.0):
    print("held", flush=True)
    time.sleep(600)
"""


@way("locks", "(indexing) stands still", "kill -CONT")
def stopped_holder(program: Program, stack: ExitStack) -> None:
    holder = stack.enter_context(running([sys.executable, "-c", HOLDER, str(program.data)], program))
    os.kill(holder.pid, signal.SIGSTOP)


ENGINE = """
import sys, threading
from pathlib import Path
from conexus.adapters.engine_process import EngineStore
from conexus.types import IndexId
EngineStore(Path(sys.argv[1]) / "vectors").create(IndexId(1), 32)
print("held", flush=True)
threading.Event().wait()
"""


@way("locks", "(the vector engine of process", "kill -9")
def stopped_engine(program: Program, stack: ExitStack) -> None:
    stack.enter_context(running([sys.executable, "-c", ENGINE, str(program.data)], program))
    [engine] = engines_of(program.data / "vectors")
    os.kill(engine.pid, signal.SIGSTOP)


# An engine that is stopped before it can ask the system to end with its program, which then is killed.
LEFT_OVER = """
import os, signal, subprocess, sys
command = [sys.executable, "-P", "-m", "conexus.vector_engine", sys.argv[1] + "/vectors", str(os.getpid())]
engine = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
engine.send_signal(signal.SIGSTOP)
os.waitpid(engine.pid, os.WUNTRACED)
print(engine.pid, flush=True)
"""


@way("locks", ", which is gone, is left: process ", "kill -9")
def engine_that_is_left(program: Program, stack: ExitStack) -> None:
    command = [sys.executable, "-c", LEFT_OVER, str(program.data)]
    ended = subprocess.run(command, env=program.environ(), capture_output=True, check=True)
    stack.callback(os.kill, int(ended.stdout), signal.SIGKILL)


@contextmanager
def running(command: list[str], program: Program) -> Iterator[subprocess.Popen[bytes]]:
    """A process that says when it is ready, until the end."""
    with subprocess.Popen(command, env=program.environ(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def as_one_whom_modes_bind(program: Program) -> None:
    """Run the command as the files' owner whom their modes keep out: root without its right to pass over them."""
    if os.geteuid() == 0:
        without = "-dac_override,-dac_read_search"
        program.before = ("setpriv", f"--bounding-set={without}", f"--inh-caps={without}")


def indexed_without_modes(program: Program, *names: str, mode: int = 0) -> None:
    """A data folder with an index, of which files or folders have lost their modes."""
    indexed_folders(program, 1, 1)
    for name in names:
        path = program.data / name
        path.touch()
        path.chmod(mode)
    as_one_whom_modes_bind(program)


@way("permissions", "has mode 0000: you cannot read and write it", "chmod -R u+rwX")
def files_without_modes(program: Program, _: ExitStack) -> None:
    indexed_without_modes(program, "vectors/1/conexus.json")


@way("permissions", "catalog.sqlite-shm has mode 0400", "verify --repair")
def shared_memory_that_can_only_be_read(program: Program, _: ExitStack) -> None:
    indexed_without_modes(program, "catalog.sqlite-shm", mode=0o400)


@way("permissions", "the key of the daemon's certificate cannot be looked at", "chmod u+x")
def key_out_of_reach(program: Program, _: ExitStack) -> None:
    (program.folder / "keys").mkdir(mode=0)
    for name in ("cert", "key"):
        program.settings[f"CONEXUS_DAEMON_TLS_{name.upper()}"] = str(program.folder / "keys" / f"{name}.pem")
    as_one_whom_modes_bind(program)


@way("locks", "locks has mode 0000", "chmod -R u+rwX")
def locks_without_modes(program: Program, _: ExitStack) -> None:
    indexed_without_modes(program, "locks")


# ------------------------------------------------------------------------------------------ limits


@way("memory", "indexing needs", "end other programs")
def small_container(program: Program, stack: ExitStack) -> None:
    group = Path(f"/sys/fs/cgroup/memory/conexus-test-{os.getpid()}-{time.monotonic_ns()}")
    group.mkdir()
    stack.callback(group.rmdir)
    (group / "memory.limit_in_bytes").write_text("190000000")
    program.before = shell('echo $$ >"$1/cgroup.procs"', str(group))


@way("memory", "less than index.memory_mb", "end other programs", "warning")
def little_memory(program: Program, _: ExitStack) -> None:
    program.settings["CONEXUS_INDEX_MEMORY_MB"] = "100000000"


@way("open files", "a process may have 64 files open", "ulimit -n")
def few_files(program: Program, _: ExitStack) -> None:
    program.before = shell("ulimit -n 64")


def indexed_folders(program: Program, trees: int, folders: int) -> None:
    for tree in range(trees):
        root = program.folder / f"tree {tree}"
        write(root, {f"{number}/a.py": f"def f_{number}(): pass\n" for number in range(folders)})
        program.ok("index", root, "--quiet")


def user_limit(program: Program, name: str, most: int) -> None:
    script = f"echo {most} >/proc/sys/user/{name}"
    program.before = shell(script, inside=("unshare", "--user", "--map-root-user"))


@way("watching", "more than 20 folders", "sysctl fs.inotify.max_user_watches=")
def few_watches(program: Program, _: ExitStack) -> None:
    indexed_folders(program, 1, 30)
    user_limit(program, "max_inotify_watches", 20)


@way("watching", "the system has 1 watchers", "sysctl fs.inotify.max_user_instances=")
def few_watchers(program: Program, _: ExitStack) -> None:
    indexed_folders(program, 2, 1)
    user_limit(program, "max_inotify_instances", 1)


@way("watching", "no more watchers to give", "sysctl fs.inotify.max_user_instances=")
def no_watcher(program: Program, _: ExitStack) -> None:
    user_limit(program, "max_inotify_instances", 0)


def without_main(program: Program) -> None:
    """Run the code as a program of others does that imports it, where core dumps are written."""
    code = "import sys; from conexus.cli.app import run; sys.argv = sys.argv[1:]; run()"
    program.before = shell(f'ulimit -c unlimited\nset -- {sys.executable} -c "{code}" "$@"')


@way("core dumps", "its memory is written to a file", "ulimit -c 0")
def core_dumps(program: Program, _: ExitStack) -> None:
    without_main(program)


# ------------------------------------------------------------------------ what is installed, how it is set


def shadowed(program: Program, files: dict[str, str]) -> None:
    """Packages that come before the installed ones."""
    write(program.folder / "shadow", files)
    others = os.environ.get("PYTHONPATH", "")
    program.settings["PYTHONPATH"] = f"{program.folder / 'shadow'}{os.pathsep}{others}".strip(os.pathsep)


@way("version", "rich is 0.1, and >=14.0 is needed", "pip install")
def old_package(program: Program, _: ExitStack) -> None:
    shadowed(program, {"rich-0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: rich\nVersion: 0.1\n"})


@way("version", "needs >=9", "another Python")
def old_python(program: Program, _: ExitStack) -> None:
    said = "Metadata-Version: 2.1\nName: conexus\nVersion: 0.1.0\nRequires-Python: >=9\n"
    shadowed(program, {"conexus-0.1.0.dist-info/METADATA": said})


@way("grammars", "get_language", "pip install")
def broken_grammars(program: Program, _: ExitStack) -> None:
    shadowed(program, {"tree_sitter_language_pack.py": ""})


@way("settings", "unknown setting 'search.limitt'", "search.limit")
def wrong_settings(program: Program, _: ExitStack) -> None:
    settings_file(program, "[search]\nlimitt = 3\n", 0o600)


@way("model", "nowhere", "")
def no_model(program: Program, _: ExitStack) -> None:
    program.settings["CONEXUS_INDEX_MODEL"] = str(program.folder / "nowhere")


@way("network", "to example.org unencrypted, with the key", "https://")
def key_in_the_open(program: Program, _: ExitStack) -> None:
    program.settings |= {"CONEXUS_STORE_URL": "http://example.org:6333", "CONEXUS_STORE_API_KEY": "a-key"}


@way("network", "traces tell goes to example.org unencrypted", "https://", "warning")
def traces_in_the_open(program: Program, _: ExitStack) -> None:
    program.settings["CONEXUS_DAEMON_OTLP_ENDPOINT"] = "http://example.org/v1/traces"


@way("network", "may go through that proxy", "NO_PROXY", "warning")
def through_a_proxy(program: Program, _: ExitStack) -> None:
    program.settings |= {"CONEXUS_STORE_URL": "https://example.org", "https_proxy": "http://192.0.2.1:3128"}


@way("network", "listens on 192.0.2.1 without TLS", "daemon.tls_cert", "warning")
def open_daemon(program: Program, _: ExitStack) -> None:
    program.settings |= {"CONEXUS_DAEMON_HOST": "192.0.2.1", "CONEXUS_DAEMON_ALLOW_INSECURE": "true"}


@way("edition", "enterprise", "")
def missing_edition(program: Program, _: ExitStack) -> None:
    settings_file(program, 'required_edition = "enterprise"\n', 0o600)


# ---------------------------------------------------------------------------------- whether it works


@way("indexes", "is damaged", "verify --repair")
def damaged_catalog(program: Program, _: ExitStack) -> None:
    program.data.mkdir(mode=0o700)
    (program.data / "catalog.sqlite").write_bytes(b"no database at all" * 1_000)


@way("indexes", "vectors has mode 0000", "chmod -R u+rwX")
def vectors_without_modes(program: Program, _: ExitStack) -> None:
    indexed_without_modes(program, "vectors")


@way("indexes", "catalog.sqlite has mode 0400", "chmod -R u+rwX")
def catalog_that_can_only_be_read(program: Program, _: ExitStack) -> None:
    indexed_without_modes(program, "catalog.sqlite", mode=0o400)


@way("indexes", "the vectors of tree 0 are gone", "verify --repair")
def vectors_that_are_gone(program: Program, _: ExitStack) -> None:
    indexed_folders(program, 1, 1)
    shutil.rmtree(program.data / "vectors")


@way("indexes", "query log", "verify --repair starts a new query log")
def damaged_query_log(program: Program, _: ExitStack) -> None:
    indexed_folders(program, 1, 1)
    (program.data / "usage.sqlite").write_bytes(dice("query log").randbytes(20_000))


@way("daemon", "is version 0.0.1", "conexus daemon restart")
def old_daemon(program: Program, stack: ExitStack) -> None:
    claim_as_daemon(program, stack, "0.0.1")


@way("daemon", "", "conexus daemon")
def deaf_daemon(program: Program, stack: ExitStack) -> None:
    version = program.ok("--version").out.split()[-1]
    claim_as_daemon(program, stack, version)


def claim_as_daemon(program: Program, stack: ExitStack, version: str) -> None:
    """Hold the lock of a daemon, and say that it listens where nobody does."""
    program.data.mkdir(mode=0o700)
    state = {"pid": os.getpid(), "version": version, "http": "http://127.0.0.1:1", "grpc": "", "started_at": 1.0}
    (program.data / "daemon.json").write_text(json.dumps(state))
    (program.data / "daemon.token").write_text("a" * 43)
    (program.data / "daemon.token").chmod(0o600)
    lock = stack.enter_context((program.data / "daemon.lock").open("w"))
    stack.callback((program.data / "daemon.json").unlink)
    fcntl.flock(lock, fcntl.LOCK_EX)


@way("main job", "disk I/O error", "conexus doctor data-folder")
def no_large_files(program: Program, _: ExitStack) -> None:
    program.before = shell("ulimit -f 4")


# ------------------------------------------------------------------------------------------ the tests


def seen(program: Program, name: str) -> tuple[int, dict[str, Any]]:
    """Run one check."""
    ended = program.run("doctor", name.replace(" ", "-"), "--json")
    assert ended.out, ended
    [row] = ended.json["checks"]
    assert row["name"] == name
    return ended.code, row


ROOT_ONLY = {read_only, full, below_the_reserve, little_space, small_temporary_folder, over_fuse, foreign_file}
IN_USER_NAMESPACE = {few_watches, few_watchers, no_watcher}


def missing(one: Way) -> str:
    """Why this machine cannot make a check fail; empty where it can."""
    if one.make in ROOT_ONLY and os.geteuid() != 0:
        return "only root can make it so"
    if one.make is small_container and not os.access("/sys/fs/cgroup/memory", os.W_OK):
        return "nobody can limit the memory of a process here (cgroups of version 1, and root)"
    if one.make is over_fuse and not (shutil.which("bindfs") and os.access("/dev/fuse", os.W_OK)):
        return "there is no bindfs, or no FUSE"
    if one.make in IN_USER_NAMESPACE:
        try:
            subprocess.run(["unshare", "--user", "--map-root-user", "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return "the system lets nobody make a user namespace"
    return ""


@pytest.mark.parametrize("one", [pytest.param(one, id=one.make.__name__) for one in WAYS])
def test_a_check_fails_where_the_machine_is_wrong(
    program: Program, one: Way, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """It is told with the next step, in JSON, and the exit code says so."""
    if why := missing(one):
        not_run(f"doctor {one.make.__name__}", why, record_property)
    with ExitStack() as stack:
        one.make(program, stack)
        if program.before and shutil.which(program.before[0]) is None:
            not_run(f"doctor {one.make.__name__}", f"there is no {program.before[0]}", record_property)
        code, row = seen(program, one.of)
    figure(f"doctor {one.make.__name__}", check=one.of, level=row["level"], exit_code=code)
    assert (row["level"], row["ok"]) == (one.level, one.level != "error"), row
    assert code == (ERROR if one.level == "error" else FOUND)
    assert one.says in row["detail"], row
    assert row["hint"], row
    assert one.hint in row["hint"], row


def test_every_check_can_fail_and_passes_on_a_sound_machine(program: Program, figure: Callable[..., None]) -> None:
    """No check is without an attack above; none fails by itself."""
    ended = program.run("doctor", "--json")
    levels = [row["level"] for row in ended.json["checks"]]
    figure("doctor", checks=len(levels), ways_to_fail=len(WAYS), ok=levels.count("ok"), exit_code=ended.code)
    assert ended.code == FOUND, ended.out
    assert "error" not in levels
    assert {one.of for one in WAYS if one.level == "error"} == set(NAMES)
    assert [row["name"] for row in ended.json["checks"]] == list(NAMES)


def test_modes_are_given_back_by_a_repair(program: Program) -> None:
    """What is the user's own can be read and written again, and is whole."""
    indexed_without_modes(program, "catalog.sqlite-shm", "usage.sqlite", mode=0o400)
    (program.data / "vectors").chmod(0)
    assert program.run("doctor", "permissions", "indexes").code == ERROR
    assert "3 files of the data folder can be read and written again" in program.ok("verify", "--repair").err
    program.ok("verify")
    program.ok("doctor", "permissions", "indexes")
    program.before = ()
    modes = {path.name: path.stat().st_mode & 0o777 for path in program.data.iterdir()}
    assert (modes["vectors"], modes["usage.sqlite"]) == (0o700, 0o600)
    assert modes.get("catalog.sqlite-shm", 0o600) == 0o600


def test_a_lost_locks_folder_is_told_and_made_again(program: Program) -> None:
    """Nothing is lost with it: locks are made where they are needed."""
    indexed_folders(program, 1, 1)
    shutil.rmtree(program.data / "locks")
    assert "their folder is gone, and is made anew" in program.ok("doctor", "locks").out
    program.ok("index", program.folder / "tree 0", "--quiet")
    assert "is gone" not in program.ok("doctor", "locks").out


@pytest.mark.parametrize("middle", [False, True])
def test_a_damaged_query_log_is_told_and_made_anew(program: Program, middle: bool) -> None:
    """Whether it is no database any more or one with wrong pages; the indexes are left as they are."""
    indexed_folders(program, 1, 1)
    tree = program.folder / "tree 0"
    program.ok("search", "f_0", tree)
    log = program.data / "usage.sqlite"
    sound = log.read_bytes()
    noise = dice("query log").randbytes(6_000)
    log.write_bytes(sound[:5_000] + noise + sound[11_000:] if middle else noise)
    told = program.run("verify", "--json")
    assert told.code == 1
    assert {finding["path"] for finding in told.json["findings"]} == {"usage.sqlite"}
    assert "the query log was deleted" in program.ok("verify", "--repair").err
    assert "all as written" in program.ok("verify").out
    assert program.ok("search", "f_0", tree, "--json").paths()
    assert program.ok("log", "--json").json["entries"]
    program.ok("doctor", "indexes")


ODD = "a\nb\x1b[2J"


@pytest.mark.parametrize(("name", "value"), [("HOME", "a file"), ("HOME", ODD), ("CONEXUS_HOME", ODD)])
def test_odd_folders_are_told_on_lines_of_their_own(program: Program, name: str, value: str) -> None:
    """No path breaks a line or writes to the terminal, and nothing is told as Python has it."""
    (program.folder / "a file").touch()
    program.settings[name] = str(program.folder / value)
    ended = program.run("doctor")
    lines = ended.out.splitlines()
    assert [line for line in lines if not line.startswith(("ok    ", "warn  ", "FAIL  ", "      hint: "))] == []
    assert len([line for line in lines if not line.startswith(" ")]) == len(NAMES)
    assert "\x1b" not in ended.text
    assert "Errno" not in ended.text
    for at, line in enumerate(lines):
        assert not line.startswith("FAIL") or lines[at + 1].startswith("      hint: "), line


def test_wrong_settings_stop_no_check_that_needs_none(program: Program) -> None:
    """What depends on the settings is said to be not looked at, and no folder is made elsewhere."""
    settings_file(program, "[search]\nlimitt = 3\n", 0o600)
    ended = program.run("doctor", "grammars", "permissions", "--json")
    assert ended.code == ERROR
    assert [row["ok"] for row in ended.json["checks"]] == [True, False]
    assert "doctor settings" in ended.json["checks"][1]["hint"]
    assert not program.data.exists()
    unknown = program.run("doctor", "disk")
    assert (unknown.code, "data-folder" in unknown.err) == (ERROR, True)


PACKAGES = [
    "cryptography", "numpy", "packaging", "pydantic", "qdrant_edge", "tree_sitter", "tree_sitter_language_pack",
    "watchfiles",
]  # fmt: skip


@rounds(1, len(PACKAGES))
def test_it_looks_at_the_rest_where_packages_are_broken(
    program: Program, rounds: int, figure: Callable[..., None]
) -> None:
    """A package that cannot be imported fails the checks that need it, and no other."""
    fallen = []
    for package in dice("broken packages").sample(PACKAGES, rounds):
        shutil.rmtree(program.folder / "shadow", ignore_errors=True)
        shadowed(program, {f"{package}.py": f"raise ImportError('no {package} today')\n"})
        ended = program.run("doctor", "--json")
        rows = {row["name"]: row for row in ended.json["checks"]} if ended.out else {}
        broken = [row for row in rows.values() if not row["ok"]]
        others = ("settings", "data folder", "locks", "clock", "permissions")
        sound = list(rows) == list(NAMES) and all(rows[name]["ok"] for name in others)
        if not sound or ended.code != (ERROR if broken else FOUND) or not all(row["hint"] for row in broken):
            fallen.append(package)
    figure("doctor broken packages", packages=rounds, fallen=len(fallen))
    assert not fallen


def test_what_an_old_sqlite_lacks_is_named() -> None:
    """A statement that this SQLite does not understand is told by its name."""
    assert sqlite_lacks({**SQLITE_FEATURES, "time travel": "SELECT time_travel(1)"}) == ["time travel"]


def core_files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("core")]


def test_a_crash_leaves_no_memory_on_the_disk(
    program: Program, tmp_path: Path, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """Where the system would write core dumps, none is written of Conexus."""
    pattern = Path("/proc/sys/kernel/core_pattern")
    if not pattern.exists() or pattern.read_text().strip() not in {"core", "core.%p"}:
        not_run("core dumps", "the system keeps core dumps elsewhere", record_property)
    write(tmp_path / "tree", {"a.py": "def f(): pass\n"})
    crash = f"ulimit -c unlimited\n{sys.executable} -c 'import os, sys; os.abort()' || true"
    folders = {name: tmp_path / name for name in ("control", "conexus")}
    for folder in folders.values():
        folder.mkdir()
    subprocess.run(["sh", "-c", crash], cwd=folders["control"], capture_output=True, check=False)
    program.before = shell("ulimit -c unlimited")
    serving = program.start("serve", "--port", "0", "--grpc-port", "0", cwd=folders["conexus"])
    until = time.monotonic() + 60
    while not (program.data / "daemon.json").exists():
        assert serving.poll() is None, serving.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(serving.pid, signal.SIGABRT)
    serving.communicate()
    (program.data / "daemon.json").unlink(missing_ok=True)
    found = {name: len(core_files(folder)) for name, folder in folders.items()}
    figure("core dumps", of_python=found["control"], of_conexus=found["conexus"], exit_code=serving.returncode)
    assert serving.returncode == -signal.SIGABRT
    assert found["control"], "this machine writes no core dumps: the test shows nothing"
    assert not found["conexus"]


def test_parsing_processes_leave_none_either(program: Program, tmp_path: Path, figure: Callable[..., None]) -> None:
    """They forbid it themselves, also where the process that starts them is not ours."""
    write(tmp_path / "tree", {f"m{number}.py": functions(f"step{number}", 60) for number in range(60)})
    without_main(program)
    running = program.start("index", tmp_path / "tree", env={"CONEXUS_INDEX_WORKERS": "2"})
    least = sys.maxsize
    while running.poll() is None:
        for worker in workers_of(running.pid):
            least = min(least, core_limit(worker))
        time.sleep(0.01)
    assert finish(running).code == FOUND
    figure("core dumps of parsing processes", bytes_allowed=least)
    assert least <= 1


def core_limit(process: int) -> int:
    """How large a dump of a process may be."""
    try:
        text = Path(f"/proc/{process}/limits").read_text(encoding="ascii")
    except OSError:
        return sys.maxsize
    [line] = [line for line in text.splitlines() if line.startswith("Max core file size")]
    soft = line.split()[4]
    return int(soft) if soft.isdigit() else sys.maxsize


def test_a_file_system_with_coarse_times_is_told(
    program: Program, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """Where the data folder keeps times of whole seconds, that is said; the clock is not blamed for it."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        not_run("coarse times", "only root can mount a file system, and mkfs.ext4 has to be there", record_property)
    image = program.folder / "image"
    with image.open("wb") as stream:
        stream.truncate(32_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-I", "128", image], check=True, capture_output=True)
    program.data.mkdir()
    script = 'mount -o loop "$1" "$2"\nchmod 700 "$2"'
    program.before = shell(script, str(image), str(program.data), inside=("unshare", "--mount"))
    code, row = seen(program, "clock")
    figure("coarse times", level=row["level"], told=int("steps of 1 s" in row["detail"]))
    assert (code, row["level"]) == (FOUND, "ok"), row
    assert "steps of 1 s" in row["detail"]
