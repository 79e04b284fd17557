# SPDX-License-Identifier: FSL-1.1-MIT
"""Cuts the fetched packages into documents and finds what may be asked of each.

    python -m training.pairs --corpus DIR --out FILE [--mirrors DIR]

``DIR`` is what ``training.fetch`` filled. A document has the very form in which the indexer embeds a chunk: path,
scope, text. Documentation that asks for a definition is taken out of the text first, as ``conexus eval`` does, so that
no pair is won by finding the question itself. With ``--mirrors`` documents that share
lines with the repositories of the benchmark are dropped; ``check_corpus.py`` looks again in another way.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import sys
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import Pool
from pathlib import Path
from typing import Any, Final

from conexus.config import IndexOptions
from conexus.evaluation.documentation import Cut, cuts_of, question_of
from conexus.indexing.writer import embedding_head
from conexus.lexical import split_identifier, words
from conexus.parsing import classify
from conexus.parsing.chunks import chunk_tree
from conexus.parsing.grammars import grammar_of, is_too_deep, parsed
from conexus.parsing.languages import detect
from conexus.parsing.positions import LineTable
from conexus.parsing.secrets import redact
from conexus.parsing.symbols import extract
from conexus.parsing.text import decode
from conexus.types import Reference, Symbol, SymbolKind, TextChunk
from training.overlap import Lines, Runs

_MAX_CHUNK: Final = IndexOptions().max_chunk_chars
_FILES_A_PACKAGE: Final = 160
_DOCUMENTS_A_PACKAGE: Final = 700
_MAX_FILE_BYTES: Final = 60_000
_MIN_WORDS: Final = 12
_MAX_TEXT: Final = 2_400
_NAMED: Final = frozenset(
    {
        SymbolKind.FUNCTION,
        SymbolKind.METHOD,
        SymbolKind.CLASS,
        SymbolKind.STRUCT,
        SymbolKind.INTERFACE,
        SymbolKind.ENUM,
        SymbolKind.TYPE,
        SymbolKind.MACRO,
    }
)
_ASKED: Final = frozenset(
    {
        SymbolKind.FUNCTION,
        SymbolKind.METHOD,
        SymbolKind.CLASS,
        SymbolKind.STRUCT,
        SymbolKind.INTERFACE,
        SymbolKind.ENUM,
        SymbolKind.TYPE,
    }
)
_COMMENT: Final = re.compile(r"^[ \t]*(?:#|//|--)[ \t]+([A-Z]?[a-z][^\n]{18,160})$", re.MULTILINE)
_NO_SENTENCE: Final = re.compile(
    r"copyright|licen[cs]e|todo|fixme|xxx|noqa|eslint|nolint|pragma|https?:|[{};=<>]|\(\)", re.IGNORECASE
)
_CALLS: Final = 2
_SHORT_NAME: Final = 3
_COMMENTS: Final = 2
_COMMON: Final = 6
"""A name that stands in more files of its package says little at the place of a call."""


@dataclass(slots=True)
class Document:
    """A chunk, and what may be asked of it."""

    path: str
    language: str
    head: str
    text: str
    names: tuple[str, ...]
    docs: list[str] = field(default_factory=list)
    """Sentences of documentation that were taken out of it."""
    comments: list[str] = field(default_factory=list)
    """Remarks that were taken out of it."""
    calls: list[str] = field(default_factory=list)
    """Lines elsewhere that use what it defines."""

    def row(self, package: str) -> dict[str, Any]:
        """Return it as a line of the file of pairs."""
        return {
            "package": package,
            "language": self.language,
            "path": self.path,
            "head": self.head,
            "text": self.text,
            "names": self.names[:4],
            "docs": self.docs,
            "comments": self.comments,
            "calls": self.calls,
        }


def _chosen_files(folder: Path) -> list[Path]:
    """Return at most so many files of a package, the same ones every time."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size <= _MAX_FILE_BYTES]
    found.sort(key=lambda path: hashlib.sha256(str(path.relative_to(folder)).encode("utf-8", "replace")).digest())
    return found[:_FILES_A_PACKAGE]


