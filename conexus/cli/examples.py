# SPDX-License-Identifier: FSL-1.1-MIT
"""Help texts whose examples keep their lines."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

_HEADING = "Examples:\n"


class CommandWithExamples(TyperCommand):
    """A command whose help ends in examples, each of which can be copied from a line of its own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 -- handed on as they are
        text = options.get("help")
        if text:
            options["help"] = text.replace(_HEADING, f"\b\n{_HEADING}")  # click fills paragraphs without this mark
        super().__init__(*arguments, **options)
