"""Times and free text, fit for a sentence."""

from __future__ import annotations

from datetime import datetime

TEXT_LIMIT = 300
"""Characters of free text in a sentence; the whole is in the data."""


def clock(at: float, seen_at: float) -> str:
    """Local time of day; with the date where it is not the day of `seen_at`."""
    then = datetime.fromtimestamp(at)
    same_day = then.date() == datetime.fromtimestamp(seen_at).date()
    return then.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")


def one_line(text: str) -> str:
    """Free text fit for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"
