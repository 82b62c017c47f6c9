"""Formatting of times and free text for sentences."""

from __future__ import annotations

from datetime import datetime

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
