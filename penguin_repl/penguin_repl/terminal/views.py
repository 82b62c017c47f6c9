"""Parts as views, which draw themselves without a console of rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.render.parts import Chart, Code, Grid, Line
from penguin_repl.terminal.lines import LineView
from penguin_repl.terminal.table import GridView

if TYPE_CHECKING:
    from penguin_repl.render.parts import Hunk
    from penguin_repl.terminal.lines import View
    from penguin_repl.terminal.theme import Styles


def view_of(part: str | Line | Grid | Chart | Code | Hunk, styles: Styles) -> View:
    """Return the view of a part."""
    if isinstance(part, (str, Line)):
        return LineView(part, styles)
    if isinstance(part, Grid):
        return GridView(part, styles)
    if isinstance(part, Chart):
        from penguin_repl.terminal.chart import ChartView

        return ChartView(part, styles)
    from penguin_repl.terminal.code import CodeView, HunkView

    return CodeView(part, styles) if isinstance(part, Code) else HunkView(part, styles)
