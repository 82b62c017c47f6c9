"""Results as JSON: one document on one line, or one line for every row of a list."""

from __future__ import annotations

import json
import re
from typing import Any

from penguin_repl.text.escape import CONTROL


def json_document(data: object) -> str:
    """One document, on one line.

    Every character that could steer a terminal, end a line or change the direction of writing is written as an escape.
    """
    text = json.dumps(data, ensure_ascii=False, default=_to_json_value, separators=(", ", ": "))
    return re.sub(CONTROL, _escape, text) + "\n"


def json_lines(data: dict[str, Any]) -> str:
    """The rows of what is nothing but a list, one line each; anything else as one document."""
    values = list(data.values())
    if len(values) == 1 and isinstance(values[0], list):
        return "".join(json_document(row) for row in values[0])
    return json_document(data)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _to_json_value(value: object) -> object:
    """What JSON has no word for."""
    if isinstance(value, set | frozenset | tuple):
        return sorted(value, key=str)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
