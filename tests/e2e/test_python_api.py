# SPDX-License-Identifier: FSL-1.1-MIT
"""The Python API: in this process, at a daemon, awaited; and the examples of its pages."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import serving

import conexus
from conexus.errors import (
    ConfigError,
    DaemonUnavailable,
    InvalidRequest,
    RepositoryNotIndexed,
    SourceError,
    StoreError,
    Unauthenticated,
)

PAGES = Path(__file__).parents[2] / "docs"
EXAMPLES = [
    example
    for page in ("python.md", "langchain.md", "llamaindex.md", "haystack.md")
    for example in re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)
]
APP = {
    "src/app.py": '"""An application."""\n\n\nclass Flask:\n    def run(self, host):\n        """Serve."""\n'
    "        return host\n",
    "src/sessions.py": "def open_session(app, request):\n    # sessions are stored in a cookie\n    return request\n",
    "tests/test_app.py": "def test_run():\n    assert True\n",
}


@pytest.fixture
def flask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small tree where the examples expect one, with a data folder and a home folder of its own."""
    home = tmp_path / "home"
    root = home / "src" / "flask"
    for path, text in APP.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CONEXUS_HOME", str(tmp_path / "data"))
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    return root


@pytest.fixture
def daemon(flask: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A daemon that has the tree; its address and token."""
    with conexus.open(flask):
        pass
    with serving(tmp_path / "program", tmp_path / "data") as found:
        yield found


def test_an_empty_path_is_no_folder() -> None:
    """Most likely a setting that was not made."""
    with pytest.raises(SourceError, match="the path is empty"):
        conexus.open("")


def test_it_answers_in_this_process(flask: Path) -> None:
    """Indexed first; every method gives what the command line gives."""
    with conexus.open(flask) as code:
        assert code.root == str(flask.resolve())
        hits = code.search("where are sessions stored").hits
        assert hits[0].chunk.path == "src/sessions.py"
        packed = code.context("where are sessions stored", max_tokens=300, style="xml")
        assert packed.text.startswith("<context>")
        assert packed.tokens <= 300
        short = code.context("where are sessions stored", max_tokens=100)
        rest = code.context("where are sessions stored", only=short.left_out)
        assert short.left_out
        assert not {block.chunks for block in short.blocks if not block.outline} & {
            block.chunks for block in rest.blocks
        }
        [definition] = code.symbols("Flask.run", uses=True, callees=True).definitions
        assert (definition.path, definition.line) == ("src/app.py", 5)
        assert code.similar("src/app.py", 5, limit=2).hits
        assert code.read("src/app.py", 4, 5).text.startswith("class Flask:")
        assert code.map().files_total == 3
        assert code.related("src/app.py") == ()
        (flask / "src" / "new.py").write_text("def brand_new():\n    return 1\n")
        assert code.index().files_indexed == 1
        assert code.search("brand_new").hits[0].chunk.path == "src/new.py"
        only = conexus.Filter(tests=False, paths=["src/**"], languages=["python"], kinds=["class"])
        assert {hit.chunk.path for hit in code.search("run", where=only).hits} == {"src/app.py"}


def test_what_is_wrong_is_an_error(flask: Path) -> None:
    """Of Conexus, with a hint."""
    with pytest.raises(SourceError):
        conexus.open(flask / "nowhere")
    with conexus.open(flask, index=False) as code, pytest.raises(RepositoryNotIndexed):
        code.search("anything")
    with pytest.raises(ConfigError):
        conexus.connect("127.0.0.1:7520", "token")
    with pytest.raises(DaemonUnavailable):
        conexus.connect("http://127.0.0.1:1", "token")
    with pytest.raises(ConfigError):
        conexus.connect("http://127.0.0.1:abc", "token")
    with pytest.raises(ConfigError, match="characters that no token has"):
        conexus.connect("http://127.0.0.1:7520", "to\nken")
    with pytest.raises(AttributeError):
        conexus.nothing  # noqa: B018


def test_what_is_asked_is_checked_as_a_daemon_does(flask: Path) -> None:
    """Numbers out of range, filters of another form, and paths however they are written."""
    with conexus.open(flask) as code:
        for where in (
            conexus.Filter(languages="python"),
            conexus.Filter(languages=["klingon"]),
            conexus.Filter(kinds=["nope"]),
            conexus.Filter(paths=[""]),
            conexus.Filter(paths=5),  # type: ignore[arg-type]
        ):
            with pytest.raises(InvalidRequest):
                code.search("sessions", where=where)
        for wrong in (
            lambda: code.search("sessions", limit=0),
            lambda: code.symbols(" "),
            lambda: code.context("sessions", max_tokens=5),
            lambda: code.similar("src/app.py", 10**30),
            lambda: code.map(limit=-1),
            lambda: code.search("sessions", limit=True),
            lambda: code.search(None),  # type: ignore[arg-type]
            lambda: code.context("sessions", style="yaml"),  # type: ignore[arg-type]
        ):
            with pytest.raises(InvalidRequest):
                wrong()
        assert code.similar("./src/app.py", 5).hits
        assert code.read(f"{code.root}/src/app.py").lines_total == 7
    with pytest.raises(StoreError, match="it is closed"):
        code.search("sessions")


def test_a_daemon_answers_the_same(flask: Path, daemon: tuple[str, str]) -> None:
    """By its address, and where ``open`` finds it; a wrong token is refused."""
    url, token = daemon
    with conexus.connect(url, token, repository="flask") as code, conexus.open(flask) as found:
        for one in (code, found):
            assert one.search("where are sessions stored").hits[0].chunk.path == "src/sessions.py"
            assert one.context("sessions", max_tokens=300).blocks
            assert one.map().files_total == 3
        assert [hit.chunk.id for hit in code.search("run").hits] == [hit.chunk.id for hit in found.search("run").hits]
        with pytest.raises(ConfigError):
            code.index()
        assert found.index().files_unchanged == 3
    with conexus.connect(url, token) as everything:
        assert everything.search("sessions").hits
        with pytest.raises(ConfigError):
            everything.map()
    with pytest.raises(Unauthenticated):
        conexus.connect(url, "x" * 43)
    with pytest.raises(RepositoryNotIndexed):
        conexus.connect(url, token, repository="nothing")


def test_methods_can_be_awaited(flask: Path) -> None:
    """Several at once, each method."""

    async def ask() -> None:
        async with conexus.open_async(flask) as code:
            assert (await code.index()).files_total == 3
            found, packed, overview, names = await asyncio.gather(
                code.search("where are sessions stored"), code.context("sessions"), code.map(), code.symbols("Flask")
            )
            assert found.hits[0].chunk.path == "src/sessions.py"
            assert packed.blocks
            assert overview.files_total == 3
            assert names.definitions
            assert (await code.similar("src/app.py", 5)).hits
            assert await code.related("src/app.py") == ()
            assert (await code.read("src/app.py")).lines_total == 7

    asyncio.run(ask())


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_run(number: int, request: pytest.FixtureRequest) -> None:
    """As they stand on the pages."""
    example = EXAMPLES[number]
    if "connect" in example:
        url, token = request.getfixturevalue("daemon")
        example = example.replace("http://127.0.0.1:7520", url)
        names: dict[str, object] = {"token": token}
    else:
        request.getfixturevalue("flask")
        names = {}
    exec(compile(example, "example", "exec"), {"__name__": "example", **names})  # noqa: S102 -- our own page


def test_importing_it_imports_little() -> None:
    """Commands import the package too."""
    code = (
        "import conexus, sys; assert 'numpy' not in sys.modules and 'conexus.client' not in sys.modules; conexus.open"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
