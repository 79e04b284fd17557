# SPDX-License-Identifier: FSL-1.1-MIT
"""Makes visible what a text of others hides, and harmless what it would do to a terminal or a model. Pure."""

from __future__ import annotations

import re

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u200b\u2028\u2029\u2060\u2061\u2062\u2063\u2064\u2065"
    "\u206a\u206b\u206c\u206d\u206e\u206f\u3164\ufeff\uffa0\ufff9\ufffa\ufffb"
)
_SELECTORS = range(0xFE00, 0xFE0E)  # of variants; the two that follow choose between letter and picture
_UNASSIGNED = range(0xFFF0, 0xFFF9)  # shown by nobody, as all that a standard has people pass over
_HIDDEN = ((0x1BCA0, 0x1BCA4), (0x1D173, 0x1D17B), (0xE0000, 0xE1000))
_FIRST_PRINTABLE, _DELETE, _LAST_C1 = 0x20, 0x7F, 0x9F
_NAME_BYTES = (0xDCA0, 0xDCFF)
_CLEAN = {
    **{code: f"\\x{code:02x}" for code in range(_FIRST_PRINTABLE) if chr(code) not in "\t\n"},
    **{code: f"\\x{code:02x}" for code in range(_DELETE, _LAST_C1 + 1)},
    **{ord(char): f"\\u{ord(char):04x}" for char in _BIDI | _INVISIBLE},
    **{code: f"\\u{code:04x}" for code in (*_SELECTORS, *_UNASSIGNED)},
    # Invisible letters: signs of shorthand and music, tags, more selectors of variants, and what is kept free for such.
    **{code: f"\\U{code:08x}" for first, end in _HIDDEN for code in range(first, end)},
    # Half a character. One that stands for a byte of a name which is no UTF-8 is let through, so that the name can be
    # used, but not where the byte is a control character.
    **{code: f"\\u{code:04x}" for code in range(0xD800, 0xE000) if not _NAME_BYTES[0] <= code <= _NAME_BYTES[1]},
    **{0xDC00 + code: f"\\x{code:02x}" for code in range(_DELETE + 1, _LAST_C1 + 1)},
}


# Joiners are part of some scripts and of emoji, and a selector may stand behind a sign: among ASCII, or several in a
# row, they hide something.
_OUT_OF_PLACE = re.compile(
    r"(?<=[\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?=[\x00-\x7f])|[\ufe0e\ufe0f\u200c\u200d]{2,}"
)

_WORDS_OF_TOOLS = (
    r"tool[_-][a-z_-]{1,40}|function[_-](?:calls?|results?|response)|system[_-](?:message|prompt|reminder)|"
    r"antml:[a-z_]{1,40}|im_(?:start|end)|(?:start|end)_of_turn|begin_of_text|end_of_text|eot_id"
)
_SPEAKERS = r"system|assistant|human|user|think|thinking|tools|invoke"
_SELDOM_A_TYPE = r"system|assistant|think|thinking|invoke"
_CONTROL = re.compile(
    rf"<(?=\s*/?\s*(?:{_WORDS_OF_TOOLS})\b)"  # tags in which tools are called and answer
    rf"|(?<![\w.])<(?=(?-i:{_SPEAKERS})>)|<(?=(?-i:/(?:{_SPEAKERS})|{_SELDOM_A_TYPE})>)"  # who speaks; no `List<user>`
    r"|<(?=[|\uff5c][^\s<>|\uff5c]{1,60}[|\uff5c]>)"  # <|im_start|>, as chat templates have it
    r"|<(?=<\s*/?SYS\s*>>)|\[(?=/?INST\])",
    re.IGNORECASE,
)
_ELSEWHERE = r"\(\s{0,20}<?(?:[a-z][a-z0-9+.-]{0,20}:(?!:)|[/\\]{2})"
_IMAGE = re.compile(rf"!\[(?=[^\]\n]{{0,500}}\]{_ELSEWHERE})", re.IGNORECASE)
_LINK = re.compile(rf"\](?={_ELSEWHERE})", re.IGNORECASE)
_INSTEAD = {"<": "&lt;", "[": "&#91;"}


def clean(text: str) -> str:
    """Return text of others with what controls a terminal or hides made visible; tabs and line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    shown = text.translate(_CLEAN)
    return shown if shown.isascii() else _OUT_OF_PLACE.sub(_by_number, shown)


def disarmed(text: str) -> str:
    """Return text of others, cleaned, without what a model or its client could take for more than text.

    Escaped are tags in which models call tools or are told who speaks, marks of chat templates, and images of Markdown
    from elsewhere, which a client fetches as it shows them. Lines stay where they are.
    """
    return _IMAGE.sub("!&#91;", _CONTROL.sub(lambda found: _INSTEAD[found[0]], clean(text)))


def one_line(text: str) -> str:
    """Return text of others, cleaned, on one line."""
    return clean(text).replace("\n", "\\n").replace("\t", " ")


def inline(text: str) -> str:
    """Return text of others, made harmless for models, on one line, and without links of Markdown to elsewhere."""
    return _LINK.sub("&#93;", one_line(disarmed(text)))


def _by_number(found: re.Match[str]) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in found[0])
