# SPDX-License-Identifier: FSL-1.1-MIT
"""Messages of editions, licences and the directory, from the values of the core. Pure."""

from __future__ import annotations

import dataclasses
from typing import Any

from conexus.daemon import messages, schema
from conexus.edition import Edition, Entitlements
from conexus.plans import UPGRADE_URL, plan_facts, required_plan
from conexus.types import (
    AccessExplanation,
    AccessPolicyText,
    AuditRecord,
    AuditVerdict,
    CaseResult,
    ChangeEvent,
    Claims,
    DirectoryState,
    Feature,
    FileLabel,
    LicenceFacts,
    PolicyCase,
    PolicyReport,
    PolicySet,
    PolicyVersion,
    RequestFacts,
    Simulation,
)


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


def policy_set(asked: schema.PolicySet) -> PolicySet:
    """Return a set of policies as the core has it."""
    return PolicySet(
        tuple(AccessPolicyText(one.name, one.text) for one in asked.policies),
        tuple(FileLabel(one.name, tuple(one.paths), tuple(one.repositories) or ("*",)) for one in asked.labels),
        tuple(_case(one) for one in asked.cases),
    )


def claims(asked: schema.Claims | None) -> Claims:
    """Return claims as the core has them."""
    return Claims() if asked is None else Claims(**asked.model_dump())


def simulation(asked: schema.RequestFacts | None) -> Simulation:
    """Return for which requests a difference is wanted."""
    given = schema.RequestFacts() if asked is None else asked
    around = RequestFacts(given.hour, given.weekday, given.address, given.client, claims(given.claims))
    return Simulation(around, tuple(given.keys))


def _case(asked: schema.PolicyCase) -> PolicyCase:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in asked.model_dump().items()}
    values["claims"] = claims(asked.claims)
    made: Any = PolicyCase
    found: PolicyCase = made(**values)
    return found


def policy_version(found: PolicyVersion) -> schema.PolicyVersion:
    """Return a version of the policies."""
    return schema.PolicyVersion(
        number=found.number,
        at=found.at,
        by=messages.text(found.by),
        note=messages.text(found.note),
        policies=schema.PolicySet.model_validate(dataclasses.asdict(found.policies)),
    )


def case_result(found: CaseResult) -> schema.CaseResult:
    """Return what the rules say to a test."""
    return schema.CaseResult(
        case=schema.PolicyCase.model_validate(dataclasses.asdict(found.case)),
        allowed=found.allowed,
        passed=found.passed,
        reasons=[messages.text(reason) for reason in found.reasons],
    )


def policy_report(found: PolicyReport) -> schema.PolicyReport:
    """Return what a change of the policies is, or would be."""
    return schema.PolicyReport(
        version=policy_version(found.version),
        results=[case_result(one) for one in found.results],
        differences=[
            schema.AccessDifference(
                user=one.user,
                repository=messages.text(one.repository),
                action=one.action,
                gained=one.gained,
                lost=one.lost,
                examples=[messages.text(example) for example in one.examples],
            )
            for one in found.differences
        ],
        applied=found.applied,
    )


def explanation(found: AccessExplanation) -> schema.ExplainAccessResponse:
    """Return whether somebody may do something with a file, and why."""
    return schema.ExplainAccessResponse(
        allowed=found.allowed,
        granted=found.granted,
        reasons=[messages.text(reason) for reason in found.reasons],
        errors=[messages.text(error) for error in found.errors],
        version=found.version,
        groups=[messages.text(name) for name in found.groups],
        teams=[messages.text(name) for name in found.teams],
        language=found.language,
        branch=messages.text(found.branch),
        labels=list(found.labels),
        owners=[messages.text(owner) for owner in found.owners],
        hour=found.hour,
        weekday=found.weekday,
        address=messages.text(found.address),
        client=messages.text(found.client),
        claims=None if found.claims == Claims() else schema.Claims.model_validate(dataclasses.asdict(found.claims)),
    )


def audit_record(found: AuditRecord) -> schema.AuditRecord:
    """Return a record of the audit log."""
    values = dataclasses.asdict(found)
    texts = {name: messages.text(value) for name, value in values.items() if isinstance(value, str)}
    return schema.AuditRecord.model_validate(
        {
            **{name: value for name, value in values.items() if name != "repos"},
            **texts,
            "repositories": [messages.text(repo) for repo in found.repos],
            "claims": [messages.text(one) for one in found.claims],
            "shown": [messages.text(place) for place in found.shown],
        }
    )


def audit_verdict(found: AuditVerdict) -> schema.AuditVerdict:
    """Return what a check of the audit log found."""
    values = {**dataclasses.asdict(found), "findings": [dataclasses.asdict(one) for one in found.findings]}
    return schema.AuditVerdict.model_validate({**values, "sound": not found.findings})
