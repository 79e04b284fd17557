# SPDX-License-Identifier: FSL-1.1-MIT
"""What Conexus is made of, what it is shipped as, and what its code must not call."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def tool(name: str) -> ModuleType:
    """A program of ``tools``."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


SBOM = tool("sbom")
CALLS = tool("check_calls")


# --------------------------------------------------------------------------------------- what code calls

UNSAFE = [
    "import pickle",
    "from pickle import loads",
    "import cloudpickle as c",
    "import shelve",
    "import marshal",
    "eval(text)",
    "run = eval\nrun(text)",
    "import builtins\nbuiltins.exec(text)",
    "getattr(__builtins__, 'exec')(text)",
    "__builtins__['eval'](text)",
    "compile(text, 'f', 'exec')",
    "__import__('pickle').loads(data)",
    "import importlib\nimportlib.import_module('pickle')",
    "from importlib import import_module as take\ntake('marshal')",
    "import os\nos.system(line)",
    "from os import popen as p\np(line)",
    "import os\ngetattr(os, 'system')(line)",
    "import subprocess\nsubprocess.run(line, shell=True)",
    "import subprocess as s\ns.Popen(line, shell=1)",
    "from subprocess import check_output as ask\nask(line, shell=True)",
    "import subprocess\nsubprocess.run(line, shell=chosen)",
    "import subprocess\nstart = subprocess.run\nstart(line, shell=True)",
    "import subprocess\nsubprocess.getoutput(line)",
    "import asyncio\nasyncio.create_subprocess_shell(line)",
    "import yaml\nyaml.load(text)",
    "import yaml as y\ny.load(text, Loader=y.Loader)",
    "from yaml import load\nload(text, FullLoader)",
    "import yaml\nyaml.unsafe_load(text)",
    "import tempfile\ntempfile.mktemp()",
    "from tempfile import mktemp as name\nname()",
    "import numpy as np\nnp.load(path, allow_pickle=True)",
    "from numpy import load\nload(path, allow_pickle=flag)",
    "import torch\ntorch.load(path)",
    "from urllib.request import urlopen\nurlopen(url)",
    "import urllib.request\nurllib.request.urlopen('https://example.org')",
    "import httpx\nhttpx.get(url)",
    "fetch('http://example.org/model')",
    "fetch(address='http://192.0.2.1')",
    "def later():\n    return act(text)\n\nact = eval",
    "import functools\nfunctools.partial(eval, text)()",
]
SAFE = [
    "import yaml\nyaml.load(text, Loader=yaml.CSafeLoader)",
    "import yaml\nyaml.safe_load(text)",
    "import numpy as np\nnp.load(path)",
    "import numpy as np\nnp.load(path, allow_pickle=False)",
    "import subprocess\nsubprocess.run(['ls'], shell=False)",
    "import re\nre.compile('a')",
    "self.eval(text)",
    "model.load(path)",
    "catalog.exec(text)",
    "call('http://127.0.0.1:7520')",
    '"""See http://example.org."""',
]


def test_no_call_runs_data_or_fetches_anything(figure: Callable[..., None]) -> None:
    """The check finds nothing in what is shipped, and everything that is planted, under whatever name."""
    found = list(CALLS.findings())
    planted = [code for code in UNSAFE if CALLS.findings_of("planted.py", code)]
    wrong = [code for code in SAFE if CALLS.findings_of("planted.py", code)]
    files = sum(1 for folder in CALLS.FOLDERS for _ in (ROOT / folder).rglob("*.py"))
    figure(
        "unsafe calls", files=files, found=len(found), planted=len(UNSAFE), planted_found=len(planted), false=len(wrong)
    )
    assert found == []
    assert planted == UNSAFE
    assert wrong == []


# ------------------------------------------------------------------------------------ what is installed


def asked_for() -> list[Requirement]:
    """What the core and the group ``dev`` ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(text) for text in project["project"]["dependencies"] + project["dependency-groups"]["dev"]]


def test_the_lock_has_all_that_is_asked_for_with_digests(figure: Callable[..., None]) -> None:
    """Each package is pinned, by SHA-256, to a release that fits; the file names no registry."""
    pins = SBOM.locked()
    text = (ROOT / SBOM.LOCK).read_text(encoding="utf-8")
    wanted = {SBOM.canonicalize_name(one.name): one for one in asked_for()}
    unfit = [name for name, one in wanted.items() if name not in pins or not one.specifier.contains(pins[name].version)]
    bare = [name for name, pin in pins.items() if not pin.digests]
    here = {SBOM.canonicalize_name(one.name): one.version for one in distributions()}
    other = [name for name in wanted if name in pins and here.get(name) != pins[name].version]
    figure("lock", packages=len(pins), digests=sum(len(pin.digests) for pin in pins.values()), unfit=len(unfit),
           without_digest=len(bare), installed_otherwise=len(other))  # fmt: skip
    assert not unfit
    assert not bare
    assert not re.search(r"https?:|--index-url|--extra-index|--find-links|--trusted", text)
    assert not other, f"make check installs by the lock: {other}"


def test_what_npm_installs_is_locked_too(figure: Callable[..., None]) -> None:
    """Each package of each lock file of npm has its digest, and none names a registry."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "*package-lock.json"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    locks = {name: json.loads((ROOT / name).read_text(encoding="utf-8")) for name in names.split("\0") if name}
    entries = [
        (f"{name}: {path}", entry)
        for name, lock in locks.items()
        for path, entry in lock["packages"].items()
        if "node_modules/" in path and not entry.get("link")
    ]
    bare = [name for name, entry in entries if not entry.get("integrity", "").startswith("sha512-")]
    hosts = [name for name, entry in entries if "resolved" in entry]
    figure("locks of npm", files=len(locks), packages=len(entries), without_digest=len(bare), with_host=len(hosts))
    assert len(locks) >= 3
    assert not bare
    assert not hosts


