# SPDX-License-Identifier: FSL-1.1-MIT
"""What goes over the pipes between the indexer and its parsing processes: msgpack frames with a length before each."""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO

import msgpack
import numpy as np

from conexus.chunk_ids import chunk_id_of, chunk_key
from conexus.types import (
    ContentHash,
    DependencyScope,
    Ecosystem,
    EncodedChunk,
    Endpoint,
    EndpointKind,
    EndpointSide,
    FileResult,
    FileStat,
    FileTag,
    Import,
    PackageProvided,
    PackageRequired,
    ParsedFile,
    ParseJob,
    ParseMode,
    ReadOutcome,
    Reference,
    SkipReason,
    Span,
    SparseVector,
    Symbol,
    SymbolKind,
    TextChunk,
)
from conexus.values import dataclass

_LENGTH = struct.Struct("<I")
_MAX_FRAME_BYTES = 1 << 30
_READ_BYTES = 1 << 20
_MEGABYTE = 1_000_000
BATCH_BYTES = 128_000
"""Files that are larger have a batch of their own."""
_SHARE = 0.75
_SHARE_BY_LINES = 0.25
READY = b""
OTHER_MODEL = 78
"""Exit code of a process whose model is not its caller's."""
"""The frame that a parsing process sends before its first result."""


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a parsing process must know before its first job."""

    root: str
    repo: str
    embed: bool
    """Whether the process embeds; else the caller does."""
    max_chunk_chars: int
    max_file_bytes: int
    max_data_bytes: int
    skip_generated: bool
    parse_timeout_s: float
    parse_memory_mb: int
    model: str = ""
    """Folder of the static model that it embeds with; empty for the one that comes with Conexus."""
    fingerprint: str = ""
    """Of that model, as the caller has it: a process that is started after an upgrade would find another one."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that are sent in one frame."""

    jobs: tuple[ParseJob, ...]
    use_tree: bool = True
    """False for a file that a parser failed on: cut it by lines."""
    note: str = ""
    """Why, for the report."""


def cpu_limit_s(setup: WorkerSetup, size_bytes: int, *, use_tree: bool) -> float:
    """Return the CPU time that one attempt at a file may take, all steps together.

    All attempts together take no more than ``parse_timeout_s``, and in a file of more than a megabyte as much for
    each. A file that shares its batch may be tried twice with its grammar, since its neighbours may be at fault; then
    it is cut by lines, which takes normal files a quarter of the time.
    """
    whole = setup.parse_timeout_s * max(1.0, size_bytes / _MEGABYTE)
    if not use_tree:
        return whole * _SHARE_BY_LINES
    return whole * (_SHARE if size_bytes > BATCH_BYTES else _SHARE / 2)


def framed(payload: bytes) -> bytes:
    """Return a frame."""
    return _LENGTH.pack(len(payload)) + payload


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    """Write one frame and flush it."""
    stream.write(framed(payload))
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Read one frame, or return ``None`` at the end of the stream or where a frame is cut short."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > _MAX_FRAME_BYTES:
        return None
    payload = stream.read(length)
    return payload if len(payload) == length else None


