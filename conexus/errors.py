# SPDX-License-Identifier: FSL-1.1-MIT
"""Every error Conexus raises on purpose.

ConexusError
├── ConfigError             CONFIG           a setting is missing or wrong
├── QueryError              INVALID_QUERY    the query text cannot be understood
├── RepositoryNotIndexed    NOT_INDEXED      no index exists for the repository
├── IndexIncompatible       INDEX_STALE      built with other options; index again
├── EmbeddingError          EMBEDDING        the embedding model failed
├── SourceError             SOURCE           the folder or file asked for cannot be used
├── StoreError              STORE            the vector store or the catalog failed or is down
│   ├── StoreBusy           STORE_BUSY       another process works on the index
│   ├── StoreDamaged        STORE_DAMAGED    what is stored cannot be trusted
│   ├── DiskFull            DISK_FULL        too little space to go on safely
│   └── DiskFailing         DISK_FAILING     the disk cannot be read or written
├── MemoryFull              MEMORY_FULL      the work takes more memory than it may
├── Cancelled               CANCELLED        the caller asked to stop
├── AccessDenied            ACCESS_DENIED    the caller may not do this
├── Unauthenticated         UNAUTHENTICATED  the caller does not say who they are, or cannot prove it
├── InvalidRequest          INVALID_REQUEST  an argument is unknown, missing or out of range
├── NotFound                NOT_FOUND        a job, key, file or chunk that is not there
├── RequestTooLarge         TOO_LARGE        the request holds more than one may
├── RateLimited             RATE_LIMITED     too many requests in too short a time
├── DeadlineExceeded        DEADLINE         the work took longer than the caller or the daemon allows
├── DaemonUnavailable       UNAVAILABLE      the daemon is not there, is stopping or is full
├── InternalError           INTERNAL         the daemon failed by a fault of its own
├── EditionError            EDITION          the installed edition cannot start
└── FeatureNotAvailable     FEATURE          the edition that runs does not have this, or has no more places

Bugs are not in the tree: they stay ``TypeError``, ``AssertionError`` and so on,
and reach the user as a crash report, or as ``INTERNAL`` from the daemon
(:class:`InternalError` on the client's side).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import ClassVar


@unique
class ErrorCode(StrEnum):
    """Stable name of an error; part of the public API of the CLI and daemon."""

    CONFIG = "config"
    INVALID_QUERY = "invalid_query"
    NOT_INDEXED = "not_indexed"
    INDEX_STALE = "index_stale"
    EMBEDDING = "embedding"
    SOURCE = "source"
    STORE = "store"
    STORE_BUSY = "store_busy"
    STORE_DAMAGED = "store_damaged"
    DISK_FULL = "disk_full"
    DISK_FAILING = "disk_failing"
    MEMORY_FULL = "memory_full"
    CANCELLED = "cancelled"
    ACCESS_DENIED = "access_denied"
    UNAUTHENTICATED = "unauthenticated"
    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    DEADLINE = "deadline_exceeded"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    EDITION = "edition"
    FEATURE = "feature_not_available"


class ConexusError(Exception):
    """Base of all errors a caller can act on.

    Args:
        message: What went wrong, in one sentence, naming the thing at fault.
        hint: What the user can do next, or ``None``.
        details: Facts for programs, as the name of the argument that is wrong.
    """

    code: ClassVar[ErrorCode]

    def __init__(self, message: str, *, hint: str | None = None, details: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: Mapping[str, str] = dict(details or {})

    @property
    def in_words(self) -> str:
        """The message, with the hint in brackets."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(ConexusError):
    """A setting is missing, unknown or out of range."""

    code = ErrorCode.CONFIG


class QueryError(ConexusError):
    """The query text cannot be understood."""

    code = ErrorCode.INVALID_QUERY


class RepositoryNotIndexed(ConexusError):
    """No index exists for the repository."""

    code = ErrorCode.NOT_INDEXED


class IndexIncompatible(ConexusError):
    """The index was built with options that no longer hold."""

    code = ErrorCode.INDEX_STALE


class EmbeddingError(ConexusError):
    """The embedding model could not be loaded or failed."""

    code = ErrorCode.EMBEDDING


class StoreError(ConexusError):
    """The vector store failed or cannot be reached."""

    code = ErrorCode.STORE


class StoreBusy(StoreError):
    """Another process works on the index; the message says which."""

    code = ErrorCode.STORE_BUSY


class StoreDamaged(StoreError):
    """What is stored cannot be trusted; ``conexus verify --repair`` mends it."""

    code = ErrorCode.STORE_DAMAGED


class DiskFull(StoreError):
    """Too little disk space to go on safely. What is indexed so far stays good."""

    code = ErrorCode.DISK_FULL


class DiskFailing(StoreError):
    """The disk cannot be read or written. What is on it may be whole, and is not given up for that."""

    code = ErrorCode.DISK_FAILING


class SourceError(ConexusError):
    """The folder or file asked for cannot be used."""

    code = ErrorCode.SOURCE


class MemoryFull(ConexusError):
    """The work takes more memory than it may have. What was done until then is kept."""

    code = ErrorCode.MEMORY_FULL


class Cancelled(ConexusError):
    """The caller asked to stop. What was done until then is kept."""

    code = ErrorCode.CANCELLED


class AccessDenied(ConexusError):
    """The caller may not do this."""

    code = ErrorCode.ACCESS_DENIED


class Unauthenticated(ConexusError):
    """The caller gave no credentials, or wrong or expired ones."""

    code = ErrorCode.UNAUTHENTICATED


class InvalidRequest(ConexusError):
    """An argument is unknown, missing or out of range; ``details`` names it."""

    code = ErrorCode.INVALID_REQUEST


class NotFound(ConexusError):
    """A job, key, file or chunk of that name is not there, or not for this caller."""

    code = ErrorCode.NOT_FOUND


class RequestTooLarge(ConexusError):
    """The request is larger than the daemon takes."""

    code = ErrorCode.TOO_LARGE


class RateLimited(ConexusError):
    """Too many requests in too short a time; ``details`` says how many seconds to wait."""

    code = ErrorCode.RATE_LIMITED


class DeadlineExceeded(ConexusError):
    """The work took longer than the caller or the daemon allows. It was stopped."""

    code = ErrorCode.DEADLINE


class DaemonUnavailable(ConexusError):
    """The daemon is not there, is about to stop, or has too much to do."""

    code = ErrorCode.UNAVAILABLE


class InternalError(ConexusError):
    """The daemon failed by a fault of its own; its log has the details under the request id."""

    code = ErrorCode.INTERNAL


class EditionError(ConexusError):
    """An installed edition package, or its licence, cannot be used."""

    code = ErrorCode.EDITION


class FeatureNotAvailable(ConexusError):
    """The edition that runs does not have what was asked for, or no more of it.

    ``details`` has ``feature``, ``required_plan`` and ``upgrade_url``, and of a limit ``limit`` and ``used``.
    """

    code = ErrorCode.FEATURE


def error_of(
    code: str, message: str, *, hint: str | None = None, details: Mapping[str, str] | None = None
) -> ConexusError:
    """Return the error that a code stands for, as a client does with what came over the wire.

    A code that is not known, as that of a later version, gives :class:`InternalError`.
    """
    return _BY_CODE.get(code, InternalError)(message, hint=hint, details=details)


def _leaves(base: type[ConexusError]) -> list[type[ConexusError]]:
    return [found for child in base.__subclasses__() for found in (child, *_leaves(child))]


_BY_CODE: Mapping[str, type[ConexusError]] = {found.code.value: found for found in _leaves(ConexusError)}
