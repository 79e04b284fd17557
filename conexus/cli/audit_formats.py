# SPDX-License-Identifier: FSL-1.1-MIT
"""Forms that records of an audit log are exported in."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Final

from conexus import __version__
from conexus.types import AuditRecord

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_OCSF_VERSION = "1.3.0"
_ACTIVITY: Final[Mapping[str, int]] = {"create": 1, "read": 2, "update": 3, "delete": 4}
_UNKNOWN, _OTHER = 0, 99
_DELETING = ("remove", "revoke", "erase", "expire", "release", "collect", "cancel")
_CREATING = ("create", "add", "put", "index", "hold")
_CHANGING = ("rename", "roll_back", "reload", "stop", "change:")


def write_jsonl(records: Iterable[AuditRecord], stream: IO[str]) -> int:
    """Write a JSON object a line; returns how many."""
    return _write_lines(map(dataclasses.asdict, records), stream)


def _write_lines(objects: Iterable[Mapping[str, object]], stream: IO[str]) -> int:
    count = 0
    for one in objects:
        stream.write(json.dumps(one, ensure_ascii=False) + "\n")
        count += 1
    return count


def write_csv(records: Iterable[AuditRecord], stream: IO[str]) -> int:
    """Write a table with a heading; returns how many records. No cell begins as a formula does."""
    names = [field.name for field in dataclasses.fields(AuditRecord)]
    writer = csv.writer(stream)
    writer.writerow(names)
    count = 0
    for record in records:
        writer.writerow([_cell(getattr(record, name)) for name in names])
        count += 1
    return count


def _cell(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text


def write_ocsf(records: Iterable[AuditRecord], stream: IO[str]) -> int:
    """Write an event of the Open Cybersecurity Schema Framework a line: API activity. Returns how many."""
    return _write_lines(map(ocsf, records), stream)


def ocsf(record: AuditRecord) -> dict[str, object]:
    """Return a record as an event of the class API Activity."""
    activity = _activity(record.action)
    is_ok = record.outcome == "ok"
    user = {"name": record.user or record.subject or record.state, "uid": record.subject, "credential_uid": record.key}
    return {
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": 6003,
        "class_name": "API Activity",
        "activity_id": activity,
        "type_uid": 600300 + activity,
        "severity_id": 1 if record.allowed else 3,
        "time": round(record.at * 1000),
        "status_id": 1 if is_ok else 2,
        "status": "Success" if is_ok else "Failure",
        "status_code": record.outcome,
        "actor": {"user": {name: value for name, value in user.items() if value}},
        "api": {"operation": record.action, "request": {"uid": record.request}, "service": {"name": "conexus"}},
        "src_endpoint": {"ip": record.address} if record.address else {"name": "local"},
        "resources": [{"name": repo, "type": "repository"} for repo in record.repos]
        + [{"name": place, "type": "code"} for place in record.shown],
        "metadata": {
            "version": _OCSF_VERSION,
            "uid": str(record.seq),
            "product": {"name": "Conexus", "vendor_name": "Conexus", "version": __version__},
        },
        "unmapped": {
            "text": record.text,
            "asked": record.asked,
            "results": record.results,
            "policy_version": record.policy,
            "surface": record.surface,
            "client": record.client,
            "state": record.state,
        },
    }


def _activity(action: str) -> int:
    if not action:
        return _UNKNOWN
    if action == "authenticate":
        return _OTHER
    for words, name in ((_DELETING, "delete"), (_CHANGING, "update"), (_CREATING, "create")):
        if any(word in action for word in words):
            return _ACTIVITY[name]
    return _ACTIVITY["read"]


WRITERS: Final[Mapping[str, Callable[[Iterable[AuditRecord], IO[str]], int]]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "ocsf": write_ocsf,
}

__all__ = ["WRITERS", "ocsf"]
