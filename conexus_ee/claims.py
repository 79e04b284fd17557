# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What an identity provider or a gateway says of a caller: a second factor, the state of the device.

It comes as a signed token (a JSON Web Token) in a header of its own, beside the API key that says who it is. The token
is checked against public keys in a file, without a network. It is never written down, nor is any part of it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from conexus.errors import ConfigError, DaemonUnavailable, Unauthenticated
from conexus.types import Claims, Principal
from conexus.values import dataclass

if TYPE_CHECKING:
    from jwt import PyJWK

HEADER: Final = "X-Conexus-Claims"
_log = logging.getLogger("conexus.claims")
_MAX_CHARS: Final = 8_000
_MAX_FILE_BYTES: Final = 1_000_000
_MAX_KEYS: Final = 100
_MAX_TEXT: Final = 100
_LEEWAY_S: Final = 30.0  # between the clocks of two machines
_DAY_S: Final = 86_400.0
_MIN_RSA_BITS: Final = 2_048
_PARTS: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9-]{1,100}", re.ASCII)
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_ALGORITHMS: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("RSA", ""): _RSA,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
"""By kind of key and curve: none whose secret would be the public key."""
_TAKEN: Final = frozenset({"authorization", "connection", "content-length", "content-type", "cookie", "host", "origin"})
_KNOWN: Final = frozenset({"jwks", "issuer", "audience", "header", "user", "mfa_amr", "mfa_acr", "device", "max_age_s"})
_WHAT: Final = {"managed": bool, "compliant": bool, "encrypted": bool, "platform": str}


@dataclass(frozen=True, slots=True)
class ClaimOptions:
    """The table ``[edition.claims]`` of the settings."""

    jwks: str
    """A file with the public keys (RFC 7517)."""
    issuer: str
    audience: str
    header: str = HEADER.lower()
    """In lower case."""
    user: str = "sub"
    """The claim that names the user of the directory."""
    mfa_amr: frozenset[str] = frozenset({"mfa"})
    """Values of ``amr`` (RFC 8176), of which one says that there was a second factor."""
    mfa_acr: frozenset[str] = frozenset()
    """Values of ``acr`` that say so."""
    device: str = "device"
    """The claim that holds the state of the device."""
    max_age_s: float = 900.0
    """How long after it was issued a token counts, also where it says that it counts for longer."""


