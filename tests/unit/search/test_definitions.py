# SPDX-License-Identifier: FSL-1.1-MIT
"""Definitions and words of names in arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conexus.lexical import name_key
from conexus.search.definitions import definitions_of
from conexus.search.file_words import file_words_of
from conexus.types import FileId, KeyedSymbol, SymbolKind, SymbolMatch

KEYS = bytes(range(16)), bytes(16)


def defined(name: str, parent: str = "", file: int = 1, kind: SymbolKind = SymbolKind.FUNCTION) -> KeyedSymbol:
    """One definition."""
    return KeyedSymbol(name_key(name), name, parent, kind, 7, FileId(file), KEYS[file - 1])


def test_definitions_are_found_whatever_their_style() -> None:
    """With all that is known of them; whether the name is written just so is told."""
    found = definitions_of([defined("größe", "Datei.größe"), defined("send_it", "Net"), defined("sendIt", file=2)])
    assert len(found) == 3
    assert found.named(["send_it", "sendit"]) == [
        SymbolMatch("Net.send_it", SymbolKind.FUNCTION, 7, KEYS[0], FileId(1), True),
        SymbolMatch("sendIt", SymbolKind.FUNCTION, 7, KEYS[1], FileId(2), False),
    ]
    assert [match.symbol for match in found.named(["Größe"])] == ["Datei.größe.größe"]
    assert found.named(["nothing", "", "__"]) == []
    assert found.named([]) == []


def test_names_of_one_hash_are_told_apart() -> None:
    """Python's hashes of texts need not differ."""
    found = definitions_of([defined("send", file=1), defined("take", file=2)])
    alike = replace(found, hashes=np.full(2, hash("send")))
    assert [match.symbol for match in alike.named(["send"])] == ["send"]
    taken = replace(found, hashes=np.full(2, hash("take")))
    assert [match.symbol for match in taken.named(["take"])] == ["take"]


def test_nothing_is_found_where_there_is_nothing() -> None:
    """An index without a definition, or without a name that has a word."""
    assert definitions_of([]).named(["send"]) == []
    assert file_words_of([]).files_with(["send"]) == {}


def test_files_are_found_by_words_of_their_names() -> None:
    """With how many of the words a name has, each once, and how many it has at all."""
    found = file_words_of([(FileId(5), "http", 2), (FileId(5), "client", 2), (FileId(9), "client", 1)])
    assert found.files_with(["client", "http", "client"]) == {FileId(5): (2, 2), FileId(9): (1, 1)}
    assert found.files_with(["http"]) == {FileId(5): (1, 2)}
    assert found.files_with(["other"]) == {}
