"""Recordings of terminals as SVG files that need no script: each line of the screen is shown and hidden by CSS."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from docs.pictures.svg import screen_line
from rich.style import Style
from rich.terminal_theme import MONOKAI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.color import Color
    from rich.text import Text
    from tests.support.terminal import Terminal

CELL_WIDTH, LINE_HEIGHT, FONT_SIZE, MARGIN = 8.4, 18, 14, 12
"""Pixels."""
BACKGROUND = MONOKAI.background_color.hex
LAST_FRAME = 4.0
"""Seconds for which the last frame is shown before the recording starts again."""


class Frame(NamedTuple):
    """A screen, and when it was first shown."""

    at: float
    lines: tuple[str, ...]
    """As markup."""


class Recorder:
    """A recorder of a terminal, which also types on it at the pace of a person."""

    def __init__(self, terminal: Terminal, pace: float = 0.07) -> None:
        self.frames: list[Frame] = []
        self._terminal = terminal
        self._pace = pace
        """Seconds between two keys."""
        self._start = time.monotonic()

    def see(self, text: str) -> None:
        """Record until the screen shows a text."""
        self._record_until(lambda: text in self._terminal.text)

    def pause(self, seconds: float) -> None:
        """Record for some time."""
        end = time.monotonic() + seconds
        self._record_until(lambda: time.monotonic() >= end)

    def enter(self, line: str) -> None:
        """Type a line once there is an empty prompt."""
        self._record_until(lambda: self._terminal.typed == "")
        for key in f"{line}\r":
            self._terminal.press(key)
            self.pause(self._pace)

    def _record_until(self, condition: Callable[[], bool]) -> None:
        def record() -> bool:
            self._add_frame()
            return condition()

        self._terminal.wait_until(record)

    def _add_frame(self) -> None:
        screen = self._terminal.screen
        lines = tuple(_markup(screen_line(screen, row, cursor=True)) for row in range(screen.lines))
        if not self.frames or self.frames[-1].lines != lines:
            self.frames.append(Frame(time.monotonic() - self._start, lines))


def to_animation(frames: Sequence[Frame], columns: int) -> str:
    """Return frames as an animated picture."""
    length = frames[-1].at + LAST_FRAME
    width = round(columns * CELL_WIDTH + 2 * MARGIN)
    height = len(frames[0].lines) * LINE_HEIGHT + 2 * MARGIN
    shown = [found for row in range(len(frames[0].lines)) for found in _spans(frames, row, length)]
    rules, groups = [], []
    for number, (row, markup, begin, end) in enumerate(shown):
        hides = "" if end >= length else f"{end / length:.2%}{{visibility:hidden}}"
        rules.append(f"@keyframes k{number}{{{begin / length:.2%}{{visibility:visible}}{hides}}}")
        y = MARGIN + (row + 1) * LINE_HEIGHT - 5
        groups.append(f'<g style="animation-name:k{number}" transform="translate({MARGIN} {y})">{markup}</g>')
    style = (
        f"text{{font:{FONT_SIZE}px Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}}"
        f"g{{visibility:hidden;animation:{length:.1f}s step-end infinite;fill:{_hex(None)}}}.b{{font-weight:bold}}"
    )
    size = f'width="{width}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size}>',
            f"<style>{style}",
            *rules,
            "</style>",
            f'<rect {size} rx="8" fill="{BACKGROUND}"/>',
            *groups,
            "</svg>\n",
        ]
    )


def _spans(frames: Sequence[Frame], row: int, length: float) -> Iterator[tuple[int, str, float, float]]:
    """Yield what is shown on one line of the screen: the line, its markup, and from when to when."""
    begin, markup = 0.0, ""
    for at, lines in [*frames, Frame(length, ())]:
        found = lines[row] if lines else None
        if found == markup:
            continue
        if markup:
            yield row, markup, begin, at
        begin, markup = at, found or ""


def _markup(line: Text) -> str:
    """Return a line as rectangles behind texts, each text exactly as wide as its cells."""
    behind, texts = "", ""
    for span in line.spans:
        style = span.style
        assert isinstance(style, Style)
        text = line.plain[span.start : span.end]
        fore, back = (style.bgcolor, style.color) if style.reverse else (style.color, style.bgcolor)
        x, width = span.start * CELL_WIDTH, len(text) * CELL_WIDTH
        if back is not None or style.reverse:
            behind += f'<rect x="{x:.1f}" y="-13" width="{width:.1f}" height="{LINE_HEIGHT}" fill="{_hex(back)}"/>'
        if text.strip():
            texts += f'<text x="{x:.1f}" textLength="{width:.1f}"{_attributes(style, fore)}>{escape(text)}</text>'
    return behind + texts


def _attributes(style: Style, color: Color | None) -> str:
    fill = BACKGROUND if style.reverse and color is None else _hex(color) if color is not None else ""
    return (
        (f' fill="{fill}"' if fill else "")
        + (' class="b"' if style.bold else "")
        + (' opacity=".6"' if style.dim else "")
    )


def _hex(color: Color | None) -> str:
    return MONOKAI.foreground_color.hex if color is None else color.get_truecolor(MONOKAI).hex
