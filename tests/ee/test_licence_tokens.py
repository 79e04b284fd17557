# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""No token but the one that was issued is taken, whatever is done to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from licences import DAY, TEST_KEY, claims, licence

from conexus.errors import EditionError
from conexus.types import Plan
from conexus_ee.keys import PUBLIC_KEYS, key_id, known_keys, published_key
from conexus_ee.licence import read_licence
from conexus_ee.licensing import signed
from conexus_ee.tokens import MAX_CHARS, encoded, signing_input

KEYS = known_keys(test=True)
PUBLIC = published_key()
KID = key_id(PUBLIC)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def reason_for(token: str, *, now: float | None = None) -> str:
    """Why a token is refused; a token that is taken fails the test."""
    with pytest.raises(EditionError) as caught:
        read_licence(token, KEYS, time.time() if now is None else now, test=True)
    assert caught.value.details["reason"] in caught.value.message
    return caught.value.details["reason"]


def with_header(header: dict[str, object], body: dict[str, object] | None = None) -> str:
    """A token with another header, signed with the right key."""
    text = signing_input(header, claims() if body is None else body)
    return f"{text}.{encoded(TEST_KEY.sign(text.encode()))}"


def hmac_with_the_public_key(algorithm: str, secret: bytes) -> str:
    """A token signed by the oldest trick: the public key as the secret of an HMAC."""
    text = signing_input({"alg": algorithm, "typ": "JWT", "kid": KID}, claims())
    return f"{text}.{encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def mutations(random_: random.Random, count: int) -> Iterator[str]:
    """Tokens that differ from a valid one: bits, letters, parts, ends, white space."""
    valid = licence()
    other = licence(customer="Other", max_repos=1_000_000)
    yielded = 0
    while yielded < count:
        parts, others = valid.split("."), other.split(".")
        match random_.randrange(8):
            case 0:  # a bit of a part's bytes
                place = random_.randrange(3)
                data = bytearray(base64.urlsafe_b64decode(parts[place] + "=="))
                data[random_.randrange(len(data))] ^= 1 << random_.randrange(8)
                parts[place] = encoded(bytes(data))
                found = ".".join(parts)
            case 1:  # a letter
                place = random_.randrange(len(valid))
                found = valid[:place] + random_.choice(LETTERS) + valid[place + 1 :]
            case 2:  # parts of another valid one
                place = random_.randrange(3)
                parts[place] = others[place]
                found = ".".join(parts)
            case 3:  # parts in another order, or twice
                found = ".".join(random_.choices(parts, k=random_.choice([2, 3, 3, 4])))
            case 4:  # cut
                found = valid[: random_.randrange(len(valid))]
            case 5:  # longer
                found = valid + "".join(random_.choices(LETTERS + ".=", k=random_.randint(1, 20)))
            case 6:  # something inside
                place = random_.randrange(1, len(valid))
                found = valid[:place] + random_.choice([" ", "\n", "=", "\0", ".", "%", "é"]) + valid[place:]
            case _:  # another claim, the signature kept
                body = {**claims(), random_.choice(list(claims())): random_.choice([1, "x", None, [], 10**12])}
                found = f"{parts[0]}.{encoded(json.dumps(body).encode())}.{parts[2]}"
        if found not in {valid, other}:
            yielded += 1
            yield found


def test_five_thousand_changed_tokens_are_refused() -> None:
    """Bits, letters, parts, ends and claims: not one of them is taken, and each says what is wrong."""
    reasons = {reason_for(token) for token in mutations(random.Random(9), 5_000)}  # noqa: S311 -- repeatable
    assert reasons == {"malformed", "foreign", "tampered"}


def test_what_is_refused_is_refused_by_another_library_too() -> None:
    """PyJWT takes the valid one, and of the changed ones none that is refused here for its signature."""
    key = TEST_KEY.public_key()
    found = jwt.decode(licence(), key, algorithms=["EdDSA"], options={"require": ["exp"]})
    assert found["customer"] == "Acme"
    for token in mutations(random.Random(4), 300):  # noqa: S311 -- repeatable
        if reason_for(token) == "tampered":
            with pytest.raises(jwt.InvalidTokenError):
                jwt.decode(token, key, algorithms=["EdDSA"])


def test_a_valid_licence_says_what_it_is() -> None:
    """White space around it, as of a file, does not matter."""
    found = read_licence(f"\n {licence(max_repos=40)}\n", KEYS, time.time(), test=True)
    assert (found.customer, found.plan, found.max_repositories, found.key_id) == ("Acme", Plan.ENTERPRISE, 40, KID)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "RS256", "ES256", "Ed25519", "EDDSA", ""])
def test_one_algorithm_counts(algorithm: str) -> None:
    """Even where the signature is right: what can be chosen can be chosen wrongly."""
    assert reason_for(with_header({"alg": algorithm, "typ": "JWT", "kid": KID})) == "malformed"
    unsigned = signing_input({"alg": algorithm, "typ": "JWT", "kid": KID}, claims())
    assert reason_for(f"{unsigned}.") == "malformed"
    assert reason_for(unsigned) == "malformed"


