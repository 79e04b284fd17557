# SPDX-License-Identifier: FSL-1.1-MIT
"""Builds the object graph; the only module that knows all the others."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from conexus.adapters import config_files
from conexus.adapters.cached_queries import CachedQueries
from conexus.adapters.config_files import MEMORY
from conexus.adapters.disk_freshness import DiskFreshness
from conexus.adapters.embedders import DEFAULT_MODEL, embedder, embedder_of
from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.ignore_rules import UserGit
from conexus.adapters.kept_pools import PoolKeeper
from conexus.adapters.memory_use import available_bytes, give_back_memory, own_private_bytes
from conexus.adapters.mounts import moves_pages
from conexus.adapters.process_locks import FileLocks
from conexus.adapters.shared_store import SharedStore
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.adapters.sqlite_codebase import SqliteCodebase
from conexus.adapters.sqlite_copies import BESIDE
from conexus.adapters.worker_pool import WorkerPool
from conexus.adapters.worker_wire import WorkerSetup
from conexus.config import Config, IndexOptions
from conexus.data_folder import CATALOG_FILE, edition_context_of, editions, make_private
from conexus.edition import (
    Edition,
    load_edition,
)
from conexus.errors import StoreError
from conexus.indexing.memory import MemoryBudget, MemoryWatch
from conexus.indexing.pipeline import Indexer, Resources
from conexus.indexing.places import Places
from conexus.parsing.classify import skip_by_name
from conexus.ports import Embedder, Locks, ParsePool, SourceTree, TreeWatcher, VectorStore
from conexus.search.dependency_facts import CatalogFacts
from conexus.search.engine import SearchEngine
from conexus.search.heads import ChunkHeads
from conexus.search.reading import CodeReader
from conexus.service import LocalService
from conexus.types import Checkout, IndexedView, IndexInfo
from conexus.values import dataclass

# -P: without it Python would import from the folder it is started in, which may be the tree that is indexed.
_WORKER = (sys.executable, "-P", "-m", "conexus.worker")

_MAX_WORKERS = 8
_VECTORS = "vectors"


@dataclass(frozen=True, slots=True)
class Application:
    """A service with the settings it was built from."""

    config: Config
    data_dir: Path | None
    """``None`` where nothing is kept."""
    service: LocalService
    watcher: Callable[[Checkout], TreeWatcher]
    """Gives what notices changes of a working tree."""


def build(
    config: Config,
    *,
    keep_open: bool = False,
    xdg: Path | None = None,
    worker_command: Sequence[str] | None = None,
    models: Callable[[str], Embedder] | None = None,
    project: Callable[[Path], config_files.Loaded] | None = None,
) -> Application:
    """Put a service together.

    Args:
        config: The settings.
        keep_open: Whether indexes stay open between calls.
        xdg: The user's ``XDG_CONFIG_HOME``, where it is set: git's own ignore file is there.
        worker_command: Program of a parsing process; for tests.
        project: Gives the settings for a working tree, where one process serves several; ``config`` for all where
            ``None``.
        models: Loads an embedding model by name; :func:`embedder` where ``None``.

    Raises:
        StoreError: The data folder cannot be made or written.
        EmbeddingError: The model cannot be loaded.
        EditionError: The edition that is asked for cannot start.
    """
    in_memory = config.store.path == MEMORY
    data_dir = None if in_memory else config_files.data_dir(config)
    if data_dir is not None:
        make_private(data_dir)
    catalog = SqliteCatalog(MEMORY if data_dir is None else str(data_dir / CATALOG_FILE))
    edition = _edition(config, data_dir, catalog)
    vectors = _store(config, data_dir, keep_open=keep_open)
    store = SharedStore(vectors)
    places = Places(catalog, edition.entitlements)
    home = Path.home()

    def bare_pool(setup: WorkerSetup) -> WorkerPool:
        most = config.index.workers or min(_MAX_WORKERS, os.cpu_count() or 1)
        return WorkerPool(worker_command or _WORKER, setup, _budget(config).processes(most))

    keeper = PoolKeeper(bare_pool) if keep_open else None
    new_pool: Callable[[WorkerSetup], ParsePool] = bare_pool if keeper is None else keeper.pool

    @cache
    def model(name: str) -> Embedder:
        found = (models or embedder)(name)
        return found if found.is_fast else CachedQueries(found, edition.cache)

    def settings(checkout: Checkout, name: str = "") -> Config:
        found = config if project is None else _of_project(project(checkout.project), checkout, catalog)
        return with_model(found, name) if name else found

    def tree(checkout: Checkout, options: IndexOptions) -> SourceTree:
        return _tree(checkout, options, catalog, (home, xdg))

    def tree_of_view(view: IndexedView) -> SourceTree:
        return tree(Checkout(view.root, view.repo, view.name, view.head, ref=view.ref), config.index)

    def model_of(index: IndexInfo) -> Embedder:
        return embedder_of(index, config.index.model, model)

    engine = SearchEngine(
        catalog,
        model_of,
        DiskFreshness(tree_of_view),
        heads=ChunkHeads(catalog, keep=keep_open, after_reading=give_back_memory),
    )

    def indexer(checkout: Checkout, name: str) -> Indexer:
        used = settings(checkout, name)
        return Indexer(
            catalog=catalog,
            store=store,
            embedder=lambda: model(used.index.model),
            resources=Resources(
                _pools(used, lambda: model(used.index.model), new_pool),
                partial(_memory_watch, config, vectors, engine),
            ),
            config=used,
            places=places,
        )

    codebase = SqliteCodebase(catalog.rows, catalog.scope)
    reader = CodeReader(catalog, codebase)
    service = LocalService(
        catalog=catalog,
        store=store,
        locks=_locks(data_dir),
        trees=lambda checkout: tree(checkout, settings(checkout).index),
        indexers=indexer,
        engine=engine,
        reader=reader,
        facts=CatalogFacts(catalog, codebase, reader),
        edition=edition,
        options=config.store,
        places=places,
        is_gone=_is_gone,
        keep_open=keep_open,
        ended=partial(_end_processes, keeper, vectors),
    )

    def watcher(checkout: Checkout) -> TreeWatcher:
        from conexus.adapters.tree_watcher import AdaptiveWatcher  # noqa: PLC0415 -- a search follows no tree

        files = (
            checkout.root / config_files.PROJECT_FILE,
            config_files.user_config_path(config_files.current_environ()),
        )
        trees = partial(service.trees, checkout)
        return AdaptiveWatcher(checkout.root, trees, data_dir, UserGit(home, xdg), files)

    return Application(config, data_dir, service, watcher)


def _end_processes(keeper: PoolKeeper | None, vectors: VectorStore) -> None:
    if keeper is not None:
        keeper.close()
    vectors.close()


def search_aside(app: Application, told: Callable[[str], None] = lambda _: None) -> None:
    """Have a process of its own search, as far as it can: for a program that answers many at once.

    It is started now where there is something to search, else with the first search.

    Args:
        app: The program.
        told: Called with what became of the process where it failed.
    """
    config, service = app.config, app.service
    if app.data_dir is None or config.store.url:
        return
    from conexus.adapters.search_process import SearchProcess  # noqa: PLC0415 -- only a daemon has one

    process = SearchProcess(app.data_dir / CATALOG_FILE, app.data_dir / _VECTORS, config.index.model, told=told)
    if service.catalog.views():
        process.start()
    service.engine.search_aside(process)


def _memory_watch(config: Config, vectors: VectorStore, engine: SearchEngine) -> MemoryWatch:
    return MemoryWatch(_budget(config), lambda: own_private_bytes() + vectors.memory_bytes() + engine.memory_bytes())


def _tree(
    checkout: Checkout, options: IndexOptions, catalog: SqliteCatalog, user: tuple[Path, Path | None]
) -> SourceTree:
    if not checkout.ref:
        return FilesystemTree(checkout, options, home=user[0], xdg=user[1], classify_path=skip_by_name)
    from conexus.adapters.git_tree import RefTree  # noqa: PLC0415 -- not for the usual case

    return RefTree(checkout, options, skip_by_name, lambda: catalog.content_sizes(checkout.repo))


def _is_gone(root: Path, ref: str) -> bool:
    if not ref and root.exists():
        return os.path.realpath(root) != os.fspath(root)  # a link is in its place now, and is followed to another tree
    from conexus.adapters.git_refs import is_gone  # noqa: PLC0415 -- brings dulwich

    return is_gone(root, ref)


def _of_project(loaded: config_files.Loaded, checkout: Checkout, catalog: SqliteCatalog) -> Config:
    """Return a tree's settings, with the model that its index has where they name none."""
    live = next((view.live for view in catalog.views() if view.root == checkout.root), None)
    if live is None or loaded.origins.get("index.model") != DEFAULT_MODEL or not Path(live.model).is_dir():
        return loaded.config
    return with_model(loaded.config, live.model)


