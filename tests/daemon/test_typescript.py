# SPDX-License-Identifier: FSL-1.1-MIT
"""The TypeScript client: its types are the daemon's, and every method and example works at a real daemon."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from conftest import Served

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "typescript"
EXAMPLE = re.compile(r"^```ts\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = {
    "compilerOptions": {
        **json.loads((CLIENT / "tsconfig.json").read_text(encoding="utf-8"))["compilerOptions"],
        "lib": ["ES2022"],
        "types": ["node"],
        "rootDir": ".",
        "outDir": "out",
        "declaration": False,
    },
    "include": ["*.ts"],
}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """The program that writes the types."""
    spec = importlib.util.spec_from_file_location("generate_typescript", ROOT / "tools" / "generate_typescript.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compiled(generator: ModuleType, folder: Path, *arguments: str) -> str:
    """What the compiler says to a folder; nothing where all is well."""
    done = generator.node(folder / "node_modules" / "typescript" / "bin" / "tsc", *arguments, cwd=folder)
    return str(done.stdout + done.stderr)


@pytest.fixture(scope="module")
def package(generator: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built as it would be for publishing."""
    folder = tmp_path_factory.mktemp("typescript") / "client"
    folder.mkdir()
    for name in ("package.json", "tsconfig.json", "tsconfig.node.json"):
        shutil.copy(CLIENT / name, folder / name)
    shutil.copytree(CLIENT / "src", folder / "src")
    (folder / "node_modules").symlink_to(generator.modules())
    assert compiled(generator, folder, "-p", "tsconfig.node.json") == ""  # both entries, as one imports the other
    return folder


@pytest.fixture(scope="module")
def consumer(generator: ModuleType, package: Path) -> Path:
    """A project that uses the package by its name: the client's test and the examples of its README, compiled."""
    folder = package.parent / "consumer"
    modules = folder / "node_modules"
    (modules / "@conexus").mkdir(parents=True)
    (modules / "@conexus" / "client").symlink_to(package)
    for name in ("@types", "typescript", "undici-types"):
        (modules / name).symlink_to(generator.modules() / name)
    shutil.copy(CLIENT / "test" / "client.test.ts", folder)
    for number, example in enumerate(EXAMPLE.findall((CLIENT / "README.md").read_text(encoding="utf-8"))):
        text = example.replace('"http://127.0.0.1:7520"', "process.env.CONEXUS_URL!")
        (folder / f"example_{number}.ts").write_text(f"const token = process.env.CONEXUS_TOKEN!;\nvoid token;\n{text}")
    (folder / "package.json").write_text('{"type": "module"}')
    settings = {
        **SETTINGS,
        "compilerOptions": {**SETTINGS["compilerOptions"], "noPropertyAccessFromIndexSignature": False},
    }
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    assert compiled(generator, folder) == ""
    return folder


def variables(served: Served) -> dict[str, str]:
    """Where the daemon is, for a program in Node."""
    return {
        "CONEXUS_URL": served.url,
        "CONEXUS_TOKEN": served.token,
        "CONEXUS_HOME": str(served.program.data),
        "CONEXUS_TREE": str(served.tree),
    }


def test_committed_types_are_those_of_the_daemon(generator: ModuleType, tmp_path: Path) -> None:
    """Generating them anew gives the same file, byte for byte."""
    generator.generate(tmp_path / "schema.ts")
    assert (tmp_path / "schema.ts").read_bytes() == generator.TYPES.read_bytes()


def test_every_method_works_at_a_daemon(generator: ModuleType, consumer: Path, served: Served, tmp_path: Path) -> None:
    """Also errors, an abort, a wrong token, the user's own daemon, and servers that are none."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "one.py").write_text("def lonely():\n    return 1\n", encoding="utf-8")
    env = {**variables(served), "CONEXUS_SMALL": str(tmp_path / "small")}
    done = generator.node("--test", "--test-reporter=tap", "out/client.test.js", cwd=consumer, env=env)
    assert done.returncode == 0, done.stdout[-6000:]
    source = (CLIENT / "test" / "client.test.ts").read_text(encoding="utf-8")
    assert f"# pass {len(re.findall('^test', source, re.MULTILINE))}\n" in done.stdout


def test_the_examples_run(generator: ModuleType, consumer: Path, served: Served) -> None:
    """Each of the README's ends well, and prints."""
    examples = sorted((consumer / "out").glob("example_*.js"))
    assert len(examples) == 4
    for example in examples:
        done = generator.node(example, cwd=served.tree, env=variables(served))
        assert done.returncode == 0, done.stderr
        assert done.stdout + done.stderr


def test_the_main_entry_needs_nothing_of_node(package: Path) -> None:
    """It imports nothing when it runs, so that it works where there is no Node; the other entry does."""
    text = (package / "dist" / "index.js").read_text(encoding="utf-8")
    assert not re.search(
        r"^\s*(?:import|export)\b[^;]*\bfrom\b|\bimport\(|\brequire\(|\bprocess\.|\bBuffer\b", text, re.M
    )
    assert 'from "node:' in (package / "dist" / "node.js").read_text(encoding="utf-8")
    manifest = json.loads((package / "package.json").read_text(encoding="utf-8"))
    assert manifest["private"] is True
    assert "dependencies" not in manifest


def test_mistakes_do_not_compile(generator: ModuleType, package: Path) -> None:
    """Names of fields, what may be missing, methods and addresses are those of the daemon.

    The main entry itself compiles with what a web worker has, and nothing of Node.
    """
    mistakes = {
        'await conexus.search({ query: "x", limits: 3 });': "'limits' does not exist",
        "await conexus.search({ limit: 3 });": "'query' is missing",
        '(await conexus.search("x")).results[0].path;': "possibly 'undefined'",
        'await conexus.call("get", "/v1/search", {});': '"get"',
        'await conexus.call("get", "/v1/jobs/{id}", {});': "'path' is missing",
        'await conexus.call("post", "/v1/nothing", {});': "/v1/nothing",
    }
    begun = 'import { connect } from "./index.js";\nconst conexus = connect({ url: "http://127.0.0.1:1" });\n'
    right = {'await conexus.search({ query: "x" });': ""}
    files = []
    for number, code in enumerate({**mistakes, **right}):
        files.append(f"mistake_{number}.ts")
        (package / "src" / files[-1]).write_text(f"{begun}{code}\n", encoding="utf-8")
    settings = {"extends": "./tsconfig.json", "files": [f"src/{name}" for name in files]}
    (package / "mistakes.json").write_text(json.dumps(settings), encoding="utf-8")
    said = compiled(generator, package, "--noEmit", "-p", "mistakes.json")
    by_file = dict.fromkeys(files, "")
    for part in filter(None, re.split(r"^(?=\w+/)", said, flags=re.MULTILINE)):
        by_file[part.split("(")[0].removeprefix("src/")] += part  # there is no mistake in another file
    for name, told in zip(files, {**mistakes, **right}.values(), strict=True):
        assert (told in by_file[name]) if told else not by_file[name], f"{name}: {said}"
