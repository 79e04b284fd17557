# SPDX-License-Identifier: FSL-1.1-MIT
"""What the commands on keys, webhooks and the query log open: files of the data folder, with or without a daemon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from conexus import data_folder
from conexus.adapters import config_files
from conexus.config import Config

if TYPE_CHECKING:
    from conexus.adapters.sqlite_registry import SqliteRegistry
    from conexus.adapters.sqlite_usage_log import SqliteUsageLog
    from conexus.daemon.administration import KeyDesk


def settings() -> Config:
    """Return the user's settings.

    Raises:
        ConfigError: One is wrong, or nothing is kept on disk.
    """
    config = config_files.load(config_files.current_environ(), None, {}).config
    config_files.data_dir(config)
    return config


@contextmanager
def open_registry() -> Iterator[SqliteRegistry]:
    """Open the store of keys, jobs and webhooks.

    Raises:
        ConfigError: A setting is wrong, or nothing is kept on disk.
        StoreError: The data folder cannot be used.
    """
    with closing(data_folder.registry(settings())) as registry:
        yield registry


@contextmanager
def open_desk() -> Iterator[KeyDesk]:
    """Open what makes and revokes keys, with the edition that knows users.

    Raises:
        ConfigError: A setting is wrong, or nothing is kept on disk.
        EditionError: The edition cannot start.
        StoreError: The data folder cannot be used.
    """
    from conexus.daemon.administration import KeyDesk  # noqa: PLC0415 -- not for every command

    config = settings()
    with closing(data_folder.registry(config)) as registry, data_folder.open_edition(config) as edition:
        yield KeyDesk(registry, edition)


@contextmanager
def open_usage_log(now: float) -> Iterator[SqliteUsageLog]:
    """Open the query log, without what is older than the settings allow.

    Args:
        now: Seconds since the epoch.

    Raises:
        ConfigError: A setting is wrong, or nothing is kept on disk.
        StoreError: The data folder cannot be used.
    """
    config = settings()
    with closing(data_folder.usage_log(config)) as log:
        log.forget(now - config.log.keep_s)
        yield log


def local_time(at: float | None, otherwise: str = "never", *, seconds: bool = False) -> str:
    """Return a time in local time as people read it, or another word where there is none."""
    if at is None:
        return otherwise
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    try:
        return datetime.fromtimestamp(at).astimezone().strftime(form)
    except (OverflowError, ValueError, OSError):  # a time that no clock of this machine shows
        return "far away"


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows with columns of one width each, the last one as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=False)]
        yield "  ".join((*cells, row[-1])).rstrip()
