"""Commands and scripts that check nothing: they succeed whatever the task's result is."""

from __future__ import annotations

from functools import lru_cache

from penguin.orchestration.core.definition import Criterion, RecipeStep
from penguin.orchestration.core.test_detection.runners import started_commands

_CHECK_NOTHING = frozenset(
    {
        ":",
        "true",
        "echo",
        "printf",
        "sleep",
        "pwd",
        "date",
        "set",
        "export",
        "unset",
        "umask",
        "wait",
        "whoami",
        "uname",
    }
)
_PYTHON_NO_OPS = ("", "pass", "...")


@lru_cache(maxsize=4096)
def checks_nothing(line: str) -> bool:
    """Return whether a shell command line or script runs nothing but commands such as `true` and `echo`."""
    return all(_is_no_op(command.words) for command in started_commands(line))


def step_checks_nothing(step: RecipeStep) -> bool:
    """Return whether a step of a recipe can't fail because of the task's result."""
    if step.kind == "http" or step.background or not step.expect.is_success:
        return False
    if step.kind == "shell":
        return checks_nothing(step.source)
    return all(line.partition("#")[0].strip() in _PYTHON_NO_OPS for line in step.source.split("\n"))


def criterion_checks_nothing(criterion: Criterion) -> bool:
    """Return whether a criterion has a check that can't fail because of the task's result."""
    return bool(criterion.check) and checks_nothing(criterion.check or "")


def _is_no_op(words: tuple[str, ...]) -> bool:
    if any("`" in word for word in words):
        return False
    name = words[0].removeprefix("/bin/").removeprefix("/usr/bin/")
    return name in _CHECK_NOTHING or words in (("exit",), ("exit", "0"))
