# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What an audit log says of the use of Conexus: by whom, of what, in vain, and how it goes on. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from conexus.types import AuditRecord, AuditReport, DayCount

_QUESTIONS: Final = frozenset({"search", "batch_search", "context", "similar", "symbols"})
_USES: Final = _QUESTIONS | {"file", "read", "map", "graph", "related"}
_TOP: Final = 20
_FORECAST_DAYS: Final = 14
_WEEKS_FOR_WEEKDAYS: Final = 21
_FEWEST_DAYS: Final = 7
_INTERVAL: Final = 1.96  # standard deviations to each side: 95 %


def report(
    records: Iterable[AuditRecord], repositories: Collection[str], since: float, until: float, minutes: float
) -> AuditReport:
    """Sum up records of a span of time.

    Args:
        records: All of them; those of other actions than use count where something was refused only.
        repositories: Ids of all that are indexed.
        since: Seconds since the epoch.
        until: The same.
        minutes: What an answered question is taken to save; an assumption of whoever asks, not a measurement.
    """
    users, actions, repos, areas, empty, denied, days = (Counter[str]() for _ in range(7))
    answered = 0
    for record in records:
        if record.state == "expired":
            continue
        who = record.user or record.subject or record.state
        if not record.allowed:
            denied[who] += 1
        if record.action not in _USES:
            continue
        users[who] += 1
        actions[record.action] += 1
        repos.update(record.repos)
        areas.update({_area(place) for place in record.shown})
        days[_day(record.at).isoformat()] += 1
        if record.action in _QUESTIONS and record.outcome == "ok":
            answered += record.results > 0
            if not record.results and record.text:
                empty[record.text] += 1
    counts = _whole(days, since, until)
    slope, forecast = _forecast(counts)
    return AuditReport(
        since=since,
        until=until,
        uses=sum(users.values()),
        users=_top(users),
        actions=_top(actions),
        repositories=_top(repos),
        unused=tuple(sorted(set(repositories) - set(repos))),
        areas=_top(areas),
        empty_questions=_top(empty),
        denied=_top(denied),
        days=tuple(counts),
        more_each_week=None if slope is None else round(slope * 7, 3),
        forecast=forecast,
        answered=answered,
        minutes_saved=round(answered * minutes, 1),
    )


def _day(at: float) -> date:
    return datetime.fromtimestamp(at).astimezone().date()


def _area(place: str) -> str:
    """Return the repository and the folder of a place."""
    repo, _, rest = place.partition(":")
    path = rest.partition(":")[0]
    folder = path.rpartition("/")[0]
    return f"{repo}:{folder or '.'}"


def _top(counter: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:_TOP])


def _whole(days: Counter[str], since: float, until: float) -> list[DayCount]:
    """Return the days from the first with a use to the last with one, those without a use too."""
    if not days:
        return []
    first = max(_day(since), date.fromisoformat(min(days)))
    last = min(_day(until), date.fromisoformat(max(days)))
    length = (last - first).days + 1
    return [
        DayCount(day.isoformat(), float(days[day.isoformat()]))
        for day in (first + timedelta(days=number) for number in range(length))
    ]


def _forecast(days: Sequence[DayCount]) -> tuple[float | None, tuple[DayCount, ...]]:
    """Return how many uses more there are each day, and the two weeks to come.

    A straight line by least squares; with three weeks or more each day of the week has a level of its own. The bounds
    are those of 95 % of single days, as far as the past is a guide.
    """
    if len(days) < _FEWEST_DAYS:
        return None, ()
    first = date.fromisoformat(days[0].day)
    weekly = len(days) >= _WEEKS_FOR_WEEKDAYS

    def row(number: int) -> list[float]:
        weekday = (first + timedelta(days=number)).weekday()
        levels = [float(weekday == one) for one in range(7)] if weekly else [1.0]
        return [float(number), *levels]

    design = np.array([row(number) for number in range(len(days))])
    counts = np.array([day.uses for day in days])
    weights, *_ = np.linalg.lstsq(design, counts, rcond=None)
    free = max(1, len(days) - design.shape[1])
    spread = float(np.sqrt(((counts - design @ weights) ** 2).sum() / free)) * _INTERVAL
    found = []
    for number in range(len(days), len(days) + _FORECAST_DAYS):
        middle = max(0.0, float(np.dot(row(number), weights)))
        day = (first + timedelta(days=number)).isoformat()
        found.append(DayCount(day, round(middle, 1), round(max(0.0, middle - spread), 1), round(middle + spread, 1)))
    return float(weights[0]), tuple(found)


__all__ = ["report"]
