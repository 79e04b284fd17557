# SPDX-License-Identifier: FSL-1.1-MIT
"""Prometheus metrics. No repository, user or query is a label: their number has no bound."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from conexus import __version__
from conexus.types import JobState

_log = logging.getLogger("conexus.daemon.requests")
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """All metrics of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "conexus_requests",
            "Requests that were answered, by surface, operation and outcome (ok, or the code of the error).",
            ("surface", "operation", "outcome"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "conexus_request_duration_seconds",
            "Time from a request's arrival to its answer.",
            ("surface", "operation"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._refused = Counter(
            "conexus_refused_requests",
            "Requests that were refused before they reached an operation, by reason.",
            ("reason",),
            registry=self._registry,
        )
        self._busy = Gauge(
            "conexus_requests_in_progress", "Requests that are worked on or wait.", registry=self._registry
        )
        self._jobs = Counter(
            "conexus_index_jobs", "Index jobs that are over, by outcome.", ("outcome",), registry=self._registry
        )
        self._job_seconds = Histogram(
            "conexus_index_job_duration_seconds",
            "Time an index job took.",
            buckets=(0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0),
            registry=self._registry,
        )
        info = Gauge("conexus_build_info", "The version that runs.", ("version",), registry=self._registry)
        info.labels(__version__).set(1)

    def answered(self, surface: str, operation: str, outcome: str, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(surface, operation, outcome).inc()
        self._seconds.labels(surface, operation).observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a request that went no further, and log it; ``reason`` is one of a fixed few."""
        self._refused.labels(reason).inc()
        _log.info("refused", extra={"reason": reason})

    def busy(self, change: int) -> None:
        """Note that a request came or went."""
        self._busy.inc(change)

    def job_over(self, state: JobState, seconds: float) -> None:
        """Count an index job."""
        self._jobs.labels(state.value).inc()
        self._job_seconds.observe(seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
