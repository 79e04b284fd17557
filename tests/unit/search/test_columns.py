# SPDX-License-Identifier: FSL-1.1-MIT
"""Heads of chunks as columns."""

from __future__ import annotations

import numpy as np
from builders import head_of
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.chunk_ids import chunk_id_of
from conexus.points import keys_of
from conexus.search.columns import FACTS, columns_of
from conexus.types import ChunkHead, FileId, FileTag

TAGS = {"a.py": frozenset({FileTag.TEST}), "src/b.h": frozenset[FileTag](), "c/d/index.ts": frozenset({FileTag.DOCS})}


def made(number: int, path: str, key: bytes, symbol: str, kind: str) -> ChunkHead:
    """A head; what is of the file is the same for all of its chunks."""
    file = sorted(TAGS).index(path) + 7
    return head_of(path, file=file, line=number + 1, symbol=symbol, kind=kind, tags=TAGS[path])._replace(
        id=chunk_id_of(key), file_chunks=file * 3, file_uses=file * 9
    )


heads_of_all_kinds = st.lists(
    st.builds(
        made,
        st.integers(0, 10**6),
        st.sampled_from(sorted(TAGS)),
        # Few halves, so that many agree; zeros at the end, which numpy takes off a text.
        st.builds(
            lambda first, last: first + last, *[st.sampled_from([bytes(8), b"\x01" + bytes(7), b"\xff" * 8])] * 2
        ),
        st.sampled_from(["", "send", "Session.send"]),
        st.sampled_from(["block", "function"]),
    ),
    unique_by=lambda head: head.id,
)


@settings(deadline=None)
@given(heads_of_all_kinds)
def test_a_head_comes_back_as_it_was(heads: list[ChunkHead]) -> None:
    """Found by its id, and no other is."""
    columns = columns_of(heads)
    rows = columns.find(keys_of(head.id for head in heads)).tolist()
    assert [columns.head(row) for row in rows] == heads
    assert columns.find(keys_of([chunk_id_of(b"\x02" * 16)])).tolist() == [-1]


def test_files_that_are_gone_are_not_found() -> None:
    """And what has changed of the others is as it is now."""
    heads = [head_of("a.py", file=1), head_of("b.py", file=2), head_of("b.py", file=2, line=9)]
    columns = columns_of(heads)
    later = columns.updated({FileId(2): 5, FileId(3): 1})
    keys = keys_of(head.id for head in heads)
    assert (columns.find(keys) >= 0).all()
    assert (later.find(keys) >= 0).tolist() == [False, True, True]
    assert later.head(int(later.find(keys)[1])).file_uses == 5
    assert later.facts[1, FACTS.index("uses")] == np.log1p(5)
    assert columns.facts[1, FACTS.index("uses")] == 0.0


def test_nothing_has_no_rows() -> None:
    """An empty index is one too."""
    assert columns_of([]).find(keys_of([head_of().id])).tolist() == [-1]
    assert len(columns_of([])) == 0
