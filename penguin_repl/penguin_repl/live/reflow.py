"""Erasing the prompt in a window whose size changed, where the terminal arranges the lines on the screen anew.

prompt_toolkit erases as many rows as it drew. These terminals wrap lines that became too long, keep rows that no longer
fit in their history, and show them again when the window grows: without the changes below, old lines would stay.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prompt_toolkit.application import Application
    from prompt_toolkit.layout.screen import Char

REARRANGING = (
    "VTE_VERSION",
    "KITTY_WINDOW_ID",
    "KONSOLE_VERSION",
    "WEZTERM_PANE",
    "ALACRITTY_WINDOW_ID",
    "GHOSTTY_RESOURCES_DIR",
    "ITERM_SESSION_ID",
    "WT_SESSION",
)
"""Variables set by terminals that wrap lines anew. Others, such as xterm, cut them off."""


def rearranges_lines(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether the terminal wraps its lines anew when its width changes, as far as it says."""
    if environ.get("TMUX"):
        return True
    # GNU screen cuts lines off, and passes on the variables of the terminal around it.
    return not environ.get("STY") and any(environ.get(name) for name in REARRANGING)


class PromptEraser:
    """Erases an application's lines wherever the terminal has moved them."""

    def __init__(self, app: Application[str]) -> None:
        """Replace the erasing of an application."""
        self._app = app
        self._widths: dict[int, int] = {}
        """The largest width of each line since the last erasing: tmux wraps erased cells, too."""
        self._drawn_columns = 0
        self._rows = 0
        """The height of the window when the lines were erased."""
        self._hidden: list[int] = []
        """The widths of lines that are in the terminal's history, because the window became too low."""
        app.before_render += lambda _: self._erase_if_resized()
        app.after_render += lambda _: self._measure()
        app.renderer.erase = self.erase  # type: ignore[method-assign]

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Erase all lines, and go to the first one. Only a change of the size keeps the alternate screen."""
        renderer, output = self._app.renderer, self._app.output
        size, cursor = output.get_size(), renderer._cursor_pos
        drawn = [self._widths.get(line, 0) for line in range(cursor.y)]
        above = _rows(drawn, size.columns) + cursor.x // size.columns
        shown_again = min(_rows(self._hidden, size.columns), max(0, size.rows - self._rows))
        output.cursor_backward(cursor.x)
        output.cursor_up(above + shown_again)
        # Not from the first column: tmux would move the lines into its history if they begin at the top.
        output.erase_end_of_line()
        output.cursor_forward(1)
        output.erase_down()
        output.cursor_backward(1)
        output.reset_attributes()
        output.enable_autowrap()
        output.flush()
        renderer.reset(leave_alternate_screen=leave_alternate_screen)
        # What is printed behind any other erasing comes between the hidden lines and the prompt.
        self._hidden = [] if leave_alternate_screen else self._hidden[: len(self._hidden) - shown_again]
        self._hidden += _first_rows(drawn, above + 1 - size.rows, size.columns)
        self._rows = size.rows
        self._widths.clear()

    def _erase_if_resized(self) -> None:
        # The window may change before its signal arrives. prompt_toolkit would only draw anew.
        drawn = self._app.renderer.last_rendered_screen is not None
        if drawn and self._drawn_columns != self._app.output.get_size().columns:
            self.erase(leave_alternate_screen=False)

    def _measure(self) -> None:
        screen = self._app.renderer.last_rendered_screen
        if screen is None:
            return
        self._drawn_columns = self._app.output.get_size().columns
        for line in range(self._app.renderer._cursor_pos.y):
            self._widths[line] = max(self._widths.get(line, 0), _width(screen.data_buffer[line]))


def _rows(widths: Iterable[int], columns: int) -> int:
    """Return the rows that lines of these widths take."""
    return sum(1 + max(0, width - 1) // columns for width in widths)


def _first_rows(widths: Iterable[int], count: int, columns: int) -> Iterator[int]:
    """Yield the widths of the lines that are in the first rows. Of the last one, this may be only a part."""
    for width in widths:
        if count <= 0:
            return
        yield min(width, count * columns)
        count -= _rows([width], columns)


def _width(cells: Mapping[int, Char]) -> int:
    """Return the columns of a line without the spaces at its end."""
    return max((column + cell.width for column, cell in cells.items() if cell.char != " "), default=0)
