"""Cookies that cannot be forged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

LIFETIME_S = 14 * 24 * 3600


def dump(data: dict[str, object], key: bytes) -> str:
    """Sign data for a cookie."""
    body = base64.urlsafe_b64encode(json.dumps({**data, "at": int(time.time())}).encode())
    return f"{body.decode()}.{_signature(body, key)}"


def load(cookie: str, key: bytes) -> dict[str, object]:
    """Read a cookie; one that was tampered with or is too old is empty."""
    body, _, signature = cookie.rpartition(".")
    if not hmac.compare_digest(signature, _signature(body.encode(), key)):
        return {}
    data: dict[str, object] = json.loads(base64.urlsafe_b64decode(body))
    return data if time.time() - float(str(data["at"])) < LIFETIME_S else {}


def _signature(body: bytes, key: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()
