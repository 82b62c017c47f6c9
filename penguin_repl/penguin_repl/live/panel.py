"""The panel above the input line. It is part of the prompt's layout, so it never disturbs the line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition, is_done
from prompt_toolkit.layout import ConditionalContainer, Dimension, HSplit, Window
from prompt_toolkit.layout.controls import FormattedTextControl

from penguin_repl.live.drawing import NO_LINES, DrawnLines, LiveDrawer
from penguin_repl.live.table import panel_height, panel_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import Application
    from prompt_toolkit.formatted_text import AnyFormattedText

    from penguin_repl.live.poller import PollResult
    from penguin_repl.output.screen import Style

MENU_LINES = 6
"""Lines below the prompt for completions, if the window is high enough."""
OTHER_LINES = 2
"""The lines for input and toolbar."""


class LivePanel:
    """A panel that shows the latest poll result while it is on."""

    def __init__(self, latest: Callable[[], PollResult], style: Style, *, on: bool) -> None:
        self.on = on
        self._latest = latest
        self._drawer = LiveDrawer(style)
        self._draw_cache: tuple[PollResult | None, object, DrawnLines] = (None, None, NO_LINES)
        """The state that the lines were drawn from, and the lines, so that a key press does not redraw them."""

    def add_to_prompt(self, prompt: PromptSession[str]) -> None:
        """Add the panel to a prompt."""
        container = prompt.layout.container
        assert isinstance(container, HSplit)
        window = Window(FormattedTextControl(self._text), height=self._height, dont_extend_height=True)
        shown = Condition(lambda: bool(self._lines().height))
        # After the line is entered, only the line stays on the screen.
        container.children.insert(0, ConditionalContainer(window, shown & ~is_done))

        def reserve_menu_space(app: Application[str]) -> None:
            # If the line does not fit, the content would be drawn in its place.
            rows = app.output.get_size().rows - self._lines().height - OTHER_LINES
            prompt.reserve_space_for_menu = min(MENU_LINES, max(0, rows))

        prompt.app.before_render += reserve_menu_space

    def row_capacity(self) -> int:
        """Return the number of workflows that fit."""
        return panel_height(get_app().output.get_size().rows) if self.on else 0

    def _height(self) -> Dimension:
        lines = self._lines().height
        return Dimension(min=0, preferred=lines, max=lines)

    def _text(self) -> AnyFormattedText:
        return self._lines().text

    def _lines(self) -> DrawnLines:
        if not self.on:
            return NO_LINES
        size, poll = get_app().output.get_size(), self._latest()
        origin = (size, int(time.time()))
        if self._draw_cache[0] is not poll or self._draw_cache[1] != origin:
            parts = panel_parts(poll.rows, poll.counts.total, panel_height(size.rows), size.columns)
            # A line that ends in the last column makes some terminals start another one.
            self._draw_cache = (poll, origin, self._drawer.draw(parts, size.columns - 1))
        return self._draw_cache[2]
