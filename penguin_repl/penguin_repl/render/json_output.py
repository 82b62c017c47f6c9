"""Rendering of results as JSON: one document on one line, or one line per row of a list."""

from __future__ import annotations

import json
import re
from typing import Any

from penguin_repl.text.escape import CONTROL


def json_document(data: object) -> str:
    """Return one document on one line.

    Escapes every character that could control a terminal, end a line or change the text direction.
    """
    text = json.dumps(data, ensure_ascii=False, default=_to_json_value, separators=(", ", ": "))
    return re.sub(CONTROL, _escape, text) + "\n"


def json_lines(data: dict[str, Any]) -> str:
    """Return one line per row of a pure list, and anything else as one document."""
    values = list(data.values())
    if len(values) == 1 and isinstance(values[0], list):
        return "".join(json_document(row) for row in values[0])
    return json_document(data)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _to_json_value(value: object) -> object:
    """Convert a value that JSON has no type for."""
    if isinstance(value, set | frozenset | tuple):
        return sorted(value, key=str)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
