# SPDX-License-Identifier: FSL-1.1-MIT
"""What each plan has, read from ``conexus/editions``: features and limits are data, not code.

Read when something is asked about, which most commands never do.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from conexus.errors import EditionError, FeatureNotAvailable
from conexus.types import Feature, Limits, Plan
from conexus.values import dataclass

UPGRADE_URL = "https://conexus.example/plans"
"""Where plans are sold. Until the vendor has an address it is a name that leads nowhere (RFC 2606)."""
_FOLDER = Path(__file__).parent / "editions"


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """A plan with all that those below it have."""

    plan: Plan
    features: frozenset[Feature]
    planned: frozenset[Feature]
    """What a later version is to have."""
    limits: Limits


@cache
def plan_facts(plan: Plan) -> PlanFacts:
    """Return what a plan has.

    Raises:
        EditionError: Its file is missing, or holds what it should not.
    """
    plans = tuple(Plan)
    below = plan_facts(plans[plans.index(plan) - 1]) if plan is not plans[0] else None
    path = _FOLDER / f"{plan.value}.toml"
    try:
        found = _read(plan, path)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise EditionError(f"{path.name} cannot be read: {exc}", hint="install Conexus again") from exc
    if below is None:
        return found
    return PlanFacts(plan, found.features | below.features, found.planned | below.planned, found.limits)


def _read(plan: Plan, path: Path) -> PlanFacts:
    import tomllib  # noqa: PLC0415 -- takes 10 ms, and most commands ask for no limit

    table = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = table.keys() - {"features", "planned", "limits"}
    if unknown:
        raise ValueError(f"unknown is {', '.join(sorted(unknown))}")
    limits = dict(table["limits"])
    repositories = limits.pop("repositories", None)
    numbers = [*limits.values(), *([] if repositories is None else [repositories])]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise TypeError("a limit is no whole number")
    return PlanFacts(
        plan,
        frozenset(map(Feature, table["features"])),
        frozenset(map(Feature, table["planned"])),
        Limits(repositories, **limits),
    )


def required_plan(feature: Feature) -> Plan:
    """Return the first plan that has a feature, or is to have it."""
    for plan in Plan:
        facts = plan_facts(plan)
        if feature in facts.features | facts.planned:
            return plan
    raise EditionError(f"no plan has {feature.value}", hint="install Conexus again")


def next_plan(plan: Plan) -> Plan:
    """Return the plan above one; the last one is its own."""
    plans = tuple(Plan)
    return plans[min(plans.index(plan) + 1, len(plans) - 1)]


def refused(feature: Feature, message: str, hint: str, plan: Plan, **numbers: str) -> FeatureNotAvailable:
    """Return the error that says so, with the same facts on every surface.

    Args:
        feature: What was asked for.
        message: Why it is refused.
        hint: What to do, but for the address that is added.
        plan: The plan that has it.
        numbers: Further facts, as ``limit`` and ``used``.
    """
    facts = {"feature": feature.value, **numbers, "required_plan": plan.value, "upgrade_url": UPGRADE_URL}
    return FeatureNotAvailable(message, hint=f"{hint}; plans: {UPGRADE_URL}", details=facts)
