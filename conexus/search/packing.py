# SPDX-License-Identifier: FSL-1.1-MIT
"""Packs hits into a text for a language model, under a budget. Pure.

The budget is spent in this order: the code of the best hits; one line for each of the others; what a reader needs to
understand the code; code of the others, as far as there is room left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, Protocol

from conexus.search.neutral import disarmed, inline
from conexus.search.snippets import lines_of
from conexus.tokens import count_tokens
from conexus.types import Chunk, ChunkId, ContextBlock, ContextFormat, Hit, Surroundings
from conexus.values import dataclass

_FENCE = "```"
_CODE_SHARE, _LINES_SHARE = 0.75, 0.87  # of the budget, for code and then for code and lines together
_LINE_CHARS = 200
_CUT = "… cut here: there is no room for the rest"
_BETWEEN = "…"  # parts code from what stands around it
_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
_OUR_TAGS = re.compile(r"<(?=/?(?:code|outline|context)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed text and its pieces."""

    text: str
    blocks: tuple[ContextBlock, ...]
    tokens: int
    left_out: tuple[int, ...]
    """Positions of the hits whose code there was no room for."""


@dataclass(frozen=True, slots=True)
class _Size:
    """What a text takes."""

    tokens: int
    bytes: int

    def __add__(self, other: _Size) -> _Size:
        return _Size(self.tokens + other.tokens, self.bytes + other.bytes)


_NOTHING: Final = Surroundings()


@dataclass(frozen=True)
class _Group:
    """Neighbouring chunks of one file, in their order."""

    root: str
    chunks: tuple[Chunk, ...]
    around: Surroundings = _NOTHING

    def touches(self, root: str, chunk: Chunk) -> bool:
        """Whether a chunk continues the group, before or after it."""
        first, last = self.chunks[0], self.chunks[-1]
        return (root, chunk.path) == (self.root, first.path) and (
            chunk.span.start_byte == last.span.end_byte or chunk.span.end_byte == first.span.start_byte
        )

    def holds(self, root: str, chunk: Chunk) -> bool:
        """Whether a chunk is in the group."""
        return root == self.root and any(own.id == chunk.id for own in self.chunks)

    def with_chunk(self, chunk: Chunk) -> _Group:
        """Return the group with one more."""
        return replace(self, chunks=tuple(sorted((*self.chunks, chunk), key=lambda one: one.span.start_byte)))

    @cached_property
    def block(self) -> ContextBlock:
        """What the answer has of the group."""
        raw = "".join(chunk.text for chunk in self.chunks).replace("\r\n", "\n")
        text = disarmed(raw)
        first, last = self.chunks[0], self.chunks[-1]
        return ContextBlock(
            repo=first.repo,
            root=self.root,
            path=first.path,
            start_line=first.span.start_line,
            end_line=last.span.end_line,
            text=text,
            chunks=tuple(chunk.id for chunk in self.chunks),
            neutralised=text != raw or any(map(_is_changed, (*self.around.before, *self.around.after))),
            before=tuple(map(inline, self.around.before)),
            after=tuple(map(inline, self.around.after)),
        )


class _Packer:
    """Holds what is packed so far, and its size."""

    def __init__(self, limit: _Size, style: ContextFormat) -> None:
        self._limit = limit
        self._write = _WRITERS[style]
        self._sizes: dict[ContextBlock, _Size] = {}
        self.groups: list[_Group] = []
        self.outlines: dict[int, ContextBlock] = {}

    def blocks(self) -> list[ContextBlock]:
        """Return what was packed, in the order of the hits."""
        return _blocks(self.groups, self.outlines)

    def try_groups(self, groups: Sequence[_Group], share: float = 1.0, *, without: int | None = None) -> bool:
        """Take other groups in the place of those there are, and take a line out, if they fit."""
        outlines = {position: block for position, block in self.outlines.items() if position != without}
        if fits := self._fits(_blocks(groups, outlines), share):
            self.groups, self.outlines = list(groups), outlines
        return fits

    def try_outline(self, position: int, block: ContextBlock, share: float) -> bool:
        """Take one more line, if it fits."""
        if fits := self._fits(_blocks(self.groups, {**self.outlines, position: block}), share):
            self.outlines[position] = block
        return fits

    def text(self) -> str:
        """Return what was packed."""
        return self._write.whole(self.blocks())

    def _fits(self, blocks: Sequence[ContextBlock], share: float) -> bool:
        """Whether blocks fit a share of the budget; the sum of their sizes is not below the size of the whole."""
        total = _size(self._write.frame(blocks))
        for block in blocks:
            if block not in self._sizes:
                self._sizes[block] = _size(self._write.block(block))
            total += self._sizes[block]
        return total.tokens <= self._limit.tokens * share and total.bytes <= self._limit.bytes * share


