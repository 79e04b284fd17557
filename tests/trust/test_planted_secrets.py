# SPDX-License-Identifier: FSL-1.1-MIT
"""Secrets in what is indexed and asked: found by their kinds, and none of them in a file or an answer of Conexus."""

from __future__ import annotations

import json
import os
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from attacks import SEED, dice, rounds
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings
from planted import KINDS, Dice, Secret, notebook, password, planted, planted_in
from planted_forms import FORMS
from program import Program, commit, git, write
from surfaces import Daemon, all_files, file_uri, licensed, receiver, serving

from conexus.parsing.secrets import redact

LEAST_RECALL = 0.98
LEAST_RECALL_OF_A_KIND = 0.9
MOST_FALSE_PER_MB = 2.0
_MEGABYTE = 1_000_000
_LONGEST_FILE = 500_000
_OTHER_SUFFIXES = frozenset(
    (".js", ".ts", ".h", ".hpp", ".c", ".css", ".html", ".md", ".json", ".toml", ".yaml", ".yml")
)
SAMPLES = Path(__file__).parents[1] / "golden" / "samples"


def one_of(make: Callable[[Dice], Secret], kind: int, number: int) -> tuple[Secret, Dice]:
    """The secret of a round."""
    chance = dice(f"secret {kind}", number)
    return make(chance), chance


@rounds(quick=8, full=50)
def test_planted_secrets_are_replaced(figure: Callable[..., None], rounds: int) -> None:
    """Of each kind nearly all are gone, in files of all kinds; of none does a run of characters stay."""
    missed: Counter[str] = Counter()
    examples = []
    for kind, make in enumerate(KINDS):
        for number in range(rounds):
            secret, chance = one_of(make, kind, number)
            file = planted(secret, chance)
            if found := secret.leaks_into(redact(file.text)[0]):
                missed[secret.kind] += 1
                examples.append(f"{secret.kind} in {file.path}, round {number}: {found}")
    total = len(KINDS) * rounds
    recall = 1 - missed.total() / total
    worst = missed.most_common(1)[0] if missed else ("none", 0)
    figure("secrets", kinds=len(KINDS), planted=total, recall=round(recall, 4), worst=f"{worst[0]}: {worst[1]} missed")
    told = f"seed {SEED}; " + "; ".join(examples[:20])
    assert recall >= LEAST_RECALL, told
    # The fewer there are of a kind, the more one of them weighs.
    assert worst[1] <= max(1, (1 - LEAST_RECALL_OF_A_KIND) * rounds), told


@rounds(quick=1, full=20)
def test_secrets_in_each_form_are_replaced(figure: Callable[..., None], rounds: int) -> None:
    """Values that need a name are found in each form in which one is given to it."""
    missed: Counter[str] = Counter()
    examples = []
    makers = [make for make in KINDS if make(dice("form")).names]
    for form, text in FORMS.items():
        for kind, make in enumerate(makers):
            for number in range(rounds):
                chance = dice(f"form {form} {kind}", number)
                secret = make(chance)
                if found := secret.leaks_into(redact(f"{planted_in(text, secret, chance)}\n")[0]):
                    missed[form] += 1
                    examples.append(f"{secret.kind} in {form}, round {number}: {found}")
    of_a_form = len(makers) * rounds
    total = len(FORMS) * of_a_form
    recall = 1 - missed.total() / total
    worst = missed.most_common(1)[0] if missed else ("none", 0)
    told_worst = f"{worst[0]}: {worst[1]} of {of_a_form} missed"
    figure("secrets by form", forms=len(FORMS), planted=total, recall=round(recall, 4), worst=told_worst)
    told = f"seed {SEED}; " + "; ".join(examples[:20])
    assert recall >= LEAST_RECALL, told
    assert worst[1] <= max(1, (1 - LEAST_RECALL_OF_A_KIND) * of_a_form), told


