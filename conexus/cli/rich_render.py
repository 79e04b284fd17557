# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes search results for a terminal: highlighted, with paths that can be clicked."""

from __future__ import annotations

from pathlib import Path

from rich.style import Style
from rich.syntax import Syntax
from rich.text import Text

from conexus.cli.console import clean, count, one_line, rich_console
from conexus.cli.render import explanation, heading, ref_of, shown_path
from conexus.search.snippets import snippet
from conexus.types import Freshness, Hit, SearchResponse

# Names that differ between our languages and Pygments' lexers.
_LEXERS = {
    "tsx": "tsx",
    "csharp": "csharp",
    "objc": "objective-c",
    "protobuf": "protobuf",
    "dockerfile": "docker",
    "notebook": "python",
    "ocaml-interface": "ocaml",
    "restructuredtext": "rst",
    "visualbasic": "vb.net",
    "batch": "bat",
    "assembly": "gas",
}


def show(response: SearchResponse, cwd: Path, context: int) -> None:
    """Print an answer to stdout."""
    console = rich_console()
    for number, hit in enumerate(response.hits):
        if number and context:
            console.print()
        console.print(_title(hit, cwd))
        found = snippet(hit.chunk, hit.focus_line, context)
        if found.lines:
            language = hit.chunk.language or "text"
            console.print(
                Syntax(
                    "\n".join(clean(line) for line in found.lines),
                    _LEXERS.get(language, language),
                    theme="ansi_dark",
                    line_numbers=True,
                    start_line=found.first_line,
                    highlight_lines={hit.focus_line} if len(found.lines) > 1 else set(),
                    background_color="default",
                    word_wrap=False,
                )
            )
        for line in explanation(hit):
            console.print(Text(line, style="dim"))
    if response.hits:
        console.print(Text(f"\n{count(len(response.hits), 'result')} in {response.elapsed_ms:.0f} ms", style="dim"))


def _title(hit: Hit, cwd: Path) -> Text:
    path = one_line(shown_path(hit, cwd)).encode("utf-8", "replace").decode()
    target = (Path(hit.root) / hit.chunk.path).as_posix()
    link = None if ref_of(hit.root) else f"file://{_quoted(target)}#{hit.focus_line}"  # of a ref there is no file
    title = Text()
    title.append(f"{path}:{hit.focus_line}", style=Style(bold=True, color="cyan", link=link))
    if name := heading(hit):
        title.append(f"  {name}", style="yellow")
    title.append(f"  {hit.score:.2f}", style="dim")
    if hit.freshness is not Freshness.FRESH:
        title.append(f"  {hit.freshness}", style="bold red")
    return title


def _quoted(path: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 -- only for links

    return quote(path.encode("utf-8", "surrogateescape"))
