# SPDX-License-Identifier: FSL-1.1-MIT
"""OpenTelemetry spans, where the settings name a place for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from conexus import __version__
from conexus.daemon.dispatch import Tracer
from conexus.errors import ConfigError


def tracer_to(endpoint: str) -> tuple[Tracer, Callable[[], None]]:
    """Return what opens a span for each operation, and what sends the last ones at the end.

    A span has the operation's name and the request's id, and nothing of what was asked.

    Args:
        endpoint: OTLP over HTTP; empty for none.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """
    if not endpoint:
        return lambda operation, request_id: nullcontext(), lambda: None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as exc:
        raise ConfigError(
            "daemon.otlp_endpoint is set, but OpenTelemetry is not installed",
            hint="install it with: pip install 'conexus[tracing]'",
        ) from exc
    resource = Resource.create({"service.name": "conexus", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    tracer = provider.get_tracer("conexus")

    @contextmanager
    def span(operation: str, request_id: str) -> Iterator[None]:
        with tracer.start_as_current_span(operation, attributes={"conexus.request_id": request_id}):
            yield

    return span, provider.shutdown