class Frames:
    """Takes frames as they come in, for one who waits for several things at once."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._read = bytearray()

    def come(self) -> list[bytes] | None:
        """Return those that have come whole by now, where something has come; nothing at the end."""
        new = os.read(self._source, _READ_BYTES)
        if not new:
            return None
        self._read += new
        found, start = [], 0
        while len(self._read) >= start + _LENGTH.size:
            end = start + _LENGTH.size + int(_LENGTH.unpack_from(self._read, start)[0])
            if len(self._read) < end:
                break
            found.append(bytes(self._read[start + _LENGTH.size : end]))
            start = end
        del self._read[:start]
        return found


def _pack(value: object) -> bytes:
    return bytes(msgpack.packb(value, use_bin_type=True))


def _unpack(payload: bytes) -> Any:  # noqa: ANN401 -- checked by the callers' constructors
    return msgpack.unpackb(payload, raw=False, strict_map_key=False, use_list=False)


def pack_setup(setup: WorkerSetup) -> bytes:
    """Encode the set-up."""
    values = {name: getattr(setup, name) for name in WorkerSetup.__slots__}
    return _pack({**values, "root": os.fsencode(setup.root), "model": os.fsencode(setup.model)})


def unpack_setup(payload: bytes) -> WorkerSetup:
    """Decode the set-up."""
    values = _unpack(payload)
    return WorkerSetup(**{**values, "root": os.fsdecode(values["root"]), "model": os.fsdecode(values["model"])})


def _stat_out(stat: FileStat) -> tuple[object, ...]:
    return os.fsencode(stat.path), stat.size_bytes, stat.mtime_ns, stat.ctime_ns, stat.inode


def _stat_in(values: tuple[Any, ...]) -> FileStat:
    return FileStat(os.fsdecode(values[0]), *values[1:])


def pack_batch(batch: Batch) -> bytes:
    """Encode jobs."""
    return _pack([[(_stat_out(job.stat), job.previous, job.forced) for job in batch.jobs], batch.use_tree, batch.note])


def unpack_batch(payload: bytes) -> Batch:
    """Decode jobs."""
    jobs, use_tree, note = _unpack(payload)
    return Batch(tuple(ParseJob(_stat_in(stat), previous, forced) for stat, previous, forced in jobs), use_tree, note)


def pack_result(result: FileResult) -> bytes:
    """Encode what became of one file."""
    return _pack(
        [
            _stat_out(result.stat),
            result.checked_ns,
            result.outcome,
            result.content_hash,
            result.skipped,
            result.detail,
            _parsed_out(result.parsed) if result.parsed else None,
            [
                (
                    chunk_key(chunk.id),
                    chunk.sparse.indices.tobytes(),
                    chunk.sparse.values.tobytes(),
                    chunk.dense.tobytes() if chunk.dense is not None else None,
                )
                for chunk in result.encoded
            ],
        ]
    )


def unpack_result(payload: bytes) -> FileResult:
    """Decode what became of one file."""
    stat, checked_ns, outcome, content_hash, skipped, detail, parsed, encoded = _unpack(payload)
    return FileResult(
        stat=_stat_in(stat),
        checked_ns=checked_ns,
        outcome=ReadOutcome(outcome),
        content_hash=ContentHash(content_hash),
        skipped=SkipReason(skipped) if skipped else None,
        detail=detail,
        parsed=_parsed_in(parsed) if parsed else None,
        encoded=tuple(
            EncodedChunk(
                chunk_id_of(chunk),
                SparseVector(np.frombuffer(indices, dtype=np.uint32), np.frombuffer(values, dtype=np.float32)),
                np.frombuffer(dense, dtype=np.float16) if dense is not None else None,
            )
            for chunk, indices, values, dense in encoded
        ),
    )


def _span_out(span: Span) -> tuple[int, int, int, int]:
    return span.start_byte, span.end_byte, span.start_line, span.end_line


def _parsed_out(parsed: ParsedFile) -> tuple[object, ...]:
    return (
        parsed.language,
        parsed.encoding,
        parsed.mode,
        [(_span_out(c.span), c.text, c.kind, c.symbol, c.signature, c.names, c.kinds) for c in parsed.chunks],
        [(s.name, s.kind, _span_out(s.span), s.name_line, s.parent, s.signature, s.doc) for s in parsed.symbols],
        [(r.name, r.lines) for r in parsed.references],
        [(i.target, i.line) for i in parsed.imports],
        sorted(parsed.tags),
        parsed.redactions,
        parsed.note,
        [(p.ecosystem, p.name, p.version, p.line) for p in parsed.packages_provided],
        [(r.ecosystem, r.name, r.constraint, r.scope, r.line) for r in parsed.packages_required],
        [(e.kind, e.side, e.method, e.path, e.line) for e in parsed.endpoints],
    )


def _parsed_in(values: tuple[Any, ...]) -> ParsedFile:
    language, encoding, mode, chunks, symbols, references, imports, tags, redactions, note, *found = values
    provided, required, endpoints = found
    return ParsedFile(
        language=language,
        encoding=encoding,
        mode=ParseMode(mode),
        chunks=tuple(TextChunk(Span(*span), *rest) for span, *rest in chunks),
        symbols=tuple(Symbol(name, SymbolKind(kind), Span(*span), *rest) for name, kind, span, *rest in symbols),
        references=tuple(Reference(name, lines) for name, lines in references),
        imports=tuple(Import(target, line) for target, line in imports),
        tags=frozenset(FileTag(tag) for tag in tags),
        redactions=redactions,
        note=note,
        packages_provided=tuple(PackageProvided(Ecosystem(ecosystem), *rest) for ecosystem, *rest in provided),
        packages_required=tuple(
            PackageRequired(Ecosystem(ecosystem), name, constraint, DependencyScope(scope), line)
            for ecosystem, name, constraint, scope, line in required
        ),
        endpoints=tuple(Endpoint(EndpointKind(kind), EndpointSide(side), *rest) for kind, side, *rest in endpoints),
    )
