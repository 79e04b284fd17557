"""Tells when something below a folder changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

_DEBOUNCE_MS = 150
_MANY = 1_000  # so many changes come of a checkout or a formatter; then a look at everything costs less
_POLL_MS = 50
_WAKE_MS = 250  # how often it is asked whether to stop


class _Sources(DefaultFilter):
    """Lets all through but our own files and git's, of which the ignore rules, the index and HEAD still count."""

    ignore_dirs = ()
    ignore_entity_patterns = ()

    def __init__(self, own: Path | None) -> None:
        super().__init__()
        self._own = None if own is None else str(own)

    def __call__(self, change: Change, path: str) -> bool:
        """Whether a change counts."""
        if self._own is not None and (path == self._own or path.startswith(self._own + "/")):
            return False
        return "/.git/" not in path or path.endswith(("/.git/HEAD", "/.git/info/exclude", "/.git/index"))


def changes(root: Path, is_stopped: Callable[[], bool], own: Path | None = None) -> Iterator[frozenset[str] | None]:
    """Yield the changed paths each time something below a folder changed, until stopped.

    The first answer, which may be empty, comes as soon as the folder is watched: whoever looks at the whole folder
    after it misses nothing.

    Args:
        root: The folder.
        is_stopped: Asked a few times a second.
        own: Folder whose changes do not count: where indexes are kept, each of which changes it.

    Yields:
        Paths from the root; ``None`` where any may have changed: git's own files did, or very many did.
    """
    above = len(os.fspath(root).rstrip("/")) + 1
    is_watching = False
    for batch in watch(
        root,
        watch_filter=_Sources(own),
        debounce=_DEBOUNCE_MS,
        step=_POLL_MS,
        rust_timeout=_WAKE_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        ignore_permission_denied=True,
    ):
        if is_stopped():
            return
        if batch or not is_watching:
            is_watching = True
            yield _paths(batch, above)


def _paths(batch: set[tuple[Change, str]], above: int) -> frozenset[str] | None:
    paths = frozenset(path[above:] for _, path in batch)
    if len(paths) > _MANY or any(not path or ".git" in path.split("/") for path in paths):
        return None
    return paths
