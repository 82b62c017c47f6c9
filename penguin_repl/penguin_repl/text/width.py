"""The width of text on a screen, in columns, and cuts between visible characters.

`wcwidth` measures, and is imported only for characters that may not be one column wide. The drawing on terminals
measures with rich, which agrees on whole characters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEQUENCE = "\u200d[^\u200d ]?|[\ufe0f\U0001f3fb-\U0001f3ff]"
"""What continues an emoji: a joiner with the next emoji, a selector, or a skin tone."""
_FLAG_LETTERS = {0x1F1E6 + index: letter for index, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
LARGEST_GRAPHEME = 32
"""Characters. Text may contain larger ones, with endless accents."""
_UNUSUAL = "[^\x20-\u02ff\u0370-\u0482\u2013-\u2026\u2190-\u21ff\u2500-\u25fc\u2713-\u2718]"
"""Characters whose width is not known to be one column. Latin, Greek and Cyrillic are known, and what Penguin draws.

Neither expression is compiled before it is needed: that takes longer than the rest of this module.
"""


def display_width(text: str) -> int:
    """Return the number of columns of an escaped line of text."""
    if text.isascii() or re.search(_UNUSUAL, text) is None:
        return len(text)
    from wcwidth import width

    return width(text, control_codes="ignore")


def truncate(text: str, columns: int, more: str = "…") -> str:
    """Return the start of a line that fits, with a sign if more follows. Measure no more than fits."""
    limit = columns - display_width(more)
    width = place = end = 0
    for cluster in graphemes(text):
        width += display_width(cluster)
        if width > columns:
            return text[:end].rstrip() + more if limit >= 0 else ""
        place += len(cluster)
        if width <= limit:
            end = place
    return text


def truncate_start(text: str, columns: int, more: str = "…") -> str:
    """Return the end of a line that fits, with a sign if more precedes it."""
    found = list(graphemes(text[-LARGEST_GRAPHEME * (columns + 1) :]))
    if len(text) <= LARGEST_GRAPHEME * (columns + 1) and sum(map(display_width, found)) <= columns:
        return text
    left = columns - display_width(more)
    start = len(found)
    while start and (left := left - display_width(found[start - 1])) >= 0:
        start -= 1
    return more + "".join(found[start:]) if columns >= display_width(more) else ""


def fold(word: str, columns: int) -> Iterator[str]:
    """Yield a word in parts that fit."""
    part, width = "", 0
    for cluster in graphemes(word):
        needed = display_width(cluster)
        if part and width + needed > columns:
            yield part
            part, width = "", 0
        part += cluster
        width += needed
    yield part


def single_characters(text: str) -> str:
    """Return text with each emoji sequence reduced to its first character, and flags to their letters.

    Not all programs take a sequence for one character, but all agree on the width of the result.
    """
    return text if text.isascii() else re.sub(_SEQUENCE, "", text).translate(_FLAG_LETTERS)


def graphemes(text: str) -> Iterator[str]:
    """Return the visible characters: letters with their accents, families, flags."""
    if text.isascii():
        return iter(text)
    from wcwidth import iter_graphemes

    return iter_graphemes(text)
