# SPDX-License-Identifier: FSL-1.1-MIT
"""The daemon's life: started, found, stopped, killed, restarted, ended by itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest
from conftest import serving, wait_for_state
from program import ERROR, FOUND, INTERRUPTED, Program, children_of, finish, functions, write

from conexus.adapters.engine_orphans import engines_of
from conexus.daemon import discovery

QUESTION = "fine of a late loan"
EVERYWHERE = "0.0.0.0"  # noqa: S104 -- is refused


def wait_until(condition: object, seconds: float, what: str) -> None:
    """Wait for something that a function says."""
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, what
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def started(program: Program) -> int:
    """Start a daemon in the background on free ports; returns its process."""
    program.ok("daemon", "start", "--port", "0", "--grpc-port", "0")
    return int(program.ok("daemon", "status", "--json").json["pid"])


def test_it_starts_is_used_and_stops(alone: tuple[Program, Path]) -> None:
    """In the background: the terminal's commands go through it, and do so no more once it has stopped."""
    program, tree = alone
    assert program.run("daemon", "status").code == 1
    pid = started(program)
    assert "runs already" in program.ok("daemon", "start").out
    assert "through the daemon" in program.ok("index", tree, "--verbose").err
    assert "through the daemon" in program.ok("search", QUESTION, tree, "-v").err
    assert "listening" in program.ok("daemon", "logs").out
    assert QUESTION not in (program.data / "daemon.log").read_text(encoding="utf-8")
    again = program.ok("daemon", "restart", "--port", "0", "--grpc-port", "0").out
    assert f"stopped: process {pid}" in again
    program.ok("daemon", "stop")
    assert "no daemon runs" in program.ok("daemon", "stop").out
    assert "without a daemon" in program.ok("search", QUESTION, tree, "-v").err
    wait_until(lambda: not is_alive(pid), 60, "the process is still there")


def test_its_files_are_for_its_owner_alone(alone: tuple[Program, Path]) -> None:
    """Token, state and log are 0600 in a folder that is 0700; the token is in no argument."""
    program, _ = alone
    pid = started(program)
    for name in ("daemon.token", "daemon.json", "daemon.log"):
        assert (program.data / name).stat().st_mode & 0o777 == 0o600, name
    assert program.data.stat().st_mode & 0o777 == 0o700
    token = (program.data / "daemon.token").read_bytes()
    assert token not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert token not in (program.data / "daemon.json").read_bytes()


def test_a_request_that_is_refused_is_logged_without_its_key(alone: tuple[Program, Path]) -> None:
    """With the reason alone."""
    program, _ = alone
    started(program)
    address = json.loads((program.data / "daemon.json").read_text(encoding="utf-8"))["http"]
    refused = httpx.get(f"{address}/v1/status", headers={"Authorization": "Bearer no-such-key"})
    assert refused.status_code == 401
    log = program.data / "daemon.log"
    wait_until(lambda: "reason=credentials" in log.read_text(encoding="utf-8"), 10, "the refusal is not logged")
    assert "refused" in log.read_text(encoding="utf-8")
    assert "no-such-key" not in log.read_text(encoding="utf-8")


def test_a_token_that_others_can_read_is_refused(alone: tuple[Program, Path]) -> None:
    """It is said, with what to do."""
    program, _ = alone
    started(program)
    program.ok("daemon", "stop")
    (program.data / "daemon.token").chmod(0o644)
    refused = program.run("daemon", "start", "--port", "0", "--grpc-port", "0")
    assert refused.code == ERROR
    assert "others can read" in refused.err


def test_killed_it_leaves_no_lock_and_the_next_one_goes_on_with_its_jobs(alone: tuple[Program, Path]) -> None:
    """After kill -9 amid a job: no worker is left, the terminal works at once, a new daemon ends the job."""
    program, tree = alone
    write(tree, {f"many/part_{number}.py": functions(f"part_{number}", 60) for number in range(120)})
    pid = started(program)
    with program.start("index", tree) as client:
        wait_until(lambda: running_job(program), 120, "the job did not begin")
        os.kill(pid, signal.SIGKILL)
        client.communicate(timeout=300)
    wait_until(lambda: not workers_of(program), 60, "workers were left behind")
    assert program.run("search", "part 7", tree).code in {FOUND, 3}
    started(program)
    wait_until(lambda: program.ok("status", tree, "--json").json["complete"], 240, "the job was not ended")
    assert program.run("search", "part_77", tree, "--json").paths()


def running_job(program: Program) -> bool:
    """Whether an index job has got as far as files."""
    return bool(workers_of(program))


