"""Charts of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment

from penguin_repl.terminal.lines import View, segments_of, width_of, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_repl.render.parts import Bar, Chart
    from penguin_repl.terminal.theme import Styles

GAP = 2
MIN_BAR_WIDTH = 10
"""Columns. A narrower screen shows no bars."""


class ChartView(View):
    """Bars on a common scale: the label, the bars, and the note behind them."""

    def __init__(self, chart: Chart, styles: Styles) -> None:
        self._chart = chart
        self._styles = styles
        self._labels = [segments_of(row.label, styles) for row in chart.rows]
        self._notes = [segments_of(row.note, styles) for row in chart.rows]
        bars = [bar for row in chart.rows for bar in row.bars]
        self._start = min((bar.start for bar in bars), default=0.0)
        self._length = max((bar.end for bar in bars), default=0.0) - self._start or 1.0

    def segments(self, width: int, *, wrapped: bool) -> Iterator[Segment]:
        """Yield the segments of all lines; see `View`."""
        label_width = max(map(width_of, self._labels), default=0)
        note_width = max(map(width_of, self._notes), default=0)
        bar_width = width - label_width - note_width - 2 * GAP
        for row, label, note in zip(self._chart.rows, self._labels, self._notes, strict=True):
            gap = Segment(" " * (label_width - width_of(label) + GAP))
            bars = [*self._bars(row.bars, bar_width), Segment(" " * GAP)] if bar_width >= MIN_BAR_WIDTH else []
            for line in wrap([*label, gap, *bars, *note], width, fold_words=True, indent=GAP):
                yield from line
                yield Segment.line()
        if self._chart.scale and bar_width >= MIN_BAR_WIDTH:
            yield Segment(" " * (label_width + GAP))
            yield Segment(_scale_line(*self._chart.scale, bar_width), self._styles["dim"])
            yield Segment.line()

    def _bars(self, bars: tuple[Bar, ...], width: int) -> Iterator[Segment]:
        scale = width / self._length
        position = 0
        for bar in bars:
            first = min(width - 1, round((bar.start - self._start) * scale))
            # Even the shortest period is visible, except for a wait that the next bar covers.
            last = max(first + 1, round((bar.end - self._start) * scale))
            first, last = max(first, position), max(last, position)
            yield Segment(" " * (first - position))
            yield Segment(("░" if bar.waiting else "█") * (last - first), self._styles[bar.meaning])
            position = last
        yield Segment(" " * (width - position))


def _scale_line(start: str, middle: str, end: str, width: int) -> str:
    """Return the line below bars. What does not fit is left out, the middle first."""
    for text in (f" {middle} ", ""):
        rule = width - len(start) - len(end) - len(text) - 2
        if rule >= 2:
            left = rule // 2
            return f"{start} {'─' * left}{text}{'─' * (rule - left)} {end}"
    return start