def pack(
    hits: Sequence[Hit],
    max_tokens: int,
    max_bytes: int,
    surroundings: Mapping[ChunkId, Surroundings] | None = None,
    style: ContextFormat = ContextFormat.MARKDOWN,
) -> Packed:
    """Put as much of hits into a text as fits, the best first, neighbours of one file together.

    Args:
        hits: Best first.
        max_tokens: Most tokens of the text, as :func:`conexus.tokens.count_tokens` counts.
        max_bytes: Most bytes of the text in UTF-8.
        surroundings: What a reader needs beside the code of a chunk.
        style: How the text is written.

    Returns:
        The text. The first hit is cut where it is too long by itself, unless not even a line of it fits.
    """
    limit = max_tokens
    while True:
        packed = _packed(hits, _Size(limit, max_bytes), surroundings or {}, style)
        if packed.tokens <= max_tokens or limit <= 0:
            return packed
        limit -= packed.tokens - max_tokens  # what is counted piece by piece may, put together, be a token more


def by_file(blocks: Sequence[ContextBlock]) -> list[tuple[tuple[ContextBlock, ...], str]]:
    """Return what was packed as Markdown in parts: one for the code of each file, in order, and one for all lines.

    Counted one by one, the parts take no more tokens than were allowed for the whole.
    """
    write = _Markdown()
    parts: dict[tuple[str, str], list[ContextBlock]] = {}
    for block in blocks:
        parts.setdefault(("", "") if block.outline else (block.root, block.path), []).append(block)
    return [(tuple(part), write.whole(part).removesuffix("\n")) for part in parts.values()]


def _packed(
    hits: Sequence[Hit], limit: _Size, surroundings: Mapping[ChunkId, Surroundings], style: ContextFormat
) -> Packed:
    packer = _Packer(limit, style)
    left_out = []
    for position, hit in enumerate(hits):
        if not (
            packer.try_groups(_with(packer.groups, hit), 1.0 if not position else _CODE_SHARE)
            or (not position and _cut(packer, hit))
        ):
            left_out.append(position)
    for position in left_out if packer.groups else ():
        packer.try_outline(position, _outline(hits[position]), _LINES_SHARE)
    for place, group in enumerate(packer.groups):
        own = [surroundings.get(chunk.id, _NOTHING) for chunk in group.chunks]
        around = _joined([group.around, *own])
        for tried in (around, Surroundings(around.before, group.around.after)):
            if tried != group.around and packer.try_groups(
                [*packer.groups[:place], replace(group, around=tried), *packer.groups[place + 1 :]]
            ):
                break
    for position in list(left_out) if packer.groups else ():
        if packer.try_groups(_with(packer.groups, hits[position]), without=position):
            left_out.remove(position)
        elif position not in packer.outlines:
            packer.try_outline(position, _outline(hits[position]), 1.0)
    text = packer.text()
    blocks = tuple(packer.blocks())
    return Packed(text, blocks, count_tokens(text), tuple(left_out))


def _blocks(groups: Sequence[_Group], outlines: Mapping[int, ContextBlock]) -> list[ContextBlock]:
    """Return blocks file by file, the file of the best hit first; lines come last."""
    order: dict[tuple[str, str], int] = {}
    for group in groups:
        order.setdefault((group.root, group.chunks[0].path), len(order))
    by_file = sorted(
        groups,
        key=lambda group: (order[group.root, group.chunks[0].path], group.chunks[0].span.start_byte),
    )
    return [*(group.block for group in by_file), *outlines.values()]


def _with(groups: Sequence[_Group], hit: Hit) -> list[_Group]:
    """Return groups with one more hit."""
    if any(group.holds(hit.root, hit.chunk) for group in groups):
        return list(groups)
    for place, group in enumerate(groups):
        if group.touches(hit.root, hit.chunk):
            return [*groups[:place], group.with_chunk(hit.chunk), *groups[place + 1 :]]
    return [*groups, _Group(hit.root, (hit.chunk,))]


def _cut(packer: _Packer, hit: Hit) -> bool:
    """Take as many first lines of a hit as fit."""
    lines = hit.chunk.text.splitlines(keepends=True)
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high + 1) // 2
        if packer.try_groups([_first_lines(hit, lines[:middle])]):
            low = middle
        else:
            high = middle - 1
    return low > 0


def _first_lines(hit: Hit, lines: Sequence[str]) -> _Group:
    span = hit.chunk.span
    text = "".join(lines)
    size = len(text.encode("utf-8", "surrogatepass"))
    shorter = replace(span, end_byte=span.start_byte + size, end_line=span.start_line + len(lines) - 1)
    around = _NOTHING if text == hit.chunk.text else Surroundings(after=(_CUT,))
    return _Group(hit.root, (replace(hit.chunk, text=text, span=shorter),), around)


