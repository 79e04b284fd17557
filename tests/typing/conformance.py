# SPDX-License-Identifier: FSL-1.1-MIT
"""Type-checked, never run: every implementation fits its protocol."""

from conexus.adapters.cached_queries import CachedQueries
from conexus.adapters.edge_store import EdgeStore, EdgeVectorShard
from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.memory_locks import NoLocks
from conexus.adapters.memory_store import MemoryStore, MemoryVectorShard
from conexus.adapters.model2vec_embedder import Model2vecEmbedder
from conexus.adapters.process_locks import FileLocks
from conexus.adapters.qdrant_store import QdrantStore, QdrantVectorShard
from conexus.adapters.search_process import SearchProcess
from conexus.adapters.shared_store import SharedStore
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.adapters.sqlite_directory import SqliteDirectory
from conexus.adapters.sqlite_registry import SqliteRegistry
from conexus.adapters.sqlite_usage_log import SqliteUsageLog
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.adapters.transformer_embedder import TransformerEmbedder
from conexus.adapters.worker_pool import WorkerPool
from conexus.edition import (
    AccessPolicy,
    Analytics,
    AuditDesk,
    AuditSink,
    Authenticator,
    Cache,
    CommunityEntitlements,
    CrossGraph,
    Directory,
    DirectoryDesk,
    EditionPackage,
    Entitlements,
    EventSink,
    LicenceMarks,
    Licences,
    NoAnalytics,
    NoAudit,
    NoAuditDesk,
    NoCache,
    NoCrossGraph,
    NoDirectory,
    NoEvents,
    NoSingleSignOn,
    RoleAccess,
)
from conexus.ports import (
    Catalog,
    Embedder,
    JobStore,
    KeyStore,
    Locks,
    OtherSearcher,
    ParsePool,
    SourceTree,
    UsageLog,
    VectorShard,
    VectorStore,
    WebhookStore,
)
from conexus_ee.access import GroupPolicy, KeyOwners
from conexus_ee.audit import AuditLog
from conexus_ee.cache import MemoryCache
from conexus_ee.directory import LicensedDirectory
from conexus_ee.edition import PACKAGE
from conexus_ee.entitlements import LicensedEntitlements
from conexus_ee.events import StoredEvents
from conexus_ee.licences import LicenceDesk


def trees(a: FilesystemTree) -> list[SourceTree]:
    """A working tree on disk is a SourceTree."""
    return [a]


def embedders(a: StaticEmbedder, b: TransformerEmbedder, c: Model2vecEmbedder, d: CachedQueries) -> list[Embedder]:
    """All three kinds of model are an Embedder, and so is one that remembers questions."""
    return [a, b, c, d]


def stores(a: EdgeStore, b: MemoryStore, c: QdrantStore, d: SharedStore) -> list[VectorStore]:
    """All four are a VectorStore."""
    return [a, b, c, d]


def shards(a: EdgeVectorShard, b: MemoryVectorShard, c: QdrantVectorShard) -> list[VectorShard]:
    """What they open is a VectorShard."""
    return [a, b, c]


def searchers(a: SearchProcess) -> list[OtherSearcher]:
    """A process of its own is an OtherSearcher."""
    return [a]


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


def authenticators(a: NoSingleSignOn, b: KeyOwners) -> list[Authenticator]:
    """Both editions' authenticators are an Authenticator."""
    return [a, b]


def audits(a: NoAudit, b: AuditLog) -> list[AuditSink]:
    """Both editions' audit logs are an AuditSink."""
    return [a, b]


def audit_desks(a: NoAuditDesk, b: AuditLog) -> list[AuditDesk]:
    """Both editions' desks are an AuditDesk."""
    return [a, b]


def entitlements(a: CommunityEntitlements, b: LicensedEntitlements) -> list[Entitlements]:
    """With and without a licence."""
    return [a, b]


def caches(a: NoCache, b: MemoryCache) -> list[Cache]:
    """Both are a Cache."""
    return [a, b]


def event_sinks(a: NoEvents, b: StoredEvents) -> list[EventSink]:
    """Both are an EventSink."""
    return [a, b]


def others(a: NoAnalytics, b: NoCrossGraph) -> tuple[Analytics, CrossGraph]:
    """The community's parts that no edition replaces yet."""
    return a, b


def desks(a: NoDirectory, b: LicensedDirectory) -> list[DirectoryDesk]:
    """Both are a DirectoryDesk."""
    return [a, b]


def directories(a: SqliteDirectory) -> tuple[Directory, LicenceMarks]:
    """SQLite keeps the directory and the marks."""
    return a, a


def licences(a: LicenceDesk) -> Licences:
    """The enterprise package looks after licences."""
    return a


PACKAGES: list[EditionPackage] = [PACKAGE]
"""What an entry point loads is an EditionPackage."""
