"""Renderers of results, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results import module_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin.orchestration.config.theme import ThemeSetting
    from penguin_commands.results import Result
    from penguin_repl.render.parts import Part
    from penguin_repl.render.registry import Renderers

FORMATS = ("text", "json", "jsonl")


def render(
    result: Result,
    *,
    format: str = "text",
    terminal: bool = False,
    width: int = 80,
    color: bool = True,
    truecolor: bool = False,
    theme: ThemeSetting = "auto",
) -> str:
    """Return a result as text that ends in a newline, or is empty.

    Args:
        result: What a command returned.
        format: One of FORMATS.
        terminal: Draw for a terminal. Elsewhere, tables are aligned lines.
        width: The columns of the terminal.
        color: Whether the terminal shows colours.
        truecolor: Whether it shows 16 million of them.
        theme: The value of `ui.theme`.
    """
    if format != "text":
        from penguin_repl.render.json_output import json_document, json_lines

        return json_document(result.data()) if format == "json" else json_lines(result.data())
    if not terminal:
        from penguin_repl.render.plain import plain_text

        return plain_text(render_parts(result))
    from penguin_repl.terminal.draw import Drawer

    return Drawer(color=color, truecolor=truecolor, theme=theme).draw(render_parts(result), width)


def render_parts(result: Result) -> Iterator[Part]:
    """Return the parts that show a result."""
    return renderers_of(module_of(type(result))).parts(result)


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
        case "report":
            from penguin_repl.report.renderers import RENDERERS
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
