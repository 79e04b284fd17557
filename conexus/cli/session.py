# SPDX-License-Identifier: FSL-1.1-MIT
"""What every command needs: settings, the service, and the working tree that is meant."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, cast

from conexus import __version__, context_service
from conexus.adapters import config_files
from conexus.adapters.git_metadata import find_checkout, is_nested_checkout
from conexus.adapters.roots import checkout_of
from conexus.cli import console
from conexus.config import Config
from conexus.context_service import ContextService
from conexus.daemon import discovery
from conexus.daemon.discovery import Address, is_same_version
from conexus.edition import AuditSink, NoAudit
from conexus.errors import ConexusError, DaemonUnavailable, RepositoryNotIndexed, SourceError, StoreBusy
from conexus.ports import TreeWatcher
from conexus.types import LOCAL_USER, AuditEvent, Checkout, IndexedView, SearchRequest, SearchResponse, UsageEntry
from conexus.values import dataclass

if TYPE_CHECKING:
    from conexus.daemon.client import DaemonClient

USER = LOCAL_USER
NO_AUDIT = NoAudit()
T = TypeVar("T")
_PAUSES_S = (0.05, 0.3, 1.0)


@dataclass
class Session(AbstractContextManager["Session"]):
    """One run of a command."""

    loaded: config_files.Loaded
    service: ContextService
    data_dir: Path | None
    model: str = ""
    """Embedding model that is asked for; empty for what the settings say."""
    daemon: Address | None = None
    """The daemon that does the work, where one does."""
    watched: Callable[[Checkout], TreeWatcher] | None = None
    """Gives what notices changes of a working tree; nothing where a daemon does."""
    audit: AuditSink = NO_AUDIT
    """Where what is listed goes on record; nowhere where a daemon does so."""
    edition: str = ""
    """Name of the edition, where no daemon does the work; see :meth:`edition_name`."""

    def watcher(self, checkout: Checkout) -> TreeWatcher:
        """Return what notices changes of a working tree.

        Raises:
            StoreBusy: A daemon does so.
        """
        if self.watched is None:
            raise StoreBusy("the daemon follows the tree already")
        return self.watched(checkout)

    def note(self, action: str, repos: Iterable[str] = (), asked: str = "") -> None:
        """Have on record what a command lists, before it is shown: what is searched or changed the service records.

        Raises:
            DaemonUnavailable: It cannot be recorded.
        """
        if self.audit.is_on:
            self.audit.record(AuditEvent(USER, action, time.time(), asked=asked, repos=tuple(dict.fromkeys(repos))))

    def edition_name(self) -> str:
        """Return the name of the edition that does the work, which says so where its licence is one for tests."""
        if self.daemon is None:
            return self.edition
        return str(cast("DaemonClient", self.service).daemon_status()["edition"])

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the service."""
        self.service.close()

    def say_who_works(self) -> None:
        """Tell on stderr whether a daemon does the work."""
        daemon = self.daemon
        console.err(f"through the daemon, process {daemon.pid} at {daemon.http}" if daemon else "without a daemon")


def steadily(action: Callable[[], T]) -> T:
    """Do something that may be done twice, and again where a daemon came or went meanwhile.

    Args:
        action: Opens a session of its own.

    Raises:
        ConexusError: What the action raises at last.
    """
    for pause_s in _PAUSES_S:
        try:
            return action()
        except DaemonUnavailable:
            time.sleep(pause_s)  # it was stopped or killed just now
        except StoreBusy:
            if daemon_of(config_files.load(config_files.current_environ(), None, {}).config) is None:
                raise
            # It was started just now, and has the index.
    return action()


def open_session(
    project_root: Path | None = None, flags: Mapping[str, object] | None = None, *, daemon: bool = True
) -> Session:
    """Read the settings and build the service, or find the daemon that has it.

    Args:
        project_root: The tree whose own settings count.
        flags: Settings from the command line.
        daemon: Whether a daemon may do the work.

    Raises:
        ConfigError: A setting is wrong.
        StoreError: The data folder cannot be used.
        DaemonUnavailable: A daemon of another version of Conexus runs.
    """
    loaded = config_files.load(config_files.current_environ(), project_root, flags or {})
    model = str((flags or {}).get("index.model") or "")
    address = daemon_of(loaded.config) if daemon else None
    if address is None:
        return _without_daemon(loaded, model)
    from conexus.daemon.client import DaemonClient  # noqa: PLC0415 -- brings HTTP

    return Session(loaded, DaemonClient(address), config_files.data_dir(loaded.config), model, address)


def answered(session: Session, request: SearchRequest) -> SearchResponse:
    """Search, and note it in the query log; a daemon does so itself."""
    if session.daemon is not None or session.data_dir is None:
        return session.service.search(request, USER)
    response, error = None, ""
    started = time.perf_counter()
    try:
        response = session.service.search(request, USER)
    except ConexusError as exc:
        error = exc.code.value
        raise
    finally:
        hits = () if response is None else response.hits
        entry = UsageEntry(
            at=time.time(),
            surface="cli",
            operation="search",
            subject=USER.subject,
            text=_without_secrets(request.text),
            repos=tuple(dict.fromkeys(hit.chunk.repo for hit in hits)),
            results=len(hits),
            elapsed_ms=(time.perf_counter() - started) * 1000,
            error=error,
        )
        _note(session.loaded.config, entry)
    return response


