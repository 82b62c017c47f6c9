"""References: the ids of tasks in the prose of other tools, such as `(depends on T012, T013)`."""

from __future__ import annotations

import re
from collections.abc import Callable

_KEYS = (
    r"depend(?:s|ent)?\s+(?:up)?on|dependenc(?:y|ies)|depends|deps?|depends_on|block(?:ed|ers?)(?:[\s_]+by|\s+on)?|requires"
    r"|after|needs|prerequisites?|waits?\s+for"
)
_MARK = r"(?:\*{1,3}|_{1,3}|`)?"
KEY_LINE = re.compile(rf"{_MARK}(?:{_KEYS}){_MARK}\s*:\s*{_MARK}\s*(.*)", re.IGNORECASE | re.DOTALL)
"""A line such as `Depends: A-1` or `**Blocked by:** #12`; group 1 is the rest of it."""
_INLINE = re.compile(
    r"\b(?:depends\s+(?:up)?on|blocked\s+by)\b[:\s]+((?:[\w.#`-]+(?:\s*(?:,|and|&)\s*)?)+)", re.IGNORECASE
)
_IN_BRACKETS = re.compile(rf"[(\[]\s*(?:{_KEYS})\s*:?\s+([^()\[\]]+)[)\]]", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*(?:,|;|&|\band\b|\s)\s*")
_BULLET = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]?\]\s+)?(.*)")
_NOTHING = frozenset({"", "none", "-", "n/a", "nothing", "no"})


def inline_ids(text: str, is_id: Callable[[str], bool]) -> list[str]:
    """Return the ids after `depends on` or `blocked by` in a sentence, and those in brackets such as `(after A-1)`."""
    found = [one for match in _INLINE.finditer(text) for one in ids_in(match[1], is_id)]
    for match in _IN_BRACKETS.finditer(text):
        # More than ids in the brackets is prose.
        words = _words(match[1])
        found += words if words and all(map(is_id, words)) else []
    return list(dict.fromkeys(found))


def ids_in(text: str, is_id: Callable[[str], bool]) -> list[str]:
    """Return the ids in a list such as `T001, T002 and T003`."""
    return [word for word in _words(text) if is_id(word)]


def value_ids(value: str, known: Callable[[str], bool], is_id: Callable[[str], bool]) -> list[str]:
    """Return the ids in the value of a key: all words if each looks like an id, else the known ones among them."""
    words = _words(value)
    return words if all(map(is_id, words)) else [word for word in words if known(word)]


def says_none(text: str) -> bool:
    """Return whether the value of a key says that there are no dependencies."""
    return text.strip().strip("`*_().").lower() in _NOTHING


def key_values(lines: list[str]) -> list[tuple[str | None, list[str]]]:
    """Split a text at the lines that are keys of dependencies.

    Returns:
        The value of each key with its lines, and the lines of other text with None. A key without a value takes the
        list below it.
    """
    parts: list[tuple[str | None, list[str]]] = []
    open_key = False
    for line in lines:
        bullet = _BULLET.fullmatch(line)
        match = KEY_LINE.fullmatch((bullet[1] if bullet else line).strip())
        if match:
            parts.append((match[1].strip(), [line]))
            open_key = not match[1].strip()
        elif open_key and bullet:
            value, own = parts[-1]
            parts[-1] = (f"{value}, {bullet[1]}" if value else bullet[1], [*own, line])
        elif open_key and line.strip() and not parts[-1][0]:
            parts[-1] = (line.strip(), [*parts[-1][1], line])
            open_key = False
        else:
            open_key = open_key and not line.strip()
            parts.append((None, [line]))
    return parts


def _words(text: str) -> list[str]:
    words = (word.strip("`*_()[].:") for word in _SEPARATOR.split(text))
    return [word for word in words if word]
