# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The public keys that licences are verified with.

Several are valid at a time, so that the vendor can change keys without a day on which old licences fail: a new key is
added in one release, used from then on, and the old one taken out when the last licence signed with it is over. The
private keys are the vendor's and in no repository.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

PUBLIC_KEYS: Mapping[str, str] = {
    "89b10280bd6f": "OWjLws2F2_K1ZpM74uvx-lh6GTUhXWWqWXBIRweud-c",
    "9d3a54864106": "qEMkplH3l0P35Lf79YWCN7Wn9irqLEk3cIEQeXSGnB0",
}
"""By id: the 32 bytes of an Ed25519 key in base64url. Lines of `python -m conexus_ee.licensing keygen`."""

TEST_SEED = hashlib.sha256(b"The private key of Conexus test licences is published: anybody can make one.").digest()
"""The private test key. It signs licences that only ``license.mode = "test"`` takes, and that say what they are."""

_ID_CHARS = 12


def key_id(public: bytes) -> str:
    """Return the id of a public key, by which a licence names the one it is signed with."""
    return hashlib.sha256(public).hexdigest()[:_ID_CHARS]


def known_keys(*, test: bool) -> Mapping[str, bytes]:
    """Return the public keys that count, by id: the published test key alone, or all but that."""
    if test:
        public = published_key()
        return {key_id(public): public}
    return {name: base64.urlsafe_b64decode(text + "=") for name, text in PUBLIC_KEYS.items()}


def published_key() -> bytes:
    """Return the public half of the test key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 -- takes 20 ms

    return Ed25519PrivateKey.from_private_bytes(TEST_SEED).public_key().public_bytes_raw()
