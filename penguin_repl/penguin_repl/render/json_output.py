"""Results as JSON: one document on one line, or one line for every row of a list."""

from __future__ import annotations

import json
from typing import Any


def document(data: object) -> str:
    """One document, on one line."""
    return json.dumps(data, ensure_ascii=False, default=_plain, separators=(", ", ": ")) + "\n"


def lines(data: dict[str, Any]) -> str:
    """The rows of what is nothing but a list, one line each; anything else as one document."""
    values = list(data.values())
    if len(values) == 1 and isinstance(values[0], list):
        return "".join(document(row) for row in values[0])
    return document(data)


def _plain(value: object) -> object:
    """What JSON has no word for."""
    if isinstance(value, set | frozenset | tuple):
        return sorted(value, key=str)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
