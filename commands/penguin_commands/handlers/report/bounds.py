"""Limits on the text in a report, which may come from files of any size."""

from __future__ import annotations

TITLE, TEXT, LINE = 300, 20_000, 500
"""Maximum characters of a title, of a text with several lines, and of a line."""


def bounded(text: str, limit: int, whole: str = "") -> str:
    """Return the beginning of a text, with a note if more follows. `whole` says where the whole text is."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … {_note(len(text) - limit, whole)}"


def bounded_lines(text: str, whole: str = "") -> str:
    """Return a text with short lines and a limited length."""
    # Cut the text first: splitting a huge one takes long.
    lines = text[: TEXT + 1].split("\n")
    shortened = "\n".join(bounded(line, LINE) for line in lines)
    if len(text) <= TEXT:
        return shortened
    return f"{shortened[:TEXT]}\n… {_note(len(text) - TEXT, whole)}"


def _note(more: int, whole: str) -> str:
    hint = f"; the whole text: {whole}" if whole else ""
    return f"({more:,} more character{'' if more == 1 else 's'}{hint})"
