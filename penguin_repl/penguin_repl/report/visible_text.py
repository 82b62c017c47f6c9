"""Text of tasks and programs without escape sequences, and with control characters that can be seen."""

from __future__ import annotations

import re

from penguin_repl.text.ansi_filter import AnsiFilter

_OWN_LINE = re.compile(r"\s|[#>|]|[*+-]\s|[=-]+$|```|~~~|\d+[.)]\s")
"""The start of a line that does not continue a paragraph."""
_KEEPS_END = re.compile(r"\s|[#|]|```|~~~|.*(?:  |\\)$")
"""A line that the next one does not continue."""


def visible_text(text: str) -> str:
    """Return text that has no control characters but line ends and tabs.

    Colours and other escape sequences are removed. Other control characters, those that change the text direction and
    lone surrogates become escapes such as `\\x00`.
    """
    if text.isprintable():
        return text
    plain = AnsiFilter(color=False)
    return plain.feed(text.encode("utf-8", "backslashreplace")) + plain.finish()


def unwrapped(text: str) -> str:
    """Return Markdown whose paragraphs have one line each. Lists, headings, tables and code keep their lines."""
    shown: list[str] = []
    in_code = False
    for line in text.split("\n"):
        if shown and not in_code and _continues(shown[-1], line):
            shown[-1] = f"{shown[-1]} {line}"
        else:
            shown.append(line)
        in_code ^= line.startswith(("```", "~~~"))
    return "\n".join(shown)


def _continues(before: str, line: str) -> bool:
    """Return whether a line continues the paragraph of the line before it."""
    is_text = bool(before.strip() and line.strip())
    return is_text and not _OWN_LINE.match(line) and not _KEEPS_END.match(before)


def one_line(text: str) -> str:
    """Return visible text on one line."""
    return " ".join(visible_text(text).split())