def texts_of(paths: Iterator[Path], most: int) -> Iterator[tuple[Path, str]]:
    """Files, up to so many bytes of them."""
    left = most
    for path in paths:
        if left <= 0:
            return
        if path.is_file() and 0 < path.stat().st_size <= _LONGEST_FILE:
            text = path.read_text(encoding="utf-8", errors="replace")
            left -= len(text)
            yield path, text


def clean_code() -> dict[str, Iterator[Path]]:
    """Code that holds no secrets but those of its own tests: the standard library, and all that is installed."""
    library = Path(sysconfig.get_paths()["stdlib"])
    found = find_spec("numpy")
    assert found is not None
    assert found.origin is not None
    packages = sorted(path for path in Path(found.origin).parents[1].rglob("*") if "test" not in str(path).lower())
    others = [path for path in packages if path.suffix in _OTHER_SUFFIXES]
    return {
        "library": (path for path in sorted(library.rglob("*.py")) if not {"site-packages", "test"} & {*path.parts}),
        "packages": (path for path in packages if path.suffix == ".py"),
        "other languages": iter([*sorted(SAMPLES.rglob("*")), *others]),
    }


@rounds(quick=4, full=60)
def test_clean_code_stays_as_it_is(figure: Callable[..., None], rounds: int) -> None:
    """What is no secret is not replaced: so many megabytes of each kind of code, the same ones each time."""
    numbers: dict[str, float] = {}
    for name, paths in clean_code().items():
        size, replaced, where = 0, 0, []
        for path, text in texts_of(paths, rounds * _MEGABYTE):
            count = redact(text)[1]
            size += len(text)
            replaced += count
            where += [str(path)] * bool(count)
        numbers[f"{name}_mb"] = round(size / _MEGABYTE, 1)
        numbers[f"{name}_false"] = replaced
        assert size > _MEGABYTE / 2, name
        if replaced > MOST_FALSE_PER_MB * size / _MEGABYTE:
            figure("secrets in clean code", **numbers)
            pytest.fail(f"{name}: {replaced} in {size / _MEGABYTE:.1f} MB: {where[:20]}")
    figure("secrets in clean code", **numbers)


@rounds(quick=1, full=5)
def test_another_program_finds_nothing_more(figure: Callable[..., None], tmp_path: Path, rounds: int) -> None:
    """What detect-secrets finds among planted secrets is not there any more."""
    found, left = 0, []
    for kind, make in enumerate(KINDS):
        for number in range(rounds):
            secret, chance = one_of(make, kind, 1_000 + number)
            file = planted(secret, chance)
            after = redact(file.text)[0]
            path = tmp_path / Path(file.path).name
            for text in (file.text, after):
                path.write_text(text, encoding="utf-8")
                with default_settings():
                    values = {one.secret_value or "" for one in scan_file(str(path))}
                own = {value for value in values if secret.leaks_into(value)}
                if text is file.text:
                    found += bool(own)
                elif own:
                    left.append(f"{secret.kind} in {file.path}, round {number}")
            path.unlink()
    figure("secrets, another program", planted=len(KINDS) * rounds, found_before=found, found_after=len(left))
    assert found >= len(KINDS) * rounds / 3  # else it proves nothing
    assert len(left) <= (1 - LEAST_RECALL) * len(KINDS) * rounds, f"seed {SEED}; {left}"


# ------------------------------------------------------------------------------ nothing is written, nothing is shown

REPO = "example.org/acme/orders"
MARKER = "harbour_of_orders"
_OF_MARKER = "lib/orders.py"
_NEEDLE = 14  # characters of a secret that no other text has


