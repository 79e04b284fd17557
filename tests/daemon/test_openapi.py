# SPDX-License-Identifier: FSL-1.1-MIT
"""schemathesis against the daemon's own OpenAPI document, as the local user and as a reader."""

from __future__ import annotations

import pytest
import schemathesis
from conftest import Served
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

# What ends the daemon, waits for events, or writes for ever; they have tests of their own.
LEFT_OUT = ("stop", "events", "job_events")
EXAMPLES = 8
MANY_EXAMPLES = 400


def attack(served: Served, token: str, examples: int) -> set[str]:
    """Send generated requests to every operation; returns the operations."""
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    seen = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        name = operation.definition.raw["operationId"]
        if name in LEFT_OUT:
            continue
        seen.add(name)

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            response = case.call(headers={"authorization": f"Bearer {token}"}, timeout=60)
            case.validate_response(
                response,
                checks=[
                    not_a_server_error,
                    status_code_conformance,
                    content_type_conformance,
                    response_schema_conformance,
                ],
            )

        check()
    return seen


@pytest.mark.parametrize(
    ("role", "examples"),
    [
        pytest.param("local", EXAMPLES, id="local"),
        pytest.param("reader", EXAMPLES // 4, id="reader"),
        pytest.param("local", MANY_EXAMPLES, id="local-many", marks=pytest.mark.slow),
    ],
)
def test_generated_requests_meet_no_fault(served: Served, role: str, examples: int) -> None:
    """No 5xx, no status, content type or body that the document does not have."""
    token = served.token if role == "local" else served.key(role)
    assert len(attack(served, token, examples)) > 25
