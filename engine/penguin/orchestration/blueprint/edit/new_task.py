"""A task to add to a blueprint: its values, their limits, and what a reader must find of it."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.core.definition import Task

_UNWRITABLE = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories: control characters, half surrogate pairs, and separators of lines and paragraphs."""


class NewTask(NamedTuple):
    """The values of a task to add."""

    title: str
    dependencies: tuple[str, ...] = ()
    criteria: tuple[tuple[str, str | None], ...] = ()
    """Texts, and the commands that check them."""
    commands: tuple[str, ...] = ()
    """The shell steps of its recipe; empty: it has no recipe."""
    priority: str = ""
    """critical, high, medium or low; empty: the default."""

    def check(self) -> None:
        """Raise BlueprintError if a value can't be written into a blueprint."""
        _check_line("the title", self.title)
        for text, command in self.criteria:
            _check_line("a criterion", text)
            if command is not None:
                _check_line("a check", command)
        for command in self.commands:
            _check_line("a command of the recipe", command.replace("\n", " ").replace("\t", " "))

    def differences(self, task: Task) -> list[str]:
        """Return the names of the values that a task that was read does not have."""
        steps = tuple((step.kind, step.source.strip()) for recipe in task.recipes for step in recipe.steps)
        found = {
            "title": task.title == self.title,
            "dependencies": task.dependencies == self.dependencies,
            "criteria": tuple((it.text, it.check) for it in task.criteria) == self.criteria,
            "recipe": steps == tuple(("shell", command.strip()) for command in self.commands),
            "priority": task.priority == (self.priority or "medium"),
            "description": not task.description,
            "box": not task.done,
        }
        return [name for name, same in found.items() if not same]


def _check_line(what: str, text: str) -> None:
    if not text.strip():
        raise BlueprintError(f"{what} is empty", "write at least one word")
    for char in text:
        if unicodedata.category(char) in _UNWRITABLE:
            raise BlueprintError(
                f"{what} contains the character U+{ord(char):04X}, which ends a line or is not printable",
                "write it on one line, without control characters",
            )
