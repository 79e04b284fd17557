# SPDX-License-Identifier: FSL-1.1-MIT
"""Has on record what a command reads or changes by itself: files of the data folder, past any daemon."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from conexus import data_folder
from conexus.cli.ledgers import settings
from conexus.config import Config
from conexus.edition import installed_licence
from conexus.errors import ConexusError, EditionError, ErrorCode
from conexus.types import LOCAL_USER, AuditEvent


@contextmanager
def on_record(action: str, asked: Mapping[str, object] | None = None) -> Iterator[None]:
    """Have a use on record before anybody sees what came of it, by the name that it has in a daemon.

    Nothing is done where it could not be recorded. Without a licence there is no log, and none is looked for.

    Args:
        action: As ``log`` or ``add_webhook``.
        asked: With which arguments; secrets in them are redacted.

    Raises:
        DaemonUnavailable: It cannot be recorded.
        EditionError: The edition that has the log cannot start.
    """
    config = settings()
    if not has_licence(config):
        yield
        return
    with data_folder.open_edition(config) as edition:
        audit = edition.audit
        audit.require()
        outcome = "ok"
        try:
            yield
        except ConexusError as error:
            outcome = error.code.value
            raise
        except Exception:
            outcome = ErrorCode.INTERNAL.value
            raise
        finally:
            told = _told(asked)
            audit.record(AuditEvent(LOCAL_USER, action, time.time(), outcome=outcome, asked=told))


@contextmanager
def on_record_if_it_can(action: str, asked: Mapping[str, object] | None = None) -> Iterator[None]:
    """As :func:`on_record`, for what mends an edition that cannot start: that is done all the same."""
    config = settings()
    if has_licence(config):
        with suppress(EditionError), data_folder.open_edition(config) as edition:
            told = _told(asked)
            edition.audit.record(AuditEvent(LOCAL_USER, action, time.time(), asked=told))
    yield


def _told(asked: Mapping[str, object] | None) -> str:
    if not asked:
        return ""
    from conexus.parsing.secrets import redact  # noqa: PLC0415 -- brings many patterns

    return redact(json.dumps(asked, ensure_ascii=False, default=str))[0]


def has_licence(config: Config) -> bool:
    """Whether there is anything that may be a licence: without one no edition has an audit log."""
    options = config.license
    return bool(options.key or options.file) or installed_licence(data_folder.kept_in(config)) is not None


__all__ = ["has_licence", "on_record", "on_record_if_it_can"]
