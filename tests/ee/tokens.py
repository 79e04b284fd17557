# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Makes tokens with claims, as identity providers and gateways do, and the files of their keys."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://idp.example.org", "conexus"
KEYS: Mapping[str, tuple[str, Any]] = {
    "rsa": ("RS256", rsa.generate_private_key(65537, 2048)),
    "p256": ("ES256", ec.generate_private_key(ec.SECP256R1())),
    "p384": ("ES384", ec.generate_private_key(ec.SECP384R1())),
    "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
}
"""Algorithm and private key by id."""


def jwk_of(kid: str, **more: object) -> dict[str, object]:
    """The public half of a key, as a file of keys has it."""
    algorithm, key = KEYS[kid]
    maker: Any = {"R": RSAAlgorithm, "E": ECAlgorithm if algorithm != "EdDSA" else OKPAlgorithm}[algorithm[0]]
    return {**json.loads(maker.to_jwk(key.public_key())), "kid": kid, **more}


def write_keys(path: Path, *kids: str) -> Path:
    """Write a file of keys: all, or some."""
    path.write_text(json.dumps({"keys": [jwk_of(kid) for kid in kids or KEYS]}))
    path.chmod(0o644)
    return path


def payload(user: str = "ann", **changed: object) -> dict[str, object]:
    """What a token says: a user with a second factor on a managed device, for some minutes."""
    now = int(time.time())
    usual: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user,
        "iat": now,
        "exp": now + 300,
        "amr": ["pwd", "mfa"],
        "device": {"managed": True, "compliant": False, "platform": "linux"},
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def token(user: str = "ann", kid: str = "p256", headers: Mapping[str, object] | None = None, **changed: object) -> str:
    """A signed token; a claim that is ``None`` is left out."""
    algorithm, key = KEYS[kid]
    data = json.dumps(payload(user, **changed)).encode()  # signed as it is, also where PyJWT would not write it
    return jwt.PyJWS().encode(data, key, algorithm, headers={"kid": kid, **(headers or {})})
