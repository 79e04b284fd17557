# SPDX-License-Identifier: FSL-1.1-MIT
"""A parsing process: ``python -m conexus.worker``. Reads frames of jobs, writes frames of results.

It is started by :mod:`conexus.adapters.worker_pool`, has limits of CPU time and memory, and may be
killed at any moment: it holds nothing but the file it is at.
"""

from __future__ import annotations

import gc
import hashlib
import os
import resource
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from conexus import lexical
from conexus.adapters.core_dumps import forbid_core_dumps
from conexus.adapters.priority import lower_process
from conexus.adapters.regular_files import read_inside_with_state
from conexus.adapters.worker_wire import (
    OTHER_MODEL,
    READY,
    Batch,
    WorkerSetup,
    cpu_limit_s,
    pack_result,
    read_frame,
    unpack_batch,
    unpack_setup,
    write_frame,
)
from conexus.chunk_ids import chunk_id_of
from conexus.config import IndexOptions
from conexus.indexing.priors import prior_of
from conexus.indexing.writer import embedding_head
from conexus.parsing import classify, languages
from conexus.parsing.grammars import grammar_of
from conexus.parsing.manifests.findings import Manifest
from conexus.parsing.manifests.reading import is_manifest, read_manifest
from conexus.parsing.parse import parse_text
from conexus.parsing.secrets import redact
from conexus.parsing.text import decode
from conexus.types import (
    ChunkId,
    ContentHash,
    EncodedChunk,
    FileResult,
    FileStat,
    ParsedFile,
    ParseJob,
    ParseMode,
    ReadOutcome,
    SkipReason,
    TextChunk,
)

CHUNK_NAMESPACE = uuid.UUID("6f6f8f0e-6a1c-5f0d-9d4b-0c2f6b1a7c55").bytes
_GC_OBJECTS = 100_000  # results are trees without cycles: looking for those would take a twentieth of the time
if TYPE_CHECKING:
    from conexus.adapters.static_embedder import StaticEmbedder

_MEGABYTE = 1_000_000
_MAX_FORCED_BYTES = 100_000_000  # the scan lets no larger file in, whatever the user's rules
_PARSE_FAILED = (RecursionError, MemoryError, LookupError, ValueError, RuntimeError)


def blob_id(data: bytes) -> ContentHash:
    """Return git's id of a file with these bytes."""
    return ContentHash(hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest())


def chunk_ids(repo: str, path: str, chunks: Sequence[TextChunk]) -> Iterator[ChunkId]:
    """Yield of each chunk the UUIDv5 of repository, path, span and text."""
    place = CHUNK_NAMESPACE + f"{repo}\0{path}\0".encode("utf-8", "surrogateescape")
    for chunk in chunks:
        text = hashlib.sha256(chunk.text.encode()).hexdigest()
        name = b"%b%d\0%d\0%b" % (place, chunk.span.start_byte, chunk.span.end_byte, text.encode("ascii"))
        digest = hashlib.sha1(name, usedforsecurity=False).digest()
        version, variant = 0x50 | digest[6] & 0x0F, 0x80 | digest[8] & 0x3F
        yield chunk_id_of(digest[:6] + bytes((version, digest[7], variant)) + digest[9:16])


