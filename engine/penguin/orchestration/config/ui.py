"""`ui:` of penguin.yaml and of a person's own file: how the terminal behaves. Kept as plain checked data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from penguin.orchestration.config.fields import MONTH
from penguin.orchestration.config.validator import Checker, Node

COLORS = ("auto", "never")
"""What is not a terminal gets colours only from those who ask for it on the spot."""
PROGRAMS = ("notify", "pager")
"""Keys whose values are run. Looking at somebody's workspace must not run what they chose, so these are personal."""


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
    """'' for none at all."""
    return "" if node.value is False else checker.text(node, where)


_READERS: Mapping[str, Callable[[Checker, Node, str], Any]] = {
    "panel": lambda checker, node, where: checker.boolean(node, where),
    "notify_after": lambda checker, node, where: checker.number(node, where, 0, MONTH, " of seconds"),
    "notify": _command,
    "pager": _pager,
    "color": lambda checker, node, where: checker.choice(node, where, COLORS),
    "accessible": lambda checker, node, where: checker.boolean(node, where),
}
KEYS = tuple(_READERS)


def check_ui(node: Node | None, checker: Checker, *, personal: bool) -> dict[str, UiSetting]:
    """What a file sets below `ui:`, by key. Programs may be named in the `personal` file alone."""
    found: dict[str, UiSetting] = {}
    for key, child in checker.mapping(node, "ui", KEYS).items():
        where = f"ui.{key}"
        if key in PROGRAMS and not personal:
            checker.error(child.key_line, f"{where}: names a program", "that goes into ~/.config/penguin/config.yaml")
        elif (value := _READERS[key](checker, child, where)) is not None:
            found[key] = UiSetting(value, child.key_line)
    return found