def test_the_public_key_is_no_password() -> None:
    """HS256 with the public key, as bytes, base64 and PEM, is refused; also under the right name of the algorithm."""
    pem = TEST_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for secret in (PUBLIC, encoded(PUBLIC).encode(), pem):
        assert reason_for(hmac_with_the_public_key("HS256", secret)) == "malformed"
        assert reason_for(hmac_with_the_public_key("EdDSA", secret)) == "tampered"


@pytest.mark.parametrize(
    "more",
    [{"jwk": {"kty": "OKP"}}, {"jku": "https://keys.example/"}, {"x5u": "https://keys.example/"}, {"crit": ["exp"]}],
    ids=lambda more: next(iter(more)),
)
def test_a_header_names_no_keys_of_its_own(more: dict[str, object]) -> None:
    """Three names and no more, signed or not."""
    assert reason_for(with_header({"alg": "EdDSA", "typ": "JWT", "kid": KID, **more})) == "malformed"
    assert reason_for(with_header({"alg": "EdDSA", "typ": "JWT"})) == "malformed"


def test_other_keys_do_not_count() -> None:
    """A key of somebody else's, under its own name and under that of ours."""
    stranger = Ed25519PrivateKey.generate()
    assert reason_for(signed(stranger, claims())) == "foreign"
    text = signing_input({"alg": "EdDSA", "typ": "JWT", "kid": KID}, claims())
    assert reason_for(f"{text}.{encoded(stranger.sign(text.encode()))}") == "tampered"


def test_test_and_real_keys_are_apart() -> None:
    """There are several real keys, each under its own id, and the published one is none of them."""
    real = known_keys(test=False)
    assert len(real) == len(PUBLIC_KEYS) >= 2
    assert all(key_id(public) == name and len(public) == 32 for name, public in real.items())
    assert not set(real) & set(KEYS)
    with pytest.raises(EditionError, match="foreign"):
        read_licence(licence(), real, time.time(), test=False)


def test_any_of_several_keys_will_do() -> None:
    """As while keys are changed: licences of the old and of the new one are valid at a time."""
    new = Ed25519PrivateKey.generate()
    public = new.public_key().public_bytes_raw()
    both = {**KEYS, key_id(public): public}
    for token in (licence(), signed(new, claims())):
        assert read_licence(token, both, time.time(), test=True).customer == "Acme"


@pytest.mark.parametrize("size", [MAX_CHARS + 1, 1_000_000, 50_000_000])
def test_huge_tokens_are_not_read(size: int) -> None:
    """At once: neither base64 nor JSON is looked at."""
    began = time.monotonic()
    assert reason_for("a" * size) == "malformed"
    assert reason_for(licence() + "." + "a" * size) == "malformed"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "\0.\0.\0", "🙂.🙂.🙂", "null", "[" * 7_000 + "." + "."])
def test_what_is_no_token(text: str) -> None:
    """It is malformed, and nothing worse happens."""
    assert reason_for(text) == "malformed"


def test_deep_and_doubled_json_is_refused() -> None:
    """Signed by the right key, and still not what is issued."""
    head = encoded(json.dumps({"alg": "EdDSA", "typ": "JWT", "kid": KID}).encode())
    for body in (
        b"[" * 2_000,
        b'{"a":' * 1_500 + b"1" + b"}" * 1_500,
        b'{"exp":1,"exp":2}',
        b'{"exp":1e99}',
        b"[]",
        b"1",
    ):
        text = f"{head}.{encoded(body)}"
        assert reason_for(f"{text}.{encoded(TEST_KEY.sign(text.encode()))}") == "malformed"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "someone"}, "foreign"),
        ({"tier": "community"}, "malformed"),
        ({"tier": "Enterprise"}, "malformed"),
        ({"tier": ["enterprise"]}, "malformed"),
        ({"customer": ""}, "malformed"),
        ({"customer": "a\nb"}, "malformed"),
        ({"customer": "\u202eb"}, "malformed"),
        ({"max_repos": 0}, "malformed"),
        ({"max_repos": -1}, "malformed"),
        ({"max_repos": True}, "malformed"),
        ({"max_repos": "5"}, "malformed"),
        ({"max_repos": 10**30}, "malformed"),
        ({"exp": None}, "malformed"),
        ({"exp": 10**15}, "malformed"),
        ({"exp": 1}, "malformed"),
        ({"nbf": -5}, "malformed"),
        ({"features": "*"}, "malformed"),
        ({"features": [1]}, "malformed"),
        ({"features": ["x"] * 101}, "malformed"),
        ({"admin": True}, "malformed"),
        ({"iat": int(time.time()) + 3 * DAY}, "from the future"),
        ({"iat": int(time.time()) + 3600}, "from the future"),
        ({"nbf": int(time.time()) + 3600}, "not valid yet"),
    ],
)
def test_claims_that_nobody_issues(changed: dict[str, object], reason: str) -> None:
    """Signed by the right key: each is refused for what is wrong with it."""
    assert reason_for(licence(**changed)) == reason


def test_a_missing_claim_is_named() -> None:
    """None has a default: a licence says all of it."""
    for name in claims():
        body = {key: value for key, value in claims().items() if key != name}
        assert reason_for(signed(TEST_KEY, body)) == "malformed"
