"""`ui:` of penguin.yaml and of the user's own file: how the terminal behaves. Kept as plain checked data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from penguin.orchestration.config.document_checker import Checker, Node
from penguin.orchestration.config.orchestration_keys import MONTH
from penguin.orchestration.config.theme import read_theme

COLORS = ("auto", "never")
"""Color choices of a file: output that is not a terminal gets colors only by an option or variable."""
PROGRAMS = ("notify", "pager")
"""Keys whose values are run. Reading another person's workspace must not run their programs, so these are personal."""


class UiSetting(NamedTuple):
    """A value that a file sets."""

    value: Any
    line: int


def _command(checker: Checker, node: Node, where: str) -> tuple[str, ...] | None:
    if node.value is not None and not isinstance(node.value, list):
        checker.wrong_type(node, where, "a list: a program and its arguments", 'for example ["notify-send", "Penguin"]')
        return None
    return checker.texts(node, where)


def _pager(checker: Checker, node: Node, where: str) -> str | None:
    """Return the command; '' for no pager."""
    return "" if node.value is False else checker.text(node, where)


_READERS: Mapping[str, Callable[[Checker, Node, str], Any]] = {
    "panel": lambda checker, node, where: checker.boolean(node, where),
    "notify_after": lambda checker, node, where: checker.number(node, where, 0, MONTH, " of seconds"),
    "notify": _command,
    "pager": _pager,
    "color": lambda checker, node, where: checker.choice(node, where, COLORS),
    "theme": read_theme,
    "accessible": lambda checker, node, where: checker.boolean(node, where),
}
KEYS = tuple(_READERS)


def check_ui(node: Node | None, checker: Checker, *, personal: bool) -> dict[str, UiSetting]:
    """Return the valid values below `ui:`, by key. Only the `personal` file may name programs."""
    found: dict[str, UiSetting] = {}
    for key, child in checker.mapping(node, "ui", KEYS).items():
        where = f"ui.{key}"
        if key in PROGRAMS and not personal:
            checker.error(child.key_line, f"{where}: names a program", "write it into ~/.config/penguin/config.yaml")
        elif (value := _READERS[key](checker, child, where)) is not None:
            found[key] = UiSetting(value, child.key_line)
    return found
