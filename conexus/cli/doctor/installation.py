# SPDX-License-Identifier: FSL-1.1-MIT
"""Checks of what is installed, how it is set, and whether it does its job."""

from __future__ import annotations

import contextlib
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata, requires
from importlib.metadata import version as version_of
from pathlib import Path
from urllib.parse import urlsplit

from conexus import __version__, data_folder
from conexus.adapters import config_files
from conexus.cli import console
from conexus.cli.doctor.access import require_usable
from conexus.cli.doctor.findings import Doubtful
from conexus.config import Config, is_loopback
from conexus.daemon import discovery
from conexus.daemon.discovery import is_same_version
from conexus.errors import ConexusError, DaemonUnavailable, StoreDamaged
from conexus.types import LOCAL_USER, Checkout, RepoId, SearchRequest

_INSTALL = "install Conexus anew: pip install --upgrade --force-reinstall conexus"
SQLITE_FEATURES = {
    "JSON": "SELECT value FROM json_each('[1]')",
    "window functions": "SELECT row_number() OVER (ORDER BY 1)",
    "FILTER": "SELECT count(*) FILTER (WHERE 1)",
    "upsert and RETURNING": "INSERT INTO t VALUES (1) ON CONFLICT (v) DO UPDATE SET v = excluded.v RETURNING v",
}
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


# ------------------------------------------------------------------------------ what is installed


def check_version() -> str:
    """Whether Python, SQLite and the packages are those that this version needs."""
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415 -- it may be broken

    needed = metadata("conexus")["Requires-Python"] or ""
    if not SpecifierSet(needed).contains(platform.python_version(), prereleases=True):
        raise ConexusError(
            f"Python is {platform.python_version()}, and Conexus {__version__} needs {needed}",
            hint=f"install Conexus with another Python: {needed}",
        )
    lacking = sqlite_lacks(SQLITE_FEATURES)
    if lacking:
        raise ConexusError(
            f"SQLite {sqlite3.sqlite_version} lacks {', '.join(lacking)}",
            hint="use a Python with a newer SQLite (3.35 or later)",
        )
    wrong, number = _wrong_packages()
    if wrong:
        raise ConexusError("; ".join(wrong), hint=_INSTALL)
    return (
        f"conexus {__version__}, Python {platform.python_version()} on {sys.platform}, "
        f"SQLite {sqlite3.sqlite_version}; {number} packages as they are needed"
    )


def sqlite_lacks(features: dict[str, str]) -> list[str]:
    """Return the names of statements that this SQLite does not understand."""
    found = []
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (v PRIMARY KEY) WITHOUT ROWID")
        for name, statement in features.items():
            try:
                connection.execute(statement).fetchall()
            except sqlite3.Error:
                found.append(name)
    return found


def _wrong_packages() -> tuple[list[str], int]:
    """Return which packages are missing or of a version that does not do, and how many are needed."""
    from packaging.requirements import Requirement  # noqa: PLC0415 -- it may be broken

    needed = [Requirement(text) for text in requires("conexus") or ()]
    needed = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = []
    for one in needed:
        try:
            found = version_of(one.name)
        except PackageNotFoundError:
            wrong.append(f"{one.name} is not installed")
            continue
        if not one.specifier.contains(found, prereleases=True):
            wrong.append(f"{one.name} is {found}, and {one.specifier} is needed")
    return wrong, len(needed)


def check_model(config: Config) -> str:
    """Whether the model embeds a text."""
    from conexus import bootstrap  # noqa: PLC0415 -- it may be broken

    model = bootstrap.embedder(config.index.model)
    vector = model.embed_query("read a file")
    return f"{model.name}, {model.dim} dimensions, norm {float((vector**2).sum()) ** 0.5:.3f}"


def check_grammars() -> str:
    """Whether all grammars load."""
    from conexus.parsing.grammars import grammar_of  # noqa: PLC0415 -- it may be broken
    from conexus.parsing.languages import BY_NAME  # noqa: PLC0415 -- it may be broken

    names = [language.name for language in BY_NAME.values() if language.grammar]
    for name in names:
        grammar_of(name).parser.parse(b"x")
    return f"all {len(names)} load"


# ------------------------------------------------------------------------------------ how it is set


def check_settings() -> str:
    """Whether the settings can be read."""
    environ = config_files.current_environ()
    loaded = config_files.load(environ, None, {})
    changed = [key for key, origin in loaded.origins.items() if origin != "default"]
    return f"{config_files.user_config_path(environ)}; set: {', '.join(changed) or 'nothing, all defaults'}"


