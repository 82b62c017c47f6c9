"""What coding agents spent, as lists and costs show it: Usage, without the machinery that decodes events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Spending(NamedTuple):
    """See Usage. True where something was spent is `any(spending)`."""

    turns: int = 0
    tokens: int = 0
    usd: float = 0.0
    minutes: float = 0.0

    def plus(self, other: Spending) -> Spending:
        """Both together."""
        turns, tokens, usd, minutes = (one + more for one, more in zip(self, other, strict=True))
        return Spending(int(turns), int(tokens), round(usd, 6), minutes)


def spending_of(data: object) -> Spending:
    """What a JSON object says was spent; what is no number in it counts for nothing."""
    if not isinstance(data, Mapping):
        return Spending()
    turns, tokens, usd, minutes = (_number(data.get(name)) for name in Spending._fields)
    return Spending(int(turns), int(tokens), usd, minutes)


def _number(value: Any) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53
    return value if fits else 0
