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


def draw(
    parts: Iterable[Part], *, width: int, color: bool, truecolor: bool = False, theme: ThemeSetting = "auto"
) -> str:
    """Return parts as text, with escape sequences if `color`.

    Args:
        parts: What to draw, one below the other.
        width: The columns of the terminal.
        color: Whether to use styles.
        truecolor: Whether the terminal shows 16 million colours.
        theme: The value of `ui.theme`.
    """
    styles = make_styles(theme, truecolor=truecolor)
    file = io.StringIO()
    console = _console(file, width, ("truecolor" if truecolor else "standard") if color else None)
    for part in parts:
        console.print(renderable(part, styles), end="", crop=False)
    return file.getvalue()


def _console(file: IO[str], width: int, color_system: Literal["standard", "truecolor"] | None) -> Console:
    """Return a console that reads nothing from the environment."""
    return Console(
        file=file,
        width=width,
        height=100,
        force_terminal=True,
        color_system=color_system,
        no_color=False,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
