"""References: the ids of tasks in the prose of other tools, such as `(depends on T012, T013)`."""

from __future__ import annotations

import re
from collections.abc import Callable

_KEYS = (
    r"depends?\s+(?:up)?on|dependency|dependencies|depends|deps|depends_on|blocked\s+by|blocked_by|requires|after|needs"
)
KEY_LINE = re.compile(rf"(?:\*\*|\*|_|`)?(?:{_KEYS})(?:\*\*|\*|_|`)?\s*:\s*(?:\*\*|\*|_)?\s*(.*)", re.IGNORECASE)
"""A line such as `Depends: A-1` or `**Blocked by:** #12`; group 1 is the rest of it."""
_INLINE = re.compile(
    r"\(?\b(?:depends\s+(?:up)?on|blocked\s+by)\b[:\s]+((?:[\w.#`-]+(?:\s*(?:,|and|&)\s*)?)+)\)?", re.IGNORECASE
)
_SEPARATOR = re.compile(r"\s*(?:,|;|&|\band\b|\s)\s*")
_NOTHING = frozenset({"", "none", "-", "n/a", "nothing", "no"})


def inline_ids(text: str, is_id: Callable[[str], bool]) -> list[str]:
    """Return the ids after `depends on` or `blocked by` in a sentence."""
    return [one for match in _INLINE.finditer(text) for one in ids_in(match[1], is_id)]


def ids_in(text: str, is_id: Callable[[str], bool]) -> list[str]:
    """Return the ids in a list such as `T001, T002 and T003-T005`."""
    words = (word.strip("`*_()[].:") for word in _SEPARATOR.split(text))
    return [word for word in words if word and is_id(word)]


def says_none(text: str) -> bool:
    """Return whether the value of a key says that there are no dependencies."""
    return text.strip().strip("`*_().").lower() in _NOTHING
