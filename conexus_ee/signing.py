# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The key of an audit log: it signs heads, and hashes questions where these are not kept."""

from __future__ import annotations

import contextlib
import hmac
import os
import stat
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from conexus.errors import DaemonUnavailable

_MAX_BYTES = 10_000
_OTHERS = 0o077


class Signer:
    """Signs with a key of its own.

    Args:
        key: The private key.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        secret = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        self._hashing = hmac.digest(secret, b"conexus audit: hashes of questions", sha256)

    @classmethod
    def at(cls, path: Path) -> Signer:
        """Return the signer whose key is in a file, which is made where there is none, for its owner alone.

        Raises:
            DaemonUnavailable: It cannot be read or made, is no key, or others can read it.
        """
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            if not path.exists():
                with contextlib.suppress(FileNotFoundError):
                    part.unlink()
                with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                    file.write(pem)
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):  # another process was first
                    os.link(part, path)
                part.unlink()
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                state = os.fstat(file.fileno())
                if not stat.S_ISREG(state.st_mode) or state.st_mode & _OTHERS:
                    raise DaemonUnavailable(f"others can read the key {path}", hint=f"chmod 600 {path}")
                found = load_pem_private_key(file.read(_MAX_BYTES), None)
        except OSError as exc:
            raise DaemonUnavailable(f"the key of the audit log cannot be used: {path}: {exc.strerror}") from exc
        except ValueError as exc:
            raise DaemonUnavailable(f"{path} is no key of an audit log") from exc
        if not isinstance(found, Ed25519PrivateKey):
            raise DaemonUnavailable(f"{path} is no key of an audit log")
        return cls(found)

    @classmethod
    def passing(cls) -> Signer:
        """Return a signer with a key that nothing keeps."""
        return cls(Ed25519PrivateKey.generate())

    def sign(self, data: bytes) -> bytes:
        """Return the signature of data."""
        return self._key.sign(data)

    def hashed(self, text: str) -> str:
        """Return a keyed hash of a text: the same for the same text, and of no use without the key."""
        return "hmac:" + hmac.new(self._hashing, text.encode("utf-8", "surrogatepass"), sha256).hexdigest()

    @property
    def public(self) -> Ed25519PublicKey:
        """The public half."""
        return self._key.public_key()

    @property
    def public_pem(self) -> str:
        """The public half, for whoever checks the log elsewhere."""
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def is_signed(public: Ed25519PublicKey, signature: str, data: bytes) -> bool:
    """Whether a signature, in hex, is one of data by the owner of a key."""
    try:
        public.verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


__all__ = ["Signer", "is_signed"]
