# SPDX-License-Identifier: FSL-1.1-MIT
"""Makes the values that several tests need: files, chunks, commits, and a small index that can be searched."""

from __future__ import annotations

import hashlib
import re
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from conexus.adapters.memory_store import MemoryStore
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.lexical import count_words, encode_document, vector_checksum
from conexus.ports import Catalog, Embedder
from conexus.search.engine import SearchableView
from conexus.types import (
    Checkout,
    Chunk,
    ChunkHead,
    ChunkId,
    ContentHash,
    EncodedChunk,
    FileCommit,
    FileId,
    FileResult,
    FileStat,
    FileTag,
    Fingerprint,
    Import,
    IndexedView,
    IndexInfo,
    ParsedFile,
    ParseMode,
    ReadOutcome,
    Reference,
    RepoId,
    SkipReason,
    Span,
    SparseVector,
    StoredChunk,
    Symbol,
    SymbolKind,
    TextChunk,
    VectorPoint,
)

NOON_NS = 1_700_000_000_123_456_789
READ_NS = NOON_NS + 3_600_000_000_000
REPO = RepoId("example.org/team/app")


def checkout_of(root: str, repo: str = REPO, name: str = "", head: str | None = None) -> Checkout:
    """A working tree at ``root``, named by the last part of its id."""
    return Checkout(Path(root), RepoId(repo), name or repo.rpartition("/")[2], head, "main" if head else None)


def stat_of(path: str, size_bytes: int = 100, time_ns: int = NOON_NS, inode: int = 7) -> FileStat:
    """A file that was written at ``time_ns``."""
    return FileStat(path, size_bytes, time_ns, time_ns, inode)


def blob_id(data: bytes) -> ContentHash:
    """Git's id of a file's content."""
    return ContentHash(hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest())


def chunk_id_of(repo: str, path: str, span: Span, text: str) -> ChunkId:
    """A stable id of a chunk."""
    name = f"{repo}\n{path}\n{span.start_byte}-{span.end_byte}\n{text}"
    return ChunkId(str(uuid.uuid5(uuid.NAMESPACE_URL, name.encode("utf-8", "surrogateescape").hex())))


@dataclass(frozen=True)
class Piece:
    """A chunk to be, and what it defines: ``name`` at its first line, unless ``name`` is empty."""

    text: str
    name: str = ""
    kind: str = "function"
    parent: str = ""


@dataclass(frozen=True)
class SourceFile:
    """A file to be indexed."""

    pieces: tuple[Piece, ...]
    language: str | None = "python"
    tags: frozenset[FileTag] = frozenset()
    uses: tuple[str, ...] = ()
    """Names that it refers to."""

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return "".join(piece.text for piece in self.pieces).encode()


def source(text: str, name: str = "", kind: str = "function", language: str | None = "python") -> SourceFile:
    """A file of one chunk."""
    tags = frozenset({FileTag.TEST}) if "test_" in name or "def test" in text else frozenset[FileTag]()
    return SourceFile((Piece(text, name, kind),), language, tags)


def parsed_of(file: SourceFile, references: Sequence[Reference] = (), imports: Sequence[Import] = ()) -> ParsedFile:
    """What parsing would make of a file."""
    chunks, symbols = [], []
    start_byte, line = 0, 1
    for piece in file.pieces:
        size, lines = len(piece.text.encode()), piece.text.count("\n")
        last = line + lines - (1 if piece.text.endswith("\n") else 0)
        span = Span(start_byte, start_byte + size, line, last)
        head = piece.text.split("\n", 1)[0].strip()
        qualified = f"{piece.parent}.{piece.name}" if piece.parent else piece.name
        chunks.append(
            TextChunk(
                span,
                piece.text,
                kind=piece.kind if piece.name else "block",
                symbol=qualified or piece.parent,
                signature=head if piece.name else "",
                names=(piece.name,) if piece.name else (),
                kinds=(piece.kind,) if piece.name else (),
            )
        )
        if piece.name:
            symbols.append(Symbol(piece.name, SymbolKind(piece.kind), span, line, piece.parent, head, "What it does."))
        start_byte, line = start_byte + size, line + lines
    return ParsedFile(
        language=file.language,
        encoding="utf-8",
        mode=ParseMode.TREE,
        chunks=tuple(chunks),
        symbols=tuple(symbols),
        references=tuple(references),
        imports=tuple(imports),
        tags=file.tags,
    )


