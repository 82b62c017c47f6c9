"""The table of commands is complete and correct."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from penguin_commands.grammar.declarations import Command, ValueKind
from penguin_commands.grammar.parse import parse
from penguin_commands.grammar.table import COMMANDS, NOUNS, TABLE

EVERY = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)


@EVERY
def test_a_handler_has_the_declared_parameters(command: Command) -> None:
    _session, *parameters = inspect.signature(command.load_handler()).parameters.values()
    given = {argument.name: argument.required for argument in command.arguments}
    given |= {flag.parameter_name: flag.required for flag in command.flags}
    assert {parameter.name: parameter.default is inspect.Parameter.empty for parameter in parameters} == given


@EVERY
def test_every_example_is_valid(command: Command) -> None:
    invocation = parse(command.example)
    assert invocation is not None
    assert invocation.command is command


@EVERY
def test_every_command_and_flag_is_explained(command: Command) -> None:
    assert command.help
    assert not command.help.endswith(".")
    assert all(flag.help for flag in command.flags)
    assert all(len(flag.short) <= 1 for flag in command.flags)
    assert all(flag.choices for flag in command.flags if flag.kind is ValueKind.CHOICE)


def test_names_are_unique() -> None:
    names = [(command.noun, verb) for command in COMMANDS for verb in (command.verb, *command.aliases)]
    assert len(names) == len(set(names))
    assert all(TABLE.lookup(command.noun, command.verb) is command for command in COMMANDS)
    assert set(NOUNS) == {command.noun for command in COMMANDS}


@pytest.mark.integration
def test_listing_imports_no_other_handler() -> None:
    program = """
import sys
from penguin_commands.grammar.parse import parse
parse("/workflow list").command.load_handler()
print(*sorted(name for name in sys.modules if name.startswith("penguin_commands.")))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "penguin_commands.handlers.workflow_status" in found
    assert not {
        "penguin_commands.handlers.workflow_control",
        "penguin_commands.handlers.task",
        "penguin_commands.handlers.blueprint",
    } & set(found)
