# SPDX-License-Identifier: FSL-1.1-MIT
"""Makes a page that draws something: all that it needs is in it, it loads nothing and runs no other script."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files

from conexus.search.neutral import one_line


def script_page(name: str, title: str, data: Mapping[str, object]) -> str:
    """Return a page.

    Args:
        name: Of the template and the script among the package's pages.
        title: What is drawn.
        data: What the script draws.
    """
    pages = files("conexus.cli").joinpath("pages")
    script = pages.joinpath(f"{name}.js").read_text(encoding="utf-8")
    # In a script element nothing but "<" can end it, or begin a comment.
    embedded = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "TITLE": html.escape(one_line(title)),
        "SCRIPT_HASH": f"sha256-{digest}",
        "DATA": embedded,
        "SCRIPT": script,
    }
    template = pages.joinpath(f"{name}.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{([A-Z_]+)\}\}", lambda found: parts[found[1]], template)


__all__ = ["script_page"]
