"""The width of text on a screen, in cells, and truncation between visible characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ZWJ = "\u200d"
EMOJI_SELECTOR = "\ufe0f"
"""Selects the emoji form of a character that also has a plain form."""
LARGEST_GRAPHEME = 32
"""Characters. Text may contain larger ones, with endless accents."""


def display_width(text: str) -> int:
    """Return the number of columns of an escaped line of text."""
    return len(text) if text.isascii() else sum(_grapheme_width(cluster) for cluster in graphemes(text))


def truncate(text: str, columns: int, more: str = "…") -> str:
    """Return the start of a line that fits, with a sign if more follows. Measure no more than fits."""
    limit = columns - display_width(more)
    width = place = end = 0
    for cluster in graphemes(text):
        width += _grapheme_width(cluster)
        if width > columns:
            return text[:end].rstrip() + more if limit >= 0 else ""
        place += len(cluster)
        if width <= limit:
            end = place
    return text


def truncate_start(text: str, columns: int, more: str = "…") -> str:
    """Return the end of a line that fits, with a sign if more precedes it."""
    found = list(graphemes(text[-LARGEST_GRAPHEME * (columns + 1) :]))
    if len(text) <= LARGEST_GRAPHEME * (columns + 1) and sum(map(_grapheme_width, found)) <= columns:
        return text
    left = columns - display_width(more)
    start = len(found)
    while start and (left := left - _grapheme_width(found[start - 1])) >= 0:
        start -= 1
    return more + "".join(found[start:]) if columns >= display_width(more) else ""


def wrap_line(text: str, columns: int) -> list[str]:
    """Wrap a line, between words if possible. A wide character always takes two columns."""
    if display_width(text) <= columns:
        return [text]
    lines: list[str] = []
    line, width = "", 0
    for word in text.split(" "):
        needed = display_width(word)
        if width + needed + bool(line) <= columns:
            width += needed + bool(line)
            line = f"{line} {word}" if line else word
            continue
        lines += [line] if line else []
        *whole, line = _split(word, columns) if needed > columns else [word]
        lines += whole
        width = display_width(line)
    return [*lines, line]


def _split(word: str, columns: int) -> Iterator[str]:
    """Yield a word in parts that fit."""
    part, width = "", 0
    for cluster in graphemes(word):
        needed = _grapheme_width(cluster)
        if part and width + needed > columns:
            yield part
            part, width = "", 0
        part += cluster
        width += needed
    yield part


def graphemes(text: str) -> Iterator[str]:
    """Yield the visible characters: letters with their accents, families, flags."""
    cluster = ""
    for char in text:
        if cluster and not _extends_grapheme(cluster, char):
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster


def _extends_grapheme(cluster: str, char: str) -> bool:
    """Return whether a character belongs to the previous one, by the rules of UAX #29 that affect the width."""
    if char < "\u0300":
        return False
    from unicodedata import category, east_asian_width

    if category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff":
        return True
    if cluster[-1] == ZWJ:
        return category(char) == "So" or east_asian_width(char) == "W"
    if "\U0001f3fb" <= char <= "\U0001f3ff":
        # A skin tone.
        return east_asian_width(cluster[0]) == "W" or category(cluster[0]) == "So"
    return _is_regional_indicator(char) and _is_regional_indicator(cluster)


def _is_regional_indicator(text: str) -> bool:
    return len(text) == 1 and "\U0001f1e6" <= text <= "\U0001f1ff"


def _grapheme_width(cluster: str) -> int:
    if len(cluster) == 1 and cluster < "\u0300":
        return 1
    from unicodedata import category, east_asian_width

    first = cluster[0]
    if len(cluster) > 1 and (
        EMOJI_SELECTOR in cluster or (_is_regional_indicator(first) and _is_regional_indicator(cluster[1]))
    ):
        return 2
    if category(first) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(first) in "WF" else 1
