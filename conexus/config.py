# SPDX-License-Identifier: FSL-1.1-MIT
"""The settings of Conexus as frozen dataclasses, and their checks.

No file or variable is read here; see :mod:`conexus.adapters.config_files`. Each
field is one setting: its name is ``<section>.<field>`` in TOML and on the command
line, and ``CONEXUS_<SECTION>_<FIELD>`` in the environment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import field

from conexus.errors import ConfigError
from conexus.types import Fingerprint, Plan
from conexus.values import dataclass

INDEX_SCHEMA = 7
"""Raised whenever chunking, tokenising, redaction, the stored form or what is found in a file changes, so that indexes
are rebuilt."""

_MIN_CHUNK_CHARS = 200  # below this a chunk rarely holds one whole statement
_MAX_PORT = 65_535
_MAX_CHUNK_CHARS = 20_000  # above this a chunk says too many things for one vector

_MAX_KEEP_DAYS = 3_650
_MIN_MEMORY_MB = 100

LOG_QUERIES = ("text", "hash", "off")
"""What ``log.queries`` may be."""

PROJECT_SETTINGS = frozenset(
    {
        "index.max_chunk_chars",
        "index.max_file_bytes",
        "index.max_data_bytes",
        "index.skip_generated",
        "index.skip_vendored",
        "search.limit",
        "search.tests",
    }
)
"""What a project's own file may set: nothing that names a model, an address or a folder, since a
repository is not trusted."""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What goes into an index, and how."""

    model: str = "default"
    """``default`` for the model that comes with Conexus, else the folder of another."""
    max_chunk_chars: int = 1500
    """Longest chunk, in characters."""
    max_file_bytes: int = 10_000_000
    """Larger files of code or prose are skipped."""
    max_data_bytes: int = 1_000_000
    """Larger files of data (JSON, CSV, XML, …) are skipped."""
    skip_generated: bool = True
    skip_vendored: bool = True
    workers: int = 0
    """Parsing processes; 0 means one a core, at most 8."""
    parse_timeout_s: float = 2.0
    """CPU time in seconds for one file, all attempts together; a file over a megabyte gets as much for each."""
    parse_memory_mb: int = 512
    """Memory for one file."""
    memory_mb: int = 1000
    """Most memory that a run takes beyond what its process had, with its parsing processes."""

    def __post_init__(self) -> None:
        if not _MIN_CHUNK_CHARS <= self.max_chunk_chars <= _MAX_CHUNK_CHARS:
            raise ConfigError(
                f"index.max_chunk_chars is {self.max_chunk_chars}; "
                f"it must be between {_MIN_CHUNK_CHARS} and {_MAX_CHUNK_CHARS}"
            )
        for name, value in (("max_file_bytes", self.max_file_bytes), ("max_data_bytes", self.max_data_bytes)):
            if value < 1:
                raise ConfigError(f"index.{name} is {value}; it must be at least 1")
        if self.workers < 0:
            raise ConfigError(f"index.workers is {self.workers}; it must be 0 (one a core) or more")
        if self.parse_timeout_s <= 0 or self.parse_memory_mb < 1:
            raise ConfigError("index.parse_timeout_s and index.parse_memory_mb must be above 0")
        if self.memory_mb < _MIN_MEMORY_MB:
            raise ConfigError(f"index.memory_mb is {self.memory_mb}; it must be at least {_MIN_MEMORY_MB}")

    @property
    def rules(self) -> str:
        """The options that decide whether a file goes in, by its content; a file read under others is read again."""
        return f"{self.max_file_bytes} {self.max_data_bytes} {self.skip_generated:d}{self.skip_vendored:d}"

    def fingerprint(self, embedder: str) -> Fingerprint:
        """Hash of all that changes what an index holds; a new value means a new generation.

        Limits and skip rules are left out: they decide which files are in, and every run applies them anew.

        Args:
            embedder: Fingerprint of the embedding model in force.
        """
        canonical = json.dumps([INDEX_SCHEMA, embedder, self.max_chunk_chars])
        return Fingerprint(hashlib.sha256(canonical.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where indexes are kept."""

    path: str = ""
    """Data folder; empty means the platform's own place, ``:memory:`` keeps nothing."""
    url: str = ""
    """A Qdrant server for the vectors; empty means embedded."""
    api_key: str = field(default="", repr=False)
    timeout_s: float = 10.0
    lock_wait_s: float = 10.0
    """How long to wait for another process that works on the same index."""
    min_free_mb: int = 200
    """Indexing stops cleanly when the disk has less free space than this."""


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Defaults of a search."""

    limit: int = 10
    tests: bool = True
    """Whether tests may be returned."""

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ConfigError(f"search.limit is {self.limit}; it must be at least 1")


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """How the daemon listens, and its limits."""

    use: bool = True
    """Whether the terminal's commands go through the daemon where one runs."""
    host: str = "127.0.0.1"
    """Address to listen on. Any but this machine's own asks for TLS and for API keys."""
    port: int = 7520
    """Port of REST and MCP; 0 for any free one."""
    grpc_port: int = 7521
    """Port of gRPC; 0 for any free one, -1 for none."""
    hosts: str = ""
    """Further names, separated by commas, under which clients may call: ``search.example.org``."""
    origins: str = ""
    """Web pages, separated by commas, that may call: ``https://tools.example.org``."""
    tls_cert: str = ""
    """PEM file with the certificate chain; together with ``tls_key``."""
    tls_key: str = ""
    tls_client_ca: str = ""
    """PEM file: clients have to show a certificate that one of these has signed (mTLS)."""
    allow_insecure: bool = False
    """Whether to listen on other addresses without TLS: only behind a proxy that adds it."""
    max_request_kb: int = 4096
    timeout_s: float = 30.0
    """Longest time for a request."""
    long_timeout_s: float = 600.0
    """The same for verification, removal, estimates and batches."""
    threads: int = 4
    """Most threads for searches, and most for all other requests."""
    max_waiting: int = 256
    """Requests that may wait for a thread; more are refused."""
    requests_per_s: float = -1.0
    """Most requests of one caller a second, on average over ten; 0 for no limit, below 0 for what the edition has."""
    index_jobs: int = 1
    """Index jobs that run at a time."""
    watch: bool = True
    """Whether indexed trees are followed, so that the index is always up to date."""
    idle_exit_s: float = 1800.0
    """A daemon that a client started ends after so long without a request; 0 for never."""
    log_format: str = "text"
    """``text`` or ``json``."""
    log_level: str = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""
    grpc_reflection: bool = False
    otlp_endpoint: str = ""
    """Where traces go (OTLP over HTTP), as ``http://127.0.0.1:4318/v1/traces``; empty for nowhere."""

    def __post_init__(self) -> None:
        for name, value in (("port", self.port), ("grpc_port", self.grpc_port)):
            if not (0 <= value <= _MAX_PORT or (name == "grpc_port" and value == -1)):
                raise ConfigError(f"daemon.{name} is {value}; it must be between 0 and {_MAX_PORT}")
        for name in ("max_request_kb", "threads", "max_waiting", "index_jobs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"daemon.{name} is {getattr(self, name)}; it must be at least 1")
        if self.timeout_s <= 0 or self.long_timeout_s <= 0:
            raise ConfigError("daemon.timeout_s and daemon.long_timeout_s must be above 0")
        if self.idle_exit_s < 0:
            raise ConfigError("daemon.idle_exit_s must be 0 or more")
        _require_one_of("daemon.log_format", self.log_format, ("text", "json"))
        _require_one_of("daemon.log_level", self.log_level, ("debug", "info", "warning", "error"))
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ConfigError("daemon.tls_cert and daemon.tls_key belong together", hint="set both or neither")
        if self.tls_client_ca and not self.tls_cert:
            raise ConfigError(
                "daemon.tls_client_ca asks for daemon.tls_cert too", hint="set daemon.tls_cert and tls_key"
            )


def is_loopback(host: str) -> bool:
    """Whether a name or address of a machine is this one's own."""
    import ipaddress  # noqa: PLC0415 -- few ask

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require_one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        shown = ", ".join(one or "empty" for one in known)
        raise ConfigError(f"{name} is {value!r}; it must be one of: {shown}")


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What the query log keeps. It never leaves this machine."""

    queries: str = "text"
    """``text`` keeps queries, ``hash`` only what tells whether two are the same, ``off`` neither."""
    keep_days: int = 30
    """How long."""

    def __post_init__(self) -> None:
        if self.queries not in LOG_QUERIES:
            raise ConfigError(f"log.queries is {self.queries!r}; it must be one of {', '.join(LOG_QUERIES)}")
        if not 1 <= self.keep_days <= _MAX_KEEP_DAYS:
            raise ConfigError(f"log.keep_days is {self.keep_days}; it must be between 1 and {_MAX_KEEP_DAYS}")

    @property
    def keep_s(self) -> float:
        """How long, in seconds."""
        return self.keep_days * 86_400.0


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Who may be told of index jobs."""

    allow_private: bool = False
    """Whether a webhook may lead to an address of this machine or its own network."""


@dataclass(frozen=True, slots=True)
class LicenseOptions:
    """Where the licence is, beside the one that ``conexus license install`` keeps in the data folder."""

    key: str = field(default="", repr=False)
    """The licence itself."""
    file: str = ""
    """File that holds it."""
    mode: str = ""
    """``test`` takes licences signed with the published test key, and no others."""

    def __post_init__(self) -> None:
        _require_one_of("license.mode", self.mode, ("", "test"))


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one process."""

    index: IndexOptions = field(default_factory=IndexOptions)
    store: StoreOptions = field(default_factory=StoreOptions)
    search: SearchOptions = field(default_factory=SearchOptions)
    daemon: DaemonOptions = field(default_factory=DaemonOptions)
    log: LogOptions = field(default_factory=LogOptions)
    webhooks: WebhookOptions = field(default_factory=WebhookOptions)
    license: LicenseOptions = field(default_factory=LicenseOptions)
    required_edition: str = ""
    edition: Mapping[str, object] = field(default_factory=dict[str, object])  # handed to the edition package unread

    def __post_init__(self) -> None:
        if self.required_edition:
            _require_one_of("required_edition", self.required_edition, tuple(Plan))
