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
    return invalid_fields(exc.errors(include_url=False, include_input=False, include_context=False))


def invalid_fields(errors: list[ErrorDetails]) -> InvalidRequest:
    """Return an error that names the fields at fault, as ``filter.languages.0``, and says of each what is wrong."""
    found = [(_field(error), _wrong(error)) for error in errors]
    shown = "; ".join(f"{field}: {wrong}" if field else wrong for field, wrong in found[:_MAX_SHOWN])
    more = f"; and {len(found) - _MAX_SHOWN} more" if len(found) > _MAX_SHOWN else ""
    return InvalidRequest(
        f"the request is not valid: {shown}{more}",
        hint="the schema is at /openapi.json",
        details={"field": found[0][0]} if found and found[0][0] else None,
    )


def _field(error: ErrorDetails) -> str:
    place = [str(part) for part in error["loc"]]
    if place and place[0] in _PLACES:
        place = place[1:]
    return ".".join(place).encode("utf-8", "backslashreplace").decode()[:_MAX_FIELD_CHARS]


def _wrong(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    message = error["msg"]
    return message[:1].lower() + message[1:]
