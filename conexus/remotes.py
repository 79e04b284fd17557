# SPDX-License-Identifier: FSL-1.1-MIT
"""Addresses of git repositories, in one form. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_DEFAULT_PORTS = {
    "ssh": 22,
    "git+ssh": 22,
    "ssh+git": 22,
    "git": 9418,
    "http": 80,
    "https": 443,
    "ftp": 21,
    "ftps": 990,
}
_HOST = re.compile(r"\[[0-9a-f:.%]+\]|\w[\w.-]*")
_PATH = re.compile(r"[^\x00-\x20\x7f-\xa0\\?#\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_SCP = re.compile(r"(?:[^:@/]+@|[^/]*@)?(\[[0-9a-f:.]+\]|[^:/@\[\]]{2,}):(?!:)(.+)", re.IGNORECASE)
_MAX_ID_CHARS = 400


def normalize_remote(url: str) -> str | None:
    """Return ``host/org/repo`` of a remote's address.

    The host is in lower case; scheme, credentials, default port and ``.git`` are dropped.

    Returns:
        ``None`` for a local path and for what cannot be understood.
    """
    url = url.strip()
    scheme = _SCHEME.match(url)
    host_and_path = _from_url(url, scheme[1].lower()) if scheme else _from_scp(url)
    if host_and_path is None:
        return None
    host, path = host_and_path
    parts = [part for part in path.split("/") if part]
    if parts:
        parts[-1] = parts[-1].removesuffix(".git") or parts[-1]
    name = "/".join(parts)
    bare_host = host.partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    usable = (
        _HOST.fullmatch(bare_host + "]" * host.startswith("["))
        and _PATH.fullmatch(name)
        and "@" not in name  # a mistyped address may hold credentials there
        and not {".", "..", ".git"} & set(parts)
        and len(host) + len(name) < _MAX_ID_CHARS
    )
    return f"{host}/{name}" if usable else None


def _from_url(url: str, scheme: str) -> tuple[str, str] | None:
    if scheme not in _DEFAULT_PORTS:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    host = host.rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        host = f"{host}:{port}"
    return host, parts.path


def _from_scp(url: str) -> tuple[str, str] | None:
    """Split ``git@host:org/repo.git``; a one-letter host is a Windows drive."""
    if url[:1] in ("/", ".", "~", "\\"):
        return None
    match = _SCP.fullmatch(url)
    if match is None:
        return None
    return match[1].lower().rstrip("."), match[2]


__all__ = ["normalize_remote"]
