"""The order of tasks that a sentence states, such as `T016 blocks T018` or `T004-T007 before T008`."""

from __future__ import annotations

import re
from itertools import pairwise

_FIRST_THEN = re.compile(r"\bblocks?\b|\bbefore\b|→|->|=>", re.IGNORECASE)
_THEN_FIRST = re.compile(r"\bdepends?\s+on\b|\bafter\b|\brequires?\b|\bblocked\s+by\b|\bneeds?\b", re.IGNORECASE)
_NEGATED = re.compile(r"\b(?:no|not|never|without|independent\w*)\b|n't\b|n’t\b", re.IGNORECASE)


def statements(text: str, id_pattern: str) -> tuple[list[tuple[str, str]], bool]:
    """Return the pairs (first, then) that a line states, and whether it states an order that can't be read."""
    arrows = _FIRST_THEN.split(text)
    sides = arrows if len(arrows) > 1 else _THEN_FIRST.split(text)[::-1]
    groups = [_ids(side, id_pattern) for side in sides]
    if len(groups) < 2 or sum(map(len, groups)) < 2:
        return [], False
    if _NEGATED.search(text) or not all(groups):
        return [], True
    pairs = pairwise(groups)
    return [(first, then) for left, right in pairs for first in left for then in right if first != then], False


def _ids(text: str, id_pattern: str) -> list[str]:
    """Return the ids in a text; `T004-T007` is a range."""
    found: list[str] = []
    pattern = rf"\b({id_pattern})\b(?:\s*(?:-|–|—|\.\.|to|through)\s*({id_pattern})\b)?"
    for match in re.finditer(pattern, text):
        found += _range(match[1], match[2]) if match[2] else [match[1]]
    return found


def _range(first: str, last: str) -> list[str]:
    start, end = re.search(r"\d+", first), re.search(r"\d+", last)
    if start is None or end is None or not 0 <= int(end[0]) - int(start[0]) <= 500:
        return [first, last]
    width = len(start[0])
    return [f"{first[: start.start()]}{number:0{width}d}" for number in range(int(start[0]), int(end[0]) + 1)]