def discard_catalog(config: Config) -> Path:
    """Set a catalog that cannot be trusted aside, and delete the vectors, which mean nothing without it.

    API keys are not taken over: one that was revoked could come back with what is left of the file.

    Returns:
        Where the old catalog is kept.

    Raises:
        StoreError: The data folder cannot be written.
    """
    data_dir = config_files.data_dir(config)
    catalog, kept = data_dir / CATALOG_FILE, data_dir / f"{CATALOG_FILE}.damaged"
    try:
        # In this order a repair that is killed leaves no vectors that a new catalog could take for its own, and no log
        # that SQLite would apply to it.
        for vectors in (data_dir / _VECTORS).glob("*"):
            if vectors.is_dir() and not vectors.is_symlink():
                shutil.rmtree(vectors)
            else:
                vectors.unlink()
        for end in BESIDE:
            (data_dir / f"{CATALOG_FILE}{end}").unlink(missing_ok=True)
        catalog.replace(kept)
    except OSError as exc:
        raise StoreError(f"the data folder {data_dir} cannot be mended: {exc.strerror}") from exc
    return kept


def _edition(config: Config, data_dir: Path | None, catalog: SqliteCatalog) -> Edition:
    try:
        return load_edition(edition_context_of(config, data_dir, catalog.connection), editions())
    except BaseException:
        catalog.close()
        raise