def commit_of(
    number: int,
    path: str,
    file: SourceFile,
    *,
    embedder: Embedder | None = None,
    repo: str = REPO,
    stat: FileStat | None = None,
) -> FileCommit:
    """A parsed file on its way into the catalog, with vectors; its dense ones are zeros without an embedder."""
    parsed = parsed_of(file, [Reference(name, (1,)) for name in file.uses])
    texts = [f"{path}\n{chunk.text}" for chunk in parsed.chunks]
    dense = embedder.embed_documents(texts) if embedder else np.zeros((len(texts), 4), dtype=np.float32)
    encoded = tuple(
        EncodedChunk(
            chunk_id_of(repo, path, chunk.span, chunk.text),
            encode_document(count_words(chunk.text), path, chunk.names),
            row.astype(np.float16),
        )
        for chunk, row in zip(parsed.chunks, dense, strict=True)
    )
    result = FileResult(
        stat=stat or stat_of(path, len(file.data)),
        checked_ns=READ_NS,
        outcome=ReadOutcome.PARSED,
        content_hash=blob_id(file.data),
        parsed=parsed,
        encoded=encoded,
    )
    checksums = tuple(vector_checksum(e.dense, e.sparse) for e in encoded if e.dense is not None)
    return FileCommit(FileId(number), result, "rules", checksums)


def skipped_commit(number: int, path: str, reason: SkipReason, detail: str = "") -> FileCommit:
    """A file that was read and left out."""
    result = FileResult(stat_of(path), READ_NS, ReadOutcome.SKIPPED, ContentHash("00" * 20), reason, detail)
    return FileCommit(FileId(number), result, "rules")


def points_of(commit: FileCommit) -> list[VectorPoint]:
    """What the vector store is to hold of a file."""
    parsed = commit.result.parsed
    assert parsed is not None
    return [
        VectorPoint(
            encoded.id,
            commit.id,
            encoded.dense,
            encoded.sparse,
            parsed.language or "",
            chunk.kinds,
            tuple(tag.value for tag in parsed.tags),
        )
        for chunk, encoded in zip(parsed.chunks, commit.result.encoded, strict=True)
        if encoded.dense is not None
    ]


@dataclass
class SmallIndex:
    """A catalog and vectors in memory, filled with files that are given as text."""

    catalog: Catalog = field(default_factory=lambda: SqliteCatalog(":memory:"))
    store: MemoryStore = field(default_factory=MemoryStore)
    embedder: Embedder = field(default_factory=StaticEmbedder)

    def add(
        self, root: str, files: dict[str, SourceFile], repo: str = REPO, *, complete: bool = True
    ) -> SearchableView:
        """Index files as a working tree at ``root``."""
        view = self.catalog.ensure_view(checkout_of(root, repo))
        info = self.catalog.begin_index(view.id, Fingerprint("f"), self.embedder)
        shard = self.store.create(info.id, self.embedder.dim)
        ids = self.catalog.open_batch(info.id, [], len(files))
        commits = [
            commit_of(number, path, file, embedder=self.embedder, repo=repo)
            for number, (path, file) in zip(ids, files.items(), strict=True)
        ]
        shard.upsert([point for commit in commits for point in points_of(commit)])
        self.catalog.commit_batch(info.id, commits, [])
        self.catalog.finish_index(info.id, complete=complete)
        return SearchableView(self.reloaded(view), self.live(view), shard)

    def reloaded(self, view: IndexedView) -> IndexedView:
        """The view as the catalog has it now."""
        return next(found for found in self.catalog.views() if found.id == view.id)

    def live(self, view: IndexedView) -> IndexInfo:
        """The live generation of a view."""
        live = self.reloaded(view).live
        assert live is not None
        return live


def head_of(path: str = "src/app.py", *, file: int = 1, line: int = 1, **fields: Any) -> ChunkHead:
    """What ranking sees of a chunk as :func:`stored_of` makes it."""
    chunk = stored_of(path, line=line).chunk
    span = chunk.span
    head = ChunkHead(
        chunk.id, FileId(file), path, span.start_byte, span.start_line, span.end_line, chunk.kind, "", frozenset(), 1, 0
    )
    return head._replace(**fields)


def stored_of(
    path: str = "src/app.py",
    text: str = "def send():\n    pass\n",
    *,
    file: int = 1,
    line: int = 1,
    **fields: Any,
) -> StoredChunk:
    """A chunk as the catalog would give it back; it starts at ``line``, and ``fields`` are others of the chunk's."""
    start_byte = (line - 1) * 40
    span = Span(start_byte, start_byte + len(text.encode()), line, line + max(0, text.count("\n") - 1))
    chunk = Chunk(id=chunk_id_of(REPO, path, span, text), repo=REPO, path=path, language="python", span=span, text=text)
    return StoredChunk(
        chunk=replace(chunk, **fields),
        file=FileId(file),
        ordinal=line,
        content_hash=blob_id(text.encode()),
        stat=stat_of(path, len(text.encode())),
        checked_ns=READ_NS,
    )


def sparse_of(*terms: str) -> SparseVector:
    """A sparse vector with weight 1 for each term."""
    indices = np.array([zlib.crc32(term.encode()) for term in terms], dtype=np.uint32)
    return SparseVector(indices, np.ones(len(terms), dtype=np.float32))


def outside_of_fences(markdown: str) -> list[str]:
    """The lines of a text that are in no block of code; every block has an end."""
    outside, fence = [], ""
    for line in markdown.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif match := re.fullmatch(r"`{3,}", line):
            fence = match[0]
        else:
            outside.append(line)
    assert not fence
    return outside
