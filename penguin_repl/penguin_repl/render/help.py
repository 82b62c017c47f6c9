"""Rendering of help as an overview of commands or the details of one, and of settings and health as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowStatus
from penguin_commands.results.help import HealthResult, HelpResult, SettingsTable
from penguin_repl.render.format import format_value
from penguin_repl.render.parts import Grid, Span, field
from penguin_repl.render.registry import Renderers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_commands.grammar.declarations import Command
    from penguin_repl.render.parts import Part

RENDERERS = Renderers()

HEALTH_NAMES = {
    "server_version": "server",
    "workers_polling": "workers polling",
    "active_count": "active workflows",
    "unfinished_elsewhere": "unfinished on the other backend",
    "latency_sec": "latency",
    "retention_days": "retention",
    "saved_copies": "saved copies of the database",
}
"""What the keys of a health check are called for people, where it is another name."""
OVERVIEW = """
/help workflow lists the commands of a noun, /help workflow retry explains one. Tab completes the current word.
ID is a workflow's id, a task's id for its newest workflow, or @last for this session's newest workflow.
For commands that only read, a prefix of a command or an id is enough."""


@RENDERERS.shows(HelpResult)
def _help(result: HelpResult) -> Iterator[Part]:
    if result.detailed:
        for command in result.commands:
            yield from _command_parts(command)
        return
    yield Grid((), tuple((Span(command.name, "command"), command.help) for command in result.commands))
    nouns = {command.noun for command in result.commands}
    yield OVERVIEW if len(nouns) > 1 else f"\n/help {result.commands[0].name[1:]} explains one of them."


def _command_parts(command: Command) -> Iterator[Part]:
    yield f"{command.help}.\n"
    yield field("Usage", Span(command.usage, "command"))
    rows = [(argument.usage.strip("[]"), argument.help) for argument in command.arguments]
    rows += [(flag.long_usage, flag.help) for flag in command.flags]
    if rows:
        yield Grid((), tuple((Span(f"  {name}", "command"), text) for name, text in rows))
    if command.applies_to and len(command.applies_to) < len(WorkflowStatus):
        yield f"Applies to workflows that are {', '.join(command.applies_to)}."
    if command.aliases:
        yield field("Also", Span(", ".join(command.alias_names), "command"))
    yield field("Example", Span(command.example, "command"))


@RENDERERS.shows(SettingsTable)
def _settings(result: SettingsTable) -> Iterator[Part]:
    rows = tuple((key, _setting(value), Span(origin, "dim")) for key, value, origin in result.settings)
    yield Grid(("KEY", "VALUE", "FROM"), rows)


def _setting(value: object) -> str:
    """Return the value of a setting; the commands of a gate without the form that they are stored in."""
    if isinstance(value, list | tuple) and value and all(map(_is_plain_command, value)):
        return "; ".join(str(command["run"]) for command in value)
    return format_value(value)


def _is_plain_command(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"run"}


@RENDERERS.shows(HealthResult)
def _health(result: HealthResult) -> Iterator[Part]:
    known = [(name, value) for name, value in result.facts.items() if value is not None]
    rows = tuple((HEALTH_NAMES.get(name, name), _fact(name, value)) for name, value in known)
    yield Grid(("CHECK", "VALUE"), rows)


def _fact(name: str, value: object) -> str | Span:
    if name == "latency_sec" and isinstance(value, float):
        return f"{value * 1000:.1f} ms"
    if name == "retention_days":
        return f"{value} days"
    return Span(str(value), "warning") if name == "warning" else format_value(value)
