# SPDX-License-Identifier: FSL-1.1-MIT
"""API keys: how a secret looks, what is kept of it, and what may be said of a key.

A secret is ``cnx_``, 32 random bytes and a checksum, in letters that need no quoting in a header or a shell.
The prefix lets scanners of secrets find one that was committed, and the checksum lets the daemon refuse what
was cut short or is no key at all without asking its store.

Only the SHA-256 of a secret is kept. A slow hash such as Argon2 makes up for passwords that can be guessed;
256 random bits cannot, however fast the hash, and a fast one cannot be used to keep the daemon busy.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import zlib
from collections.abc import Sequence

from conexus.daemon.spans import day_end, day_of, span_s, wrong_time
from conexus.errors import InvalidRequest

PREFIX = "cnx_"
_RANDOM_BYTES = 32
_BODY_CHARS = 43
_CHECKSUM_CHARS = 6
SECRET_CHARS = len(PREFIX) + _BODY_CHARS + _CHECKSUM_CHARS
"""Length of every secret."""
_SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{{_BODY_CHARS + _CHECKSUM_CHARS}}}", re.ASCII)
_ID_BYTES = 6
_MAX_NAME_CHARS = 100
_MAX_PATTERNS = 100
_MAX_PATTERN_CHARS = 300
_EXPIRY_EXAMPLES = "30d, 12h, 2027-01-31 or never, in the future"


def new_id() -> str:
    """Return an id, of a key or a webhook, that says nothing of a secret."""
    return secrets.token_hex(_ID_BYTES)


def new_secret() -> str:
    """Return a secret that nobody has yet."""
    body = PREFIX + _letters(secrets.token_bytes(_RANDOM_BYTES))
    return body + _checksum(body)


def looks_like_key(text: str) -> bool:
    """Whether a text has the form and the checksum of a secret; whether it is one, only the store knows."""
    if not _SECRET.fullmatch(text):
        return False
    return _checksum(text[:-_CHECKSUM_CHARS]) == text[-_CHECKSUM_CHARS:]


def hash_secret(secret: str) -> str:
    """Return what is kept of a secret: its SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def parse_expiry(text: str, now: float) -> float | None:
    """Return when a key ends, in seconds since the epoch, or ``None`` for never.

    Args:
        text: A span from now, as ``30d`` or ``12h``, the last day on which it is valid here, as ``2027-01-31``, or
            ``never``.
        now: Seconds since the epoch.

    Raises:
        InvalidRequest: It is none of these, or is over already.
    """
    if text == "never":
        return None
    day = day_of(text)
    if day is None and text[:1].isdigit() and "-" not in text:
        return now + span_s(text, "expires")
    try:
        end = day_end(day) if day is not None else now
    except OverflowError as exc:
        raise wrong_time(text, "expires", _EXPIRY_EXAMPLES) from exc
    if end <= now:
        raise wrong_time(text, "expires", _EXPIRY_EXAMPLES)
    return end


def checked_name(name: str) -> str:
    """Return a name without the spaces around it.

    Raises:
        InvalidRequest: It is empty, too long, or has characters that cannot be shown.
    """
    found = name.strip()
    if not found or len(found) > _MAX_NAME_CHARS or not found.isprintable():
        raise InvalidRequest(
            f"a name has 1 to {_MAX_NAME_CHARS} printable characters, which {found[:_MAX_NAME_CHARS]!r} has not",
            details={"argument": "name"},
        )
    return found


def check_patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return patterns of repository ids, each once.

    ``*`` stands for any characters, slashes too, ``?`` for one, and ``[abc]`` for one of some.

    Raises:
        InvalidRequest: There is none or there are too many, or one could not fit any id.
    """
    found = tuple(dict.fromkeys(patterns))
    if not found or len(found) > _MAX_PATTERNS:
        raise InvalidRequest(
            f"a key has 1 to {_MAX_PATTERNS} patterns, or none at all for every repository",
            details={"argument": "repos"},
        )
    for pattern in found:
        _require_pattern(pattern)
    return found


def _require_pattern(pattern: str) -> None:
    hint = "write it as an id of `conexus repos list --json`, as github.com/acme/* or local/notes-*"
    if "://" in pattern:
        why = "is an address"
    elif not pattern or not pattern.isprintable() or pattern != pattern.strip():
        why = "is empty, begins or ends with a space, or has characters that cannot be shown"
    elif len(pattern) > _MAX_PATTERN_CHARS:
        why = f"has more than {_MAX_PATTERN_CHARS} characters"
    elif pattern.startswith(("/", "~", "./")):
        why = "is a folder"
    else:
        return
    raise InvalidRequest(
        f"the pattern {pattern[:_MAX_PATTERN_CHARS]!r} {why}: it fits no repository",
        hint=hint,
        details={"argument": "repos"},
    )


def _checksum(body: str) -> str:
    return _letters(zlib.crc32(body.encode("ascii")).to_bytes(4, "big"))


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
