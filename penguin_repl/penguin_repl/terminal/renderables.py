"""Parts as renderables of rich. Drawn by its console, which is slow to import."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

from rich.color import ColorSystem
from rich.console import Console, Group
from rich.segment import Segment

from penguin_repl.render.parts import Panel, Tree
from penguin_repl.terminal.lines import View, segments_of, wrap
from penguin_repl.terminal.views import view_of
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.tree import Tree as RichTree

    from penguin_repl.render.parts import Cell, Part
    from penguin_repl.terminal.theme import Styles

COLOR_SYSTEMS: dict[ColorSystem | None, Literal["standard", "truecolor"] | None] = {
    ColorSystem.STANDARD: "standard",
    ColorSystem.TRUECOLOR: "truecolor",
    None: None,
}


def renderable(part: Part, styles: Styles) -> RenderableType:
    """Return a part as a renderable."""
    match part:
        case Tree():
            return _tree(part, styles)
        case Panel():
            return _panel(part, styles)
        case _:
            return view_of(part, styles)


def _panel(panel: Panel, styles: Styles) -> RenderableType:
    from rich.panel import Panel as RichPanel
    from rich.text import Text

    inner = Group(*(renderable(part, styles) for part in panel.parts))
    title = Text(clean(panel.title), style=styles["heading"])
    return RichPanel(inner, title=title, title_align="left", border_style=styles["dim"])


def _tree(tree: Tree, styles: Styles) -> RichTree:
    from rich.tree import Tree as RichTree

    root = RichTree(_CellView(tree.line, styles), guide_style=styles["dim"])
    _add_children(root, tree, styles)
    return root


def _add_children(branch: RichTree, tree: Tree, styles: Styles) -> None:
    for child in tree.children:
        _add_children(branch.add(_CellView(child.line, styles)), child, styles)


class _CellView(View):
    """One cell, wrapped."""

    def __init__(self, cell: Cell, styles: Styles) -> None:
        self._segments = segments_of(cell, styles)

    def segments(self, width: int, *, wrapped: bool) -> Iterator[Segment]:
        """Yield the segments of all lines; see `View`."""
        for line in wrap(self._segments, width, fold_words=True):
            yield from line
            yield Segment.line()


def draw_on_console(part: Part, styles: Styles, width: int, *, color_system: ColorSystem | None, wrapped: bool) -> str:
    """Return a part as text; see `Drawer.draw`."""
    file = io.StringIO()
    # It reads nothing from the environment.
    console = Console(
        file=file,
        width=width,
        height=100,
        force_terminal=True,
        color_system=COLOR_SYSTEMS[color_system],
        no_color=False,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
    console.print(renderable(part, styles), end="", crop=False, no_wrap=not wrapped)
    return file.getvalue()
