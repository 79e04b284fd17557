# SPDX-License-Identifier: FSL-1.1-MIT
"""The report on an audit log as a page by itself: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from conexus.cli.script_page import GENERATED
from conexus.types import AuditReport, DayCount

_WIDTH, _HEIGHT, _LEFT = 860, 220, 40
_STYLE = """
:root { color-scheme: light dark; --bar: #4f7cc4; --next: #b9c9e6; --line: #8884; }
@media (prefers-color-scheme: dark) { :root { --bar: #7aa2e3; --next: #3d4f70; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 0 0 1.5em; }
td { padding: .1em 1em .1em 0; border-bottom: 1px solid var(--line); }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
svg text { font-size: 11px; fill: currentColor; }
.bar { fill: var(--bar); } .next { fill: var(--next); } .range { stroke: currentColor; opacity: .5; }
"""


def page(report: AuditReport, heading: str, assumption: str) -> str:
    """Return the page.

    Args:
        report: What to show.
        heading: Of which time.
        assumption: What the saved time rests on.
    """
    tables = [
        ("Who asks", report.users),
        ("How", report.actions),
        ("Repositories", report.repositories),
        ("Most shown folders", report.areas),
        ("Questions without an answer", report.empty_questions),
        ("Refused", report.denied),
        ("Unused repositories", [(name, 0) for name in report.unused]),
    ]
    trend = "" if report.more_each_week is None else f" {report.more_each_week:+.1f} uses a day more each week."
    return "\n".join(
        [
            "<!doctype html>",
            GENERATED,
            '<html lang="en"><meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>Conexus: use</title><style>{_STYLE}</style>",
            f"<h1>Use of Conexus</h1><p>{escape(heading)}: {report.uses:,} uses by {len(report.users):,} callers, "
            f"{report.answered:,} questions answered.{escape(trend)}</p>",
            f"<p>{escape(assumption)}</p>",
            _plot([*report.days], [*report.forecast]),
            *(_table(title, rows) for title, rows in tables if rows),
            "</html>",
            "",
        ]
    )


def _plot(days: Sequence[DayCount], forecast: Sequence[DayCount]) -> str:
    """Draw a bar a day; lighter ones for the days to come, with their bounds."""
    shown = [*days, *forecast]
    if not shown:
        return ""
    most = max(1.0, *(day.uses for day in shown), *(day.high for day in forecast))
    step = (_WIDTH - _LEFT) / len(shown)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 30}" role="img" aria-label="Uses a day, and a forecast">',
        f'<text x="0" y="12">{most:,.0f}</text><text x="0" y="{_HEIGHT}">0</text>',
    ]
    for number, day in enumerate(shown):
        x, height = _LEFT + number * step, day.uses / most * (_HEIGHT - 10)
        kind = "bar" if number < len(days) else "next"
        parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{_HEIGHT - height:.1f}" width="{max(1.0, step - 1):.1f}" '
            f'height="{height:.1f}"><title>{escape(day.day)}: {day.uses:,.0f}</title></rect>'
        )
        if kind == "next":
            low, high = (_HEIGHT - bound / most * (_HEIGHT - 10) for bound in (day.low, day.high))
            middle = x + step / 2
            parts.append(f'<line class="range" x1="{middle:.1f}" x2="{middle:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>')
    ends = ((shown[0].day, _LEFT, "start"), (shown[-1].day, _WIDTH, "end"))
    parts += [
        f'<text x="{x}" y="{_HEIGHT + 18}" text-anchor="{anchor}">{escape(day)}</text>' for day, x, anchor in ends
    ]
    return "".join([*parts, "</svg>"])


def _table(title: str, rows: Sequence[tuple[str, int]]) -> str:
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{f'{count:,}' if count else ''}</td></tr>" for name, count in rows)
    return f"<h2>{escape(title)}</h2><table>{cells}</table>"


__all__ = ["page"]