def claim_options(table: object) -> ClaimOptions:
    """Return what the table says.

    Raises:
        ConfigError: It makes no sense, or lacks what it needs.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("edition.claims must be a table")
    if unknown := sorted(str(name) for name in table.keys() - _KNOWN):
        raise ConfigError(f"unknown setting edition.claims.{unknown[0]}", hint=f"known are {', '.join(sorted(_KNOWN))}")
    given: dict[str, Any] = {str(name): value for name, value in table.items()}
    _require_texts(given)
    age = given.get("max_age_s", 1)
    if type(age) not in {int, float} or not 1 <= age <= _DAY_S:
        raise ConfigError("edition.claims.max_age_s must be a number of seconds, a day at most")
    for name in {"mfa_amr", "mfa_acr"} & given.keys():
        given[name] = frozenset(given[name])
    return ClaimOptions(**{**given, "header": _header(given.get("header", HEADER))})


def _require_texts(given: Mapping[str, Any]) -> None:
    for name in ("jwks", "issuer", "audience", "header", "user", "device"):
        value = given.get(name, "x")
        if not isinstance(value, str) or not value.isprintable() or value.strip() != value or not value:
            raise ConfigError(f"edition.claims.{name} must be a text")
    if missing := [name for name in ("jwks", "issuer", "audience") if name not in given]:
        raise ConfigError(f"edition.claims needs {missing[0]}", hint="without it anybody's token would do")
    if not given["jwks"].startswith(("/", "~/")):
        raise ConfigError("edition.claims.jwks must be the absolute path of a file")
    for name in ("mfa_amr", "mfa_acr"):
        values = given.get(name, [])
        if not isinstance(values, list | tuple) or not all(isinstance(one, str) and one for one in values):
            raise ConfigError(f"edition.claims.{name} must be a list of texts")


def _header(name: str) -> str:
    found = name.lower()
    if not _NAME.fullmatch(found) or found in _TAKEN or found.startswith("grpc-") or found.endswith("-bin"):
        raise ConfigError(f"edition.claims.header cannot be {name[:_MAX_TEXT]!r}", hint=f"as {HEADER}")
    return found


def signed_claims(table: object, now: Callable[[], float]) -> SignedClaims | None:
    """Return what reads tokens, ready to; ``None`` where the settings have no such table.

    Raises:
        ConfigError: The table or the file of keys makes no sense.
    """
    if table is None:
        return None
    found = SignedClaims(claim_options(table), now)
    found.load()
    return found


class SignedClaims:
    """Reads tokens. Threads may share it.

    Args:
        options: What tokens have to be.
        now: Seconds since the epoch.
    """

    def __init__(self, options: ClaimOptions, now: Callable[[], float]) -> None:
        self._options = options
        self._now = now
        self._mutex = threading.Lock()
        self._path = Path(options.jwks).expanduser()
        self._keys: tuple[object, Mapping[str, tuple[PyJWK, frozenset[str]]]] = (None, {})

    def load(self) -> None:
        """Read the keys.

        Raises:
            ConfigError: The file cannot be read, or is none of public keys.
        """
        self._current()

    def vouched(self, who: Principal, metadata: Mapping[str, str]) -> Principal:
        """Return a caller with what a token among the headers says of them; as they are where there is none.

        Raises:
            Unauthenticated: The token is not valid, or is of somebody else.
            DaemonUnavailable: The keys cannot be read any more.
        """
        token = metadata.get(self._options.header)
        if token is None:
            return who
        if not who.user:
            raise _refusal("belongs to an API key that is no user's")
        try:
            keys = self._current()
        except ConfigError as exc:
            _log.error("%s", exc.message)
            raise DaemonUnavailable(
                "the keys that claims are checked with cannot be read", hint="the daemon's log says why"
            ) from exc
        payload = self._verified(token, keys)
        until = self._until(payload)
        if payload.get(self._options.user) != who.user:
            raise _refusal("is not of the user whose API key came with it")
        return replace(who, claims=self._claims(payload), claims_until=until)

    def _verified(self, token: str, keys: Mapping[str, tuple[PyJWK, frozenset[str]]]) -> dict[str, Any]:
        import jwt  # noqa: PLC0415 -- most have no tokens

        if len(token) > _MAX_CHARS:
            raise _refusal(f"has more than {_MAX_CHARS:,} characters")
        if not _PARTS.fullmatch(token):
            raise _refusal("is no signed token, or comes twice")
        try:
            header = jwt.get_unverified_header(token)
            kid, algorithm = header.get("kid"), header.get("alg")
            key, algorithms = keys.get(kid, (None, frozenset())) if isinstance(kid, str) else (None, frozenset[str]())
            if key is None or algorithm not in algorithms or "crit" in header:
                raise _refusal("is not signed with a key that counts here")
            # When it counts is looked at below, by one clock.
            required = ["exp", "iat", "iss", "aud", self._options.user]
            found: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[str(algorithm)],
                audience=self._options.audience,
                issuer=self._options.issuer,
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": required},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as exc:
            raise _refusal("is not valid here: not as it was signed, or for another issuer or audience") from exc
        return found

    def _until(self, payload: Mapping[str, object]) -> float:
        """Return until when a token counts.

        Raises:
            Unauthenticated: It counts no more, or not yet.
        """
        issued_at, expires_at = _time(payload["iat"]), _time(payload["exp"])
        not_before = _time(payload.get("nbf", issued_at))
        now = self._now()
        if max(issued_at, not_before) > now + _LEEWAY_S:
            raise _refusal("is not valid yet")
        until = min(expires_at, issued_at + self._options.max_age_s)
        if now >= until:
            raise _refusal("is over")
        return until

    def _claims(self, payload: Mapping[str, object]) -> Claims:
        amr, acr, device = payload.get("amr"), payload.get("acr"), payload.get(self._options.device)
        if amr is not None and not (isinstance(amr, list) and all(isinstance(one, str) for one in amr)):
            raise _refusal("has a claim amr that is no list of texts")
        if acr is not None and not isinstance(acr, str):
            raise _refusal("has a claim acr that is no text")
        mfa = None
        if amr is not None or acr is not None:
            mfa = bool(self._options.mfa_amr.intersection(amr or ())) or acr in self._options.mfa_acr
        if device is None:
            return Claims(mfa)
        if not isinstance(device, dict):
            raise _refusal("has a claim about the device that is no object")
        found = {name: device[name] for name in _WHAT if device.get(name) is not None}
        if any(type(value) is not _WHAT[name] for name, value in found.items()):
            raise _refusal("has a claim about the device of the wrong type")
        platform = found.get("platform", "")
        if len(platform) > _MAX_TEXT or not platform.isprintable():
            raise _refusal("has a claim about the device of the wrong type")
        return Claims(mfa, **found)

    # ------------------------------------------------------------------------ keys

    def _current(self) -> Mapping[str, tuple[PyJWK, frozenset[str]]]:
        """Return the keys by their ids, as the file has them now.

        Raises:
            ConfigError: It cannot be read, or is none of public keys.
        """
        try:
            flags = os.O_RDONLY | os.O_NONBLOCK
            with self._mutex, os.fdopen(os.open(self._path, flags), "rb") as file:
                state = os.fstat(file.fileno())
                if not stat.S_ISREG(state.st_mode) or state.st_mode & stat.S_IWOTH:
                    where = self._options.jwks
                    raise ConfigError(f"edition.claims.jwks: {where} is no file, or everybody can write to it")
                mark = (state.st_mtime_ns, state.st_size, state.st_ino)
                if self._keys[0] != mark:
                    self._keys = mark, _keys_of(file.read(_MAX_FILE_BYTES + 1), self._options.jwks)
                return self._keys[1]
        except OSError as exc:
            raise ConfigError(f"edition.claims.jwks: {self._options.jwks} cannot be read: {exc.strerror}") from exc


def _keys_of(data: bytes, where: str) -> dict[str, tuple[PyJWK, frozenset[str]]]:
    """Return the keys for signatures of a file. Others, as for encryption, are passed over."""
    wrong = f"edition.claims.jwks: {where}"
    try:
        entries = json.loads(data if len(data) <= _MAX_FILE_BYTES else b"")["keys"]
        found: dict[str, tuple[PyJWK, frozenset[str]]] = {}
        for entry in entries[:_MAX_KEYS]:
            if entry.get("kty") == "oct" or "d" in entry:
                raise ConfigError(f"{wrong} has a secret key", hint="put the public keys there alone")
            made = _key_of(entry)
            if made is None:
                continue
            if entry["kid"] in found:
                raise ConfigError(f"{wrong} has two keys with the id {entry['kid'][:_MAX_TEXT]!r}")
            found[entry["kid"]] = made
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise ConfigError(f"{wrong} is no set of public keys", hint='{"keys": [...]} as in RFC 7517') from exc
    if not found:
        raise ConfigError(f"{wrong} has no key with an id for signatures that Conexus knows")
    return found


def _key_of(entry: Mapping[str, Any]) -> tuple[PyJWK, frozenset[str]] | None:
    """Return a key and the algorithms that it is for; ``None`` where it is for something else."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415 -- as above
    from jwt import PyJWK, PyJWTError  # noqa: PLC0415

    kid, named = entry.get("kid"), entry.get("alg")
    algorithms = _ALGORITHMS.get((str(entry.get("kty")), str(entry.get("crv", ""))), frozenset())
    if named is not None:
        algorithms &= {str(named)}
    is_for_signatures = entry.get("use", "sig") == "sig" and "verify" in entry.get("key_ops", ["verify"])
    if not algorithms or not is_for_signatures or not isinstance(kid, str) or not kid:
        return None
    try:
        key = PyJWK.from_dict(dict(entry), algorithm=min(algorithms))
    except PyJWTError as exc:
        raise ValueError("it is no key") from exc
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _MIN_RSA_BITS:
        return None
    return key, algorithms


def _time(value: object) -> float:
    if type(value) not in {int, float} or not isinstance(value, int | float) or not abs(value) < 1e15:  # noqa: PLR2004 -- a float's
        raise _refusal("has a time that is none")
    return float(value)


def _refusal(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"the token with claims {why}", hint="have the identity provider or the gateway make a new one"
    )


__all__ = ["HEADER", "ClaimOptions", "SignedClaims", "claim_options", "signed_claims"]