def workers_of(program: Program) -> list[int]:
    """Parsing processes of a program's daemon: those that have its data folder in their environment."""
    mark = f"CONEXUS_HOME={program.data}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes() and b"conexus.worker" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_stopped_amid_a_job_it_is_gone_soon_and_loses_nothing(alone: tuple[Program, Path]) -> None:
    """SIGTERM ends the job at its next file; what was done is kept, and the rest is done at the next start."""
    program, tree = alone
    write(tree, {f"many/part_{number}.py": functions(f"part_{number}", 60) for number in range(120)})
    pid = started(program)
    with program.start("index", tree) as client:
        wait_until(lambda: running_job(program), 120, "the job did not begin")
        program.ok("daemon", "stop")
        client.communicate(timeout=300)
    log = (program.data / "daemon.log").read_text(encoding="utf-8")
    assert "stopping" in log
    assert "state=done" not in log  # it did not wait for the job's end
    wait_until(lambda: not is_alive(pid), 60, "the process is still there")
    assert not workers_of(program)
    assert program.ok("verify").code == FOUND
    started(program)
    wait_until(lambda: program.ok("status", tree, "--json").json["complete"], 240, "the job was not ended")


def test_one_data_folder_has_one_daemon(alone: tuple[Program, Path]) -> None:
    """A second one says which process the first is."""
    program, _ = alone
    pid = started(program)
    refused = program.run("serve", "--port", "0", "--grpc-port", "0")
    assert refused.code == ERROR
    assert f"process {pid}" in refused.err


def test_commands_that_stop_it_at_once_all_succeed(alone: tuple[Program, Path]) -> None:
    """Whoever comes second waits until it is gone."""
    program, _ = alone
    started(program)
    stops = [program.start("daemon", "stop") for _ in range(3)]
    assert [finish(stop).code for stop in stops] == [FOUND, FOUND, FOUND]
    assert program.run("daemon", "status").code != FOUND


def test_a_port_that_is_taken_is_named(alone: tuple[Program, Path]) -> None:
    """With what to do; nothing is left behind."""
    program, _ = alone
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for flags in (("--port", port, "--grpc-port", "0"), ("--port", "0", "--grpc-port", port)):
            refused = program.run("serve", *flags)
            assert refused.code == ERROR, refused.text
            assert port in refused.err
            assert "another program uses it" in refused.err
        found = program.run("daemon", "start", "--port", port)
        assert found.code == ERROR
        assert port in found.err


def test_a_daemon_that_a_client_started_takes_any_port_and_ends_when_idle(alone: tuple[Program, Path]) -> None:
    """It does not fail where the usual port is taken, and is gone after a while without requests."""
    program, tree = alone
    program.ok("index", tree)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = {"CONEXUS_DAEMON_PORT": str(taken.getsockname()[1]), "CONEXUS_DAEMON_GRPC_PORT": "0"}
        process = program.start("serve", "--auto", env={**settings, "CONEXUS_DAEMON_IDLE_EXIT_S": "5"})
        wait_for_state(program, process)
        program.ok("search", QUESTION, tree)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert b"nobody asks" in errors


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--host", EVERYWHERE], "other machines could read"),
        (["--host", EVERYWHERE, "--allow-insecure"], "no API key"),
        (["--tls-cert", "x.pem"], "belong together"),
        (["--port", "70000"], "between 0 and 65535"),
        (["--tls-cert", "/no/such.pem", "--tls-key", "/no/such.key"], "cannot be used"),
    ],
)
def test_unsafe_or_wrong_settings_do_not_start(alone: tuple[Program, Path], flags: list[str], said: str) -> None:
    """Other machines are served only with TLS or an explicit word, and only with keys."""
    program, _ = alone
    refused = program.run("serve", "--port", "0", "--grpc-port", "0", *flags)
    assert refused.code == ERROR
    assert said in refused.err
    assert "hint:" in refused.err or "between" in said


