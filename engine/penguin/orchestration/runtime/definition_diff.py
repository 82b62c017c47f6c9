"""Differences between two definitions of a task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from penguin.orchestration.core.definition import Definition

_PLACES = ("line", "place", "path")
"""Keys that are not compared: the position of a task in its file does not matter."""


def differences(old: Definition, new: Definition) -> list[str]:
    """Return one line for each value that changed, with its dotted key."""
    before, after = dict(_flat("", msgspec.to_builtins(old))), dict(_flat("", msgspec.to_builtins(new)))
    return [
        f"{key}: {_shown(before.get(key))} -> {_shown(after.get(key))}"
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            if name not in _PLACES:
                yield from _flat(f"{key}.{name}" if key else name, inner)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for index, inner in enumerate(value, start=1):
            yield from _flat(f"{key}[{index}]", inner)
    else:
        yield key, value


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "", [], {}) else str(value)
