"""Escaping of text from tasks and programs, so that it can't control the terminal."""

from __future__ import annotations

import re

CONTROL = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
"""C0, DEL, C1, characters that change the text direction, and surrogates."""


def clean(text: str) -> str:
    """Return text as one line: control characters become escapes, line ends and tabs become blanks."""
    if text.isprintable():
        # Almost all text is printable and contains nothing of CONTROL.
        return text
    return re.sub(CONTROL, escape_match, " ".join(text.split("\n")).replace("\t", " ").replace("\r", " "))


def clean_block(text: str) -> str:
    """Return text as several lines: like `clean`, but line ends stay."""
    return "\n".join(clean(line) for line in text.replace("\r\n", "\n").split("\n"))


def escape_match(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
