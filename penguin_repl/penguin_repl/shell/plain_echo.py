"""The typed line on a terminal without escape sequences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penguin_repl.text.escape import CONTROL
from penguin_repl.text.width import display_width

if TYPE_CHECKING:
    from collections.abc import Callable


class Echo:
    """The typed line as it appears on the screen.

    `columns` returns the columns of the terminal. With `silent`, the terminal echoes the line itself.
    """

    def __init__(
        self, put: Callable[[str], None], message: str, columns: Callable[[], int], *, silent: bool = False
    ) -> None:
        self._put = put
        self._message = message
        self._columns = columns
        self._silent = silent
        self._text = ""
        self._cursor = 0
        put(message)

    def show(self, text: str, cursor: int) -> None:
        """Show this text, with the cursor at this position."""
        text = re.sub(CONTROL, "?", text)
        if self._silent or (text, cursor) == (self._text, self._cursor):
            return
        same = _alike(text, self._text)
        if text == self._text:
            same = min(cursor, self._cursor)
        if (same < self._cursor or cursor < len(text)) and self._wraps(text):
            # A backspace can't go back to the previous row.
            self._put("\n" + self._message + text)
            cursor = len(text)
        elif text == self._text:
            self._put(_back(text[cursor : self._cursor]) + text[self._cursor : cursor])
        else:
            self._put(self._way(same) + self._change(text, same) + _back(text[cursor:]))
        self._text, self._cursor = text, cursor

    def again(self) -> str:
        """Return the prompt with the text typed so far, for a new line."""
        self._cursor = len(self._text)
        return self._message + self._text

    def _wraps(self, text: str) -> bool:
        return display_width(self._message) + max(display_width(text), display_width(self._text)) >= self._columns()

    def _way(self, position: int) -> str:
        """Return the characters that move the cursor to a position in the line."""
        return _back(self._text[position : self._cursor]) + self._text[self._cursor : position]

    def _change(self, text: str, position: int) -> str:
        """Return the characters that replace the rest of the line from a position on."""
        gone = " " * (display_width(self._text[position:]) - display_width(text[position:]))
        return text[position:] + gone + _back(gone)


def _alike(first: str, second: str) -> int:
    """Return the length of the common prefix of two texts."""
    return next(
        (position for position, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )


def _back(text: str) -> str:
    return "\b" * display_width(text)
