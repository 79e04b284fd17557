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
│   └── DiskFull            DISK_FULL        too little space to go on safely
├── Cancelled               CANCELLED        the caller asked to stop
├── AccessDenied            ACCESS_DENIED    the caller may not do this
└── EditionError            EDITION          the installed edition cannot start

Bugs are not in the tree: they stay ``TypeError``, ``AssertionError`` and so on,
and reach the user as a crash report.
"""

from __future__ import annotations

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
    CANCELLED = "cancelled"
    ACCESS_DENIED = "access_denied"
    EDITION = "edition"


class ConexusError(Exception):
    """Base of all errors a caller can act on.

    Args:
        message: What went wrong, in one sentence, naming the thing at fault.
        hint: What the user can do next, or ``None``.
    """

    code: ClassVar[ErrorCode]

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


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


class SourceError(ConexusError):
    """The folder or file asked for cannot be used."""

    code = ErrorCode.SOURCE


class Cancelled(ConexusError):
    """The caller asked to stop. What was done until then is kept."""

    code = ErrorCode.CANCELLED


class AccessDenied(ConexusError):
    """The caller may not do this."""

    code = ErrorCode.ACCESS_DENIED


class EditionError(ConexusError):
    """An installed edition package cannot be used."""

    code = ErrorCode.EDITION
