"""Results of commands that explain commands, settings and the backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from penguin_commands.grammar.declarations import Command


class HelpResult(NamedTuple):
    """The commands to explain."""

    commands: tuple[Command, ...]
    detailed: bool = False
    """One command, with its arguments and flags."""

    def data(self) -> dict[str, Any]:
        from penguin_commands.grammar.json_export import command_data

        return {"commands": [command_data(command) for command in self.commands]}


class SettingsTable(NamedTuple):
    """The settings, each with its origin."""

    settings: tuple[tuple[str, Any, str], ...]
    """(key, value, origin)."""

    def data(self) -> dict[str, Any]:
        return {"settings": [{"key": key, "value": value, "origin": origin} for key, value, origin in self.settings]}


class HealthResult(NamedTuple):
    """The state of the backend."""

    facts: dict[str, Any]
    """As `health_check` returns them."""

    def data(self) -> dict[str, Any]:
        from penguin_commands.grammar.json_export import JSON_VERSION

        return {**self.facts, "json_version": JSON_VERSION}
