"""Drawing of parts on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.color import ColorSystem

from penguin_repl.render.parts import Panel, Tree
from penguin_repl.terminal.theme import make_styles
from penguin_repl.terminal.views import view_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.style import Style

    from penguin.orchestration.config.theme import ThemeSetting
    from penguin_repl.render.parts import Part


class Drawer:
    """Draws parts in one style.

    Args:
        color: Whether to use styles. Otherwise the text has no escape sequences.
        truecolor: Whether the terminal shows 16 million colours.
        theme: The value of `ui.theme`.
        single_characters: Reduce each emoji sequence to one character, for programs that place characters one by one.
    """

    def __init__(
        self,
        *,
        color: bool,
        truecolor: bool = False,
        theme: ThemeSetting = "auto",
        single_characters: bool = False,
    ) -> None:
        self._styles = make_styles(theme, truecolor=truecolor)
        self._styles.single_characters = single_characters
        self._styles.colored = color
        self._color_system: ColorSystem | None = None
        if color:
            self._color_system = ColorSystem.TRUECOLOR if truecolor else ColorSystem.STANDARD

    def draw(self, parts: Iterable[Part], width: int, *, wrap: bool = True) -> str:
        """Return parts as text, one below the other.

        Args:
            parts: What to draw.
            width: The columns of the terminal.
            wrap: Whether text that is too long goes on in the next line. Otherwise it is cut off.
        """
        return "".join([self._draw_part(part, width, wrapped=wrap) for part in parts])

    def _draw_part(self, part: Part, width: int, *, wrapped: bool) -> str:
        if isinstance(part, (Tree, Panel)):
            from penguin_repl.terminal.renderables import draw_on_console

            return draw_on_console(part, self._styles, width, color_system=self._color_system, wrapped=wrapped)
        segments = view_of(part, self._styles).segments(width, wrapped=wrapped)
        return "".join([self._escape_codes(text, style) for text, style, _ in segments])

    def _escape_codes(self, text: str, style: Style | None) -> str:
        return style.render(text, color_system=self._color_system) if style else text