@dataclass(frozen=True, slots=True)
class _File:
    """One file, parsed once."""

    language: str
    source: bytes
    chunks: tuple[TextChunk, ...]
    symbols: tuple[Symbol, ...]
    references: tuple[Reference, ...]
    asked: tuple[tuple[Symbol, str, tuple[Cut, ...]], ...]
    """Definitions whose documentation makes a question, the question, and where the documentation stands."""


def _parsed(path: str, data: bytes) -> _File | None:
    """Parse a file; ``None`` for one that has no grammar or that no one wrote."""
    language = detect(path, data[:2_000])
    if (
        language is None
        or not language.grammar
        or classify.skip_by_content(path, language.is_data, data, IndexOptions())
    ):
        return None
    source = redact(decode(data).text)[0].encode("utf-8", "replace")
    if is_too_deep(language.name, source):
        return None
    grammar = grammar_of(language.name)
    lines = LineTable(source)
    try:
        root = parsed(language.name, grammar.parser, source).root_node
        found = extract(grammar, source, root, lines)
        chunks = chunk_tree(source, root, found.symbols, lines, _MAX_CHUNK)
        asked: dict[tuple[Cut, ...], tuple[Symbol, str, tuple[Cut, ...]]] = {}
        for symbol in found.symbols:
            if symbol.doc and symbol.kind in _ASKED and (sentence := _sentence(symbol)):
                cuts = cuts_of(source, root, symbol, language)
                if cuts:
                    asked.setdefault(cuts, (symbol, sentence, cuts))
    except (RecursionError, MemoryError, LookupError, ValueError, RuntimeError):
        return None
    return _File(language.name, source, chunks, found.symbols, found.references, tuple(asked.values()))


def _sentence(symbol: Symbol) -> str:
    """Return what the documentation asks, without the definition's name in front."""
    doc = symbol.doc
    if doc.startswith(symbol.name):
        doc = doc[len(symbol.name) :].lstrip(" ():-")
    return question_of(replace(symbol, name="-", parent="", doc=doc))


def _without(source: bytes, start: int, end: int, cuts: Sequence[Cut]) -> str:
    """Return a part of a file without what is cut out of it."""
    pieces, at = [], start
    for cut in cuts:
        if cut.end > at and cut.start < end:
            pieces += [source[at : max(at, cut.start)], cut.replacement]
            at = max(at, cut.end)
    pieces.append(source[at:end])
    return b"".join(pieces).decode("utf-8", "replace")


def _document(path: str, language: str, chunk: TextChunk, text: str) -> Document | None:
    comments: list[str] = []
    for match in list(_COMMENT.finditer(text))[:6]:
        said = match[1].strip(" .-=*#")
        if len(said.split()) >= 4 and not _NO_SENTENCE.search(said) and len(comments) < _COMMENTS:
            comments.append(said)
            text = text.replace(match[0] + "\n", "")
    text = text[:_MAX_TEXT]
    if len(words(text)) < _MIN_WORDS:
        return None
    return Document(path, language, embedding_head(path, chunk), text, chunk.names, comments=comments)


@dataclass(slots=True)
class _Package:
    """What is found in a package, file by file."""

    documents: list[Document] = field(default_factory=list)
    defined: defaultdict[str, list[Document]] = field(default_factory=lambda: defaultdict(list))
    uses: defaultdict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, path: str, found: _File) -> None:
        """Cut a file into documents, and note what is asked, defined and used there."""
        cuts = sorted((cut for _, _, one in found.asked for cut in one), key=lambda cut: cut.start)
        here: list[Document | None] = []
        starts = [chunk.span.start_byte for chunk in found.chunks]
        for chunk in found.chunks:
            text = _without(found.source, chunk.span.start_byte, chunk.span.end_byte, cuts) if cuts else chunk.text
            here.append(_document(path, found.language, chunk, text))
        for symbol, sentence, _ in found.asked:
            if (document := here[bisect_right(starts, symbol.span.start_byte) - 1]) is not None:
                document.docs.append(sentence)
        for symbol in found.symbols:
            document = here[bisect_right(starts, symbol.span.start_byte) - 1]
            if document is not None and symbol.kind in _NAMED and len(symbol.name) > _SHORT_NAME:
                self.defined[symbol.name].append(document)
        self._note_uses(path, found)
        self.documents += [document for document in here if document is not None]

    def _note_uses(self, path: str, found: _File) -> None:
        lines = found.source.decode("utf-8", "replace").splitlines()
        for reference in found.references:
            for at in reference.lines[:2] if len(reference.name) > _SHORT_NAME else ():
                if 0 < at <= len(lines):
                    said = " ".join(line.strip() for line in lines[max(0, at - 2) : at + 1])
                    self.uses[reference.name].append((path, said[:300]))

    def link(self) -> None:
        """Give each document the lines of other files that use what it alone defines."""
        for name, places in self.uses.items():
            targets = self.defined.get(name, [])
            if len(targets) == 1 and len({path for path, _ in places}) <= _COMMON:
                target = targets[0]
                others = [line for path, line in places if path != target.path]
                target.calls += others[: max(0, _CALLS - len(target.calls))]


