"""Text of tasks and programs without escape sequences, and with control characters that can be seen."""

from __future__ import annotations

from penguin_repl.text.ansi_filter import AnsiFilter


def visible_text(text: str) -> str:
    """Return text that has no control characters but line ends and tabs.

    Colours and other escape sequences are removed. Other control characters, those that change the text direction and
    lone surrogates become escapes such as `\\x00`.
    """
    if text.isprintable():
        return text
    plain = AnsiFilter(color=False)
    return plain.feed(text.encode("utf-8", "backslashreplace")) + plain.finish()


def one_line(text: str) -> str:
    """Return visible text on one line."""
    return " ".join(visible_text(text).split())
