# SPDX-License-Identifier: FSL-1.1-MIT
"""Opens what is in the data folder beside the indexes: keys, jobs, the query log, the edition and its licence.

For commands that search nothing: they start without what a search needs, in half the time.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from conexus.adapters import config_files
from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.config_files import MEMORY
from conexus.adapters.sqlite_connection import SqliteConnection
from conexus.adapters.sqlite_copies import BESIDE
from conexus.adapters.sqlite_directory import SqliteDirectory
from conexus.adapters.sqlite_listing import SqliteListing
from conexus.adapters.sqlite_policies import SqlitePolicies
from conexus.config import Config
from conexus.edition import ENTRY_POINT_GROUP, Edition, EditionContext, Licences, load_edition, load_package
from conexus.errors import DiskFull, EditionError, StoreDamaged, StoreError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from conexus.adapters.sqlite_registry import SqliteRegistry
    from conexus.adapters.sqlite_usage_log import SqliteUsageLog

CATALOG_FILE = "catalog.sqlite"
_USAGE_LOG = "usage.sqlite"
_MOST_FILES = 10_000
_MOST_PROBLEMS = 3
_OTHERS = 0o077


def editions() -> tuple[EntryPoint, ...]:
    """Return the entry points of installed editions."""
    from importlib.metadata import entry_points  # noqa: PLC0415 -- takes 20 ms, and not every command needs the edition

    return tuple(entry_points(group=ENTRY_POINT_GROUP))


def edition_context_of(config: Config, data_dir: Path | None, connection: SqliteConnection) -> EditionContext:
    """Return what an edition starts with.

    Args:
        config: The settings.
        data_dir: The data folder; ``None`` where nothing is kept.
        connection: To the catalog's database.
    """
    directory = SqliteDirectory(connection)
    return EditionContext(
        config,
        data_dir,
        directory,
        directory,
        SqlitePolicies(connection),
        SqliteListing(connection),
        time.time,
        connection.journal,
    )


@contextmanager
def edition_context(config: Config) -> Iterator[EditionContext]:
    """Open what an edition starts with, for commands that need no index.

    Raises:
        StoreError: The data folder cannot be made or written.
    """
    path = _database(config, CATALOG_FILE)
    connection = SqliteConnection(path, CATALOG)
    try:
        yield edition_context_of(config, None if path == MEMORY else Path(path).parent, connection)
    finally:
        connection.close()


@contextmanager
def open_edition(config: Config) -> Iterator[Edition]:
    """Load the edition, for commands that need no index.

    Raises:
        EditionError: It cannot start.
        StoreError: The data folder cannot be made or written.
    """
    with edition_context(config) as context:
        yield load_edition(context, editions())


@contextmanager
def open_licences(config: Config) -> Iterator[Licences]:
    """Open what looks after the licence, also where the one that is there cannot be used.

    Raises:
        EditionError: There is no package that knows licences.
        StoreError: The data folder cannot be made or written.
    """
    package = load_package(editions())
    if package is None:
        raise EditionError(
            "this installation has nothing that reads licences: conexus_ee is not installed",
            hint="install Conexus whole: pip install --force-reinstall conexus",
        )
    with edition_context(config) as context:
        yield package.licences(context)


def registry(config: Config) -> SqliteRegistry:
    """Open the store of API keys, index jobs and webhooks. The caller closes it.

    Raises:
        StoreError: The data folder cannot be made or written.
    """
    from conexus.adapters.sqlite_registry import SqliteRegistry  # noqa: PLC0415 -- not for the usual case

    return SqliteRegistry(_database(config, CATALOG_FILE))


def usage_log(config: Config) -> SqliteUsageLog:
    """Open the query log, which keeps of a query what the settings say. The caller closes it.

    Raises:
        StoreError: The data folder cannot be made or written.
    """
    from conexus.adapters.sqlite_usage_log import SqliteUsageLog  # noqa: PLC0415 -- not for the usual case

    return SqliteUsageLog(_database(config, _USAGE_LOG), config.log)


def private_data_dir(config: Config) -> Path:
    """Return the data folder, made if it is not there.

    Raises:
        ConfigError: The settings say that nothing is kept on disk.
        StoreError: It cannot be made.
    """
    data_dir = config_files.data_dir(config)
    make_private(data_dir)
    try:
        if data_dir.stat().st_mode & _OTHERS:
            data_dir.chmod(0o700)  # others could put a file of theirs in the place of one of ours
    except OSError as exc:
        raise StoreError(f"others can use the data folder {data_dir}: {exc.strerror}", hint="chmod 700 it") from exc
    return data_dir


def kept_in(config: Config) -> Path | None:
    """Return the data folder, which need not exist; ``None`` where nothing is kept."""
    return None if config.store.path == MEMORY else config_files.data_dir(config)


def unusable(path: Path) -> Iterator[Path]:
    """Yield what of this user is kept at a path and cannot be read and written, a folder before what is in it.

    At most some thousands of files are looked at. What lies on a disk that can only be read need not be written.
    """
    try:
        is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError:
        is_read_only = 0
    yield from _unusable(path, os.R_OK if is_read_only else os.R_OK | os.W_OK, count())


def _unusable(path: Path, needed: int, seen: Iterator[int]) -> Iterator[Path]:
    try:
        found = path.lstat()
    except OSError:  # it was for a moment
        return
    is_folder = stat.S_ISDIR(found.st_mode)
    if stat.S_ISLNK(found.st_mode) or next(seen) > _MOST_FILES:
        return
    if found.st_uid == os.geteuid() and not os.access(path, needed | (os.X_OK if is_folder else 0)):
        yield path
    if is_folder:
        with suppress(OSError):
            for inner in sorted(path.iterdir()):
                yield from _unusable(inner, needed, seen)


def make_usable(config: Config) -> int:
    """Give this user back the right to read and write what of theirs is in the data folder; returns for how many files.

    Raises:
        StoreError: That is not allowed.
    """
    folder, changed = kept_in(config), 0
    if folder is None:
        return 0
    try:
        for path in unusable(folder):
            mode = path.lstat().st_mode
            path.chmod(stat.S_IMODE(mode) | (0o700 if stat.S_ISDIR(mode) else 0o600))
            changed += 1
    except OSError as exc:
        raise StoreError(f"the modes of files in {folder} cannot be mended: {exc.strerror}") from exc
    return changed


def damage_of_usage_log(config: Config) -> str:
    """Return what is wrong with the query log; nothing where all is well, or there is none."""
    folder = kept_in(config)
    if folder is None or not (folder / _USAGE_LOG).exists():
        return ""
    try:
        with closing(usage_log(config)) as log:
            return "; ".join(log.integrity()[:_MOST_PROBLEMS])
    except StoreDamaged as exc:
        return exc.message
    except DiskFull:
        return ""  # it is empty yet, and there is no room for its tables


def discard_usage_log(config: Config) -> None:
    """Delete the query log: what is in it is to be kept no longer than the settings say, which damage must not change.

    Raises:
        StoreError: The data folder cannot be written.
    """
    folder = config_files.data_dir(config)
    try:
        for name in (*(f"{_USAGE_LOG}{end}" for end in BESIDE), _USAGE_LOG):
            (folder / name).unlink(missing_ok=True)
    except OSError as exc:
        raise StoreError(f"the query log in {folder} cannot be deleted: {exc.strerror}") from exc


def _database(config: Config, name: str) -> str:
    """Return the path of a database in the data folder, which is made if it is not there."""
    if config.store.path == MEMORY:
        return MEMORY
    data_dir = config_files.data_dir(config)
    make_private(data_dir)
    return str(data_dir / name)


def make_private(folder: Path) -> None:
    """Make the data folder, for its owner alone, and one that nobody commits or indexes where it lies in a tree."""
    rules = folder / ".gitignore"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not rules.exists() or not rules.stat().st_size:  # empty where it was being made when the process died
            rules.write_text("*\n", encoding="ascii")
    except OSError as exc:
        raise StoreError(
            f"the data folder {folder} cannot be made: {exc.strerror}",
            hint="set CONEXUS_HOME to a folder you can write",
        ) from exc
