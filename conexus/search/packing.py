"""Packs hits into a text for a language model, under a budget. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from conexus.search.neutral import clean, one_line
from conexus.types import Chunk, ContextBlock, Hit

_FENCE = "```"
_PIECE = re.compile(r"[A-Za-z_]+|[0-9]+|\s+|[^\sA-Za-z0-9_]", re.ASCII)
_LETTERS_A_TOKEN = 4
_DIGITS_A_TOKEN = 3
_SPACES_A_TOKEN = 8


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a language model counts, rather too many than too few.

    A token is taken as four letters, three digits, one sign, eight spaces of one line or one line end; of other
    scripts, one byte. Byte-pair vocabularies of 100,000 entries and more need fewer for code and prose.
    """
    return sum(_cost(piece) for piece in _PIECE.findall(text))


def _cost(piece: str) -> int:
    if piece.isspace():
        lines = piece.count("\n")
        return lines + -(-(len(piece) - lines) // _SPACES_A_TOKEN)
    if not piece.isascii():
        return len(piece.encode("utf-8", "surrogatepass"))
    return -(-len(piece) // (_DIGITS_A_TOKEN if piece.isdigit() else _LETTERS_A_TOKEN))


@dataclass(slots=True)
class _Group:
    """Neighbouring chunks of one file."""

    chunks: list[Chunk] = field(default_factory=list)
    root: str = ""

    def touches(self, root: str, chunk: Chunk) -> bool:
        """Whether a chunk continues the group, before or after it."""
        first, last = self.chunks[0], self.chunks[-1]
        return (root, chunk.path) == (self.root, first.path) and (
            chunk.span.start_byte == last.span.end_byte or chunk.span.end_byte == first.span.start_byte
        )

    def add(self, chunk: Chunk) -> None:
        """Put a chunk in its place."""
        self.chunks.append(chunk)
        self.chunks.sort(key=lambda one: one.span.start_byte)


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed text and its pieces."""

    text: str
    blocks: tuple[ContextBlock, ...]
    tokens: int
    left_out: tuple[int, ...]
    """Positions of the hits that there was no room for."""


def pack(hits: Sequence[Hit], max_tokens: int, max_bytes: int) -> Packed:
    """Put as many hits into a text as fit, the best first, neighbours of one file together.

    Args:
        hits: Best first.
        max_tokens: Most tokens of the text, as :func:`estimate_tokens` counts.
        max_bytes: Most bytes of the text in UTF-8.

    Returns:
        The text. The first hit is cut where it is too long by itself, unless not even a line of it fits.
    """
    groups: list[_Group] = []
    left_out: list[int] = []
    for position, hit in enumerate(hits):
        tried = _with(groups, hit)
        if _fits(_render([_block(group) for group in tried]), max_tokens, max_bytes):
            groups = tried
        elif position or not (cut := _cut(hit, max_tokens, max_bytes)):
            left_out.append(position)
        else:
            groups = cut  # so that each answer has something, and who asks on comes to an end
    blocks = tuple(_block(group) for group in groups)
    text = _render(blocks)
    return Packed(text, blocks, estimate_tokens(text), tuple(left_out))


def _cut(hit: Hit, max_tokens: int, max_bytes: int) -> list[_Group]:
    """Return a group with as many first lines of a hit as fit; no group where not one does."""
    lines = hit.chunk.text.splitlines(keepends=True)
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(_render([_block(_first_lines(hit, lines[:middle]))]), max_tokens, max_bytes):
            low = middle
        else:
            high = middle - 1
    return [_first_lines(hit, lines[:low])] if low else []


def _first_lines(hit: Hit, lines: Sequence[str]) -> _Group:
    span = hit.chunk.span
    text = "".join(lines)
    size = len(text.encode("utf-8", "surrogatepass"))
    shorter = replace(span, end_byte=span.start_byte + size, end_line=span.start_line + len(lines) - 1)
    return _Group([replace(hit.chunk, text=text, span=shorter)], hit.root)


def _with(groups: Sequence[_Group], hit: Hit) -> list[_Group]:
    """Return groups with one more hit; those given stay as they are."""
    copied = [_Group(list(group.chunks), group.root) for group in groups]
    if any(chunk.id == hit.chunk.id and group.root == hit.root for group in copied for chunk in group.chunks):
        return copied
    for group in copied:
        if group.touches(hit.root, hit.chunk):
            group.add(hit.chunk)
            return copied
    return [*copied, _Group([hit.chunk], hit.root)]


def _block(group: _Group) -> ContextBlock:
    raw = "".join(chunk.text for chunk in group.chunks)
    text = clean(raw.replace("\r\n", "\n"))
    first, last = group.chunks[0], group.chunks[-1]
    return ContextBlock(
        repo=first.repo,
        root=group.root,
        path=first.path,
        start_line=first.span.start_line,
        end_line=last.span.end_line,
        text=text,
        chunks=tuple(chunk.id for chunk in group.chunks),
        neutralised=text != raw.replace("\r\n", "\n"),
    )


def _render(blocks: Sequence[ContextBlock]) -> str:
    return "\n".join(_rendered(block) for block in blocks)


def _rendered(block: ContextBlock) -> str:
    fence = _FENCE
    while fence in block.text:
        fence += "`"
    mark = " (hidden or control characters made visible)" if block.neutralised else ""
    place = f"{one_line(block.path)}:{block.start_line}-{block.end_line}"
    body = block.text if block.text.endswith("\n") else block.text + "\n"
    return f"## {place}{mark}\n{block.repo}\n{fence}\n{body}{fence}\n"


def _fits(text: str, max_tokens: int, max_bytes: int) -> bool:
    return len(text.encode("utf-8", "surrogatepass")) <= max_bytes and estimate_tokens(text) <= max_tokens
