"""Drawing of parts on a terminal."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Literal

from rich.console import Console

from penguin_repl.terminal.renderables import renderable
from penguin_repl.terminal.theme import make_styles

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        self._color_system: Literal["standard", "truecolor"] | None = None
        if color:
            self._color_system = "truecolor" if truecolor else "standard"

    def draw(self, parts: Iterable[Part], width: int, *, wrap: bool = True) -> str:
        """Return parts as text, one below the other.

        Args:
            parts: What to draw.
            width: The columns of the terminal.
            wrap: Whether text that is too long goes on in the next line. Otherwise it is cut off.
        """
        file = io.StringIO()
        console = self._console(file, width)
        for part in parts:
            console.print(renderable(part, self._styles), end="", crop=False, no_wrap=not wrap)
        return file.getvalue()

    def _console(self, file: IO[str], width: int) -> Console:
        """Return a console that reads nothing from the environment."""
        return Console(
            file=file,
            width=width,
            height=100,
            force_terminal=True,
            color_system=self._color_system,
            no_color=False,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            _environ={},
        )