class FileProcessor:
    """Turns jobs into results."""

    def __init__(self, setup: WorkerSetup, embedder: StaticEmbedder | None) -> None:
        self._setup = setup
        self._embedder = embedder
        self._options = IndexOptions(
            max_chunk_chars=setup.max_chunk_chars,
            max_file_bytes=setup.max_file_bytes,
            max_data_bytes=setup.max_data_bytes,
            skip_generated=setup.skip_generated,
        )

    def process(self, job: ParseJob, batch: Batch) -> FileResult:
        """Read, parse and encode one file. The process is killed where that takes too long."""
        try:
            return self._process(job, batch)
        finally:
            _limit_cpu(0.0)

    def _process(self, job: ParseJob, batch: Batch) -> FileResult:  # noqa: PLR0911 -- one a way out
        checked_ns = time.time_ns()
        path = job.stat.path
        limit = _MAX_FORCED_BYTES if job.forced else self._setup.max_file_bytes
        try:
            stat, data = self._read(path, limit)
        except FileNotFoundError:
            return FileResult(job.stat, checked_ns, ReadOutcome.GONE, ContentHash(""))
        except OSError as exc:
            return _skipped(job.stat, checked_ns, ContentHash(""), SkipReason.UNREADABLE, exc.strerror or str(exc))
        digest = blob_id(data)
        if job.previous == digest:
            return FileResult(stat, checked_ns, ReadOutcome.UNCHANGED, digest)
        if not data:
            return _skipped(stat, checked_ns, digest, SkipReason.EMPTY, "")
        if len(data) > limit:
            detail = f"more than {limit:,} bytes (index.max_file_bytes)"
            return _skipped(stat, checked_ns, digest, SkipReason.TOO_LARGE, detail)
        language = languages.detect(path, data[:20_000])
        self._start(language, len(data), batch)
        is_data = language is not None and language.is_data
        skip = classify.skip_by_content(path, is_data, data, self._options, forced=job.forced)
        if skip is not None:
            skipped = _skipped(stat, checked_ns, digest, *skip)
            if skip[0] is SkipReason.BINARY or not is_manifest(path):
                return skipped
            parsed = self._packages_of(path, data)
            return replace(skipped, parsed=parsed, detail="; ".join(filter(None, (skip[1], parsed.note))))
        parsed = self._parse(path, data, language, batch)
        encoded = self._encode(path, parsed)
        return FileResult(stat, checked_ns, ReadOutcome.PARSED, digest, parsed=parsed, encoded=encoded)

    def _start(self, language: languages.Language | None, size_bytes: int, batch: Batch) -> None:
        """Have the process killed where a file takes too long; its grammar is loaded before, for all such files."""
        if batch.use_tree and language is not None and language.grammar:
            with suppress(LookupError):  # told of the file, once it is parsed
                grammar_of(language.name)
        _limit_cpu(cpu_limit_s(self._setup, size_bytes, use_tree=batch.use_tree))

    def _read(self, path: str, limit: int) -> tuple[FileStat, bytes]:
        """Read a file with its times as they were before; a write meanwhile changes them, which the next run sees."""
        state, data = read_inside_with_state(self._setup.root, path, limit + 1)
        return FileStat(path, len(data), state.st_mtime_ns, state.st_ctime_ns, state.st_ino), data

    def _parse(self, path: str, data: bytes, language: languages.Language | None, batch: Batch) -> ParsedFile:
        decoded = decode(data)
        text, redactions = redact(decoded.text)
        note, use_tree = batch.note, batch.use_tree
        try:
            parsed = parse_text(text, language, self._options.max_chunk_chars, use_tree=use_tree)
            if use_tree and is_manifest(path):
                parsed = with_packages(parsed, read_manifest(path, text))
        except _PARSE_FAILED as exc:
            note = f"the parser failed: {type(exc).__name__}"
            if isinstance(exc, MemoryError):
                note = f"parsing took more than {self._setup.parse_memory_mb} MB of memory"
            parsed = parse_text(text, language, self._options.max_chunk_chars, use_tree=False)
        note = note or parsed.note if parsed.mode is ParseMode.FALLBACK else parsed.note
        return replace(parsed, encoding=decoded.encoding, tags=classify.tags_of(path), redactions=redactions, note=note)

    def _packages_of(self, path: str, data: bytes) -> ParsedFile:
        """Read a manifest that is not searched: a lock file, or one that a program wrote."""
        decoded = decode(data)
        text, redactions = redact(decoded.text)
        found = read_manifest(path, text)
        return ParsedFile(
            language=None,
            encoding=decoded.encoding,
            mode=ParseMode.LINES,
            chunks=(),
            redactions=redactions,
            packages_provided=found.provided,
            packages_required=found.required,
            note="; ".join(found.notes),
        )

    def _encode(self, path: str, parsed: ParsedFile) -> tuple[EncodedChunk, ...]:
        if not parsed.chunks:
            return ()
        printable = path.encode("utf-8", "replace").decode()
        prior = prior_of(parsed.language, parsed.tags)
        counts = [lexical.count_words(chunk.text) for chunk in parsed.chunks]
        sparse = lexical.encode_documents(counts, printable, [chunk.names for chunk in parsed.chunks], prior)
        dense: Iterable[npt.NDArray[np.float16] | None] = repeat(None)
        if self._embedder is not None:
            heads = _Heads(path)
            whole = [heads.added(chunk, counted) for chunk, counted in zip(parsed.chunks, counts, strict=True)]
            dense = (self._embedder.embed_counts(whole) * prior).astype(np.float16)
        ids = chunk_ids(self._setup.repo, path, parsed.chunks)
        return tuple(map(EncodedChunk, ids, sparse, dense))


