# SPDX-License-Identifier: FSL-1.1-MIT
"""Paths of HTTP in one form: no host, no query, parameters as ``{}``."""

from __future__ import annotations

import re

_MAX_CHARS = 300
_HOST = re.compile(r"^(?:[a-zA-Z][\w+.-]*:)?//[^/?#]*")
_BASE = re.compile(r"^(?:\{\})+(?=/|$)")
_GROUP = re.compile(r"\((?:\?P?<\w+>|\?:)?(?:[^()\\]|\\.|\([^()]*\))*\)[?*+]?")
_BRACES = re.compile(r"\{[^{}]*\}")
_ANGLES = re.compile(r"<[^<>/]*>")
_COLON = re.compile(r"(?<=[/.-]):[A-Za-z_]\w*(?:\{\})?[?*+]?")
_STARS = re.compile(r"(?<=/)\*+\w*")
_CONVERSIONS = re.compile(r"%[-+ #0]?\d*(?:\.\d+)?[a-zA-Z]")
_SLASHES = re.compile(r"/{2,}")
_PLAIN = re.compile(r"[\w.~!$&'()*+,;=:@%/{}-]*")
_OPTIONAL_END = re.compile(r"\(\.:?\w+\)$")
PARAMETER = "{}"


def route_path(written: str, prefix: str = "") -> str | None:
    """Return the path of a route as it is served; ``None`` for what is no path.

    Args:
        written: As frameworks have it: with ``<int:id>``, ``{id}``, ``:id``, ``*`` or groups of an expression.
        prefix: What routes of the same place begin with, written alike.
    """
    joined = f"{prefix.rstrip('/')}/{written.lstrip('/')}" if prefix else written
    return _normalized(f"/{joined.lstrip('/')}")


def pattern_path(expression: str, prefix: str = "") -> str | None:
    """Return the path of a route that is given as a regular expression."""
    text = expression.removeprefix("^").removesuffix("$").removesuffix(r"\Z")
    return route_path(_GROUP.sub(PARAMETER, text).replace("\\", "").replace("?", ""), prefix)


def called_path(written: str) -> str | None:
    """Return the path of an address that is called; ``None`` for what is none.

    Args:
        written: An address or a path, with ``{}`` for what is computed. What is computed before the first slash is a
            host, or one with the beginning of a path.
    """
    bare = written.strip()
    if bare.startswith("{}") or _HOST.match(bare):
        bare = _HOST.sub("", bare)
        bare = _BASE.sub("", bare) or "/"
        if not bare.startswith("/"):
            bare = f"/{bare.partition('/')[2]}" if "/" in bare else ""
    return _normalized(bare) if bare.startswith("/") else None


def is_address(written: str) -> bool:
    """Whether a text with ``{}`` for what is computed is an address or a path, by its beginning."""
    return written.startswith(("/", "http://", "https://", "{}/")) and not written.startswith("//")


def with_parameters(text: str) -> str:
    """Return a text with ``%s`` and its kin as ``{}``."""
    return _CONVERSIONS.sub(PARAMETER, text)


def _normalized(path: str) -> str | None:
    if len(path) > _MAX_CHARS:
        return None
    path = _BRACES.sub(PARAMETER, _OPTIONAL_END.sub("", path))
    path = path.partition("?")[0] if "(?" not in path and "<" not in path else path
    path = _ANGLES.sub(PARAMETER, path).partition("#")[0]
    path = _COLON.sub(PARAMETER, _GROUP.sub(PARAMETER, path)).partition("?")[0]
    path = _SLASHES.sub("/", _STARS.sub(PARAMETER, path)).replace("{}{}", "{}")
    if not _PLAIN.fullmatch(path) or (path.strip("/{}") == "" and "{}" in path and path.count("{}") > 1):
        return None
    return path.rstrip("/") or "/"


__all__ = ["PARAMETER", "called_path", "is_address", "pattern_path", "route_path", "with_parameters"]
