# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What a licence unlocks, at each moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from conexus.plans import plan_facts
from conexus.types import Feature, LicenceFacts, LicenceState, Limits, Plan
from conexus_ee.licence import DAY_S, GRACE_DAYS, Licence, day

_LOOKED_EVERY_S = 60.0  # at the latest time that was seen, by this process or another
ALL = "*"


class LicensedEntitlements:
    """Implements ``conexus.edition.Entitlements`` for a licence.

    Args:
        licence: One that was verified.
        source: Where it was found.
        now: The time that counts, see :meth:`conexus_ee.licences.LicenceDesk.now`.
        clock: What this machine's clock says.
    """

    def __init__(self, licence: Licence, source: str, now: Callable[[], float], clock: Callable[[], float]) -> None:
        self._licence = licence
        self._source = source
        self._look = now
        self._clock = clock
        self._mutex = threading.Lock()
        self._latest = 0.0
        self._looked_at = -_LOOKED_EVERY_S

    def plan(self) -> Plan:
        """Return the tier of the licence."""
        return self._licence.plan

    def limits(self) -> Limits:
        """Return what the licence allows; once it is over, what everybody has."""
        if self._state() is LicenceState.EXPIRED:
            return plan_facts(Plan.COMMUNITY).limits
        return replace(plan_facts(self._licence.plan).limits, repositories=self._licence.places)

    def has(self, feature: Feature) -> bool:
        """Whether a feature may be used: everybody's always, those of the licence until its grace is over."""
        if feature in plan_facts(Plan.COMMUNITY).features:
            return True
        if self._state() is LicenceState.EXPIRED or feature not in plan_facts(self._licence.plan).features:
            return False
        return ALL in self._licence.features or feature.value in self._licence.features

    def why_not(self, feature: Feature) -> str:
        """Return why a feature that the plan has cannot be used."""
        if self._state() is LicenceState.EXPIRED:
            return f"the licence ended on {day(self._licence.expires_at)}, and so did its {GRACE_DAYS} days of grace"
        if feature in plan_facts(self._licence.plan).features - plan_facts(Plan.COMMUNITY).features:
            return f"the licence of {self._licence.customer} does not include {feature.value.replace('_', ' ')}"
        return ""

    def licence(self) -> LicenceFacts | None:
        """Return the licence as it stands."""
        return self._licence.facts(self._now(), self._source)

    def notices(self) -> tuple[str, ...]:
        """Return what has to be said at a start."""
        licence, now = self._licence, self._now()
        end = day(licence.expires_at)
        found = []
        if licence.is_test:
            found.append(f"TEST LICENCE of {licence.customer} ({licence.plan}): for trying out, not for serving")
        match licence.state(now):
            case LicenceState.ENDING:
                left = max(1, int((licence.expires_at - now) // DAY_S))
                found.append(f"the licence ends in {left} days, on {end}: renew it (conexus license install FILE)")
            case LicenceState.GRACE:
                last = day(licence.expires_at + GRACE_DAYS * DAY_S)
                found.append(f"the licence ended on {end}; everything works until {last}: renew it now")
            case LicenceState.EXPIRED:
                found.append(
                    f"the licence ended on {end}: access control goes on being enforced and what is indexed is served, "
                    "but no repository is added beyond those of the community edition and no right is given"
                )
            case LicenceState.VALID:
                pass
        if now > self._clock() + DAY_S:
            found.append(f"the clock of this machine is behind {day(now)}, which was seen already and counts")
        return tuple(found)

    def _state(self) -> LicenceState:
        return self._licence.state(self._now())

    def _now(self) -> float:
        """Return the time that counts, which is looked up now and then and never goes back."""
        with self._mutex:
            if time.monotonic() - self._looked_at >= _LOOKED_EVERY_S:
                self._latest = max(self._latest, self._look())
                self._looked_at = time.monotonic()
            self._latest = max(self._latest, self._clock())
            return self._latest
