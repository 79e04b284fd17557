# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Tokens with claims: what is taken from a sound one, and that no other one is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm
from licences import Clock
from tokens import AUDIENCE, ISSUER, KEYS, jwk_of, payload, token, write_keys

from conexus.errors import ConexusError, ConfigError, DaemonUnavailable, Unauthenticated
from conexus.types import Claims, Principal
from conexus_ee.claims import HEADER, SignedClaims, claim_options, signed_claims

ANN = Principal("user:ann", user="ann", key="k1")


def table(path: Path, **more: object) -> dict[str, object]:
    """Settings that name a file of keys."""
    return {"jwks": str(path), "issuer": ISSUER, "audience": AUDIENCE, **more}


@pytest.fixture
def reader(tmp_path: Path) -> SignedClaims:
    """What reads tokens by the usual settings."""
    return made(tmp_path)


def made(folder: Path, clock: Callable[[], float] = time.time, **more: object) -> SignedClaims:
    """What reads tokens by other settings."""
    found = signed_claims(table(write_keys(folder / "jwks.json"), **more), clock)
    assert found is not None
    return found


def read(reader: SignedClaims, text: str, who: Principal = ANN) -> Principal:
    """The caller with a token."""
    return reader.vouched(who, {HEADER.lower(): text})


# ------------------------------------------------------------------------------ what is taken


@pytest.mark.parametrize("kid", KEYS)
def test_a_sound_token_says_what_it_says(reader: SignedClaims, kid: str) -> None:
    """By each kind of key, until it is over."""
    found = read(reader, token(kid=kid))
    assert found.claims == Claims(mfa=True, managed=True, compliant=False, platform="linux")
    assert 250 < found.claims_until - time.time() <= 300
    assert (found.user, found.key, found.permissions) == (ANN.user, ANN.key, ANN.permissions)
    assert found.claims.told() == (
        "mfa=true", "device.managed=true", "device.compliant=false", "device.platform=linux",
    )  # fmt: skip


def test_without_a_token_nothing_is_said(reader: SignedClaims) -> None:
    """The caller stays as they are."""
    assert reader.vouched(ANN, {}) == ANN
    assert signed_claims(None, time.time) is None


@pytest.mark.parametrize(
    ("changed", "settings", "mfa"),
    [
        ({}, {}, True),
        ({"amr": ["pwd"]}, {}, False),
        ({"amr": []}, {}, False),
        ({"amr": None}, {}, None),
        ({"amr": ["pwd", "otp"]}, {"mfa_amr": ["otp", "hwk"]}, True),
        ({"amr": ["pwd", "mfa"]}, {"mfa_amr": ["otp", "hwk"]}, False),
        ({"amr": None, "acr": "gold"}, {}, False),
        ({"amr": None, "acr": "gold"}, {"mfa_acr": ["gold"]}, True),
        ({"amr": ["pwd"], "acr": "gold"}, {"mfa_acr": ["gold"]}, True),
        ({"amr": ["pwd"], "acr": None}, {"mfa_acr": ["gold"], "mfa_amr": []}, False),
    ],
)
def test_a_second_factor_is_what_the_settings_say(
    tmp_path: Path, changed: dict[str, Any], settings: dict[str, object], mfa: bool | None
) -> None:
    """By values of amr and acr; where a token has neither it says nothing."""
    assert read(made(tmp_path, **settings), token(**changed)).claims.mfa is mfa


def test_names_are_of_the_settings(tmp_path: Path) -> None:
    """Of the header, of the claim that names the user, and of that about the device."""
    reader = made(tmp_path, header="Cf-Access-Jwt-Assertion", user="email", device="posture")
    text = token(sub="12", email="ann", posture={"encrypted": True, "patched": "yes", "managed": None}, device=5)
    assert read(reader, "nothing") == ANN
    found = reader.vouched(ANN, {"cf-access-jwt-assertion": text})
    assert found.claims == Claims(mfa=True, encrypted=True)


