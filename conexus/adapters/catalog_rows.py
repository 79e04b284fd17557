# SPDX-License-Identifier: FSL-1.1-MIT
"""Values to rows of the catalog and back."""

from __future__ import annotations

import os
import re
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, TypeVar, cast

import msgpack

from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.catalog_scope import Scope
from conexus.chunk_ids import chunk_id_of, chunk_key, salted_id
from conexus.errors import StoreDamaged
from conexus.lexical import name_key, split_identifier, stem, words
from conexus.types import (
    Chunk,
    ChunkHead,
    ChunkId,
    ContentHash,
    FileCommit,
    FileId,
    FileRecord,
    FileStat,
    FileTag,
    IndexId,
    RepoId,
    SkipReason,
    Span,
    StoredChunk,
)
from conexus.values import dataclass

E = TypeVar("E", bound=StrEnum)
Row = tuple[Any, ...]

FILE_COLUMNS = 20
COLUMNS = {
    "chunks": 11,
    "symbols": 14,
    "refs": 3,
    "imports": 3,
    "packages_provided": 5,
    "packages_required": 6,
    "endpoints": 6,
    "name_words": 3,
}
"""Tables with a file's rows, in the order of its checksum, and how many columns each has."""
_INT64 = 1 << 63

# Files whose own name says nothing: their folder's name counts as well.
_FOLDER_FILES = re.compile(r"^(?:__init__|__main__|index|mod|lib|main|init|package|default)$", re.IGNORECASE)


@lru_cache(maxsize=1_000)
def known(kind: type[E], written: object) -> E:
    """Return the value of an enumeration that a row has.

    Raises:
        StoreDamaged: It has none of them.
    """
    try:
        return kind(str(written))
    except ValueError as exc:
        raise StoreDamaged(f"the catalog is damaged: {exc}", hint=CATALOG.mend) from exc


def inode_out(inode: int) -> int:
    """Return an inode as the signed number that SQLite can keep: overlay file systems use all 64 bits."""
    return inode - 2 * _INT64 if inode >= _INT64 else inode


def _inode_in(stored: int) -> int:
    return stored + 2 * _INT64 if stored < 0 else stored


def file_row(index: IndexId, commit: FileCommit, uses: int) -> Row:
    """Return a row of ``files``; ``uses`` is what was counted of the file before it changed."""
    result, stat, parsed = commit.result, commit.result.stat, commit.result.parsed
    return (
        commit.id,
        index,
        os.fsencode(stat.path),
        stat.size_bytes,
        stat.mtime_ns,
        stat.ctime_ns,
        inode_out(stat.inode),
        result.content_hash,
        result.checked_ns,
        result.skipped,
        commit.rules,
        result.detail or (parsed.note if parsed else ""),
        parsed.language if parsed else None,
        parsed.encoding if parsed else "",
        parsed.mode if parsed else "",
        " ".join(sorted(parsed.tags)) if parsed else "",
        parsed.redactions if parsed else 0,
        len(result.encoded),
        uses,
        int(commit.salted),
    )


# What `digest_of` is made of, each with the file as its parameter, in the order that the rows were written in.
DIGESTED = (
    "SELECT path, hash, skipped, rules, detail, language, encoding, mode, tags, redactions, chunks, salted FROM files "
    "WHERE id = ?",
    "SELECT file, ordinal, id, start_byte, end_byte, start_line, end_line, kind, symbol, signature, checksum "
    "FROM chunks WHERE file = ? ORDER BY rowid",
    "SELECT name, key, kind, start_byte, end_byte, start_line, end_line, name_line, chunk, parent, signature, doc "
    "FROM symbols WHERE file = ? ORDER BY rowid",
    "SELECT * FROM refs WHERE file = ? ORDER BY rowid",
    "SELECT * FROM imports WHERE file = ? ORDER BY rowid",
    "SELECT * FROM packages_provided WHERE file = ? ORDER BY rowid",
    "SELECT * FROM packages_required WHERE file = ? ORDER BY rowid",
    "SELECT * FROM endpoints WHERE file = ? ORDER BY rowid",
    "SELECT * FROM name_words WHERE file = ? ORDER BY word",
)


def digest_of(rows: Iterable[Sequence[object]]) -> int:
    """Return a checksum of rows, as they are written or as they are read back."""
    packer = msgpack.Packer(autoreset=False)
    for row in rows:
        packer.pack(row)
    return zlib.crc32(packer.getbuffer())