def check_network(config: Config) -> str:
    """Where anything is sent, and whether others could read it on its way."""
    sent = _sent(config)
    for what, address, has_secret in sent:
        parts = urlsplit(address)
        if parts.scheme in {"http", "grpc"} and not is_loopback(parts.hostname or ""):
            message = f"{what} goes to {console.one_line(parts.hostname or '')} unencrypted"
            if has_secret:
                raise ConexusError(f"{message}, with the key", hint=f"set an address with TLS: {parts.scheme}s://…")
            raise Doubtful(message, hint=f"set an address with TLS: {parts.scheme}s://…")
    if not is_loopback(config.daemon.host) and not config.daemon.tls_cert:
        raise Doubtful(
            f"the daemon listens on {config.daemon.host} without TLS (daemon.allow_insecure)",
            hint="let only the proxy reach it that adds TLS, or set daemon.tls_cert and daemon.tls_key",
        )
    environ = config_files.current_environ()
    proxies = [name for name in _PROXIES if environ.get(name) or environ.get(name.lower())]
    if sent and proxies:
        raise Doubtful(
            f"{' and '.join(proxies)} is set: {sent[0][0]} may go through that proxy",
            hint="unset it, or name the address in NO_PROXY",
        )
    unused = f"; {' and '.join(proxies)} is set, and not used" if proxies else ""
    told = ", ".join(f"{what} to {console.one_line(urlsplit(address).hostname or '')}" for what, address, _ in sent)
    return f"no telemetry; {told or 'nothing'} is sent{unused}"


def _sent(config: Config) -> Sequence[tuple[str, str, bool]]:
    """Return what is sent, where to, and whether a key is sent along."""
    found = []
    if config.store.url:
        found.append(("what is indexed", config.store.url, bool(config.store.api_key)))
    if config.daemon.otlp_endpoint:
        found.append(("what traces tell", config.daemon.otlp_endpoint, False))
    folder = data_folder.kept_in(config)
    if folder is not None and (folder / data_folder.CATALOG_FILE).exists():
        with contextlib.closing(data_folder.registry(config)) as registry:
            found += [("what webhooks tell", hook.url, False) for hook in registry.webhooks()]
    return found


def check_edition(config: Config) -> str:
    """Whether the edition starts, and what it allows."""
    with data_folder.open_edition(config) as edition:
        limits = edition.entitlements.limits()
        places = "any number of" if limits.repositories is None else f"{limits.repositories:,}"
        notices = "".join(f"; {notice}" for notice in edition.entitlements.notices())
        return f"{edition.label}, {places} repositories{notices}"


# --------------------------------------------------------------------------- whether it does its job


def check_indexes(config: Config) -> str:
    """Whether the indexes open, their vectors are there, and the query log is sound."""
    from conexus import bootstrap  # noqa: PLC0415 -- it may be broken

    folder = data_folder.kept_in(config)
    if folder is not None:
        for path in (*sorted(folder.glob(f"{data_folder.CATALOG_FILE}*")), folder / "vectors"):
            require_usable(path)
    service = bootstrap.build(config).service
    try:
        found = service.status(LOCAL_USER)
        live = [(view.name, view.live) for view in service.views(LOCAL_USER) if view.live is not None]
        lost = [name for name, index in live if index.complete and not service.store.exists(index.vectors)]
    finally:
        service.close()
    if lost:
        raise StoreDamaged(
            f"the vectors of {', '.join(lost)} are gone", hint="conexus verify --repair, then conexus index there"
        )
    damage = data_folder.damage_of_usage_log(config)
    if damage:
        raise StoreDamaged(damage, hint="conexus verify --repair starts a new query log")
    unfinished = [status.name for status in found if not status.complete]
    return f"{len(found)} indexed" + (f"; not finished: {', '.join(unfinished)}" if unfinished else "")


def check_daemon(config: Config) -> str:
    """Whether a daemon that runs answers, and is of this version."""
    folder = data_folder.kept_in(config)
    found = None if folder is None else discovery.find(folder)
    if found is None:
        return "none runs"
    if not is_same_version(found):
        raise DaemonUnavailable(
            f"process {found.pid} is version {found.version}, and this is {__version__}",
            hint="restart it: conexus daemon restart",
        )
    from conexus.daemon.client import DaemonClient  # noqa: PLC0415 -- it may be broken

    client = DaemonClient(found)
    try:
        status = client.daemon_status()
    finally:
        client.close()
    return f"process {found.pid} answers at {status['rest']}"


def check_main_job() -> str:
    """Index and search a tree of one file, with nothing of the user's own."""
    from conexus import bootstrap  # noqa: PLC0415 -- it may be broken

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
        raise ConexusError("a file was indexed, but is not found", hint=_INSTALL)
    return f"indexed and found in {report.elapsed_ms + response.elapsed_ms:.0f} ms"
