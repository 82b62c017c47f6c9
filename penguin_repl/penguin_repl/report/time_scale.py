"""The common scale of a timeline: from times to positions."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_commands.results.report import Span

LONGEST_GAP = 0.25
"""The largest part of the scale that a gap in which nothing ran may take, as a multiple of the time in which
something ran."""


class TimeScale:
    """A scale over all spans. Long gaps in which nothing ran are shortened, so that the runs stay visible."""

    def __init__(self, spans: Sequence[Span]) -> None:
        """`spans`: at least one."""
        self.start = min(span.started_at for span in spans)
        self.end = max(span.ended_at for span in spans)
        runs = _merged([(span.started_at, span.ended_at) for span in spans if not span.waiting])
        busy = sum((end - start).total_seconds() for start, end in runs)
        self.longest_gap = LONGEST_GAP * busy
        self.shortened = False
        """Whether a gap is shortened."""
        self._times = [self.start]
        self._places = [0.0]
        for start, end in runs:
            self._add_gap(start)
            self._add(end, (end - start).total_seconds())
        self._add_gap(self.end)

    def _add_gap(self, until: datetime) -> None:
        gap = (until - self._times[-1]).total_seconds()
        limit = self.longest_gap or gap
        self.shortened |= gap > limit
        self._add(until, min(gap, limit))

    def _add(self, until: datetime, length: float) -> None:
        self._times.append(until)
        self._places.append(self._places[-1] + max(0.0, length))

    def position(self, when: datetime) -> float:
        """Return where a time is, in percent of the scale."""
        whole = self._places[-1]
        after = bisect_right(self._times, when)
        if not whole or after == 0:
            return 0.0
        if after == len(self._times):
            return 100.0
        before = after - 1
        real = self._times[after] - self._times[before]
        part = (when - self._times[before]) / real if real > timedelta() else 0.0
        return 100.0 * (self._places[before] + part * (self._places[after] - self._places[before])) / whole


def _merged(runs: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return the times in which anything ran, without overlaps, in order."""
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(runs):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
