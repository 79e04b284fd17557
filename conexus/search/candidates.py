"""What the retrievers found, before it is ranked."""

from __future__ import annotations

from dataclasses import dataclass, field

from conexus.types import ChunkHead, Retriever, SymbolMatch


@dataclass(slots=True)
class Candidate:
    """A chunk that some retriever found."""

    head: ChunkHead
    view: int
    """Which of the searched views it is from."""
    dense: float = 0.0
    bm25: float = 0.0
    found_by: set[Retriever] = field(default_factory=set)
    matches: list[SymbolMatch] = field(default_factory=list)
    """Definitions of names of the question that it holds."""
