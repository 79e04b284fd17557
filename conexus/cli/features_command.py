# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus features``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from conexus import data_folder
from conexus.cli import console
from conexus.cli.ledgers import settings, table
from conexus.plans import UPGRADE_URL, plan_facts, required_plan
from conexus.types import Feature


def features(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what this edition has, how much of it, and what other plans have.

    Examples:
        conexus features
        conexus features --json
    """
    with data_folder.open_edition(settings()) as edition, data_folder.edition_context(settings()) as context:
        entitlements, used = edition.entitlements, len(context.directory.repositories())
        limits, notices = entitlements.limits(), entitlements.notices()
        states = [(feature, entitlements.has(feature), _planned(feature)) for feature in Feature]
        plan, label = entitlements.plan(), edition.label
        whys = {feature: entitlements.why_not(feature) for feature, available, _ in states if not available}
    if as_json:
        found = {
            "schema": "conexus.features/1",
            "edition": label,
            "plan": plan.value,
            "max_repositories": limits.repositories,
            "repositories": used,
            "batch_searches": limits.batch_searches,
            "features": [
                {
                    "name": feature.value,
                    "available": available,
                    "required_plan": required_plan(feature).value,
                    "planned": planned,
                }
                for feature, available, planned in states
            ],
            "notices": list(notices),
            "upgrade_url": UPGRADE_URL,
        }
        console.out(json.dumps(found, indent=2))
        return
    places = f"{used:,} of any number" if limits.repositories is None else f"{used:,} of {limits.repositories:,}"
    console.out(f"{label} edition")
    for notice in notices:
        console.out(f"  {notice}")
    console.out(f"  repositories  {places} (clones and worktrees of one remote are one)")
    console.out(f"  batch search  up to {limits.batch_searches:,} at once")
    rows = [
        (_mark(available), feature.value, _why(feature, available, planned, whys.get(feature, "")))
        for feature, available, planned in states
    ]
    for line in table(rows):
        console.out(f"  {line}")
    console.out(f"plans: {UPGRADE_URL}")


def _planned(feature: Feature) -> bool:
    return feature in plan_facts(required_plan(feature)).planned


def _mark(available: bool) -> str:
    return "yes" if available else "no"


def _why(feature: Feature, available: bool, planned: bool, why: str) -> str:
    if available:
        return ""
    plan = required_plan(feature)
    return f"planned for {plan}, not in this version" if planned else why or f"with {plan}"