def _without_secrets(text: str) -> str:
    from conexus.parsing.secrets import redact  # noqa: PLC0415 -- brings many patterns

    return redact(text)[0]


def _note(config: Config, entry: UsageEntry) -> None:
    from conexus import data_folder  # noqa: PLC0415 -- is there already, since it searched

    with contextlib.suppress(ConexusError):  # an answer is worth more than a note of it
        log = data_folder.usage_log(config)
        log.add([entry])
        log.close()


def daemon_of(config: Config) -> Address | None:
    """Return where the daemon listens that does the work, or ``None`` where there is none.

    Raises:
        StoreBusy: One has the indexes open, and is not to be used.
        DaemonUnavailable: It is of another version.
    """
    if config.store.path == config_files.MEMORY:
        return None
    address = discovery.find(config_files.data_dir(config))
    if address is not None and not config.daemon.use:
        raise StoreBusy(
            f"the daemon, process {address.pid}, has the indexes open, and daemon.use is false",
            hint="stop it first (conexus daemon stop), or let it answer",
        )
    if address is not None and not is_same_version(address):
        raise DaemonUnavailable(
            f"the daemon that runs is version {address.version} of Conexus, this is {__version__}",
            hint="restart it: conexus daemon restart",
        )
    return address


def _without_daemon(loaded: config_files.Loaded, model: str) -> Session:
    from conexus import bootstrap  # noqa: PLC0415 -- a command that asks a daemon starts without it, in half the time

    xdg = config_files.current_environ().get("XDG_CONFIG_HOME", "")
    app = bootstrap.build(loaded.config, xdg=Path(xdg) if xdg else None)
    edition = app.service.edition
    for notice in edition.entitlements.notices():
        console.err(f"licence: {notice}")
    return Session(
        loaded, app.service, app.data_dir, model, watched=app.watcher, audit=edition.audit, edition=edition.label
    )


def keep_model(session: Session, view: IndexedView | None) -> Session:
    """Go on with the model that a tree's index has, where the settings name none."""
    loaded = session.loaded
    if (
        session.daemon is not None  # which does the same
        or view is None
        or view.live is None
        or loaded.origins.get("index.model") != "default"
        or not Path(view.live.model).is_dir()
    ):
        return session
    session.service.close()
    config = replace(loaded.config, index=replace(loaded.config.index, model=view.live.model))
    return _without_daemon(replace(loaded, config=config), session.model)


def given_path(text: str | Path) -> Path:
    """Return a path that was typed.

    Raises:
        SourceError: It is empty: most likely a variable of a shell that is not set.
    """
    if text == "":
        raise SourceError("the path is empty", hint="use '.' for the folder you are in")
    return Path(text)


def named(service: ContextService, name: str) -> list[IndexedView]:
    """Return the views of the repository that is meant by a name, an id, or a folder however it is written.

    Raises:
        RepositoryNotIndexed: There is none, or the name fits several repositories.
    """
    try:
        return context_service.named(service.views(USER), name)
    except RepositoryNotIndexed:
        # A name comes first: a folder that happens to be called like a repository is typed as `./name`.
        folder = _existing_folder(name)
        if folder is None:
            raise
        return context_service.named(service.views(USER), folder)


def _existing_folder(text: str) -> str | None:
    try:
        folder = Path(text).expanduser()
        return str(folder.resolve()) if text and folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None  # too long for a path, or the home folder of nobody


def checkout_at(path: Path, *, force: bool = False) -> Checkout:
    """Return the working tree that holds a folder.

    Raises:
        SourceError: There is no such folder, or it should not be indexed.
    """
    home = Path.home()
    folder = path.expanduser()
    require_no_way_out(folder)
    return checkout_of(folder, home, force=force)


def ref_at_folder(folder: Path, name: str) -> Checkout:
    """Return the files of a branch, tag or commit of the repository that holds a folder.

    Raises:
        SourceError: There is no such folder, repository or ref.
    """
    from conexus.adapters.git_refs import ref_checkout  # noqa: PLC0415 -- brings dulwich

    place = folder.expanduser()
    if not place.is_dir():
        raise SourceError(f"{folder} is no folder", hint="name a folder of the repository")
    require_no_way_out(place)
    return ref_checkout(place, name)


def require_no_way_out(folder: Path) -> None:
    """Refuse a path that leaves its repository through a link: a link in a stranger's code may lead anywhere.

    Raises:
        SourceError: It does.
    """
    absolute = Path(os.path.normpath(Path.cwd() / folder))  # `..` is no link
    real = absolute.resolve()
    above = next((parent for parent in absolute.parents if parent == parent.resolve() and parent.is_dir()), None)
    if above is None or real.is_relative_to(above):
        return
    root = find_checkout(above, home=Path.home()).root
    if (root / ".git").exists() and not real.is_relative_to(root):
        raise SourceError(f"{folder} is a link that leads out of {root}", hint=f"name the folder itself: {real}")


def view_for(service: ContextService, checkout: Checkout) -> IndexedView | None:
    """Return the indexed tree that a folder belongs to: its own checkout, or an indexed folder around it.

    A repository inside another is never part of that one's index.
    """
    view = context_service.view_at(service.views(USER), checkout.root)
    if view is not None and view.root != checkout.root and is_nested_checkout(str(checkout.root)):
        return None
    return view