def package_documents(folder: Path) -> list[Document]:
    """Read one package."""
    package = _Package()
    for file in _chosen_files(folder):
        path = file.relative_to(folder).as_posix()
        found = _parsed(path, file.read_bytes())
        if found is not None:
            package.add(path, found)
        if len(package.documents) >= _DOCUMENTS_A_PACKAGE:
            break
    package.link()
    return package.documents[:_DOCUMENTS_A_PACKAGE]


def fingerprint(document: Document) -> bytes:
    """Return what copies of a document share: its words, without numbers and case."""
    parts = " ".join(part for word in words(document.text) for part in split_identifier(word) if not part.isdigit())
    return hashlib.blake2b(parts.encode("utf-8", "replace"), digest_size=8).digest()


_overlap: tuple[Lines, Runs] | None = None


def _work(job: tuple[str, Path]) -> tuple[str, list[tuple[bytes, dict[str, Any]]], int]:
    package, folder = job
    rows, dropped = [], 0
    for document in package_documents(folder):
        if _overlap is not None and any(known.is_copy(document.text) for known in _overlap):
            dropped += 1
            continue
        rows.append((fingerprint(document), document.row(package)))
    return package, rows, dropped


def _packages(corpus: Path) -> Iterator[tuple[str, Path]]:
    for registry in sorted(path for path in (corpus / "files").iterdir() if path.is_dir()):
        for folder in sorted(registry.iterdir()):
            yield f"{registry.name}/{folder.name}", folder


def main(arguments: Sequence[str] | None = None) -> int:
    global _overlap  # noqa: PLW0603 -- shared with the processes that are forked below
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a .jsonl.gz")
    parser.add_argument("--mirrors", type=Path, help="what benchmarks/quality/prepare.py filled")
    parser.add_argument("--registry", action="append", help="only packages of this registry; repeatable")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    if options.mirrors is not None:
        _overlap = (Lines.of(options.mirrors / "whole"), Runs.of(options.mirrors / "whole"))
        print(f"{len(_overlap[0].known)} lines of the development set are known", flush=True)
    wanted = [
        job for job in _packages(options.corpus) if not options.registry or job[0].partition("/")[0] in options.registry
    ]
    jobs = sorted(wanted, key=lambda job: hashlib.sha256(job[0].encode()).digest())
    seen: set[bytes] = set()
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("documents", "docs", "comments", "calls")}
    copies = same = 0
    started = time.time()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with (
        Pool(options.processes, maxtasksperchild=40) as pool,
        gzip.open(options.out, "wt", compresslevel=1, encoding="utf-8") as out,
    ):
        for number, (_, rows, dropped) in enumerate(pool.imap(_work, jobs, chunksize=2), start=1):
            same += dropped
            for mark, row in rows:
                if mark in seen:
                    copies += 1
                    continue
                seen.add(mark)
                counts["documents"][row["language"]] += 1
                for kind in ("docs", "comments", "calls"):
                    counts[kind][row["language"]] += len(row[kind])
                out.write(json.dumps(row) + "\n")
            if number % 200 == 0:
                print(
                    f"{number} of {len(jobs)} packages, {len(seen)} documents, {time.time() - started:.0f} s",
                    flush=True,
                )
    print(f"{len(seen)} documents of {len(jobs)} packages")
    print(f"left out: {copies} copies, {same} with lines of the benchmark")
    for name, found in counts.items():
        print(f"{name}: {found.total()}: {dict(found.most_common())}")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    sys.exit(main())
