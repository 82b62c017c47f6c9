"""Renderers of results, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results import module_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from penguin_commands.results import Result
    from penguin_repl.render.registry import Renderers
    from penguin_repl.render.table import Part

FORMATS = ("text", "json", "jsonl")


def render(result: Result, *, format: str = "text", terminal: bool = False, width: int = 80, color: bool = True) -> str:
    """Return a result as text that ends in a newline, or is empty.

    Args:
        result: What a command returned.
        format: One of FORMATS.
        terminal: Draw tables `width` columns wide, with colours if `color`. Elsewhere tables are aligned lines.
        width: The columns of the terminal.
        color: Whether the terminal shows colours.
    """
    if format != "text":
        from penguin_repl.render.json_output import json_document, json_lines

        return json_document(result.data()) if format == "json" else json_lines(result.data())
    return layout(render_parts(result), terminal=terminal, width=width, color=color)


def render_parts(result: Result) -> Iterator[Part]:
    """Return the lines and tables that show a result."""
    return renderers_of(module_of(type(result))).parts(result)


def layout(parts: Iterable[Part], *, terminal: bool, width: int, color: bool) -> str:
    """Return lines and tables as text, one below the other."""
    blocks = []
    for part in parts:
        if isinstance(part, str):
            blocks.append(part + "\n")
        elif terminal:
            from penguin_repl.render.terminal_table import draw_grid

            blocks.append(draw_grid(part, width, color))
        else:
            from penguin_repl.render.table import aligned

            blocks.append(aligned(part))
    return "".join(blocks)


def renderers_of(module: str) -> Renderers:
    """Return the renderers for a module of `penguin_commands.results`.

    A command imports only those of its own results.

    Raises:
        LookupError: No renderers are registered for the module.
    """
    match module:
        case "changes":
            from penguin_repl.render.changes import RENDERERS
        case "help":
            from penguin_repl.render.help import RENDERERS
        case "history":
            from penguin_repl.render.history import RENDERERS
        case "maintenance":
            from penguin_repl.render.maintenance import RENDERERS
        case "output":
            from penguin_repl.render.diff import RENDERERS
        case "agent_snapshots":
            from penguin_repl.render.agent_snapshots import RENDERERS
        case "tasks":
            from penguin_repl.render.tasks import RENDERERS
        case "messages":
            from penguin_repl.render.messages import RENDERERS
        case "ui_actions":
            from penguin_repl.render.ui_actions import RENDERERS
        case "workflows":
            from penguin_repl.render.workflows import RENDERERS
        case _:
            raise LookupError(f"penguin_commands.results.{module} has no renderers; add a case here")
    return RENDERERS
