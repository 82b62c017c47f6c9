"""Renderers: what results look like, as text and as JSON."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from penguin_commands.results import room_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from penguin_commands.results import Result
    from penguin_repl.render.table import Part

FORMATS = ("text", "json", "jsonl")


def render(result: Result, *, format: str = "text", terminal: bool = False, width: int = 80, color: bool = True) -> str:
    """A result as text that ends in a newline, or is empty.

    On a terminal tables are drawn `width` columns wide, with colours if `color`; elsewhere they are aligned lines.
    """
    if format != "text":
        from penguin_repl.render.json_output import document, lines

        return document(result.data()) if format == "json" else lines(result.data())
    from penguin_repl.render.table import layout

    return layout(parts(result), terminal=terminal, width=width, color=color)


def parts(result: Result) -> Iterator[Part]:
    """The lines and tables that show a result: those that the module named as the one it is from makes of it."""
    kind = type(result)
    renderer: Callable[[Result], Iterator[Part]] = import_module(f"{__name__}.{room_of(kind)}").RENDERERS[kind]
    return renderer(result)
