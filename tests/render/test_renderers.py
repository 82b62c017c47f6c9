"""Every result of a command has a renderer."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import pytest

from penguin_commands import results
from penguin_commands.grammar.declarations import Command
from penguin_commands.grammar.table import COMMANDS
from penguin_repl.render import renderers_of

SHOWN_OTHERWISE = {"ChainedResult", "LogsResult", "PanelAction", "Result", "SourceAction", "ViewAction"}
"""Results that the terminal acts on or shows in chunks, and the base class."""


def result_classes() -> dict[str, type]:
    """Return the classes of the modules of results by name."""
    modules = [import_module(f"{results.__name__}.{value.name}") for value in iter_modules(results.__path__)]
    found = [value for module in modules for value in vars(module).values() if _is_from(value, module)]
    classes = [found_class for found_class in found if isinstance(found_class, type)]
    assert len({found_class.__name__ for found_class in classes}) == len(classes)
    return {found_class.__name__: found_class for found_class in classes}


def _is_from(value: object, module: ModuleType) -> bool:
    return getattr(value, "__module__", "") == module.__name__


def returned(command: Command) -> list[str]:
    """Return the names of the classes that a command's handler returns."""
    handler = command.load_handler()
    handler = getattr(handler, "func", handler)
    return re.split(r"\s*\|\s*", handler.__annotations__["return"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_result_of_a_command_has_a_renderer(command: Command) -> None:
    classes = result_classes()
    for name in returned(command):
        if name not in SHOWN_OTHERWISE:
            result = classes[name]
            assert renderers_of(result.__module__.rpartition(".")[2]).has(result)
            # JSON uses its data.
            assert callable(result.data)  # type: ignore[attr-defined]


def test_a_module_without_renderers_is_named() -> None:
    with pytest.raises(LookupError, match=r"penguin_commands\.results\.novel has no renderers"):
        renderers_of("novel")
