# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Keeps changes in the catalog, for as long as the plan says."""

from __future__ import annotations

from conexus.edition import Directory, Entitlements, not_available
from conexus.plans import plan_facts
from conexus.types import ChangeEvent, Feature

_DAY_S = 86_400.0


class StoredEvents:
    """Implements ``conexus.edition.EventSink``.

    Args:
        directory: Where events are.
        entitlements: Says whether they may be read, and how long they are kept.
    """

    def __init__(self, directory: Directory, entitlements: Entitlements) -> None:
        self._directory = directory
        self._entitlements = entitlements

    def publish(self, event: ChangeEvent) -> None:
        """Keep an event; also once the licence is over, so that there is no gap when it is renewed."""
        kept_s = plan_facts(self._entitlements.plan()).limits.event_keep_days * _DAY_S
        self._directory.add_event(event, event.at - kept_s)

    def newest(self, limit: int) -> list[ChangeEvent]:
        """Return the newest events, newest first.

        Raises:
            FeatureNotAvailable: The licence is over, or does not include them.
        """
        if not self._entitlements.has(Feature.CHANGE_EVENTS):
            raise not_available(self._entitlements, Feature.CHANGE_EVENTS)
        return self._directory.events(limit)