def _outline(hit: Hit) -> ContextBlock:
    """Return one line of a hit: the signature of its definition, else the line most like the question."""
    chunk = hit.chunk
    lines = lines_of(chunk)
    line = chunk.signature or lines[min(max(0, hit.focus_line - chunk.span.start_line), len(lines) - 1)].strip()
    raw = line[:_LINE_CHARS]
    text = inline(raw)
    return ContextBlock(
        repo=chunk.repo,
        root=hit.root,
        path=chunk.path,
        start_line=chunk.span.start_line,
        end_line=chunk.span.end_line,
        text=text,
        chunks=(chunk.id,),
        neutralised=_is_changed(raw),
        outline=True,
    )


def _attribute(text: str) -> str:
    """Return text of others as an attribute of XML; the standard library's way brings its web client."""
    return f'"{inline(text).translate(_ATTRIBUTE)}"'


def _is_changed(line: str) -> bool:
    return inline(line) != line.replace("\t", " ")


def _joined(several: Sequence[Surroundings]) -> Surroundings:
    """Return the surroundings of neighbouring chunks, each line once."""
    before = dict.fromkeys(line for one in several for line in one.before)
    after = dict.fromkeys(line for one in several for line in one.after)
    return Surroundings(tuple(before), tuple(after))


def _size(text: str) -> _Size:
    return _Size(count_tokens(text), len(text.encode("utf-8", "surrogatepass")))


class _Writer(Protocol):
    """Writes blocks. What it writes of several is never more than of each, and of the frame, together."""

    def block(self, block: ContextBlock) -> str:
        """Write one block."""
        ...

    def frame(self, blocks: Sequence[ContextBlock]) -> str:
        """Return all else that :meth:`whole` writes."""
        ...

    def whole(self, blocks: Sequence[ContextBlock]) -> str:
        """Write blocks, those with code first."""
        ...


class _Markdown:
    """Each block under a heading, its code in a fence that it cannot close."""

    def block(self, block: ContextBlock) -> str:
        mark = " (hidden or control characters made visible)" if block.neutralised else ""
        place = f"{inline(block.path)}:{block.start_line}-{block.end_line}"
        if block.outline:
            return f"- {place}{mark} {code_span(block.text)}\n"
        fence = _FENCE
        while fence in block.text:
            fence += "`"
        body = block.text.rstrip("\n") + "\n"
        before = "".join(f"{code_span(line)}\n" for line in block.before)
        after = "".join(f"- {code_span(line)}\n" for line in block.after)
        return f"## {place}{mark}\n{inline(block.repo)}\n{before}{fence}\n{body}{fence}\n{after}\n"

    def frame(self, blocks: Sequence[ContextBlock]) -> str:
        return "## Also found\n" if any(block.outline for block in blocks) else ""

    def whole(self, blocks: Sequence[ContextBlock]) -> str:
        code = "".join(self.block(block) for block in blocks if not block.outline)
        lines = "".join(self.block(block) for block in blocks if block.outline)
        return code + self.frame(blocks) + lines if lines else code.removesuffix("\n")


class _Xml:
    """Each block an element of its own. Code stays readable: only what looks like one of these elements is escaped."""

    def block(self, block: ContextBlock) -> str:
        lines = [*block.before, *([_BETWEEN] if block.before else ()), *block.text.rstrip("\n").split("\n")]
        raw = "\n".join([*lines, *([_BETWEEN] if block.after else ()), *block.after])
        text = _OUR_TAGS.sub("&lt;", raw)
        name = "outline" if block.outline else "code"
        place = f'path={_attribute(block.path)} lines="{block.start_line}-{block.end_line}"'
        mark = ' neutralised="true"' if block.neutralised or text != raw else ""
        inside = text if block.outline else f"\n{text}\n"
        return f"<{name} {place} repository={_attribute(block.repo)}{mark}>{inside}</{name}>\n"

    def frame(self, blocks: Sequence[ContextBlock]) -> str:
        return "<context>\n</context>\n" if blocks else ""

    def whole(self, blocks: Sequence[ContextBlock]) -> str:
        return f"<context>\n{''.join(map(self.block, blocks))}</context>\n" if blocks else ""


def code_span(text: str) -> str:
    """Return text as code of Markdown, between more backticks than it holds in a row."""
    ticks = "`"
    while ticks in text:
        ticks += "`"
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


_WRITERS: Final[Mapping[ContextFormat, _Writer]] = {ContextFormat.MARKDOWN: _Markdown(), ContextFormat.XML: _Xml()}

__all__ = ["Packed", "by_file", "code_span", "pack"]
