"""The declarations of commands as plain data, for programs that complete, document or check commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penguin_commands.grammar.declarations import Argument, Command, Flag

JSON_VERSION = 1
"""Version of the `-o json` and `-o jsonl` output: raised if a field disappears or changes type, not for new ones."""


def command_data(command: Command) -> dict[str, Any]:
    """Return everything that the table declares about a command."""
    return {
        "command": command.name,
        "noun": command.noun,
        "verb": command.verb,
        "aliases": list(command.aliases),
        "usage": command.usage,
        "help": command.help,
        "example": command.example,
        "reads": command.read_only,
        "applies_to": [status.value for status in command.applies_to],
        "arguments": [argument_data(argument) for argument in command.arguments],
        "flags": [flag_data(flag) for flag in command.flags],
    }


def argument_data(argument: Argument) -> dict[str, Any]:
    """Return an argument as plain data."""
    return {
        "name": argument.name,
        "usage": argument.usage,
        "kind": argument.kind.value,
        "choices": list(argument.choices),
        "required": argument.required,
        "many": argument.many,
        "help": argument.help,
    }


def flag_data(flag: Flag) -> dict[str, Any]:
    """Return a flag as plain data. Its kind is None if it takes no value."""
    return {
        "name": f"--{flag.name}",
        "short": f"-{flag.short}" if flag.short else "",
        "usage": flag.long_usage,
        "kind": flag.kind.value if flag.kind else None,
        "choices": list(flag.choices),
        "required": flag.required,
        "many": flag.many,
        "help": flag.help,
    }
