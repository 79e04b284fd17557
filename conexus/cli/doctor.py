# SPDX-License-Identifier: FSL-1.1-MIT
"""The checks of ``conexus doctor``."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from conexus import __version__, bootstrap, data_folder
from conexus.adapters import config_files
from conexus.cli import console
from conexus.config import Config
from conexus.daemon import discovery
from conexus.daemon.client import DaemonClient
from conexus.daemon.discovery import is_same_version
from conexus.errors import ConexusError, DaemonUnavailable
from conexus.parsing.grammars import grammar_of
from conexus.parsing.languages import BY_NAME
from conexus.types import LOCAL_USER, Checkout, RepoId, SearchRequest
from conexus.values import dataclass

_LOW_SPACE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def run_checks() -> list[Check]:
    """Look at everything; a check that fails does not stop the others."""
    config = Config()
    settings = _guarded("settings", _settings)
    if settings.ok:
        config = config_files.load(config_files.current_environ(), None, {}).config
    return [
        Check(
            "version", ok=True, detail=f"conexus {__version__}, Python {platform.python_version()} on {sys.platform}"
        ),
        settings,
        _guarded("model", lambda: _model(config)),
        _guarded("grammars", _grammars),
        _guarded("data folder", lambda: _data_folder(config)),
        _guarded("edition", lambda: _edition(config)),
        _guarded("indexes", lambda: _indexes(config)),
        _guarded("daemon", lambda: _daemon(config)),
        _guarded("main job", _main_job),
    ]


def _guarded(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except ConexusError as error:
        return Check(name, ok=False, detail=error.message, hint=error.hint or "")
    except Exception as error:  # noqa: BLE001 -- whatever is wrong with an installation is what is looked for
        return Check(name, ok=False, detail=f"{type(error).__name__}: {error}")


def _settings() -> str:
    environ = config_files.current_environ()
    loaded = config_files.load(environ, None, {})
    changed = [key for key, origin in loaded.origins.items() if origin != "default"]
    return f"{config_files.user_config_path(environ)}; set: {', '.join(changed) or 'nothing, all defaults'}"


def _model(config: Config) -> str:
    model = bootstrap.embedder(config.index.model)
    vector = model.embed_query("read a file")
    return f"{model.name}, {model.dim} dimensions, norm {float((vector**2).sum()) ** 0.5:.3f}"


def _grammars() -> str:
    names = [language.name for language in BY_NAME.values() if language.grammar]
    for name in names:
        grammar_of(name).parser.parse(b"x")
    return f"{len(names)} languages load"


def _data_folder(config: Config) -> str:
    folder = config_files.data_dir(config)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder):
        free = shutil.disk_usage(folder).free
    low = " (low)" if free < _LOW_SPACE else ""
    return f"{folder}, {console.size(free)} free{low}, SQLite {sqlite3.sqlite_version}"


def _edition(config: Config) -> str:
    with data_folder.open_edition(config) as edition:
        limits = edition.entitlements.limits()
        places = "any number of" if limits.repositories is None else f"{limits.repositories:,}"
        notices = "".join(f"; {notice}" for notice in edition.entitlements.notices())
        return f"{edition.label}, {places} repositories{notices}"


def _indexes(config: Config) -> str:
    service = bootstrap.build(config).service
    try:
        found = service.status(LOCAL_USER)
    finally:
        service.close()
    unfinished = [status.name for status in found if not status.complete]
    return f"{len(found)} indexed" + (f"; not finished: {', '.join(unfinished)}" if unfinished else "")


def _daemon(config: Config) -> str:
    found = discovery.find(config_files.data_dir(config))
    if found is None:
        return "none runs"
    client = DaemonClient(found)
    try:
        status = client.daemon_status()
    finally:
        client.close()
    if not is_same_version(found):
        raise DaemonUnavailable(
            f"process {found.pid} is version {found.version}", hint="restart it: conexus daemon restart"
        )
    return f"process {found.pid} answers at {status['rest']}"


def _main_job() -> str:
    """Index and search a tree of one file, with nothing of the user's own."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        (tree / "greeting.py").write_text('def greet(name):\n    """Say hello."""\n    return f"hello {name}"\n')
        config = config_files.load({"CONEXUS_HOME": str(Path(folder) / "data")}, None, {}).config
        service = bootstrap.build(config).service
        try:
            checkout = Checkout(tree, RepoId("local/doctor"), "doctor")
            report = service.index(checkout, LOCAL_USER)
            response = service.search(SearchRequest("say hello", limit=1), LOCAL_USER)
        finally:
            service.close()
    if not response.hits:
        raise ConexusError("a file was indexed, but is not found")
    return f"indexed and found in {report.elapsed_ms + response.elapsed_ms:.0f} ms"