def rows_of(index: IndexId, commit: FileCommit) -> dict[str, list[Row]]:
    """Return what the tables of :data:`COLUMNS` say of a file."""
    return {
        "chunks": list(chunk_rows(commit)),
        "symbols": list(symbol_rows(index, commit)),
        "refs": list(reference_rows(commit)),
        "imports": list(import_rows(commit)),
        "packages_provided": list(provided_rows(commit)),
        "packages_required": list(required_rows(commit)),
        "endpoints": list(endpoint_rows(commit)),
        "name_words": sorted(word_rows(commit)),
    }


def digest_row(file: Row, rows: Mapping[str, Sequence[Row]]) -> Row:
    """Return the row of ``digests``, for the columns of :data:`DIGESTED`.

    Args:
        file: The row of ``files``.
        rows: Those of the other tables, as :func:`rows_of` has them.
    """
    number, _, path, _, _, _, _, content, _, skipped, rules, *described, _, salted = file
    symbols = (row[2:] for row in rows["symbols"])
    others = (symbols if table == "symbols" else rows[table] for table in COLUMNS)
    return number, digest_of([(path, content, skipped, rules, *described, salted), *chain.from_iterable(others)])


def chunk_rows(commit: FileCommit) -> Iterator[Row]:
    """Yield the rows of ``chunks``."""
    parsed = commit.result.parsed
    if parsed is None:
        return
    rows = zip(parsed.chunks, commit.result.encoded, commit.checksums, strict=True)
    for ordinal, (chunk, encoded, checksum) in enumerate(rows):
        span = chunk.span
        yield (
            commit.id,
            ordinal,
            chunk_key(encoded.id),
            span.start_byte,
            span.end_byte,
            span.start_line,
            span.end_line,
            chunk.kind,
            chunk.symbol,
            chunk.signature,
            checksum,
        )


def text_rows(commit: FileCommit) -> Iterator[Row]:
    """Yield the rows of ``texts``."""
    for ordinal, chunk in enumerate(commit.result.parsed.chunks if commit.result.parsed else ()):
        yield text_key(commit.id, ordinal), chunk.text, zlib.crc32(chunk.text.encode())


def text_key(file: int, ordinal: int) -> int:
    """Return the key of a chunk's text."""
    return file << 20 | ordinal


def symbol_rows(index: IndexId, commit: FileCommit) -> Iterator[Row]:
    """Yield the rows of ``symbols``, each with the chunk that holds its name."""
    parsed = commit.result.parsed
    if parsed is None or not parsed.chunks:
        return
    ends = [chunk.span.end_byte for chunk in parsed.chunks]
    last_lines = [chunk.span.end_line for chunk in parsed.chunks]
    keys = [chunk_key(encoded.id) for encoded in commit.result.encoded]
    for symbol in parsed.symbols:
        span = symbol.span
        # The first chunk on the name's line that does not end before the definition begins.
        place = max(bisect_left(last_lines, symbol.name_line), bisect_right(ends, span.start_byte))
        yield (
            index,
            commit.id,
            symbol.name,
            name_key(symbol.name),
            symbol.kind,
            span.start_byte,
            span.end_byte,
            span.start_line,
            span.end_line,
            symbol.name_line,
            keys[min(place, len(ends) - 1)],
            symbol.parent,
            symbol.signature,
            symbol.doc,
        )


def reference_rows(commit: FileCommit) -> Iterator[Row]:
    """Yield the rows of ``refs``."""
    for reference in commit.result.parsed.references if commit.result.parsed else ():
        yield commit.id, reference.name, " ".join(map(str, reference.lines))


def import_rows(commit: FileCommit) -> Iterator[Row]:
    """Yield the rows of ``imports``."""
    for found in commit.result.parsed.imports if commit.result.parsed else ():
        yield commit.id, found.target, found.line


def provided_rows(commit: FileCommit) -> Iterator[Row]:
    """Yield the rows of ``packages_provided``."""
    for one in commit.result.parsed.packages_provided if commit.result.parsed else ():
        yield commit.id, one.ecosystem, one.name, one.version, one.line


def required_rows(commit: FileCommit) -> Iterator[Row]:
    """Yield the rows of ``packages_required``."""
    for one in commit.result.parsed.packages_required if commit.result.parsed else ():
        yield commit.id, one.ecosystem, one.name, one.constraint, one.scope, one.line


def endpoint_rows(commit: FileCommit) -> Iterator[Row]:
    """Yield the rows of ``endpoints``."""
    for one in commit.result.parsed.endpoints if commit.result.parsed else ():
        yield commit.id, one.kind, one.side, one.method, one.path, one.line


def word_rows(commit: FileCommit) -> Iterator[Row]:
    """Yield the rows of ``name_words``: the stemmed words of the file's name."""
    if commit.result.parsed is None or commit.result.skipped is not None:
        return
    found = name_stems(commit.result.stat.path)
    for word in found:
        yield word, commit.id, len(found)


