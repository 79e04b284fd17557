"""Type-checked, never run: every implementation fits its protocol."""

from conexus.adapters.edge_store import EdgeStore, EdgeVectorShard
from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.memory_locks import NoLocks
from conexus.adapters.memory_store import MemoryStore, MemoryVectorShard
from conexus.adapters.model2vec_embedder import Model2vecEmbedder
from conexus.adapters.process_locks import FileLocks
from conexus.adapters.qdrant_store import QdrantStore, QdrantVectorShard
from conexus.adapters.shared_store import SharedStore
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.adapters.sqlite_registry import SqliteRegistry
from conexus.adapters.sqlite_usage_log import SqliteUsageLog
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.adapters.transformer_embedder import TransformerEmbedder
from conexus.adapters.worker_pool import WorkerPool
from conexus.edition import (
    AccessPolicy,
    AuditSink,
    Authenticator,
    EditionFactory,
    NoAudit,
    NoSingleSignOn,
    RoleAccess,
)
from conexus.ports import (
    Catalog,
    Embedder,
    JobStore,
    KeyStore,
    Locks,
    ParsePool,
    SourceTree,
    UsageLog,
    VectorShard,
    VectorStore,
    WebhookStore,
)
from conexus_ee.access import GroupPolicy
from conexus_ee.edition import build


def trees(a: FilesystemTree) -> list[SourceTree]:
    """A working tree on disk is a SourceTree."""
    return [a]


def embedders(a: StaticEmbedder, b: TransformerEmbedder, c: Model2vecEmbedder) -> list[Embedder]:
    """All three kinds of model are an Embedder."""
    return [a, b, c]


def stores(a: EdgeStore, b: MemoryStore, c: QdrantStore, d: SharedStore) -> list[VectorStore]:
    """All four are a VectorStore."""
    return [a, b, c, d]


def shards(a: EdgeVectorShard, b: MemoryVectorShard, c: QdrantVectorShard) -> list[VectorShard]:
    """What they open is a VectorShard."""
    return [a, b, c]


def catalogs(a: SqliteCatalog) -> list[Catalog]:
    """SQLite is a Catalog."""
    return [a]


def registries(a: SqliteRegistry) -> tuple[KeyStore, JobStore, WebhookStore]:
    """SQLite keeps keys, jobs and webhooks."""
    return a, a, a


def usage_logs(a: SqliteUsageLog) -> list[UsageLog]:
    """SQLite keeps the query log."""
    return [a]


def pools(a: WorkerPool) -> list[ParsePool]:
    """Worker processes are a ParsePool."""
    return [a]


def locks(a: FileLocks, b: NoLocks) -> list[Locks]:
    """Files, and nothing at all, are Locks."""
    return [a, b]


def policies(a: RoleAccess, b: GroupPolicy) -> list[AccessPolicy]:
    """Both editions' policies are an AccessPolicy."""
    return [a, b]


def authenticators(a: NoSingleSignOn) -> list[Authenticator]:
    """The community authenticator is an Authenticator."""
    return [a]


def audits(a: NoAudit) -> list[AuditSink]:
    """The community audit is an AuditSink."""
    return [a]


FACTORIES: list[EditionFactory] = [build]
"""What an entry point loads is an EditionFactory."""
