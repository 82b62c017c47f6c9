"""ASCII replacements for other characters, for terminals that can't show them."""

from __future__ import annotations

import re

_TABLE = str.maketrans(
    {
        "→": "->",
        "…": "...",
        "·": "-",
        "–": "-",
        "—": "-",
        "▸": ">",
        "█": "#",
        "░": "-",
        "━": "=",
        "─": "-",
        "│": "|",
        "├": "|",
        "└": "`",
        "✓": "+",
        "✗": "x",
        "●": "o",
        "○": ".",
        "◆": "*",
        "╭": "+",
        "╮": "+",
        "╰": "+",
        "╯": "+",
        "▒": "-",
    }
)
_SINGLE_TABLE = {**_TABLE, ord("→"): ">", ord("…"): "~", ord("↑"): "^", ord("↓"): "v", ord("·"): "|", ord("↺"): "~"}
_OTHER = re.compile(r"[^\x00-\x7f]")


def to_ascii(text: str) -> str:
    """Replace drawing characters by ASCII. Other characters stay; the encoder escapes them."""
    return text.translate(_TABLE)


def to_single_ascii(text: str) -> str:
    """Replace drawing characters by one ASCII character each, so that every line keeps its width."""
    return text.translate(_SINGLE_TABLE)


def json_to_ascii(text: str) -> str:
    """Return JSON with the same meaning in ASCII only."""
    return _OTHER.sub(lambda match: _json_escape(ord(match[0])), text)


def _json_escape(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
