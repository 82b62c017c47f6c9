"""A timeline as HTML with inline SVG: one row for each attempt or task, on a common scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penguin_repl.render.format import format_duration, format_time
from penguin_repl.report.elements import Markup, element, lines_of
from penguin_repl.report.phrases import RUNNING, meaning_of
from penguin_repl.report.time_scale import TimeScale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_commands.results.report import Span

THINNEST = 0.4
"""Percent of the width that the shortest bar takes."""
HATCH = Markup(
    '<svg class="defs" width="0" height="0" aria-hidden="true"><defs>'
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs></svg>'
)
"""The pattern of waits, once for a page."""


class Row(NamedTuple):
    """A row of a timeline."""

    label: str
    spans: tuple[Span, ...]


def attempt_rows(spans: Sequence[Span]) -> list[Row]:
    """Return one row for each attempt, with the waits before it, and one for a wait that no attempt followed."""
    rows: dict[tuple[str, int], list[Span]] = {}
    pending: list[Span] = []
    for span in spans:
        pending.append(span)
        if span.phase:
            rows.setdefault((span.phase, span.attempt), []).extend(pending)
            pending = []
    found = [Row(f"{phase} {attempt}", tuple(own)) for (phase, attempt), own in rows.items()]
    return [*found, *([Row(pending[-1].waiting, tuple(pending))] if pending else [])]


def timeline_chart(rows: Sequence[Row]) -> Markup:
    """Return the chart; '' if there is nothing to draw."""
    spans = [span for row in rows for span in row.spans]
    if not spans:
        return Markup()
    scale = TimeScale(spans)
    note = (
        f"Hatched: waiting. Gaps longer than {format_duration(scale.longest_gap)} in which nothing ran are shortened."
        if scale.shortened
        else "Hatched: waiting."
    )
    axis = element(
        "div",
        element("span", format_time(scale.start)),
        element("span", format_time(scale.end)),
        class_="axis",
    )
    chart = element("div", lines_of(*(_row(row, scale) for row in rows), axis), class_="timeline")
    return lines_of(chart, element("p", note, class_="note"))


def _row(row: Row, scale: TimeScale) -> Markup:
    ran = sum((span.ended_at - span.started_at).total_seconds() for span in row.spans if not span.waiting)
    waited = sum((span.ended_at - span.started_at).total_seconds() for span in row.spans if span.waiting)
    times = ", ".join([f"waited {format_duration(waited)}"] * bool(waited) + [format_duration(ran)] * bool(ran))
    bars = Markup("".join(_bar(span, scale) for span in row.spans))
    picture = element(
        "svg", bars, width="100%", height="14", role="img", aria_label="; ".join(map(_describe, row.spans))
    )
    return element(
        "div",
        element("span", row.label, class_="label"),
        picture,
        element("span", times, class_="took"),
        class_="row",
    )


def _bar(span: Span, scale: TimeScale) -> Markup:
    start, end = scale.position(span.started_at), scale.position(span.ended_at)
    width = max(end - start, THINNEST)
    kind = "wait" if span.waiting else f"bar {meaning_of(span.verdict) if span.verdict else RUNNING}"
    x = min(start, 100.0 - width)
    title = element("title", _describe(span))
    # A title within the bar is shown when the mouse is over it.
    shape = f'<rect class="{kind}" x="{x:.2f}%" y="1" width="{width:.2f}%" height="12" rx="2">{title}</rect>'
    return Markup(shape)


def _describe(span: Span) -> str:
    took = format_duration((span.ended_at - span.started_at).total_seconds())
    if span.waiting:
        return f"{span.waiting} for {took}"
    return f"{span.phase} {span.attempt} {span.verdict or 'running'}, {took}"