@dataclass
class Canaries:
    """Secrets that may not be seen again, and where one was."""

    needles: dict[bytes, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    looked_at: int = 0

    def add(self, secret: Secret) -> None:
        """Look for a secret: for the middle of each of its parts, two at most."""
        for part in (secret.hidden[0], secret.hidden[-1]):
            start = max(0, (len(part) - _NEEDLE) // 2)
            self.needles[part[start : start + _NEEDLE].encode()] = secret.kind

    def look(self, where: str, content: bytes | str) -> None:
        """Note which secrets are in what was written or shown."""
        raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        self.looked_at += len(raw)
        self.seen += [f"{kind} in {where}" for needle, kind in self.needles.items() if needle in raw]


@dataclass(frozen=True)
class Secrets:
    """A repository full of secrets."""

    root: Path
    canaries: Canaries
    pasted: tuple[Secret, ...]
    """Some that only questions hold."""
    planted: int


def plant(root: Path, per_kind: int) -> Secrets:
    """Make a repository with secrets in code, settings, notebooks, manifests, addresses and messages of commits."""
    canaries, count = Canaries(), 0
    old: dict[str, str | bytes] = {}
    files: dict[str, str | bytes] = {}
    for kind, make in enumerate(KINDS):
        for number in range(per_kind):
            secret, chance = one_of(make, kind, 10_000 + number)
            file = planted(secret, chance)
            if secret.leaks_into(redact(file.text)[0]):
                continue  # the recall is another test's
            count += 1
            canaries.add(secret)
            path = f"part_{kind}/{number}/{file.path}"
            (old if number % 4 == 3 else files)[path] = f"{file.text}\n" if number % 2 else file.text
    files |= manifests(canaries)
    files[_OF_MARKER] = f'def {MARKER}(order):\n    """Ship an order from the harbour."""\n    return order\n'
    write(root, {**files, **old, "lib/orders.py": "def old_harbour(order):\n    return order\n"})
    remote, message = (password(dice("canary", number), 20, 24) for number in range(2))
    for word in (remote, message):
        canaries.add(Secret("word", word, (word,)))
    commit(root, f"https://deploy:{remote}@{REPO}.git")
    for path in old:
        (root / path).unlink()
    write(root, {"lib/orders.py": files["lib/orders.py"]})
    git(root, "add", "--all")
    told = f"Ship the orders of all customers by https://bot:{message}@ship.acme.dev from the harbour"
    git(root, "commit", "--quiet", "--message", told, "--message", f"password: '{message}'")
    pasted = tuple(make(dice("pasted", number)) for number, make in enumerate(KINDS[:20]))
    return Secrets(root, canaries, tuple(one for one in pasted if not one.file and "\n" not in one.value), count)


def pasted_form(secret: Secret) -> str:
    """A secret as it is pasted into a question: with its name where nothing else tells it."""
    return f"{secret.names[0]}={secret.value}" if secret.names else secret.value


def manifests(canaries: Canaries) -> dict[str, str | bytes]:
    """Manifests whose addresses and settings hold secrets."""
    words = [password(dice("manifest", number), 20, 24).replace("?", "q").replace("#", "x") for number in range(7)]
    for word in words:
        canaries.add(Secret("manifest", word, (word,)))
    package = {
        "name": "orders",
        "version": "1.0.0",
        "dependencies": {"ships": f"git+https://bot:{words[0]}@git.acme.dev/s"},
    }
    lock = {
        "lockfileVersion": 3,
        "packages": {"node_modules/a": {"version": "1.0.0", "resolved": f"https://x:{words[1]}@r.dev"}},
    }
    return {
        "package.json": json.dumps(package, indent=2),
        "package-lock.json": json.dumps(lock, indent=2),
        "requirements.txt": f"--index-url https://bot:{words[2]}@pypi.acme.dev/simple\nships @ https://x:{words[2]}@a.dev/s.whl\n",
        ".gitmodules": f'[submodule "ships"]\n\tpath = ships\n\turl = https://bot:{words[3]}@git.acme.dev/ships.git\n',
        "pyproject.toml": f'[project]\nname = "orders"\ndependencies = ["ships @ git+https://bot:{words[4]}@git.acme.dev/s"]\n',
        "main.tf": f'module "ships" {{\n  source = "git::https://bot:{words[5]}@git.acme.dev/ships.git"\n}}\n',
        "Gemfile": f'source "https://bot:{words[6]}@gems.acme.dev"\ngem "ships", git: "https://x:{words[6]}@git.acme.dev/s"\n',
        "analysis/orders.ipynb": notebook("print(1)", "1\n"),
    }


QUESTIONS = (
    MARKER,
    "password of the database",
    "api key and client secret",
    "private key",
    "connection string",
    "token",
)


def ask_commands(program: Program, secrets: Secrets) -> Iterator[tuple[str, str]]:
    """What the commands show of a repository."""
    root = secrets.root
    commands: list[Sequence[str | Path]] = [
        ("index", root, "--verbose"),
        ("index", root, "--ref", "HEAD~1", "--json", "--verbose"),
        *(("search", one, root, "-n", "100", "-C", "99", "--explain") for one in QUESTIONS[::2]),
        *(("search", one, root, "-n", "100", "--json", "--explain") for one in QUESTIONS[1::2]),
        ("search", "password", root, "--ref", "HEAD~1", "--format", "markdown", "-n", "100"),
        ("context", f"password and token of {MARKER}", root, "--max-tokens", "30000"),
        ("context", "api key", root, "--max-tokens", "30000", "--json"),
        ("symbols", "password", root, "--uses"),
        ("symbols", "api_key", root, "--json"),
        ("similar", "lib/orders.py:1", root),
        ("map", root),
        ("status", root),
        ("graph", "show", root, "--format", "json"),
        ("why", root / "package.json"),
        ("eval", root, "-n", "5", "--set", "history", "--json"),
        ("repos", "show", REPO),
        ("graph", "repos", "--external", "--json"),
        ("verify",),
        ("doctor",),
    ]
    for command in commands:
        ended = program.run(*command)
        yield f"`{' '.join(map(str, command))}`", ended.text
    trace = f'Traceback (most recent call last):\n  File "{root}/lib/orders.py", line 2, in {MARKER}\n'
    yield "extract", program.fed(trace, "extract", root).text


def ask_daemon(daemon: Daemon, secrets: Secrets) -> Iterator[tuple[str, str]]:
    """What a daemon shows of it."""
    paths = [path.relative_to(secrets.root).as_posix() for path in all_files(secrets.root) if ".git/" not in str(path)]
    for one in QUESTIONS:
        yield f"REST search {one}", daemon.rest("POST", "/v1/search", {"query": one, "limit": 100, "explain": True})
        yield f"gRPC search {one}", daemon.over_grpc(one)
    for path in [_OF_MARKER, *paths[:: max(1, len(paths) // 40)]]:
        yield f"REST file {path}", daemon.rest("POST", "/v1/file", {"repository": REPO, "path": path})
    yield "REST context", daemon.rest("POST", "/v1/context", {"query": f"password of {MARKER}", "max_tokens": 30_000})
    for name, body in (
        ("symbols", {"name": "password", "uses": True}),
        ("map", {"repository": REPO}),
        ("graph", {"repository": REPO}),
        ("graph/repos", {"external": True, "files": True}),
        ("graph/orphans", {}),
        ("index", {"repository": REPO}),
    ):
        yield f"REST {name}", daemon.rest("POST", f"/v1/{name}", body)
    calls: list[tuple[str, Mapping[str, object]]] = [
        *(("search_code", {"query": one, "limit": 100, "max_tokens": 20_000}) for one in QUESTIONS),
        *(("get_context", {"query": one, "max_tokens": 20_000}) for one in QUESTIONS),
        *(("read_file", {"path": path}) for path in [_OF_MARKER, *paths[:: max(1, len(paths) // 20)]]),
        ("find_symbol", {"name": "password", "uses": True}),
        ("repository_map", {}),
        ("index_status", {}),
        ("explain_skip", {"path": "package-lock.json"}),
        ("dependency_graph", {"question": "repos"}),
    ]
    given = [(tool, {**arguments, "repository": REPO}) for tool, arguments in calls]
    yield from daemon.over_mcp(given, [file_uri(REPO, path) for path in paths[:10]]).items()


@rounds(quick=2, full=12)
def test_no_secret_is_in_a_file_or_an_answer(
    program: Program, tmp_path: Path, figure: Callable[..., None], rounds: int
) -> None:
    """Neither of what was indexed nor of what was pasted into a question, on any surface and in any file."""
    secrets = plant(tmp_path / "orders", rounds)
    canaries = secrets.canaries
    has_audit = licensed(program)
    temporary = program.folder / "temporary"
    temporary.mkdir()
    program.settings |= {"TMPDIR": str(temporary), "CONEXUS_WEBHOOKS_ALLOW_PRIVATE": "true"}
    program.settings |= {"CONEXUS_DAEMON_LOG_LEVEL": "debug", "CONEXUS_DAEMON_REQUESTS_PER_S": "100000"}
    answers = dict(ask_commands(program, secrets))
    with receiver() as (url, sent):
        program.ok("webhooks", "add", f"{url}/hook")
        with serving(program, CONEXUS_DAEMON_OTLP_ENDPOINT=f"{url}/v1/traces") as daemon:
            answers |= dict(ask_daemon(daemon, secrets))
            # An answer may repeat a question, but nothing may keep it.
            for question in map(pasted_form, secrets.pasted):
                daemon.rest("POST", "/v1/search", {"query": f"{MARKER} {question}"})
                daemon.rest("POST", "/v1/context", {"query": f"{MARKER} {question}", "max_tokens": 500})
                daemon.rest("POST", "/v1/symbols", {"name": MARKER, "filter": {"paths": [question]}})
                daemon.over_grpc(f"{MARKER} {question}")
            asked = [f"{MARKER} {pasted_form(one)}" for one in secrets.pasted]
            daemon.over_mcp([("search_code", {"query": one, "repository": REPO}) for one in asked])
            for name in ("log", "stats", "jobs", "status", "repositories", "webhooks", "features", "audit"):
                answers[f"REST {name}"] = daemon.rest("GET", f"/v1/{name}", {})
            answers["metrics"] = daemon.rest("GET", "/metrics")
        for one in secrets.pasted[:3]:
            program.run("search", f"{MARKER} {pasted_form(one)}", secrets.root)
        for command in (
            ("log", "-n", "500", "--json"),
            ("stats", "--json"),
            ("audit", "search", "-n", "500", "--json"),
        ):
            answers[f"`{' '.join(command)}`"] = program.run(*command).text
    for one in secrets.pasted:
        canaries.add(one)
    for where, text in answers.items():
        canaries.look(where, text)
    for body in sent:
        canaries.look("what was sent", body)
    files = list(all_files(program.folder))
    for path in files:
        canaries.look(os.fsdecode(path.relative_to(program.folder)), path.read_bytes())
    figure(
        "secrets kept or shown",
        planted=secrets.planted,
        pasted=len(secrets.pasted),
        answers=len(answers),
        files=len(files),
        sent=len(sent),
        looked_at_mb=round(canaries.looked_at / _MEGABYTE, 1),
        seen=len(canaries.seen),
    )
    assert not canaries.seen, f"seed {SEED}; {len(canaries.seen)}: {canaries.seen[:40]}"
    require_looked_at(program, answers, sent, has_audit=has_audit)


def require_looked_at(program: Program, answers: Mapping[str, str], sent: Sequence[bytes], *, has_audit: bool) -> None:
    """What is no secret is where secrets would have been: else nothing is proved."""
    shown = [where for where, text in answers.items() if MARKER in text]
    for surface in (
        "`search",
        "`context",
        "`map",
        "REST search",
        "gRPC search",
        "REST file",
        "REST context",
        "mcp",
        "REST log",
    ):
        assert any(where.startswith(surface) for where in shown), (surface, shown)
    for name in ("catalog.sqlite", "usage.sqlite", *(["audit.sqlite"] if has_audit else [])):
        kept = b"".join(path.read_bytes() for path in program.data.glob(f"{name}*"))
        assert MARKER.encode() in kept, name
        assert b"[redacted]" in kept, name
    assert any(b"/hook" in body for body in sent)
    assert any(b"/v1/traces" in body for body in sent)
