"""Tells when something below a folder changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

_DEBOUNCE_MS = 150
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


def changes(root: Path, is_stopped: Callable[[], bool], own: Path | None = None) -> Iterator[int]:
    """Yield the number of changed paths each time something below a folder changed, until stopped.

    The first number, which may be 0, comes as soon as the folder is watched: whoever looks at the folder after it
    misses nothing.

    Args:
        root: The folder.
        is_stopped: Asked a few times a second.
        own: Folder whose changes do not count: where indexes are kept, each of which changes it.
    """
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
            yield len(batch)
