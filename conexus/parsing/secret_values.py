# SPDX-License-Identifier: FSL-1.1-MIT
"""Whether a value looks like a secret: random, and neither a placeholder nor made of words. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter

Range = tuple[int, int]
"""Where something starts and ends in a text."""
MARK = "[redacted]"
"""What a replaced secret begins with."""

_PLACEHOLDER_WORDS = frozenset(
    "a abc access account admin an and any api app asdf auth bar base baz bearer change changeit client credential"
    " credentials custom database db default demo do dummy empty enter env example examples fake fill fixme foo foobar"
    " for generate generated goes guest here hidden host id in insert is it key keys local localhost login long"
    " masked me mock my name no none not null of or paste pass passphrase passwd passwort password passwords pk"
    " placeholder please private prod public put pw pwd qux qwerty random real redacted removed replace replaced"
    " replacewith root sample secret secrets secure set sk some something str string strong super temp test testing"
    " tests the this to todo tok token tokens tbd undefined unset use user username value very with word xyz your"
    " yours true false".split()
)
_PLACEHOLDER_PREFIXES = ("change", "db", "my", "not", "some", "super", "test", "the", "top", "user", "your")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DIGITS = re.compile(r"\d+")
_NOT_PLACEHOLDER = re.compile(r"[^\w.:/*+=<>()\[\]{} -]|[^\W\d_a-zA-Z]")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_MIN_FILLER = 3  # letters: "aaa", "abc"
_COUNTING = "01234567890123456789"
_MAX_FREE_DIGITS = 4  # "password_2024"; more digits than these have to count up or repeat one

_VARIABLE = r"(?:[A-Z_]+(?:\d_?[A-Z_]*)?|[a-z_]+(?:[A-Z][a-z]+)*)\d{0,2}"
_TEMPLATE_WHOLE = re.compile(rf"<[^<>]*>|\$(?:{_VARIABLE}|\d)|%{_VARIABLE}%|__{_VARIABLE}__")
_TEMPLATE_DEFAULT = re.compile(r"\$\{\w{1,64}:?[-=]([^{}]*)\}")  # ${NAME:-value}: the value is in clear
_TEMPLATE = re.compile(r"[$#%]?\{{1,3}[^{}]*\}{1,3}|\$\([^()]*\)|%\([^()]*\)[sdr]|%[sdr]\b")
_CODE = re.compile(
    r"^[./~@]|://|^(?:self|this|os|process|env|settings|config|std|sys)[.:]|::|\.(?:py|js|ts|go|json|txt)$"
)
_PATTERN = re.compile(r"\{\d+,?\d*\}|\[\^?\w-\w|\(\?")  # of a regular expression
_WORDS = re.compile(r"(?:[A-Za-z]+\d{0,4}|\d{1,4})(?:[_.:/\\@+ -]+(?:[A-Za-z]+\d{0,4}|\d{1,4}))*[_.:/-]*$")
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MIN_PIECE_CHARS = 2.7  # on average: "accessTokenV2" has 3.2, of random letters and digits 1.9
_MIN_BARE_PIECE_CHARS, _MIN_LONG_PIECE_CHARS = 2.4, 2.9
_MIN_LONG_CHARS = 20
_MIXED = re.compile(r"[!#%^*~?$]|(?=.*[a-z])(?=.*[A-Z])|^(?:[a-z]{2,8}[-_])?[a-z0-9]{20,}$")
_MIN_RANDOM_CHARS = 10
_VERSION = re.compile(r"[vV]\d{1,3}(?:p\d)?(?:alpha|beta|rc)\d?")
_SEPARATORS = re.compile(r"[-_./+%]")
_MIN_SLUG_PIECES, _MAX_SLUG_PIECE_CHARS = 4, 14
_HEX = re.compile(r"[0-9a-f-]{16,}|[0-9A-F-]{16,}")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_SPECIAL = re.compile(r"[^\w.:/+-]")

MAX_VALUE_CHARS = 4096  # longer literals are data
_MIN_DISTINCT = 6  # of 100,000 random tokens of 16 hex digits, 4 have fewer
_MIN_PASSWORD_BITS = 2.4  # "aaaa1111" has 1.0, "Summer24" 2.75
_MIN_RANDOM_BITS = 2.8  # of random tokens of 16 hex digits 97 % have this much, of 20 or more 99.7 %
_MIN_TOKEN_CHARS, _MIN_PASSWORD_CHARS = 12, 8  # without quotes


def looks_secret(value: str, *, is_password: bool, is_quoted: bool) -> bool:
    """Whether a value given to a name for a secret looks like one."""
    has_digit = _DIGIT.search(value) is not None
    if len(value) > MAX_VALUE_CHARS or not _LETTER.search(value):
        return False
    if is_password and is_quoted:
        if not (has_digit or _SPECIAL.search(value)) or ("_" in value and is_words(value)):
            return False
        least_bits = _MIN_PASSWORD_BITS
    else:
        least_chars = _MIN_PASSWORD_CHARS if is_password else _MIN_TOKEN_CHARS
        if not has_digit or len(value) < least_chars or is_words(value):
            return False
        least_bits = _MIN_RANDOM_BITS
    return not is_placeholder(value) and not _is_code(value) and _entropy_bits(value) >= least_bits


def looks_random(value: str, *, is_quoted: bool) -> bool:
    """Whether a value says by itself that it is random: letters and digits follow each other as in no name.

    Names in code have digits in them too: what is short and in no quotes has to be more mixed than they are.
    """
    value = _VERSION.sub("", value)
    if len(value) < _MIN_RANDOM_CHARS or not (_DIGIT.search(value) and _LETTER.search(value)):
        return False
    if len(value) >= _MIN_LONG_CHARS:
        piece_chars = _MIN_LONG_PIECE_CHARS
    else:
        piece_chars = _MIN_PIECE_CHARS if is_quoted else _MIN_BARE_PIECE_CHARS
    is_mixed = _is_jumbled(value, piece_chars) and not _is_slug(value)
    if not _MIXED.search(value):
        is_mixed = is_mixed and is_quoted and "_" not in value
    return (
        (is_mixed or _HEX.fullmatch(value) is not None)
        and _entropy_bits(value) >= _MIN_RANDOM_BITS
        and not is_placeholder(value)
        and not _is_code(value)
        and not is_dummy(value)
        and not is_words(value)
    )


def _is_slug(value: str) -> bool:
    """Whether a value is many short pieces, as the name of a model, a version or a format is."""
    pieces = _SEPARATORS.split(value)
    return len(pieces) >= _MIN_SLUG_PIECES and max(map(len, pieces)) < _MAX_SLUG_PIECE_CHARS


def is_words(value: str) -> bool:
    """Whether a value is made of words and numbers, as names are."""
    return _WORDS.match(value) is not None and not _is_jumbled(value)


def _is_jumbled(value: str, piece_chars: float = _MIN_PIECE_CHARS) -> bool:
    """Whether letters of both cases and digits follow each other as they do in no name."""
    return len(_PIECE.findall(value)) * piece_chars >= len(value)


def _is_code(value: str) -> bool:
    is_code = _CODE.search(value) is not None and not (value[0] == "/" and _is_jumbled(value))
    return is_code or _PATTERN.search(value) is not None


def is_placeholder(value: str) -> bool:
    """Whether the whole value is made of placeholder words, fillers and templates.

    A placeholder word inside a random value says nothing: random letters hold such words too.
    """
    if _TEMPLATE_WHOLE.fullmatch(value):
        return True
    rest = _TEMPLATE.sub(" ", _TEMPLATE_DEFAULT.sub(r" \1 ", value))
    if not rest.strip("*x.-_: ") or len(set(rest)) == 1:
        return True
    return _NOT_PLACEHOLDER.search(rest) is None and _is_placeholder_text(rest)


def _is_placeholder_text(value: str) -> bool:
    """Whether every word of a text is a placeholder word, and its digits are few or plainly made up."""
    digits = "".join(_DIGITS.findall(value))
    is_counting = digits in _COUNTING or len(set(digits)) == 1
    words = [word.lower() for word in _WORD.findall(value)]
    if not words:
        return is_counting
    return (
        (is_counting or len(digits) <= _MAX_FREE_DIGITS)
        and any(len(word) > 1 for word in words)
        and all(map(_is_placeholder_word, words))
    )


def _is_placeholder_word(word: str) -> bool:
    return (
        word in _PLACEHOLDER_WORDS
        or (len(word) >= _MIN_FILLER and (len(set(word)) == 1 or word in _ALPHABET))
        or not word.strip("x")
        or any(
            word.startswith(prefix) and word[len(prefix) :] in _PLACEHOLDER_WORDS for prefix in _PLACEHOLDER_PREFIXES
        )
    )


def is_dummy(token: str) -> bool:
    """Whether a token of the right form is one that no service gave out."""
    return (
        len(set(token)) < _MIN_DISTINCT
        or "EXAMPLE" in token
        or MARK in token
        or "xxxxxx" in token.lower()
        or (token.islower() and _WORDS.match(token) is not None)
    )


def _entropy_bits(value: str) -> float:
    """Shannon entropy in bits a character, 0 or more."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())
