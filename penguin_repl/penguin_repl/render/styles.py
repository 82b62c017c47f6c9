"""Colours of words and heads: few enough that they are written down, where a library would have to be loaded."""

from __future__ import annotations

BOLD = "1"
_RED, _GREEN, _YELLOW, _CYAN = "31", "32", "33", "36"
WORDS = {
    "RUNNING": _CYAN,
    "PAUSED": _YELLOW,
    "BLOCKED": f"{BOLD};{_YELLOW}",
    "COMPLETED": _GREEN,
    "PASSED": _GREEN,
    "FAILED": f"{BOLD};{_RED}",
    "ERROR": f"{BOLD};{_RED}",
    "UNVERIFIED": _YELLOW,
    "error": f"{BOLD};{_RED}",
    "warning": _YELLOW,
}
"""Words that have a look of their own. Numbers are those of SGR, the "select graphic rendition" of ECMA-48."""


def colored(text: str, look: str) -> str:
    """Text in a look; as it is where that is ''."""
    return f"\x1b[{look}m{text}\x1b[0m" if text and look else text
