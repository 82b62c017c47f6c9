"""Ranking of names by how well they match the typed text: as a prefix, inside, or by its letters in order."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

PREFIX, SUBSTRING, FUZZY = range(3)
_MAX_LENGTH = 200
"""No name is longer than this, so longer pasted text is not compared."""


class Rank(NamedTuple):
    """The rank of a match. Smaller is better."""

    tier: int
    """BEGINS, INSIDE or FUZZY."""
    spread: int = 0
    """Whole names come before other prefix matches; of fuzzy matches, those with close letters come first."""
    start: int = 0


def rank_matches(
    things: Iterable[T], names: Callable[[T], Iterable[str]], typed: str, limit: int
) -> Sequence[tuple[Rank, T]]:
    """Return at most `limit` items with a matching name, ignoring case, best first. Equal ranks keep their order."""
    wanted = typed.lower()
    if len(wanted) > _MAX_LENGTH:
        return ()
    fitting = []
    for index, thing in enumerate(things):
        ranks = [rank for name in names(thing) if name and (rank := _rank(wanted, name.lower()))]
        if ranks:
            fitting.append((min(ranks), index, thing))
    # Positions differ, so the items themselves are never compared.
    return [(rank, thing) for rank, _, thing in nsmallest(limit, fitting)]


def _rank(wanted: str, name: str) -> Rank | None:
    """Return the rank of a name; None if it does not match."""
    if name.startswith(wanted):
        return Rank(PREFIX, int(name != wanted))
    if wanted in name:
        return Rank(SUBSTRING)
    return _fuzzy(wanted, name)


def _fuzzy(wanted: str, name: str) -> Rank | None:
    """Match all letters in order, with gaps: the leftmost such match, and of those the shortest."""
    end = -1
    for letter in wanted:
        end = name.find(letter, end + 1)
        if end < 0:
            return None
    start = end + 1
    for letter in reversed(wanted):
        start = name.rfind(letter, 0, start)
    return Rank(FUZZY, end - start, start)
