# SPDX-License-Identifier: FSL-1.1-MIT
"""Counts the tokens of a text as a language model does, with a vocabulary that comes with Conexus.

It is ``cl100k_base`` of OpenAI. Each family of models has a vocabulary of its own, so that the count is exact for some
and close for others. Nothing is fetched.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import tiktoken

VOCABULARY: Final = "cl100k_base"

_TOKENS: Final = 100_256
# Where text is split before it is encoded: a contraction, letters with the sign or space before them, up to three
# digits, signs, line ends, spaces.
_PATTERN: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)


def count_tokens(text: str) -> int:
    """Return how many tokens a text is."""
    return len(_encoding().encode_ordinary(text))


@cache
def _encoding() -> tiktoken.Encoding:
    import tiktoken  # noqa: PLC0415 -- late: most commands count nothing

    data = files(__package__).joinpath(f"{VOCABULARY}.bin").read_bytes()
    ends = accumulate(data[:_TOKENS], initial=_TOKENS)
    ranks = {data[start:end]: rank for rank, (start, end) in enumerate(pairwise(ends))}
    return tiktoken.Encoding(VOCABULARY, pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={})


__all__ = ["VOCABULARY", "count_tokens"]
