# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes what changed between two commits as a unified diff, from git's objects alone.

No configuration, filter or attribute of the repository is looked at, and no program is run.
"""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import closing
from pathlib import Path

from conexus.adapters.git_refs import git_folder_of, ref_checkout
from conexus.errors import SourceError

_MAX_BYTES = 3_000_000
_DAMAGED = (OSError, ValueError, LookupError, AssertionError, TypeError, zlib.error, struct.error)


def diff_between(folder: Path, span: str) -> str:
    """Return the diff of a range of commits of the repository that holds a folder.

    Args:
        folder: The folder.
        span: ``main..topic``, each a branch, tag or commit; ``main`` alone means ``main..HEAD``.

    Raises:
        SourceError: There is no such repository or commit, or the diff is too large.
    """
    old, dots, new = span.partition("..")
    if new.startswith("."):
        raise SourceError(f"{span!r} is no range that is read", hint="write two dots, as main..HEAD")
    ends = [ref_checkout(folder, name) for name in (old or "HEAD", new or "HEAD")]
    if old and not dots:
        ends[1] = ref_checkout(folder, "HEAD")
    from dulwich.objects import Commit, ObjectID  # noqa: PLC0415 -- only where a range is asked for
    from dulwich.patch import write_tree_diff  # noqa: PLC0415 -- as above

    from conexus.adapters.git_objects import OwnObjects  # noqa: PLC0415 -- as above

    written = _Bounded()
    objects = git_folder_of(ends[0]) / "objects"
    with closing(OwnObjects(objects)) as store:
        try:
            commits = [store[ObjectID((end.head or "").encode())] for end in ends]
            trees = [commit.tree for commit in commits if isinstance(commit, Commit)]
            write_tree_diff(written, store, trees[0], trees[1])
        except SourceError:
            raise
        except _DAMAGED as exc:
            raise SourceError(f"the commits {span} cannot be compared: {type(exc).__name__}") from exc
    return written.getvalue().decode("utf-8", "surrogateescape")


class _Bounded(io.BytesIO):
    """Takes so much and no more."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        if self.tell() + len(data) > _MAX_BYTES:
            raise SourceError(
                f"the diff has more than {_MAX_BYTES:,} bytes", hint="ask for fewer commits, or name the files"
            )
        return super().write(data)


__all__ = ["diff_between"]
