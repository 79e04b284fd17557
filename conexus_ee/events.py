# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Keeps changes in the catalog, for as long as the plan says."""

from __future__ import annotations

import json

from conexus.edition import AuditSink, Directory, Entitlements, not_available
from conexus.plans import plan_facts
from conexus.types import AuditEvent, ChangeEvent, Feature, Principal

_DAY_S = 86_400.0


class StoredEvents:
    """Implements ``conexus.edition.EventSink``.

    Args:
        directory: Where events are.
        entitlements: Says whether they may be read, and how long they are kept.
        audit: Is told of each.
    """

    def __init__(self, directory: Directory, entitlements: Entitlements, audit: AuditSink) -> None:
        self._directory = directory
        self._entitlements = entitlements
        self._audit = audit

    def publish(self, event: ChangeEvent) -> None:
        """Keep an event; also once the licence is over, so that there is no gap when it is renewed."""
        kept_s = plan_facts(self._entitlements.plan()).limits.event_keep_days * _DAY_S
        self._directory.add_event(event, event.at - kept_s)
        self._audit.record(audit_event(event, Principal(event.actor)))

    def newest(self, limit: int) -> list[ChangeEvent]:
        """Return the newest events, newest first.

        Raises:
            FeatureNotAvailable: The licence is over, or does not include them.
        """
        if not self._entitlements.has(Feature.CHANGE_EVENTS):
            raise not_available(self._entitlements, Feature.CHANGE_EVENTS)
        return self._directory.events(limit)


def audit_event(event: ChangeEvent, who: Principal) -> AuditEvent:
    """Return a change as an audit log keeps it."""
    return AuditEvent(
        who,
        f"change:{event.type}",
        event.at,
        asked=json.dumps({"target": event.target, "detail": event.detail}, ensure_ascii=False),
    )
