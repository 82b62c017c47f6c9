"""Rendering of the usage of agents as lines, columns and a summary. All are empty if nothing was used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from penguin_repl.render.parts import Span, field

if TYPE_CHECKING:
    from penguin.orchestration.core.usage import UsageTotals
    from penguin_repl.render.parts import Cell, Line

COLUMN_HEADS = {"turns": "TURNS", "tokens": "TOKENS", "usd": "COST"}


def cost_lines(spent: UsageTotals, agents: str = "") -> Iterator[Line]:
    """Yield the agents and one line per unit that they used."""
    from penguin_repl.render.format import format_duration

    if not any(spent):
        return
    took = f" ({format_duration(spent.minutes * 60)})" if spent.minutes else ""
    if agents:
        yield field("Agent", f"{agents}{took}")
    if spent.turns:
        yield field("Turns", str(spent.turns))
    if spent.tokens:
        yield field("Tokens", f"{spent.tokens:,}")
    if spent.usd:
        yield field("Cost", Span(format_usd(spent.usd), "money"))


def cost_columns(
    rows: Sequence[UsageTotals], units: Sequence[str] = tuple(COLUMN_HEADS)
) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """Return the column titles of those `units` that any row used, and the cells."""
    shown = [unit for unit in units if any(getattr(row, unit) for row in rows)]
    return tuple(COLUMN_HEADS[unit] for unit in shown), [tuple(_cell(row, unit) for unit in shown) for row in rows]


def cost_summary(spent: UsageTotals) -> str:
    """Return the whole usage in one phrase."""
    from penguin_repl.render.format import format_duration

    parts = [
        f"{spent.turns} turn{'' if spent.turns == 1 else 's'}" if spent.turns else "",
        f"{format_tokens(spent.tokens)} tokens" if spent.tokens else "",
        format_usd(spent.usd) if spent.usd else "",
        f"{format_duration(spent.minutes * 60)} of agent time" if spent.minutes else "",
    ]
    return ", ".join(filter(None, parts)) or "nothing spent"


def usage_text(usage: UsageTotals) -> str:
    """Return the turns, tokens and money spent; empty if nothing was."""
    parts = (
        f"{usage.turns} turn{'' if usage.turns == 1 else 's'}" if usage.turns else "",
        f"{format_tokens(usage.tokens)} tokens" if usage.tokens else "",
        format_usd(usage.usd) if usage.usd else "",
    )
    return ", ".join(filter(None, parts))


def format_usd(usd: float) -> str:
    """Format US dollars and cents. Below one cent, use more digits."""
    return f"${usd:,.2f}" if usd >= 0.01 else f"${usd:.4f}"


def format_tokens(count: int) -> str:
    """Format a number of tokens, rounded."""
    for limit, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if count >= limit:
            scale = 1000 if unit == "k" else limit
            return f"{count / scale:.{0 if unit == 'k' else 1}f}{unit}"
    return str(count)


def _cell(row: UsageTotals, unit: str) -> Cell:
    value = getattr(row, unit)
    if not value:
        return ""
    if unit == "usd":
        return Span(format_usd(value), "money")
    return format_tokens(value) if unit == "tokens" else str(value)