def test_settings_are_read_again(alone: tuple[Program, Path]) -> None:
    """From then on the query log keeps no queries; broken settings change nothing."""
    program, tree = alone
    program.ok("index", tree)
    config = program.folder / "config.toml"
    program.settings["CONEXUS_CONFIG"] = str(config)
    with serving(program, tree) as served:
        program.ok("search", "the first question", tree)
        config.write_text('[log]\nqueries = "off"\n', encoding="utf-8")
        program.ok("daemon", "reload")
        program.ok("search", "the second question", tree)
        config.write_text("[log]\nqueries = 1\n", encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        said = program.folder / "serve.log"
        wait_until(lambda: "cannot be read" in said.read_text(encoding="utf-8"), 60, "the signal was not heeded")
        config.write_text("", encoding="utf-8")
        log = json.dumps(program.ok("log", "--json").json)
    assert "the first question" in log
    assert "the second question" not in log


def test_a_daemon_of_another_version_is_not_used(alone: tuple[Program, Path]) -> None:
    """It is said, with what to do."""
    program, tree = alone
    started(program)
    state = program.data / "daemon.json"
    found = json.loads(state.read_text(encoding="utf-8"))
    os.kill(int(found["pid"]), signal.SIGSTOP)  # else it would write its own again
    state.write_text(json.dumps({**found, "version": "0.0.1"}), encoding="utf-8")
    refused = program.run("search", QUESTION, tree)
    os.kill(int(found["pid"]), signal.SIGCONT)
    assert refused.code == ERROR
    assert "conexus daemon restart" in refused.err
    state.write_text(json.dumps(found), encoding="utf-8")


def test_a_damaged_catalog_is_not_taken_from_under_a_daemon(alone: tuple[Program, Path]) -> None:
    """`verify --repair`, which would begin a new one, says to stop the daemon first; so does nothing else get lost."""
    program, tree = alone
    program.ok("index", tree)
    started(program)
    program.ok("search", QUESTION, tree)
    assert "answers at" in program.run("doctor").out
    catalog = program.data / "catalog.sqlite"
    whole = catalog.read_bytes()
    catalog.write_bytes(b"no database" + whole[11:])
    refused = program.run("verify", "--repair", env={"CONEXUS_DAEMON_USE": "false"})
    assert refused.code == ERROR
    assert "conexus daemon stop" in refused.err
    assert catalog.read_bytes()[:11] == b"no database"
    catalog.write_bytes(whole)
    program.ok("daemon", "stop")
    program.ok("verify")


def test_a_lost_or_damaged_state_file_is_written_again(alone: tuple[Program, Path]) -> None:
    """The daemon is found again within moments; the lock alone says that it runs."""
    program, _ = alone
    pid = started(program)
    state = program.data / "daemon.json"
    for damage in (state.unlink, lambda: state.write_text("garbage", encoding="utf-8")):
        damage()
        wait_until(lambda: program.run("daemon", "status").code == 0, 60, "the daemon was not found again")
    assert program.ok("daemon", "status", "--json").json["pid"] == pid


def test_one_client_that_stops_its_job_stops_no_other(alone: tuple[Program, Path]) -> None:
    """Each has a job of its own, though both index one tree."""
    program, tree = alone
    write(tree, {f"many/part_{number}.py": functions(f"part_{number}", 60) for number in range(60)})
    started(program)
    first = program.start("index", tree)
    wait_until(lambda: running_job(program), 120, "the job did not begin")
    second, third = program.start("index", tree), program.start("index", tree)
    wait_until(lambda: len(jobs_of(program)) == 3, 120, "there are fewer jobs than clients")
    third.send_signal(signal.SIGINT)
    for client in (first, second, third):
        client.communicate(timeout=300)
    assert [client.returncode for client in (first, second)] == [FOUND, FOUND]
    assert third.returncode in {INTERRUPTED, FOUND}


def jobs_of(program: Program) -> list[str]:
    """States of the jobs of a program's daemon."""
    address = discovery.find(program.data)
    assert address is not None
    headers = {"authorization": f"Bearer {address.token}"}
    found = httpx.get(f"{address.http}/v1/jobs", headers=headers, timeout=60).json()
    return [str(one["state"]) for one in found["jobs"]]


def test_a_vector_engine_that_is_stopped_costs_seconds_and_outlives_no_daemon(alone: tuple[Program, Path]) -> None:
    """A search is answered by another one, and the daemon's end is that of its engine."""
    program, tree = alone
    program.ok("index", tree)
    started(program)
    program.ok("search", QUESTION, tree)
    [engine] = engines_of(program.data / "vectors")
    os.kill(engine.pid, signal.SIGSTOP)
    began = time.monotonic()
    assert program.ok("search", QUESTION, tree, "--json").paths()
    assert time.monotonic() - began < 20
    assert not is_alive(engine.pid)
    [engine] = engines_of(program.data / "vectors")
    os.kill(engine.pid, signal.SIGSTOP)
    assert "(the vector engine of process" in program.run("doctor", "locks").out
    program.ok("daemon", "stop")
    wait_until(lambda: not is_alive(engine.pid), 5, "the engine is still there")
    assert program.ok("search", QUESTION, tree, "--json").paths()


def test_a_process_that_searches_is_missed_by_nobody(alone: tuple[Program, Path]) -> None:
    """Killed, left by a daemon that is killed, and stopped: searches are answered, and no process is left."""
    program, tree = alone
    program.ok("index", tree)
    daemon = started(program)
    found = program.ok("search", QUESTION, tree, "--json").paths()
    assert found
    [killed] = searchers_of(daemon)
    os.kill(killed, signal.SIGKILL)
    assert program.ok("search", QUESTION, tree, "--json").paths() == found
    wait_until(lambda: searchers_of(daemon) not in ([], [killed]), 20, "no other process searches")
    [left] = searchers_of(daemon)
    os.kill(left, signal.SIGSTOP)
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not is_alive(left), 10, "the process has outlived its daemon")
    daemon = started(program)
    wait_until(lambda: searchers_of(daemon), 20, "no process searches")
    [stopped] = searchers_of(daemon)
    os.kill(stopped, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(2):
        assert program.ok("search", QUESTION, tree, "--json").paths() == found
    assert time.monotonic() - began < 20
    assert not is_alive(stopped)


def searchers_of(daemon: int) -> list[int]:
    """The processes that search for a daemon."""
    return children_of(daemon, b"conexus.searcher")
