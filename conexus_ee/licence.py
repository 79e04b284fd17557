# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What a licence says, and how it stands at a moment: everything follows from its claims and the time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from conexus.errors import EditionError
from conexus.plans import plan_facts
from conexus.types import LicenceFacts, LicenceState, Plan
from conexus.values import dataclass
from conexus_ee.tokens import refusal, verified

ISSUER = "conexus"
DAY_S = 86_400.0
GRACE_DAYS = 7
"""For so long after its end a licence has all its features."""
WARNING_DAYS = 30
"""So long before its end it is said at every start."""
_SKEW_S = 300.0  # a clock may be behind the vendor's by as much
_MAX_TIME = 253_402_300_799  # the end of the year 9999
MAX_REPOSITORIES = 10_000_000
MAX_TEXT_CHARS = 200
_MAX_FEATURES = 100
CLAIMS = frozenset({"iss", "jti", "customer", "tier", "features", "max_repos", "iat", "nbf", "exp"})


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence whose signature fits and whose claims are well-formed."""

    id: str
    customer: str
    plan: Plan
    features: tuple[str, ...]
    max_repositories: int
    issued_at: float
    not_before: float
    expires_at: float
    key_id: str
    is_test: bool

    def state(self, now: float) -> LicenceState:
        """Return how it stands: nothing but its end and the time decide."""
        if now >= self.expires_at + GRACE_DAYS * DAY_S:
            return LicenceState.EXPIRED
        if now >= self.expires_at:
            return LicenceState.GRACE
        if now >= self.expires_at - WARNING_DAYS * DAY_S:
            return LicenceState.ENDING
        return LicenceState.VALID

    @property
    def places(self) -> int:
        """How many repositories it allows: as many as it says, or as its plan has where that is less."""
        of_plan = plan_facts(self.plan).limits.repositories
        return self.max_repositories if of_plan is None else min(of_plan, self.max_repositories)

    def facts(self, now: float, source: str = "") -> LicenceFacts:
        """Return it for people, as it stands."""
        return LicenceFacts(
            id=self.id,
            customer=self.customer,
            plan=self.plan,
            features=self.features,
            max_repositories=self.places,
            issued_at=self.issued_at,
            not_before=self.not_before,
            expires_at=self.expires_at,
            key_id=self.key_id,
            state=self.state(now),
            days_left=int((self.expires_at - now) / DAY_S),  # towards zero: 10 days and an hour over are 10
            is_test=self.is_test,
            source=source,
        )


def read_licence(token: str, keys: Mapping[str, bytes], now: float, *, test: bool) -> Licence:
    """Return what a signed licence says.

    One that is over is returned, too: what follows from that is for :meth:`Licence.state`.

    Raises:
        EditionError: It is malformed, foreign, changed, from the future or not valid yet; ``details["reason"]`` says
            which.
    """
    kid, claims = verified(token.strip(), keys)
    found = _licence(kid, claims, is_test=test)
    if found.issued_at > now + _SKEW_S:
        raise refusal(
            "from the future",
            f"it was issued on {day(found.issued_at)}, and today is {day(now)}",
            hint="set the clock of this machine",
        )
    if now < found.not_before:
        raise refusal("not valid yet", f"it begins on {day(found.not_before)}", hint="install it then")
    return found


def day(at: float) -> str:
    """Return a day as people read it, in UTC."""
    return datetime.fromtimestamp(min(max(at, 0.0), _MAX_TIME), UTC).strftime("%Y-%m-%d")


def _licence(kid: str, claims: Mapping[str, object], *, is_test: bool) -> Licence:
    missing, unknown = CLAIMS - claims.keys(), claims.keys() - CLAIMS
    if missing or unknown:
        what = f"lacks {', '.join(sorted(missing))}" if missing else f"has {', '.join(sorted(unknown))[:100]}"
        raise refusal("malformed", f"it {what}; this version of Conexus may be too old for it")
    if claims["iss"] != ISSUER:
        raise refusal("foreign", "it was not issued for Conexus")
    issued_at, not_before, expires_at = (_number(claims, name, _MAX_TIME) for name in ("iat", "nbf", "exp"))
    if expires_at <= max(issued_at, not_before):
        raise refusal("malformed", "it ends before it begins")
    return Licence(
        id=_text(claims, "jti"),
        customer=_text(claims, "customer"),
        plan=_tier(claims),
        features=_features(claims),
        max_repositories=_number(claims, "max_repos", MAX_REPOSITORIES),
        issued_at=float(issued_at),
        not_before=float(not_before),
        expires_at=float(expires_at),
        key_id=kid,
        is_test=is_test,
    )


def _wrong(name: str) -> EditionError:
    return refusal("malformed", f"its claim {name!r} is not what it should be")


def _number(claims: Mapping[str, object], name: str, most: int) -> int:
    found = claims[name]
    if type(found) is not int or not 1 <= found <= most:
        raise _wrong(name)
    return found


def _text(claims: Mapping[str, object], name: str) -> str:
    found = claims[name]
    if not isinstance(found, str) or not 1 <= len(found) <= MAX_TEXT_CHARS or not found.isprintable():
        raise _wrong(name)
    return found


def _tier(claims: Mapping[str, object]) -> Plan:
    found = claims["tier"]
    if not isinstance(found, str) or found not in {Plan.PRO.value, Plan.ENTERPRISE.value}:
        raise _wrong("tier")
    return Plan(found)


def _features(claims: Mapping[str, object]) -> tuple[str, ...]:
    found = claims["features"]
    if not isinstance(found, list) or len(found) > _MAX_FEATURES:
        raise _wrong("features")
    if not all(isinstance(name, str) and name.isascii() and 1 <= len(name) <= MAX_TEXT_CHARS for name in found):
        raise _wrong("features")
    return tuple(found)
