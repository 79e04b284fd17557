# SPDX-License-Identifier: FSL-1.1-MIT
"""Messages of editions, licences and the directory, from the values of the core. Pure."""

from __future__ import annotations

import dataclasses

from conexus.daemon import messages, schema
from conexus.edition import Edition, Entitlements
from conexus.plans import UPGRADE_URL, plan_facts, required_plan
from conexus.types import ChangeEvent, DirectoryState, Feature, LicenceFacts


def features(edition: Edition, repositories: int) -> schema.FeaturesResponse:
    """Return what an edition has and has not, at this moment."""
    entitlements = edition.entitlements
    limits, found = entitlements.limits(), entitlements.licence()
    states = [feature_state(entitlements, feature) for feature in Feature]
    return schema.FeaturesResponse(
        edition=edition.label,
        plan=entitlements.plan(),
        max_repositories=limits.repositories,
        repositories=repositories,
        batch_searches=limits.batch_searches,
        features=states,
        notices=[messages.text(notice) for notice in entitlements.notices()],
        upgrade_url=UPGRADE_URL,
        licence=None if found is None else licence(found),
    )


def feature_state(entitlements: Entitlements, feature: Feature) -> schema.FeatureState:
    """Return whether a feature may be used."""
    plan = required_plan(feature)
    return schema.FeatureState(
        name=feature.value,
        available=entitlements.has(feature),
        required_plan=plan,
        planned=feature in plan_facts(plan).planned,
    )


def licence(found: LicenceFacts) -> schema.Licence:
    """Return a licence."""
    return schema.Licence(
        id=messages.text(found.id),
        customer=messages.text(found.customer),
        plan=found.plan,
        features=list(found.features),
        max_repositories=found.max_repositories,
        issued_at=found.issued_at,
        not_before=found.not_before,
        expires_at=found.expires_at,
        key_id=found.key_id,
        state=found.state,
        days_left=found.days_left,
        test=found.is_test,
    )


def directory(found: DirectoryState) -> schema.DirectoryResponse:
    """Return all entries of the directory."""
    return schema.DirectoryResponse.model_validate(
        {
            name: [dataclasses.asdict(entry) for _, entry in sorted(getattr(found, name).items())]
            for name in ("users", "groups", "teams", "projects", "roles")
        }
    )


def change(event: ChangeEvent) -> schema.Change:
    """Return something that was changed."""
    return schema.Change(
        type=event.type,
        at=event.at,
        actor=messages.text(event.actor),
        target=messages.text(event.target),
        detail=messages.text(event.detail),
    )