def test_keys_are_changed_while_it_runs(tmp_path: Path) -> None:
    """A key that is taken out counts no more with the next request; a file that is broken lets nobody in."""
    reader = made(tmp_path)
    assert read(reader, token(kid="rsa")).claims.mfa
    write_keys(tmp_path / "jwks.json", "p256")
    with pytest.raises(Unauthenticated):
        read(reader, token(kid="rsa"))
    assert read(reader, token(kid="p256")).claims.mfa
    (tmp_path / "jwks.json").write_text('{"keys": [')
    for _ in range(2):
        with pytest.raises(DaemonUnavailable) as caught:
            read(reader, token(kid="p256"))
        assert str(tmp_path) not in caught.value.message
    (tmp_path / "jwks.json").unlink()
    with pytest.raises(DaemonUnavailable):
        read(reader, token(kid="p256"))
    write_keys(tmp_path / "jwks.json")
    assert read(reader, token(kid="rsa")).claims.mfa


# ------------------------------------------------------------------------------ what is not


def encoded(data: object) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def forged(secret: bytes, algorithm: str = "HS256", kid: str = "rsa") -> str:
    """A token with a hash in place of a signature, made with what everybody knows."""
    signed = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': kid})}.{encoded(payload())}"
    digest = hmac.new(secret, signed.encode(), getattr(hashlib, f"sha{algorithm[2:]}")).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def public_forms() -> list[bytes]:
    """A public key in all the forms in which a careless reader might take it for a secret."""
    public = KEYS["rsa"][1].public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk_of("rsa")).encode(),
        str(jwk_of("rsa")["n"]).encode(),
        b"",
    ]
    return [*forms, *(form.strip() for form in forms)]


def with_header(text: str, **header: object) -> str:
    """A token with another header before the same signature."""
    return ".".join([encoded(header), *text.split(".")[1:]])


