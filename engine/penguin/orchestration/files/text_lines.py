"""The lines of a text."""

from __future__ import annotations


def split_lines(text: str) -> list[str]:
    r"""Split a text at its line ends, which are `\n` and `\r\n` and nothing else.

    `str.splitlines` also splits at form feeds, U+0085, U+2028 and others. These are part of what people and programs
    write: a feedback that contains one would become two commands.

    Args:
        text: Any text.

    Returns:
        The lines without their ends. A last line without an end counts, an empty text has no lines.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]
