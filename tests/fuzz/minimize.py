"""The reduction of an input to the smallest one with the same problem."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Input = str | bytes | tuple[str, ...]
S = TypeVar("S", str, bytes, tuple[str, ...])

LIMIT = 5.0
"""Seconds for one input."""


def minimize(found: Input, fails: Callable[[Input], bool]) -> Input:
    """Return an input that fails, and no part of which can be removed; a larger one if that takes too long."""
    until = time.monotonic() + LIMIT
    if not isinstance(found, tuple):
        return _without_parts(found, fails, until)
    parts = list(_without_parts(found, fails, until))
    for index, part in enumerate(parts):

        def with_part(changed: Input, index: int = index) -> bool:
            return fails((*parts[:index], str(changed), *parts[index + 1 :]))

        parts[index] = _without_parts(part, with_part, until)
    return tuple(parts)


def _without_parts(value: S, fails: Callable[[Input], bool], until: float) -> S:
    """Remove spans of half the length, of a quarter, and so on."""
    span = max(1, len(value) // 2)
    while True:
        at, before = 0, len(value)
        while at < len(value) and time.monotonic() < until:
            shorter = value[:at] + value[at + span :]
            if fails(shorter):
                value = shorter
            else:
                at += span
        if time.monotonic() >= until or (span == 1 and len(value) == before):
            return value
        span = max(1, span // 2) if len(value) == before or span > 1 else 1