def test_pip_refuses_a_file_of_another_digest(tmp_path: Path, figure: Callable[..., None]) -> None:
    """The digests are looked at: a wheel that somebody exchanged is not installed, the right one is."""
    wheel = tmp_path / "shelf" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    tiny = {
        "tiny.py": "",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny-1.0.dist-info/RECORD": "",
    }

    def build(source: str) -> str:
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, text in {**tiny, "tiny.py": source}.items():
                archive.writestr(name, text)
        return str(SBOM.hashlib.sha256(wheel.read_bytes()).hexdigest())

    right = build("")
    lock = tmp_path / "lock.txt"
    lock.write_text(f"tiny==1.0 --hash=sha256:{right}\n")
    options = ["--no-index", "--find-links", str(wheel.parent), "--no-deps", "--target", str(tmp_path / "there")]
    command = [sys.executable, "-m", "pip", "install", "--isolated", "--require-hashes", "-r", str(lock), *options]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    codes = [subprocess.run(command, env=env, capture_output=True, check=False).returncode]
    shutil.rmtree(tmp_path / "there", ignore_errors=True)
    build("import os\n")
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    figure("exchanged wheel", right_installed=int(codes == [0]), exchanged_refused=int(done.returncode != 0))
    assert codes == [0]
    assert done.returncode != 0
    assert "DO NOT MATCH" in done.stderr


def test_what_is_installed_with_it_is_named_with_a_licence_that_does(figure: Callable[..., None]) -> None:
    """Every package of the core is in the bill of materials with version, digests and licence, and in the docs."""
    needed = SBOM.needed()
    licences = {name: SBOM.licence_of(name) for name in needed}
    unfit = {name: licence for name, licence in licences.items() if not SBOM.is_compatible(licence)}
    document = json.loads(SBOM.document([*SBOM.bundled(), *SBOM.packages(SBOM.locked())]))
    libraries = [one for one in document["components"] if one["type"] == "library"]
    figure("bill of materials", packages=len(libraries), licences=len(set(licences.values())), incompatible=len(unfit))
    assert not unfit
    assert [one["name"] for one in libraries] == needed
    assert all(one["version"] and one["hashes"] and one["licenses"] for one in libraries)
    assert list(SBOM.problems()) == []
    text = (ROOT / SBOM.TABLE).read_text(encoding="utf-8")
    assert SBOM.with_table(text) == text
    for licence in ("GPL-3.0-only", "MIT AND AGPL-3.0-only", "LicenseRef-Proprietary", "Apache-2.0 AND (GPL-2.0)"):
        assert not SBOM.is_compatible(licence)
    assert SBOM.is_compatible("Apache-2.0 OR GPL-2.0-or-later")


def test_a_stale_or_damaged_lock_is_told(tmp_path: Path) -> None:
    """A package that is missing, without digests or of another version is named, with what to do."""
    text = (ROOT / SBOM.LOCK).read_text(encoding="utf-8")
    for change, said in (
        (re.sub(r"(?m)^rich==\S+", "rich==0.1", text), "says 0.1"),
        (re.sub(r"(?m)^numpy==\S+ \\\n(    --hash=\S+( \\)?\n)+", "", text), "numpy is needed, and not in"),
        (re.sub(r"(?m)^(typer==\S+) \\\n(    --hash=\S+( \\)?\n)+", r"\1\n", text), "no digest of typer"),
    ):
        (tmp_path / SBOM.LOCK).write_text(change)
        assert change != text
        assert any(said in problem for problem in SBOM.problems(tmp_path)), said


# -------------------------------------------------------------------------------------- what is shipped

BUILD = """
import sys
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
for builder in (WheelBuilder, SdistBuilder)[:int(sys.argv[3])]:
    print(*builder(sys.argv[1]).build(directory=sys.argv[2], versions=["standard"]))
"""


