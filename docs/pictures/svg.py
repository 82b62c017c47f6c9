"""Terminal screens as SVG files, by rich's own export."""

from __future__ import annotations

import io
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyte
from rich.color import Color
from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyte.screens import Char

FONT_FACE = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
"""The template of rich loads a font from a server; the pictures use the reader's fonts instead."""
PLAIN = "default"
RENAMED = {"brown": "yellow", "brightbrown": "bright_yellow", "bfightmagenta": "bright_magenta"}
"""Names of colours that differ between pyte and rich."""


class PictureScreen(pyte.Screen):
    """A screen with faint text. pyte does not know it, so it is stored as blinking, which Penguin never uses."""

    def select_graphic_rendition(self, *attributes: int, **options: Any) -> None:
        """Set the style of the text that follows."""
        changed = {2: (5,), 22: (22, 25)}
        # The number behind these is a part of a colour.
        if not {38, 48} & set(attributes):
            attributes = tuple(found for number in attributes for found in changed.get(number, (number,)))
        super().select_graphic_rendition(*attributes, **options)


def screen_lines(screen: pyte.Screen) -> list[Text]:
    """Return the lines of a screen with their styles, without the empty lines at the end."""
    lines = [screen_line(screen, row) for row in range(screen.lines)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def command_line(command: str) -> Text:
    """Return the line in which a person types a command of Penguin."""
    return Text(f"$ penguin {command}", style="bold")


def to_svg(lines: Iterable[Text], columns: int, name: str, title: str) -> str:
    """Return lines as a picture of a terminal; `name` is part of all ids in the file."""
    console = Console(record=True, width=columns, file=io.StringIO())
    for line in lines:
        console.print(line, no_wrap=True, crop=True)
    template = FONT_FACE.sub("", CONSOLE_SVG_FORMAT)
    return console.export_svg(title=title, theme=MONOKAI, code_format=template, unique_id=name)


def screen_line(screen: pyte.Screen, row: int, *, cursor: bool = False) -> Text:
    """Return a line of a screen with its styles, with the cursor if it is there and `cursor` is set."""
    cells = [screen.buffer[row][column] for column in range(screen.columns)]
    if cursor and row == screen.cursor.y and not screen.cursor.hidden and screen.cursor.x < screen.columns:
        cells[screen.cursor.x] = cells[screen.cursor.x]._replace(reverse=True)
    while cells and cells[-1].data == " " and cells[-1].bg == PLAIN and not cells[-1].reverse:
        cells.pop()
    line = Text()
    for style, run in groupby(cells, _style):
        line.append("".join(cell.data for cell in run), style)
    return line


def _style(cell: Char) -> Style:
    return Style(
        color=_color(cell.fg),
        bgcolor=_color(cell.bg),
        bold=cell.bold,
        dim=cell.blink,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _color(name: str) -> Color | None:
    if name == PLAIN:
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return Color.parse(f"#{name}")
    return Color.parse(RENAMED.get(name) or name.replace("bright", "bright_"))
