# SPDX-License-Identifier: FSL-1.1-MIT
"""What is wrong with a request, in words. Pure."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from conexus.errors import InvalidRequest

_MAX_SHOWN = 3
_MAX_FIELD_CHARS = 100
_PLACES = {"body", "query", "path"}


def invalid(exc: ValidationError) -> InvalidRequest:
    """Return what a model of :mod:`conexus.daemon.schema` found wrong."""
    errors = exc.errors(include_url=False, include_input=False)
    return _error([(_field(error["loc"]), _wrong(error)) for error in errors])


def invalid_fields(errors: list[ErrorDetails]) -> InvalidRequest:
    """Return the same for what FastAPI found wrong, which says first whether a field is of the body."""
    found = []
    for error in errors:
        loc = error["loc"]
        found.append((_field(loc[1:] if loc and loc[0] in _PLACES else loc), _wrong(error)))
    return _error(found)


def _error(found: list[tuple[str, str]]) -> InvalidRequest:
    """Return an error that names the fields at fault, as ``filter.languages.0``, and says of each what is wrong."""
    shown = "; ".join(f"{field}: {wrong}" if field else wrong for field, wrong in found[:_MAX_SHOWN])
    more = f"; and {len(found) - _MAX_SHOWN} more" if len(found) > _MAX_SHOWN else ""
    return InvalidRequest(
        f"the request is not valid: {shown}{more}",
        hint="the daemon's document openapi.json has the schema",
        details={"field": found[0][0]} if found and found[0][0] else None,
    )


def _field(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc).encode("utf-8", "backslashreplace").decode()[:_MAX_FIELD_CHARS]


def _wrong(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    if error["type"] == "string_pattern_mismatch":
        return "it holds a character that cannot be there"
    if error["type"] in {"model_attributes_type", "model_type"} and len(error["loc"]) <= 1:
        return "send a JSON object, with Content-Type: application/json"
    if error["type"] == "too_long":
        facts = error.get("ctx", {})
        there = "more" if facts["actual_length"] is None else format(facts["actual_length"], ",")
        return f"it takes {facts['max_length']:,}, and there are {there}"
    message = error["msg"]
    return message[:1].lower() + message[1:]