class _Heads:
    """Puts the words of what is embedded of a chunk before its text to those of the text.

    Words are never joined across lines, so that the lines of a head can be counted by themselves.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[str, Counter[str]] = {}

    def added(self, chunk: TextChunk, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Return the words of the head and the text, in order."""
        head = self._known.get(chunk.symbol)
        if head is None:
            head = self._known[chunk.symbol] = lexical.count_words(embedding_head(self._path, chunk))
        together = {**head, **counts}
        for word, count in head.items():
            together[word] = count + counts.get(word, 0)
        return together


def with_packages(parsed: ParsedFile, found: Manifest) -> ParsedFile:
    """Return a parsed file with what it provides and requires, as the manifest that it is."""
    notes = [note for note in (parsed.note, *found.notes) if note]
    return replace(parsed, packages_provided=found.provided, packages_required=found.required, note="; ".join(notes))


def _skipped(stat: FileStat, checked_ns: int, digest: ContentHash, reason: SkipReason, detail: str) -> FileResult:
    return FileResult(stat, checked_ns, ReadOutcome.SKIPPED, digest, reason, detail)


def _limit_cpu(seconds: float) -> None:
    """Have the process killed after so much CPU time; 0 lifts the limit."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory(megabytes: int) -> None:
    """Let the process grow by so much and no more, where the system can tell how large it is."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        size = pages * resource.getpagesize() + megabytes * _MEGABYTE
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (OSError, ValueError):  # no /proc: the caller's time limit still holds
        return


def serve(requests: BinaryIO, answers: BinaryIO, embedder_of: Callable[[WorkerSetup], StaticEmbedder | None]) -> None:
    """Answer batches until the requests end."""
    payload = read_frame(requests)
    if payload is None:
        return
    setup = unpack_setup(payload)
    embedder = embedder_of(setup)
    if embedder is not None and setup.fingerprint not in {"", embedder.fingerprint}:
        sys.exit(OTHER_MODEL)
    processor = FileProcessor(setup, embedder)
    _limit_memory(setup.parse_memory_mb)
    forbid_core_dumps()
    write_frame(answers, READY)
    while (payload := read_frame(requests)) is not None:
        batch = unpack_batch(payload)
        for job in batch.jobs:
            try:
                payload = pack_result(processor.process(job, batch))
            except MemoryError:
                os.abort()  # so that the caller knows why
            write_frame(answers, payload)


def _embedder_of(setup: WorkerSetup) -> StaticEmbedder | None:
    if not setup.embed:
        return None
    from conexus.adapters.static_embedder import StaticEmbedder  # noqa: PLC0415 -- only where it embeds

    return StaticEmbedder(Path(setup.model)) if setup.model else StaticEmbedder()


def main() -> None:
    """Run as a child process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    lower_process()
    gc.set_threshold(_GC_OBJECTS)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a grammar that prints must not spoil the answers
        serve(sys.stdin.buffer, answers, _embedder_of)


if __name__ == "__main__":
    main()
