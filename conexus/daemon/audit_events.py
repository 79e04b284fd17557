# SPDX-License-Identifier: FSL-1.1-MIT
"""What an audit log is told of a request: what was asked, and what the answer showed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from conexus.daemon import schema
from conexus.daemon.call import Call
from conexus.daemon.operations import Operation
from conexus.parsing.secrets import redact
from conexus.types import AuditEvent

UNRECORDED = frozenset({"status", "job", "jobs"})
"""How far the daemon is: asked all the time, and nothing of anybody's code."""
_TEXTS = frozenset({"query", "searches", "full_input", "text", "diff"})
_SECRET = frozenset({"secret"})
_MAX_SHOWN = 1_000


def event_of(operation: Operation, request: object, call: Call, answer: object, outcome: str) -> AuditEvent:
    """Return a request as an audit log keeps it: with secrets that were pasted into it redacted.

    Args:
        operation: What was asked for.
        request: With which arguments.
        call: By whom, from where.
        answer: ``None`` where there is none.
        outcome: ``ok`` or the code of an error.
    """
    shown = list(_places(answer, ""))
    repos = tuple(dict.fromkeys(repo for repo, _ in shown if repo))
    named = getattr(request, "repository", None)
    if not repos and isinstance(named, str) and named:
        repos = (named,)
    return AuditEvent(
        who=call.who,
        action=operation.name,
        at=time.time(),
        surface=call.surface.value,
        request=call.request_id,
        outcome=outcome,
        text=redact(_text(request))[0],
        asked=redact(_asked(request))[0],
        repos=repos,
        shown=tuple(f"{repo}:{place}" if repo else place for repo, place in shown[:_MAX_SHOWN]),
        results=len(shown),
    )


def _text(request: object) -> str:
    match request:
        case schema.BatchSearchRequest():
            return "\n".join(one.query for one in request.searches)
        case schema.SymbolsRequest():
            return request.name
        case schema.GraphImpactRequest():
            return ", ".join(request.targets) or f"a diff of {len(request.diff):,} characters"
        case _:  # of Continue the text is either of two
            found = getattr(request, "query", "") or getattr(request, "text", "")
            return found if isinstance(found, str) else ""


def _asked(request: object) -> str:
    if not isinstance(request, schema.Message):
        return ""
    hidden = _TEXTS | _SECRET | ({"name"} if isinstance(request, schema.SymbolsRequest) else set())
    found = request.model_dump(mode="json", exclude_defaults=True, exclude=set(hidden))
    return json.dumps(found, ensure_ascii=False) if found else ""


def _places(value: object, repo: str) -> Iterator[tuple[str, str]]:
    """Yield the repository and the place of everything that an answer shows of code."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _places(one, repo)
    elif isinstance(value, schema.Message):
        facts = {name: one for name, one in value}  # noqa: C416 -- dict() takes a field called keys for its method
        if "content" in facts and "description" in facts:  # an item for Continue
            yield "", str(facts["description"])
        repo = str(facts.get("repository") or repo)
        path = facts.get("path")
        if isinstance(path, str) and path:
            first, last = facts.get("start_line", facts.get("line")), facts.get("end_line")
            yield repo, path + (f":{first}" if first else "") + (f"-{last}" if last else "")
        for one in facts.values():
            if isinstance(one, list | schema.Message):
                yield from _places(one, repo)


__all__ = ["UNRECORDED", "event_of"]
