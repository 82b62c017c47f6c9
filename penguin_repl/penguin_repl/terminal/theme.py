"""Themes: the styles of meanings, for dark and light backgrounds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.style import Style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penguin.orchestration.config.theme import Meaning, ThemeSetting


class Styles(dict[str, Style]):
    """The style of every meaning."""

    colored = True
    """Whether text gets these styles. Otherwise nothing needs to find the meanings of words in source text."""
    single_characters = False
    """Whether to reduce each emoji sequence to one character."""


_MONO: dict[Meaning, str] = {
    "heading": "bold",
    "label": "dim",
    "toolbar": "",
    "dim": "dim",
    "id": "",
    "phase": "",
    "time": "dim",
    "money": "bold",
    "path": "",
    "command": "bold",
    "warning": "",
    "error": "bold",
    "status.pending": "dim",
    "status.running": "",
    "status.paused": "",
    "status.blocked": "bold",
    "status.completed": "",
    "status.failed": "bold",
    "status.cancelled": "dim",
    "verdict.passed": "",
    "verdict.failed": "bold",
    "verdict.error": "bold",
    "verdict.unverified": "",
    "verdict.interrupted": "dim",
    "verdict.skipped": "dim",
    "added": "",
    "removed": "",
    "hunk": "dim",
    "code.keyword": "bold",
    "code.name": "",
    "code.string": "",
    "code.number": "",
    "code.comment": "dim",
}
_DARK: dict[Meaning, str] = {
    **_MONO,
    "id": "cyan",
    "path": "cyan",
    "warning": "yellow",
    "error": "bold red",
    "status.running": "bright_blue",
    "status.paused": "yellow",
    "status.blocked": "bold yellow",
    "status.completed": "green",
    "status.failed": "bold red",
    "verdict.passed": "green",
    "verdict.failed": "bold red",
    "verdict.error": "bold red",
    "verdict.unverified": "yellow",
    "added": "green",
    "removed": "red",
    "hunk": "cyan",
    # Neither red nor green: these are the lines of a diff.
    "code.keyword": "bright_blue",
    "code.name": "bold",
    "code.string": "yellow",
    "code.number": "cyan",
}
# On a white background, yellow and cyan are hard to read in most palettes.
_LIGHT: dict[Meaning, str] = {
    **_DARK,
    "id": "blue",
    "path": "blue",
    "warning": "magenta",
    "status.running": "blue",
    "status.paused": "magenta",
    "status.blocked": "bold magenta",
    "verdict.unverified": "magenta",
    "hunk": "blue",
    "code.keyword": "blue",
    "code.string": "magenta",
    "code.number": "blue",
}
_DARK_COLORS = {
    "red": "#ff7b72",
    "green": "#56d364",
    "yellow": "#e3b341",
    "bright_blue": "#79c0ff",
    "cyan": "#76d9e6",
}
"""What replaces the colours of the terminal's palette on a terminal with 16 million colours."""
_LIGHT_COLORS = {"red": "#cf222e", "green": "#1a7f37", "magenta": "#9a6700", "blue": "#0550ae"}


def make_styles(theme: ThemeSetting, *, truecolor: bool, environ: Mapping[str, str] | None = None) -> Styles:
    """Return the styles of the chosen theme.

    Args:
        theme: The value of `ui.theme`. `auto` has the colours of the terminal's own palette; `dark` and `light` have
            their own colours where the terminal can show them.
        truecolor: Whether the terminal shows 16 million colours.
        environ: Instead of `os.environ`.
    """
    own = {"base": theme} if isinstance(theme, str) else dict(theme)
    base = own.pop("base", "auto")
    if base == "auto":
        base = "light" if is_light(os.environ if environ is None else environ) else "dark"
        truecolor = False
    colors = {"dark": _DARK_COLORS, "light": _LIGHT_COLORS}.get(base, {}) if truecolor else {}
    styles = Styles()
    for meaning, text in {"dark": _DARK, "light": _LIGHT, "mono": _MONO}[base].items():
        styles[meaning] = Style.parse(" ".join(colors.get(word, word) for word in text.split()))
    for name, text in own.items():
        styles[name] = Style.parse(text)
    return styles


def is_light(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal says that its background is light. Most terminals do not say."""
    return environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")
