# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The vendor's tool: ``python -m conexus_ee.licensing keygen|issue|inspect``.

It runs where the private key is, which is never where Conexus runs. ``issue --test`` signs with the published test
key, for which nobody needs the vendor.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from conexus.errors import ConexusError, EditionError
from conexus.plans import plan_facts
from conexus.types import Plan
from conexus_ee.entitlements import ALL
from conexus_ee.keys import TEST_SEED, key_id, known_keys, published_key
from conexus_ee.licence import DAY_S, ISSUER, MAX_REPOSITORIES, MAX_TEXT_CHARS, day, read_licence
from conexus_ee.tokens import ALGORITHM, encoded, signing_input, unverified

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_EXIT_ERROR = 2
_DEFAULT_DAYS = 365
_MAX_DAYS = 36_500


def new_key(folder: Path) -> tuple[str, str, Path]:
    """Make a key pair.

    Args:
        folder: Where the private key goes, as a PEM file for its owner alone; made if it is not there.

    Returns:
        The id, the public key as ``conexus_ee/keys.py`` has it, and the file of the private one.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 -- as in conexus_ee.tokens
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    name = key_id(public)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{name}.private.pem"
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as stream:  # noqa: PTH123 -- of a descriptor
        stream.write(pem)
    return name, encoded(public), path


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        EditionError: The file holds none.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        found = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as exc:
        raise EditionError(f"{path} holds no private key without a password: {exc}") from exc
    if not isinstance(found, Ed25519PrivateKey):
        raise EditionError(f"{path} holds no Ed25519 key")
    return found


def signed(private: Ed25519PrivateKey, claims: dict[str, object]) -> str:
    """Return a licence."""
    kid = key_id(private.public_key().public_bytes_raw())
    text = signing_input({"alg": ALGORITHM, "typ": "JWT", "kid": kid}, claims)
    return f"{text}.{encoded(private.sign(text.encode('ascii')))}"


def claims_of(
    *, customer: str, tier: str, repos: int, days: int, features: Sequence[str] = ("*",), begins: float | None = None
) -> dict[str, object]:
    """Return the claims of a new licence, which begins now where ``begins`` is not given."""
    now = int(time.time())
    start = now if begins is None else int(begins)
    return {
        "iss": ISSUER,
        "jti": secrets.token_hex(8),
        "customer": customer,
        "tier": tier,
        "features": list(features),
        "max_repos": repos,
        "iat": now,
        "nbf": start,
        "exp": start + days * int(DAY_S),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        match asked.command:
            case "keygen":
                return _keygen(asked)
            case "issue":
                return _issue(asked)
            case _:
                return _inspect(asked)
    except ConexusError as exc:
        _err(f"error: {exc.in_words}")
        return _EXIT_ERROR
    except OSError as exc:
        _err(f"error: {exc}")
        return _EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conexus_ee.licensing", description="Make keys and licences.")
    commands = parser.add_subparsers(dest="command", required=True)
    keygen = commands.add_parser(
        "keygen", help="make a key pair; the public half is printed as conexus_ee/keys.py has it"
    )
    keygen.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the private key goes")
    issue = commands.add_parser("issue", help="sign a licence and print it")
    key = issue.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", type=Path, metavar="FILE", help="private key that keygen wrote")
    key.add_argument("--test", action="store_true", help="sign with the published test key")
    issue.add_argument("--customer", required=True, type=_customer)
    issue.add_argument("--tier", choices=[Plan.PRO.value, Plan.ENTERPRISE.value], required=True)
    issue.add_argument("--repos", type=_whole(MAX_REPOSITORIES), required=True, help="most repositories")
    issue.add_argument("--days", type=_whole(_MAX_DAYS), default=_DEFAULT_DAYS, help="how long it is valid")
    issue.add_argument("--features", default="*", help="names separated by commas; all of the tier where left out")
    issue.add_argument("--not-before", metavar="DAY", help="first day, as 2027-01-31; now where left out")
    issue.add_argument("--out", type=Path, metavar="FILE", help="write it there")
    inspect = commands.add_parser("inspect", help="show what a licence says, and whether it is valid")
    inspect.add_argument("file", help="its file, or - for stdin")
    inspect.add_argument("--test", action="store_true", help="take the published test key, and no other")
    return parser


def _keygen(asked: argparse.Namespace) -> int:
    name, public, path = new_key(asked.out)
    _err(f"the private key is {path}: keep it where nobody else comes, and never in a repository")
    _err("add this line to PUBLIC_KEYS of conexus_ee/keys.py, and release, before you sign with it:")
    _out(f'    "{name}": "{public}",')
    return 0


def _issue(asked: argparse.Namespace) -> int:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    private = Ed25519PrivateKey.from_private_bytes(TEST_SEED) if asked.test else private_key(asked.key)
    public = private.public_key().public_bytes_raw()
    features = _features(asked.features, Plan(asked.tier))
    of_plan = plan_facts(Plan(asked.tier)).limits.repositories
    if of_plan is not None and asked.repos > of_plan:
        raise EditionError(f"--repos: {asked.tier} has {of_plan} repositories at most, and not {asked.repos:,}")
    claims = claims_of(
        customer=asked.customer,
        tier=asked.tier,
        repos=asked.repos,
        days=asked.days,
        features=features,
        begins=None if asked.not_before is None else _day_start(asked.not_before),
    )
    if float(str(claims["exp"])) <= time.time():
        raise EditionError("--not-before, --days: the licence would be over already")
    token = signed(private, claims)
    start = float(str(claims["nbf"]))
    found = read_licence(token, {key_id(public): public}, max(start, time.time()), test=asked.test)  # or it is no use
    if not asked.test and key_id(public) not in known_keys(test=False):
        _err("warning: this version of Conexus does not know the key; add it to conexus_ee/keys.py first")
    ends = f"{day(found.not_before)} to {day(found.expires_at)}"
    if asked.out is not None:
        asked.out.write_text(token + "\n", encoding="ascii")
    else:
        _out(token)
    _err(f"{found.plan} for {found.customer}: {found.max_repositories:,} repositories, {ends}, id {found.id}")
    return 0


def _features(text: str, plan: Plan) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    facts = plan_facts(plan)
    there = {*facts.features, *facts.planned} - plan_facts(Plan.COMMUNITY).features
    wrong = sorted({*names} - {ALL, *there})
    if wrong or not names:
        has = ", ".join(sorted(there)) or "none of its own"
        what = f"{plan} has no feature {', '.join(wrong)}" if wrong else "no feature is named"
        raise EditionError(f"--features: {what}", hint=f"{plan} has {has}; * is all of them")
    return names


def _whole(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most:,}")
        return int(text)

    return parse


def _customer(text: str) -> str:
    if not 1 <= len(text) <= MAX_TEXT_CHARS or not text.isprintable():
        raise argparse.ArgumentTypeError(f"a name of 1 to {MAX_TEXT_CHARS} characters that can be printed is wanted")
    return text


def _inspect(asked: argparse.Namespace) -> int:
    data = sys.stdin.read() if asked.file == "-" else Path(asked.file).read_text(encoding="utf-8", errors="replace")
    header, claims = unverified(data.strip())
    _out(json.dumps({"header": header, "claims": claims}, indent=2))
    try:
        found = read_licence(data, known_keys(test=asked.test), time.time(), test=asked.test)
    except EditionError as exc:
        is_test = not asked.test and header.get("kid") == key_id(published_key())
        _err("it is signed with the published test key: inspect --test" if is_test else f"not valid: {exc.in_words}")
        return 1
    _err(f"the signature fits; {found.state(time.time()).value}, until {day(found.expires_at)}")
    return 0


def _day_start(text: str) -> float:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError as exc:
        raise EditionError(f"{text!r} is no day as 2027-01-31") from exc


def _out(text: str) -> None:
    sys.stdout.write(text + "\n")


def _err(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
