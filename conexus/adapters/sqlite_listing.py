# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements IndexedFiles: which files the catalog has, for those who decide who may see them."""

from __future__ import annotations

import os

from conexus.adapters.sqlite_connection import SqliteConnection
from conexus.types import FileId, IndexedTree, ListedFile, RepoId

_FILES = (
    "FROM views v JOIN indexes i ON i.view = v.id AND i.live JOIN files f ON f.index_id = coalesce(i.pool, i.id) "
    "WHERE v.root = ? AND (i.pool IS NULL OR EXISTS "
    "(SELECT 1 FROM members m WHERE m.index_id = i.id AND m.file = f.id))"
)


class SqliteListing:
    """Lists what is live in a catalog. Threads may share it.

    Args:
        connection: To the catalog's database; whoever opened it closes it.
    """

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection

    def trees(self) -> list[IndexedTree]:
        """Return every tree that has an index."""
        rows = self._connection.rows(
            "SELECT r.repo, v.root, v.branch, v.ref FROM views v JOIN repositories r ON r.id = v.repository "
            "JOIN indexes i ON i.view = v.id AND i.live ORDER BY r.repo, v.root"
        )
        return [
            IndexedTree(
                RepoId(str(repo)), os.fsdecode(_bytes(root)), str(branch or ref or "").removeprefix("refs/heads/")
            )
            for repo, root, branch, ref in rows
        ]

    def files(self, root: str) -> list[ListedFile]:
        """Return the files of a tree; none where it has no index."""
        rows = self._connection.rows(
            f"SELECT f.id, f.path, f.language {_FILES} ORDER BY f.path",
            (os.fsencode(root),),
        )
        return [
            ListedFile(FileId(int(str(file))), os.fsdecode(_bytes(path)), str(language or ""))
            for file, path, language in rows
        ]

    def text(self, root: str, path: str) -> str:
        """Return the text of a file as it is indexed; an empty one where there is none."""
        rows = self._connection.rows(
            "SELECT t.text FROM chunks c JOIN texts t ON t.key = c.file << 20 | c.ordinal WHERE c.file IN "  # noqa: S608 -- a constant
            f"(SELECT f.id {_FILES} AND f.path = ?) ORDER BY c.ordinal",
            (os.fsencode(root), os.fsencode(path)),
        )
        return "".join(str(text) for (text,) in rows)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