def by_another(kid: str = "p256") -> str:
    """A token by a key of somebody else, under an id that counts."""
    return jwt.encode(payload(), rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": kid})


def by_its_own_key() -> str:
    """A token that brings the key that it is to be checked with."""
    own = rsa.generate_private_key(65537, 2048)
    key = json.loads(RSAAlgorithm.to_jwk(own.public_key()))
    headers = {"kid": "own", "jwk": {**key, "kid": "own"}, "jku": "https://evil.example.org/jwks.json"}
    return jwt.encode(payload(), own, "RS256", headers=headers)


NOW = time.time()
BAD: dict[str, Callable[[], str]] = {
    "empty": str,
    "no token": lambda: "hello",
    "two of them": lambda: f"{token()}, {token()}",
    "with a scheme": lambda: f"Bearer {token()}",
    "with a blank": lambda: f" {token()}",
    "with a line": lambda: f"{token()}\n",
    "padded": lambda: f"{token()}==",
    "four parts": lambda: f"{token()}.x",
    "no signature": lambda: f"{token().rpartition('.')[0]}.",
    "too large": lambda: token(more="x" * 9000),
    "no algorithm": lambda: f"{encoded({'alg': 'none', 'kid': 'p256'})}.{encoded(payload())}.",
    "no algorithm, signed": lambda: with_header(token(), alg="none", kid="p256"),
    "no algorithm, in capitals": lambda: with_header(token(), alg="nOnE", kid="p256"),
    "an algorithm of another kind": lambda: with_header(token(), alg="RS256", kid="p256"),
    "an algorithm that is a list": lambda: with_header(token(), alg=["ES256"], kid="p256"),
    "another curve": lambda: with_header(token(), alg="ES384", kid="p256"),
    "no key id": lambda: with_header(token(), alg="ES256"),
    "a key id that is a number": lambda: with_header(token(), alg="ES256", kid=1),
    "a key id that is a list": lambda: with_header(token(), alg="ES256", kid=["p256"]),
    "an unknown key": lambda: token(headers={"kid": "nobody"}),
    "the id of another key": lambda: token(headers={"kid": "p384"}),
    "a key of somebody else": by_another,
    "a key of its own": by_its_own_key,
    "what is critical": lambda: token(headers={"crit": ["exp"]}),
    "not encoded": lambda: token(headers={"b64": False, "crit": ["b64"]}),
    "over": lambda: token(iat=NOW - 600, exp=NOW - 1),
    "over by age": lambda: token(iat=NOW - 901, exp=NOW + 5000),
    "from the future": lambda: token(iat=NOW + 3600, exp=NOW + 7200),
    "not yet": lambda: token(nbf=NOW + 3600),
    "without an end": lambda: token(exp=None),
    "without a beginning": lambda: token(iat=None),
    "an end that is a text": lambda: token(exp=str(NOW + 100)),
    "an end that is true": lambda: token(exp=True),
    "an end without end": lambda: token(exp=float("inf")),
    "an end that is no number": lambda: token(exp=float("nan")),
    "a beginning that is none": lambda: token(iat=float("-inf")),
    "a great beginning": lambda: token(iat=10**400, exp=10**401),
    "another issuer": lambda: token(iss="https://idp.example.com"),
    "an issuer more": lambda: token(iss=[ISSUER, "x"]),
    "no issuer": lambda: token(iss=None),
    "another audience": lambda: token(aud="conexus-test"),
    "other audiences": lambda: token(aud=["a", "b"]),
    "no audience": lambda: token(aud=None),
    "somebody else": lambda: token("bob"),
    "somebody in capitals": lambda: token("Ann"),
    "nobody": lambda: token(sub=None),
    "a list of users": lambda: token(sub=["ann"]),
    "a null in the name": lambda: token("ann\0"),
    "amr as a text": lambda: token(amr="mfa"),
    "amr of numbers": lambda: token(amr=[1]),
    "amr as an object": lambda: token(amr={"mfa": True}),
    "acr as a list": lambda: token(acr=["gold"]),
    "a device as a text": lambda: token(device="managed"),
    "a device as a list": lambda: token(device=["managed"]),
    "managed as a text": lambda: token(device={"managed": "false"}),
    "managed as a number": lambda: token(device={"managed": 1}),
    "a platform that is true": lambda: token(device={"platform": True}),
    "a long platform": lambda: token(device={"platform": "x" * 101}),
    "a platform with a line": lambda: token(device={"platform": "x\ny"}),
    **{f"a hash by form {n}": lambda form=form: forged(form) for n, form in enumerate(public_forms())},
    "a longer hash": lambda: forged(public_forms()[0], "HS512"),
    "a hash for another key": lambda: forged(public_forms()[0], "HS256", "p256"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_sound_is_refused(reader: SignedClaims, what: str) -> None:
    """With an error that has nothing of the token in it."""
    text = BAD[what]()
    with pytest.raises(Unauthenticated) as caught:
        read(reader, text)
    told = f"{caught.value.message} {caught.value.hint} {caught.value.details}"
    assert all(part not in told for part in text.split(".") if len(part) > 10)


def test_a_key_that_is_nobodys_has_no_claims(reader: SignedClaims) -> None:
    """Nor has a caller who is none of the directory."""
    for who in (Principal("key:ci", key="k2"), Principal("ann"), Principal("user:ann")):
        with pytest.raises(Unauthenticated):
            read(reader, token(), who)


def test_a_token_is_over_when_it_is_over(tmp_path: Path) -> None:
    """To the second, by its own end and by the settings; a clock that is a little behind does no harm."""
    clock = Clock()
    reader = made(tmp_path, clock, max_age_s=60)
    short, long = token(exp=int(clock.at) + 30), token(exp=int(clock.at) + 9000)
    begun = int(clock.at)
    for after, sound in ((0, True), (29, True), (30, False), (60, False)):
        clock.at = begun + after
        assert is_taken(reader, short) is sound, after
    for after, sound in ((-29, True), (-31, False), (59, True), (60, False)):
        clock.at = begun + after
        assert is_taken(reader, long) is sound, after


def is_taken(reader: SignedClaims, text: str) -> bool:
    """Whether a token is."""
    try:
        read(reader, text)
    except Unauthenticated:
        return False
    return True


def test_ten_thousand_changed_tokens(reader: SignedClaims) -> None:
    """A bit, a byte, a cut, a part of another: none is taken but what decodes to the same bytes."""
    chance = random.Random(int(os.environ.get("CONEXUS_SEED", "1")))  # noqa: S311 -- no secret
    tokens = [token(kid=kid) for kid in KEYS]
    others = [token("bob", kid=kid, amr=["mfa"]) for kid in KEYS]
    for number in range(10_000):
        text = chance.choice(tokens)
        place, kind = chance.randrange(len(text)), number % 4
        if kind == 0:
            changed = text[:place] + chr(ord(text[place]) ^ (1 << chance.randrange(7))) + text[place + 1 :]
        elif kind == 1:
            changed = text[:place] + text[place + chance.randrange(1, 5) :]
        elif kind == 2:
            changed = text[:place] + chance.choice("AZaz09-_.") + text[place:]
        else:
            mine, theirs = text.split("."), chance.choice(others).split(".")
            mine[chance.randrange(3)] = theirs[chance.randrange(3)]
            changed = ".".join(mine)
        if is_taken(reader, changed):
            assert parts_of(changed) == parts_of(text), changed


def parts_of(text: str) -> list[bytes]:
    """What the parts of a token stand for: the last character of base64 has bits that mean nothing."""
    return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split(".")]


# ------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"jwks": None}, "needs jwks"),
        ({"issuer": None}, "needs issuer"),
        ({"audience": None}, "needs audience"),
        ({"issuer": ""}, "issuer"),
        ({"audience": 3}, "audience"),
        ({"jwks": "keys.json"}, "absolute"),
        ({"header": "Authorization"}, "header"),
        ({"header": "x y"}, "header"),
        ({"header": "grpc-x"}, "header"),
        ({"header": "x-bin"}, "header"),
        ({"mfa_amr": "mfa"}, "mfa_amr"),
        ({"mfa_acr": [1]}, "mfa_acr"),
        ({"max_age_s": 0}, "max_age_s"),
        ({"max_age_s": True}, "max_age_s"),
        ({"max_age_s": 1e9}, "max_age_s"),
        ({"max_age_s": float("nan")}, "max_age_s"),
        ({"algorithm": "none"}, "algorithm"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, changed: dict[str, object], problem: str) -> None:
    """None is passed over."""
    given = {name: value for name, value in {**table(tmp_path / "x"), **changed}.items() if value is not None}
    with pytest.raises(ConfigError, match=problem):
        claim_options(given)
    with pytest.raises(ConfigError, match="must be a table"):
        claim_options("all")


def small_key() -> dict[str, object]:
    """A key that can be broken."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 -- what is to be refused
    return {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": "small"}


FILES: dict[str, Callable[[], object]] = {
    "nothing": lambda: "",
    "no object": list,
    "no keys": lambda: {"keys": []},
    "keys that are none": lambda: {"keys": ["a"]},
    "keys as an object": lambda: {"keys": {"a": jwk_of("rsa")}},
    "a secret": lambda: {"keys": [jwk_of("rsa"), {"kty": "oct", "k": "c2VjcmV0", "kid": "h"}]},
    "a private key": lambda: {"keys": [{**json.loads(RSAAlgorithm.to_jwk(KEYS["rsa"][1])), "kid": "rsa"}]},
    "no id": lambda: {"keys": [{**jwk_of("rsa"), "kid": ""}]},
    "two of one id": lambda: {"keys": [jwk_of("rsa"), {**jwk_of("p256"), "kid": "rsa"}]},
    "for encryption": lambda: {"keys": [jwk_of("rsa", use="enc")]},
    "for signing": lambda: {"keys": [jwk_of("rsa", key_ops=["sign"])]},
    "for a hash": lambda: {"keys": [jwk_of("rsa", alg="HS256")]},
    "for no algorithm": lambda: {"keys": [jwk_of("rsa", alg="none")]},
    "a broken key": lambda: {"keys": [{**jwk_of("p256"), "x": "AAAA"}]},
    "a small key": lambda: {"keys": [small_key()]},
    "too much": lambda: {"keys": [jwk_of("rsa")], "more": "x" * 1_100_000},
}


@pytest.mark.parametrize("what", FILES)
def test_files_that_are_no_public_keys_stop_the_start(tmp_path: Path, what: str) -> None:
    """An edition does not start without what its settings name."""
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(FILES[what]()))
    with pytest.raises(ConfigError, match=r"edition\.claims\.jwks"):
        signed_claims(table(path), time.time)


def test_files_that_others_could_change_stop_the_start(tmp_path: Path) -> None:
    """Nor what is no file at all, or not there."""
    path = write_keys(tmp_path / "jwks.json")
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="everybody can write"):
        signed_claims(table(path), time.time)
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path / "pipe", tmp_path, tmp_path / "none", Path("/dev/zero")):
        with pytest.raises(ConexusError):
            signed_claims(table(other), time.time)


def test_a_key_that_names_its_algorithm_is_for_no_other(tmp_path: Path) -> None:
    """One without is for all that its kind has."""
    path = tmp_path / "jwks.json"
    text = jwt.encode(payload(), KEYS["rsa"][1], "PS512", headers={"kid": "rsa"})
    for named, is_sound in ((None, True), ("PS512", True), ("RS256", False)):
        path.write_text(json.dumps({"keys": [jwk_of("rsa", **({"alg": named} if named else {}))]}))
        found = signed_claims(table(path), time.time)
        assert found is not None
        assert is_taken(found, text) is is_sound
