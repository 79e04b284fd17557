"""Makes visible what a text of others hides or does to a terminal. Pure."""

from __future__ import annotations

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u200b\u2060\u2061\u2062\u2063\u2064\u2028\u2029\ufeff")
_FIRST_PRINTABLE, _DELETE, _LAST_C1 = 0x20, 0x7F, 0x9F
_NAME_BYTES = (0xDCA0, 0xDCFF)
_CLEAN = {
    **{code: f"\\x{code:02x}" for code in range(_FIRST_PRINTABLE) if chr(code) not in "\t\n"},
    **{code: f"\\x{code:02x}" for code in range(_DELETE, _LAST_C1 + 1)},
    **{ord(char): f"\\u{ord(char):04x}" for char in _BIDI | _INVISIBLE},
    **{code: f"\\U{code:08x}" for code in range(0xE0000, 0xE0080)},  # tags: invisible letters
    # Half a character. One that stands for a byte of a name which is no UTF-8 is let through, so that the name can be
    # used, but not where the byte is a control character.
    **{code: f"\\u{code:04x}" for code in range(0xD800, 0xE000) if not _NAME_BYTES[0] <= code <= _NAME_BYTES[1]},
    **{0xDC00 + code: f"\\x{code:02x}" for code in range(_DELETE + 1, _LAST_C1 + 1)},
}


def clean(text: str) -> str:
    """Return text of others with what controls a terminal or hides made visible; tabs and line ends stay."""
    return text.translate(_CLEAN)


def one_line(text: str) -> str:
    """Return text of others, cleaned, on one line."""
    return clean(text).replace("\n", "\\n").replace("\t", " ")
