"""Limits on the text in a report, which may come from files of any size."""

from __future__ import annotations

TITLE, TEXT, LINE = 300, 20_000, 500
"""Maximum characters of a title, of a text with several lines, and of a line."""


def bounded(text: str, limit: int, whole: str = "") -> str:
    """Return the beginning of a text, with a note if more follows. `whole` says where the whole text is."""
    if len(text) <= limit:
        return text
    hint = f"; the whole text: {whole}" if whole else ""
    return f"{text[:limit]} … ({len(text) - limit:,} more characters{hint})"


def bounded_lines(text: str, whole: str = "") -> str:
    """Return a text with short lines and a limited length."""
    # Cut the text first: splitting a huge one takes long.
    lines = text[: TEXT + 1].split("\n")
    shortened = "\n".join(bounded(line, LINE) for line in lines)
    if len(text) <= TEXT:
        return shortened
    return bounded(shortened[:TEXT], TEXT) + f"\n… ({len(text) - TEXT:,} more characters; the whole text: {whole})"
