"""Renderers: what results look like, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penguin_commands.results import Result

FORMATS = ("text", "json", "jsonl")


def render(result: Result, *, format: str = "text", terminal: bool = False, width: int = 80, color: bool = True) -> str:
    """A result as text that ends in a newline, or is empty.

    On a terminal tables are drawn `width` columns wide, with colours if `color`; elsewhere they are aligned lines.
    """
    if format != "text":
        from penguin_repl.render.as_json import document, lines

        return document(result.data()) if format == "json" else lines(result.data())
    from penguin_repl.render.grid import layout
    from penguin_repl.render.text import parts

    return layout(parts(result), terminal=terminal, width=width, color=color)
