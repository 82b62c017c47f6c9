"""Usage of coding agents, as lists show it: Usage without the machinery that decodes events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class UsageTotals(NamedTuple):
    """See Usage. `any(totals)` is True if something was spent."""

    turns: int = 0
    tokens: int = 0
    usd: float = 0.0
    minutes: float = 0.0

    def plus(self, other: UsageTotals) -> UsageTotals:
        """Return the sum."""
        turns, tokens, usd, minutes = (own + added for own, added in zip(self, other, strict=True))
        return UsageTotals(int(turns), int(tokens), round(usd, 6), minutes)


def usage_totals(data: object) -> UsageTotals:
    """Return the usage in a JSON object. Values that are no numbers count as zero."""
    if not isinstance(data, Mapping):
        return UsageTotals()
    turns, tokens, usd, minutes = (_number(data.get(name)) for name in UsageTotals._fields)
    return UsageTotals(int(turns), int(tokens), usd, minutes)


def _number(value: Any) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53
    return value if fits else 0
