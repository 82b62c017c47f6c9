"""Formatting of times and free text for sentences."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

FILES_NAMED = 5
"""Maximum number of files in a sentence."""
TEXT_LIMIT = 300
"""Maximum characters of free text in a sentence; the data holds the whole text."""


def clock(at: float, seen_at: float) -> str:
    """Return the local time of day, with the date if it is not on the day of `seen_at`."""
    then = datetime.fromtimestamp(at)
    same_day = then.date() == datetime.fromtimestamp(seen_at).date()
    return then.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")


def one_line(text: str) -> str:
    """Return free text as one line of a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"


def left_changes_text(found: Iterable[dict[str, Any]]) -> str:
    """Describe the changes of other workflows in the working tree, as they are stored; "" if there are none."""
    return "; ".join(map(_left_changes, found))


def _left_changes(one: dict[str, Any]) -> str:
    workflow = f"{one['workflow_id']} ({one['status']})"
    if one["count"] is None:
        return f"the working tree may have contained changes of {workflow}"
    names = one["files"][:FILES_NAMED]
    more = one["count"] - len(names)
    return f"the working tree contained changes of {workflow}: {', '.join(names)}{f' and {more} more' if more else ''}"
