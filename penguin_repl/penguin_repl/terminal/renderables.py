"""Parts as renderables of rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.segment import Segment

from penguin_repl.render.parts import Chart, Code, Grid, Line, Panel, Tree
from penguin_repl.terminal.lines import LineView, segments_of, width_of, wrap
from penguin_repl.terminal.table import GridView
from penguin_repl.text.escape import clean, clean_block

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.tree import Tree as RichTree

    from penguin_repl.render.parts import Bar, Cell, Part
    from penguin_repl.terminal.theme import Styles

GAP = 2
MIN_BAR_WIDTH = 10
"""Columns. A narrower screen shows no bars."""


def renderable(part: Part, styles: Styles) -> RenderableType:
    """Return a part as a renderable."""
    match part:
        case str() | Line():
            return LineView(part, styles)
        case Grid():
            return GridView(part, styles)
        case Tree():
            return _tree(part, styles)
        case Chart():
            return ChartView(part, styles)
        case Code():
            return _code(part, styles)
        case Panel():
            return _panel(part, styles)


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


class _CellView:
    """A renderable for one cell, wrapped."""

    def __init__(self, cell: Cell, styles: Styles) -> None:
        self._segments = segments_of(cell, styles)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield segments; see the console protocol of rich."""
        for line in wrap(self._segments, options.max_width, fold_words=True):
            yield from line
            yield Segment.line()


def _code(code: Code, styles: Styles) -> RenderableType:
    from rich.syntax import Syntax

    theme = "ansi_light" if styles.is_light else "ansi_dark"
    return Syntax(clean_block(code.text), code.language, theme=theme, background_color="default", word_wrap=True)


class ChartView:
    """A renderable for bars on a common scale: the label, the bar, and the note behind it."""

    def __init__(self, chart: Chart, styles: Styles) -> None:
        self._bars = chart.bars
        self._styles = styles
        self._labels = [segments_of(bar.label, styles) for bar in chart.bars]
        self._notes = [segments_of(bar.note, styles) for bar in chart.bars]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield segments; see the console protocol of rich."""
        label_width = max(map(width_of, self._labels), default=0)
        note_width = max(map(width_of, self._notes), default=0)
        bar_width = options.max_width - label_width - note_width - 2 * GAP
        for bar, label, note in zip(self._bars, self._labels, self._notes, strict=True):
            yield from label
            yield Segment(" " * (label_width - width_of(label) + GAP))
            if bar_width >= MIN_BAR_WIDTH:
                yield from self._bar(bar, bar_width)
                yield Segment(" " * GAP)
            yield from note
            yield Segment.line()

    def _bar(self, bar: Bar, width: int) -> RenderResult:
        start = min(each.start for each in self._bars)
        scale = width / (max(each.end for each in self._bars) - start or 1)
        first = min(width - 1, int((bar.start - start) * scale))
        # Even the shortest period is visible.
        last = max(first + 1, round((bar.end - start) * scale))
        yield Segment(" " * first)
        yield Segment(("░" if bar.waiting else "█") * (last - first), self._styles[bar.meaning])
        yield Segment(" " * (width - last))
