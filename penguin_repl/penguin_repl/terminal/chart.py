"""Charts of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment

from penguin_repl.terminal.lines import View, segments_of, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_repl.render.parts import Bar, Chart
    from penguin_repl.terminal.theme import Styles

GAP = 2
MIN_BAR_WIDTH = 10
"""Columns. A narrower screen shows no bars."""


class ChartView(View):
    """Bars on a common scale: the label, the bar, and the note behind it."""

    def __init__(self, chart: Chart, styles: Styles) -> None:
        self._bars = chart.bars
        self._styles = styles
        self._labels = [segments_of(bar.label, styles) for bar in chart.bars]
        self._notes = [segments_of(bar.note, styles) for bar in chart.bars]

    def segments(self, width: int, *, wrapped: bool) -> Iterator[Segment]:
        """Yield the segments of all lines; see `View`."""
        label_width = max(map(width_of, self._labels), default=0)
        note_width = max(map(width_of, self._notes), default=0)
        bar_width = width - label_width - note_width - 2 * GAP
        for bar, label, note in zip(self._bars, self._labels, self._notes, strict=True):
            yield from label
            yield Segment(" " * (label_width - width_of(label) + GAP))
            if bar_width >= MIN_BAR_WIDTH:
                yield from self._bar(bar, bar_width)
                yield Segment(" " * GAP)
            yield from note
            yield Segment.line()

    def _bar(self, bar: Bar, width: int) -> Iterator[Segment]:
        start = min(each.start for each in self._bars)
        scale = width / (max(each.end for each in self._bars) - start or 1)
        first = min(width - 1, int((bar.start - start) * scale))
        # Even the shortest period is visible.
        last = max(first + 1, round((bar.end - start) * scale))
        yield Segment(" " * first)
        yield Segment(("░" if bar.waiting else "█") * (last - first), self._styles[bar.meaning])
        yield Segment(" " * (width - last))
