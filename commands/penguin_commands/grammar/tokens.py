"""Splitting of a line into words as a shell does: quotes, backslashes, comments. Nothing is expanded."""

from __future__ import annotations

from typing import NamedTuple

from penguin_commands.errors import UsageError

BLANK = " \t\r\n\f\v"
ESCAPED_IN_QUOTES = '"\\$`'


class Word(NamedTuple):
    """One word of a line, and its position there (quotes included)."""

    text: str
    start: int
    end: int


def split_words(line: str, *, comments: bool = False) -> list[Word]:
    """Return the words of a line. With `comments`, a word that begins with `#` ends the line.

    Raises UsageError if a quote is left open, or if the line ends in a backslash or contains invalid text.
    """
    for index, char in enumerate(line):
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise UsageError("the line contains an invalid character", "", index, index + 1)
    words: list[Word] = []
    index = 0
    while True:
        while index < len(line) and line[index] in BLANK:
            index += 1
        if index == len(line) or (comments and line[index] == "#"):
            return words
        word = _read_word(line, index)
        words.append(word)
        index = word.end


def _read_word(line: str, start: int) -> Word:
    """Return the word that begins at `start`."""
    text: list[str] = []
    index = start
    while index < len(line) and line[index] not in BLANK:
        char = line[index]
        if char == "\\":
            if index + 1 == len(line):
                raise UsageError("the line ends in a backslash", "write \\\\ for a backslash", index, index + 1)
            text.append(line[index + 1])
            index += 2
        elif char in "'\"":
            part, index = _read_quoted(line, index)
            text.append(part)
        else:
            text.append(char)
            index += 1
    return Word("".join(text), start, index)


def _read_quoted(line: str, start: int) -> tuple[str, int]:
    """Return the text of the quotes that open at `start`, and the position after them."""
    quote = line[start]
    text: list[str] = []
    index = start + 1
    while index < len(line):
        char = line[index]
        if char == quote:
            return "".join(text), index + 1
        if char == "\\" and quote == '"' and line[index + 1 : index + 2] in tuple(ESCAPED_IN_QUOTES):
            index += 1
            char = line[index]
        text.append(char)
        index += 1
    raise UsageError(f"the quote {quote} is not closed", f"close it, or write \\{quote}", start, len(line))


def quote(text: str) -> str:
    """Return a text as one word that `split_words` converts back unchanged."""
    if text and not any(char in BLANK or char in "\\'\"#" for char in text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def command_line(*words: str) -> str:
    """Return the command line of `penguin` with these words, quoted for `sh`: `penguin workflow wait ID`."""
    # Commands that only read don't need it.
    from shlex import join

    return join(["penguin", *words])
