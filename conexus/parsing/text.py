# SPDX-License-Identifier: FSL-1.1-MIT
"""Turns the bytes of a file into text without losing a character. Pure.

UTF-8 comes first, as nearly every file is. What is not UTF-8 and has no byte order mark is a guess;
where nothing fits, every byte becomes the character of the same number (Latin-1).
"""

from __future__ import annotations

import codecs
import re

from conexus.values import dataclass

_BOMS = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UTF16_SAMPLE_BYTES = 4096
_UTF16_MIN_BYTES = 8
_UTF16_HIGH_SHARE = 0.5  # of the high bytes are zero in text with mostly Latin letters
_UTF16_LOW_SHARE = 0.02  # of the low bytes may be
_DETECT_BYTES = 8192  # detection costs about a millisecond per kilobyte
_CONTEXT_BYTES = 80
_FEW_HIGH_BYTES = 24  # too few for statistics of letters
_LONE_SHARE = 0.8
_FIRST_WESTERN_LETTER = 0xC0  # in Windows-1252
_LETTER_SHARE = 0.5
_SYMBOL_IN_WORD = re.compile(rb"[A-Za-z][\xa3\xa5\xb3\xb9\xbc\xbe\xbf][a-z]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_LEGACY_CHARSETS = [
    *["cp1252", "cp1250", "cp1251", "koi8_r", "cp932", "euc_jp", "gb18030", "big5", "cp949"],
    *["cp1253", "cp1254", "cp1255", "cp1256", "iso8859_2", "cp866", "mac_roman"],
]
_WESTERN = "cp1252"
_ANY_BYTE = "latin-1"


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file. ``text.encode(encoding)`` gives its bytes again, but for a UTF-16 or -32 mark."""

    text: str
    """Newlines are as they were; a byte order mark is no part of it."""
    encoding: str
    """A Python codec."""


def decode(data: bytes) -> Decoded:
    r"""Decode a file.

    Only a file that begins with a mark and then breaks the encoding it names does not encode to the
    same bytes again: what is invalid there is written out as ``\xNN``.
    """
    for bom, marked in _BOMS:
        if data.startswith(bom):
            return Decoded(data[len(bom) :].decode(marked.removesuffix("-sig"), "backslashreplace"), marked)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _decode_legacy(data)
    if "\0" in text and (encoding := utf16_without_mark(data)):
        return Decoded(data.decode(encoding), encoding)
    if b"\x1b$" in data and (japanese := _try(data, "iso2022_jp")):
        return japanese
    return Decoded(text, "utf-8")


def utf16_without_mark(data: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark, or ``None`` where the data is something else.

    It is told by the zero bytes of Latin letters, so that text without any is not found.
    """
    sample = data[:_UTF16_SAMPLE_BYTES]
    if len(data) % 2 or len(sample) < _UTF16_MIN_BYTES:
        return None
    units = len(sample) // 2
    zeros_first, zeros_second = sample[::2].count(0) / units, sample[1::2].count(0) / units
    if zeros_second >= _UTF16_HIGH_SHARE and zeros_first <= _UTF16_LOW_SHARE:
        encoding = "utf-16-le"
    elif zeros_first >= _UTF16_HIGH_SHARE and zeros_second <= _UTF16_LOW_SHARE:
        encoding = "utf-16-be"
    else:
        return None
    decoded = _try(data, encoding)
    return encoding if decoded and not _CONTROLS.search(decoded.text[:_UTF16_SAMPLE_BYTES]) else None


def has_wide_mark(data: bytes) -> bool:
    """Whether the data begins with a mark of UTF-16 or UTF-32, so that zero bytes do not make it binary."""
    return any(data.startswith(bom) for bom, encoding in _BOMS if encoding != "utf-8-sig")


def _decode_legacy(data: bytes) -> Decoded:
    encoding = utf16_without_mark(data) if b"\0" in data else None
    if encoding is None:
        encoding = _detect(data)
    return _try(data, encoding) or _try(data, _WESTERN) or Decoded(data.decode(_ANY_BYTE), _ANY_BYTE)


def _detect(data: bytes) -> str:
    """Guess the character set from the lines that are not ASCII."""
    sample = _telling_lines(data)
    if _looks_western(sample):
        return _WESTERN
    import charset_normalizer  # noqa: PLC0415  takes 30 ms to import, and few files need it

    best = charset_normalizer.from_bytes(sample, cp_isolation=_LEGACY_CHARSETS, preemptive_behaviour=False).best()
    return best.encoding if best is not None else _WESTERN


def _looks_western(sample: bytes) -> bool:
    """Whether bytes above ASCII are accented letters among ASCII ones, of which detection makes too much.

    Central European text is alike, but for symbols that Windows-1252 would put inside words.
    """
    runs = _HIGH_RUN.findall(sample)
    lone = [run[0] for run in runs if len(run) == 1]
    if len(lone) < _LONE_SHARE * len(runs) or _SYMBOL_IN_WORD.search(sample):
        return False
    letters = sum(byte >= _FIRST_WESTERN_LETTER for byte in lone)
    return sum(map(len, runs)) <= _FEW_HIGH_BYTES or letters >= _LETTER_SHARE * len(lone)


def _telling_lines(data: bytes) -> bytes:
    """Return the first lines with bytes above ASCII, each from a little before them on."""
    lines: list[bytes] = []
    size = at = 0
    while size < _DETECT_BYTES and (high := _HIGH_RUN.search(data, at)):
        window = data[high.start() : high.start() + _DETECT_BYTES]
        newline = window.find(b"\n")
        # A window is cut at a space, never within a character of several bytes.
        end = newline + 1 or (window.rfind(b" ") + 1 if len(window) == _DETECT_BYTES else 0) or len(window)
        start = max(at, data.rfind(b"\n", at, high.start()) + 1, high.start() - _CONTEXT_BYTES)
        lines.append(data[start : high.start() + end])
        size += len(lines[-1])
        at = high.start() + end
        if not newline + 1:
            at = data.find(b"\n", at) + 1 or len(data)
    return b"".join(lines)


def _try(data: bytes, encoding: str) -> Decoded | None:
    """Decode strictly, and only where encoding again gives the same bytes."""
    try:
        text = data.decode(encoding)
        return Decoded(text, encoding) if text.encode(encoding) == data else None
    except (UnicodeError, LookupError):
        return None
