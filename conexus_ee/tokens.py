# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Reads signed licences: JSON Web Tokens with one algorithm, EdDSA over Ed25519, and nothing that can be chosen.

One licence has one form. What differs from it in a bit is refused, also where a lenient reader would see the same:
another base64 of the same bytes, another order of keys is another signature, a header with more than three names.
``tests/ee/test_licence_tokens.py`` asks PyJWT for a second opinion.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping

from conexus.errors import EditionError

MAX_CHARS = 8_000
"""A licence has a few hundred; whatever is longer is not looked at."""
ALGORITHM = "EdDSA"
_PARTS = 3
_PART = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_HEADER = {"alg", "typ", "kid"}
_SIGNATURE_BYTES = 64


def encoded(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def signing_input(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """Return what is signed of a token."""
    return ".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))


def verified(token: str, keys: Mapping[str, bytes]) -> tuple[str, dict[str, object]]:
    """Return the key id and the claims of a token that one of the keys has signed.

    Args:
        token: The token, with nothing around it.
        keys: Ed25519 public keys by id.

    Raises:
        EditionError: It is malformed, signed with another key, or was changed. ``details["reason"]`` says which.
    """
    if len(token) > MAX_CHARS:
        raise refusal("malformed", f"it has more than {MAX_CHARS:,} characters")
    parts = token.split(".")
    if len(parts) != _PARTS or not all(_PART.fullmatch(part) for part in parts):
        raise refusal("malformed", "it is no JSON Web Token of three parts")
    header_bytes, claims_bytes, signature = (_decoded(part) for part in parts)
    header = _object(header_bytes)
    kid = header.get("kid")
    if set(header) != _HEADER or header["alg"] != ALGORITHM or header["typ"] != "JWT" or not isinstance(kid, str):
        raise refusal("malformed", f"its header must name {ALGORITHM}, JWT and a key, and nothing else")
    public = keys.get(kid)
    if public is None:
        raise refusal("foreign", f"it is signed with the key {kid[:40]!r}, which does not count here")
    if len(signature) != _SIGNATURE_BYTES or not _fits(public, signature, f"{parts[0]}.{parts[1]}".encode("ascii")):
        raise refusal("tampered", "its signature does not fit: it was changed, or cut, after it was signed")
    return kid, _object(claims_bytes)


def unverified(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return header and claims of what may be anything, to be shown.

    Raises:
        EditionError: It has not even the form of a token.
    """
    parts = token.split(".")
    if len(token) > MAX_CHARS or len(parts) != _PARTS:
        raise refusal("malformed", "it is no JSON Web Token of three parts")
    return _object(_decoded(parts[0])), _object(_decoded(parts[1]))


def refusal(
    reason: str, why: str, *, hint: str = "ask who sold it to you for the licence as it was issued"
) -> EditionError:
    """Return the error for a licence that is not taken."""
    return EditionError(f"the licence is not valid ({reason}): {why}", hint=hint, details={"reason": reason})


def _fits(public: bytes, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- takes 20 ms, and most have no licence
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _decoded(part: str) -> bytes:
    try:
        found = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as exc:
        raise refusal("malformed", "a part of it is no base64url") from exc
    if encoded(found) != part:  # the last character of base64 has bits that mean nothing
        raise refusal("malformed", "a part of it is not written as it would be issued")
    return found


def _object(data: bytes) -> dict[str, object]:
    try:
        found = json.loads(data, object_pairs_hook=_once, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        raise refusal("malformed", "a part of it is no JSON as it would be issued") from exc
    if not isinstance(found, dict):
        raise refusal("malformed", "a part of it is no JSON object")
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _refuse(text: str) -> object:
    raise ValueError(f"{text} is no whole number")
