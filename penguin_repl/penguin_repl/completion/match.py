"""Ranking: how well a name fits what was typed of it. It begins so, has it inside, or at least all of its letters."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

PREFIX, SUBSTRING, FUZZY = range(3)
_MAX_LENGTH = 200
"""No name is longer than this; what was pasted need not be compared with any."""


class Rank(NamedTuple):
    """The smallest is the best."""

    tier: int
    """BEGINS, INSIDE or FUZZY."""
    spread: int = 0
    """Whole names come before others that begin so; of fuzzy ones, those whose letters stand close together."""
    start: int = 0


def rank_matches(
    things: Iterable[T], names: Callable[[T], Iterable[str]], typed: str, limit: int
) -> Sequence[tuple[Rank, T]]:
    """Those that fit by any of their names, in any case; the best first, of equals the earlier; at most `limit`."""
    wanted = typed.lower()
    if len(wanted) > _MAX_LENGTH:
        return ()
    fitting = []
    for place, thing in enumerate(things):
        ranks = [rank for name in names(thing) if name and (rank := _rank(wanted, name.lower()))]
        if ranks:
            fitting.append((min(ranks), place, thing))
    # Places differ: things themselves are never compared.
    return [(rank, thing) for rank, _, thing in nsmallest(limit, fitting)]


def _rank(wanted: str, name: str) -> Rank | None:
    """None where it does not fit."""
    if name.startswith(wanted):
        return Rank(PREFIX, int(name != wanted))
    if wanted in name:
        return Rank(SUBSTRING)
    return _fuzzy(wanted, name)


def _fuzzy(wanted: str, name: str) -> Rank | None:
    """All letters in their order, with others between: the leftmost such run, and within it the shortest."""
    end = -1
    for letter in wanted:
        end = name.find(letter, end + 1)
        if end < 0:
            return None
    start = end + 1
    for letter in reversed(wanted):
        start = name.rfind(letter, 0, start)
    return Rank(FUZZY, end - start, start)