def name_stems(path: str) -> list[str]:
    """Return the distinct stemmed words of a file's name; of its folder's too where the name says nothing."""
    pure = PurePosixPath(path.encode("utf-8", "replace").decode())
    name = pure.name.split(".", 1)[0] or pure.name
    if _FOLDER_FILES.match(name):
        name = f"{pure.parent.name} {name}"
    return list(dict.fromkeys(stem(part) for word in words(name) for part in split_identifier(word)))


def file_record(row: Sequence[object]) -> FileRecord:
    """Return a row of ``files`` as a value."""
    number, path, size, mtime_ns, ctime_ns, inode, content_hash, checked_ns, skipped, rules = cast("Sequence[Any]", row)
    return FileRecord(
        id=FileId(number),
        stat=FileStat(os.fsdecode(path), size, mtime_ns, ctime_ns, _inode_in(inode)),
        content_hash=ContentHash(content_hash),
        checked_ns=checked_ns,
        skipped=known(SkipReason, skipped) if skipped else None,
        rules=rules,
    )


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a chunk says of its file."""

    index: int
    path: str
    language: str | None
    tags: frozenset[FileTag]
    content_hash: ContentHash
    stat: FileStat
    checked_ns: int
    salted: bool


def file_facts(row: Sequence[object]) -> FileFacts:
    """Return what chunks say of their file; the columns after its id."""
    index, path, language, tags, content_hash, size, salted, *state = cast("Sequence[Any]", row)
    mtime_ns, ctime_ns, inode, checked_ns = state
    path = os.fsdecode(path)
    return FileFacts(
        index=index,
        path=path,
        language=language,
        tags=file_tags(tags),
        content_hash=ContentHash(content_hash),
        stat=FileStat(path, size, mtime_ns, ctime_ns, _inode_in(inode)),
        checked_ns=checked_ns,
        salted=bool(salted),
    )


@lru_cache(maxsize=1_000)
def file_tags(written: str) -> frozenset[FileTag]:
    """Return the roles of a file as its row has them."""
    return frozenset(known(FileTag, tag) for tag in written.split())


def chunk_heads(rows: Sequence[Sequence[object]]) -> Iterator[ChunkHead]:
    """Yield rows of ``chunks`` with what ranking needs of their files as values."""
    paths: dict[bytes, str] = {}  # several chunks of a file are the rule
    for key, file, start, first, last, kind, symbol, path, tags, chunks, uses in cast("Sequence[Sequence[Any]]", rows):
        decoded = paths.get(path)
        if decoded is None:
            decoded = paths[path] = os.fsdecode(path)
        chunk = chunk_id_of(key)
        yield ChunkHead(chunk, file, decoded, start, first, last, kind, symbol, file_tags(tags), chunks, uses)


def stored_chunk(chunk_id: ChunkId, repo: RepoId, row: Sequence[object], text: str, facts: FileFacts) -> StoredChunk:
    """Return a row of ``chunks`` and what is known of its file as a value."""
    file, ordinal, start_byte, end_byte, start_line, end_line, kind, symbol, signature = cast("Sequence[Any]", row)
    return StoredChunk(
        chunk=Chunk(
            id=salted_id(chunk_id, file) if facts.salted else chunk_id,
            repo=repo,
            path=facts.path,
            language=facts.language,
            span=Span(start_byte, end_byte, start_line, end_line),
            text=text,
            kind=kind,
            symbol=symbol,
            signature=signature,
            tags=facts.tags,
        ),
        file=FileId(file),
        ordinal=ordinal,
        content_hash=facts.content_hash,
        stat=facts.stat,
        checked_ns=facts.checked_ns,
    )


def of_tied_files(scope: Scope, columns: str, ending: str = "") -> str:
    """Return the statement for pairs of files of which one, ``r``, uses a name that the other, ``d``, defines.

    Its parameters are the pool and in how many files a name may be defined.

    Args:
        scope: Which files count.
        columns: What is selected.
        ending: What follows, as ``GROUP BY``.
    """
    return (
        f"WITH defined AS (SELECT DISTINCT name, file FROM symbols WHERE index_id = ?1{scope.within('symbols.file')}), "  # noqa: S608 -- constants
        "own AS (SELECT name FROM defined GROUP BY name HAVING count(*) <= ?2) "
        f"SELECT {columns} FROM own JOIN defined d ON d.name = own.name "
        "JOIN refs r ON r.name = own.name AND r.file <> d.file "
        f"JOIN files f ON f.id = r.file AND f.index_id = ?1{scope.join} {ending}"
    )