def with_model(config: Config, model: str) -> Config:
    """Return the settings with another embedding model."""
    return replace(config, index=replace(config.index, model=model))


def _store(config: Config, data_dir: Path | None, *, keep_open: bool) -> VectorStore:
    if config.store.url:
        from conexus.adapters.qdrant_store import QdrantStore  # noqa: PLC0415 -- takes a second to import

        return QdrantStore(
            config.store.url, config.store.api_key, config.store.timeout_s, namespace=_namespace(data_dir)
        )
    if data_dir is None:
        from conexus.adapters.memory_store import MemoryStore  # noqa: PLC0415 -- not for the usual case

        return MemoryStore()
    from conexus.adapters.engine_process import EngineStore  # noqa: PLC0415 -- not needed with a server

    return EngineStore(data_dir / _VECTORS, read_here=not keep_open and not moves_pages(data_dir))


def _namespace(data_dir: Path | None) -> str:
    """Name of this data folder on a shared server: made once, then kept in the folder.

    Without its name, as a kill amid writing would leave it, a folder would share the collections of another one.
    """
    if data_dir is None:
        return os.urandom(8).hex()
    path = data_dir / "namespace"
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=data_dir, prefix=".namespace-", encoding="ascii") as made:
            made.write(os.urandom(8).hex())
            made.flush()
            os.fsync(made.fileno())
            with suppress(FileExistsError):  # another process was first
                os.link(made.name, path)
    return path.read_text(encoding="ascii").strip()


def _locks(data_dir: Path | None) -> Locks:
    if data_dir is None:
        from conexus.adapters.memory_locks import NoLocks  # noqa: PLC0415 -- not for the usual case

        return NoLocks()
    return FileLocks(data_dir / "locks")


def _budget(config: Config) -> MemoryBudget:
    return MemoryBudget.of(config.index.memory_mb, available_bytes())


def _pools(
    config: Config, chosen: Callable[[], Embedder], new_pool: Callable[[WorkerSetup], ParsePool]
) -> Callable[[SourceTree], ParsePool]:
    options = config.index

    def pool(tree: SourceTree) -> ParsePool:
        model = chosen()
        return new_pool(
            WorkerSetup(
                root=str(tree.files_root),
                repo=tree.checkout.repo,
                embed=model.is_fast,
                fingerprint=model.fingerprint if model.is_fast else "",
                model="" if options.model == DEFAULT_MODEL else str(Path(options.model).expanduser()),
                max_chunk_chars=options.max_chunk_chars,
                max_file_bytes=options.max_file_bytes,
                max_data_bytes=options.max_data_bytes,
                skip_generated=options.skip_generated,
                parse_timeout_s=options.parse_timeout_s,
                parse_memory_mb=_budget(config).of_a_file(options.parse_memory_mb),
            )
        )

    return pool


__all__ = [
    "DEFAULT_MODEL",
    "Application",
    "build",
    "discard_catalog",
    "embedder",
    "search_aside",
    "with_model",
]
