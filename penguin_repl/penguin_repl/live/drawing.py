"""Drawing for prompt_toolkit: lines that are exactly as many as their parts have, and never wider than the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples, to_formatted_text

from penguin_repl.text.ascii import to_single_ascii

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_repl.output.screen import Style
    from penguin_repl.render.parts import Part
    from penguin_repl.terminal.draw import Drawer


class DrawnLines(NamedTuple):
    """Lines for prompt_toolkit."""

    text: StyleAndTextTuples
    """The lines, without the last line end."""
    height: int


NO_LINES = DrawnLines([], 0)


class LiveDrawer:
    """Draws lines and tables for a window of prompt_toolkit."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._drawer: Drawer | None = None

    def draw(self, parts: Sequence[Part], columns: int) -> DrawnLines:
        """Return parts as lines. Text that is too long is cut off."""
        if not parts:
            return NO_LINES
        if self._drawer is None:
            # The shell shows its prompt first.
            from penguin_repl.terminal.draw import Drawer

            style = self._style
            self._drawer = Drawer(
                color=style.color, truecolor=style.truecolor, theme=style.theme, single_characters=True
            )
        text = self._drawer.draw(parts, columns, wrap=False)
        if self._style.ascii:
            text = to_single_ascii(text)
        return DrawnLines(to_formatted_text(ANSI(text.removesuffix("\n"))), text.count("\n"))