def copied(folder: Path, mode: int, mtime: int) -> Path:
    """The files of the repository that git has, in another place, with other modes and times."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if name.startswith(("docs/", "benchmarks/", "extensions/", "tests/golden/")) or not (ROOT / name).is_file():
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod(mode)
        os.utime(target, (mtime, mtime))
    return folder


def built(
    root: Path, out: Path, umask: int = 0o022, env: Mapping[str, str] | None = None, kinds: int = 1
) -> dict[str, bytes]:
    """Wheel, and sdist where two kinds are asked for, of a tree, built in a process of its own."""
    python = [sys.executable, "-c", BUILD, str(root), str(out), str(kinds)]
    command = ["sh", "-c", f'umask {umask:03o}; exec "$@"', "sh", *python]
    kept = {"PATH": os.environ["PATH"], "HOME": str(out.parent)}
    subprocess.run(command, cwd=root.parent, env={**kept, **(env or {})}, check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes], dict[str, bytes]]:
    """Built in two places, with other modes, times, umask, locale, time zone and order of hashes."""
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("quite another place")
    first = built(
        copied(one / "conexus", 0o644, 1_700_000_000), one / "out", 0o022,
        {"TZ": "UTC", "LANG": "C", "PYTHONHASHSEED": "1"}, 2,
    )  # fmt: skip
    second = built(
        copied(other / "a folder", 0o600, 1_600_000_000), other / "dist", 0o077,
        {"TZ": "Pacific/Auckland", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"}, 2,
    )  # fmt: skip
    return one, first, second


def test_wheel_and_sdist_are_the_same_wherever_they_are_built(
    twice: tuple[Path, dict[str, bytes], dict[str, bytes]], tmp_path: Path, figure: Callable[..., None]
) -> None:
    """Equal bytes; the wheel that is built from the sdist as well; and one byte of a source makes another wheel."""
    one, first, second = twice
    [sdist] = [name for name in first if name.endswith(".tar.gz")]
    [wheel] = [name for name in first if name.endswith(".whl")]
    with tarfile.open(one / "out" / sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [unpacked] = tmp_path.iterdir()
    from_sdist = built(unpacked, tmp_path / "out")
    (unpacked / "conexus" / "errors.py").write_text((unpacked / "conexus" / "errors.py").read_text() + "\n")
    changed = built(unpacked, tmp_path / "changed")
    equal = sum(first[name] == second.get(name) for name in first)
    figure("reproducible", files=len(first), equal=equal, from_sdist_equal=int(from_sdist[wheel] == first[wheel]),
           changed_differs=int(changed[wheel] != first[wheel]))  # fmt: skip
    assert first.keys() == second.keys()
    assert equal == len(first) == 2
    assert from_sdist[wheel] == first[wheel]
    assert changed[wheel] != first[wheel]


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_what_it_must_and_nothing_else(
    twice: tuple[Path, dict[str, bytes], dict[str, bytes]], figure: Callable[..., None]
) -> None:
    """Both packages as git has them, and what tells of them; no test, no path of a machine, no compiled file."""
    one, first, _ = twice
    [name] = [name for name in first if name.endswith(".whl")]
    found = contents(one / "out" / name)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "conexus", "conexus_ee"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    tracked = {path for path in listed.split("\0") if path and (ROOT / path).is_file()}
    info = {path for path in found if path.partition("/")[0].endswith(".dist-info")}
    extra, missing = set(found) - info - tracked, tracked - set(found)
    folders = b"|".join(re.escape(os.fsencode(folder)) for folder in (one, ROOT, sys.prefix))
    machine = re.compile(rb"(?<![\w.~/])/(?:root|home|Users)/\w|" + folders)
    paths = [path for path, content in found.items() if machine.search(content) and not is_data(path)]
    figure("wheel", files=len(found), extra=len(extra), missing=len(missing), with_machine_paths=len(paths))
    assert not extra
    assert not missing
    assert not paths
    kinds = {path.partition("/")[2] for path in info}
    assert kinds == {
        "METADATA", "WHEEL", "RECORD", "entry_points.txt", "sboms/conexus.cdx.json",
        *(f"licenses/{path}" for path in
          ("LICENSE.FSL", "NOTICE", "TRADEMARKS.md", "conexus_ee/LICENSE", "conexus/model/LICENSE")),
    }  # fmt: skip
    check_bill(found, next(content for path, content in found.items() if path.endswith(".cdx.json")))


def is_data(path: str) -> bool:
    """Words of a vocabulary, and digests, may look like anything."""
    return path.endswith(("tokenizer.json", ".bin", ".safetensors", "/RECORD"))


def check_bill(found: dict[str, bytes], text: bytes) -> None:
    """The bill in the wheel has the digest of each file of others that is beside it."""
    bill: dict[str, Any] = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    files = {file["name"]: file["hashes"][0]["content"] for one in bill["components"] for file in one["components"]}
    of_others = [path for path in found if path.startswith(("conexus/model/", "conexus/tokens/")) and ".py" not in path]
    assert set(files) == set(of_others)
    for path in of_others:
        assert files[path] == SBOM.hashlib.sha256(found[path]).hexdigest()
