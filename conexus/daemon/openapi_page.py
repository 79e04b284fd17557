# SPDX-License-Identifier: FSL-1.1-MIT
"""The page at /docs: the OpenAPI document as plain HTML, with nothing from the network and no script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; } code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8886; border-radius: .3rem; } details { margin: .4rem 0; }
"""


def page_of(document: Mapping[str, Any]) -> tuple[str, str]:
    """Return the page, and the Content-Security-Policy it needs."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>",
        f"<h1>{title}</h1><p>{escape(document['info'].get('description', ''))}</p>",
        "<p>Send the daemon's token or an API key as <code>Authorization: Bearer …</code>. "
        "For programs: <a href=/openapi.json>openapi.json</a>.</p><h2>Operations</h2>",
    ]
    for path, methods in document["paths"].items():
        parts += [_operation(method, path, operation) for method, operation in methods.items()]
    parts.append("<h2>Messages</h2>")
    parts += [_message(name, found) for name, found in sorted(document["components"]["schemas"].items())]
    return "\n".join(parts), f"default-src 'none'; style-src 'sha256-{digest}'"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    summary = escape(operation.get("summary", ""))
    takes = _body_of(operation.get("requestBody", {}))
    gives = _body_of(operation["responses"].get("200", {}))
    parameters = "".join(
        f"<li><code>{escape(one['name'])}</code> ({escape(one['in'])}): {_type(one['schema'])}</li>"
        for one in operation.get("parameters", [])
    )
    return (
        f"<details><summary><span class=method>{escape(method.upper())}</span><code>{escape(path)}</code> {summary}"
        f"</summary>{f'<ul>{parameters}</ul>' if parameters else ''}"
        f"{f'<p>Takes {takes}.</p>' if takes else ''}{f'<p>Gives {gives}.</p>' if gives else ''}</details>"
    )


def _body_of(part: Mapping[str, Any]) -> str:
    content = part.get("content", {}).get("application/json", {})
    return _type(content["schema"]) if "schema" in content else ""


def _message(name: str, found: Mapping[str, Any]) -> str:
    if "enum" in found:
        values = ", ".join(f"<code>{escape(str(value))}</code>" for value in found["enum"])
        return f"<h3 id='{escape(name)}'>{escape(name)}</h3><p>One of {values}.</p>"
    required = set(found.get("required", []))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{'*' if field in required else ''}</td><td>{_type(one)}</td>"
        f"<td>{_marked(one.get('description', ''))}{_default(one)}</td></tr>"
        for field, one in found.get("properties", {}).items()
    )
    text = _marked(found.get("description", ""))
    return f"<h3 id='{escape(name)}'>{escape(name)}</h3><p>{text}</p><table>{rows}</table>"


def _marked(text: str) -> str:
    """Return text with what stands between two backticks as code."""
    return re.sub(r"``(.+?)``|`(.+?)`", lambda found: f"<code>{found[1] or found[2]}</code>", escape(text))


def _default(found: Mapping[str, Any]) -> str:
    if found.get("default") in (None, "", [], {}):
        return ""
    return f" Default: <code>{escape(json.dumps(found['default']))}</code>."


def _type(found: Mapping[str, Any]) -> str:
    if "$ref" in found:
        name = escape(found["$ref"].rsplit("/", 1)[-1])
        return f"<a href='#{name}'>{name}</a>"
    for key in ("anyOf", "allOf"):
        if key in found:
            return " or ".join(_type(one) for one in found[key])
    if found.get("type") == "array":
        return f"list of {_type(found.get('items', {}))}"
    return escape(str(found.get("type", "anything")))
