"""From a word to the value that its kind stands for."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import ACTIVE, GATES, WorkflowStatus
from penguin_commands.errors import UsageError
from penguin_commands.grammar.spec import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

# Compiled when first used: most lines hold neither.
TASK_ID = r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*"
SECONDS = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd]?)"
DECIMAL = r"[0-9]{1,12}(\.[0-9]{1,9})?"
BUDGETS = "for example usd=5, or turns=20,minutes=7.5; the units are turns, tokens, usd and minutes"
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = 100


def convert(kind: Kind, text: str, choices: tuple[str, ...] = ()) -> Any:
    """The value of a word. Raises UsageError."""
    if not text:
        raise UsageError(f"an empty {kind.value} says nothing")
    if kind is Kind.TASK:
        return _task(text)
    if kind is Kind.PHASE:
        return {phase.value: phase for phase in GATES}[_one_of(text.upper(), [phase.value for phase in GATES], "phase")]
    if kind is Kind.STATUS:
        return WorkflowStatus(_one_of(text.upper(), list(WorkflowStatus), "status"))
    if kind is Kind.STATUSES:
        return _statuses(text)
    if kind is Kind.CHOICE:
        return _one_of(text, choices, "choice")
    if kind is Kind.SECONDS:
        return _seconds(text)
    if kind is Kind.AGE:
        return _age(text)
    if kind is Kind.MOMENT:
        return _moment(text)
    if kind in (Kind.NUMBER, Kind.ATTEMPT):
        return _number(text)
    if kind is Kind.BUDGET:
        return _budget(text)
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or ''."""
    from difflib import get_close_matches

    names = list(known)
    lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower()[:LONGEST], lower, n=1, cutoff=0.55)
    return lower[close[0]] if close else ""


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """A sentence on a word that is not known, with the nearest that is."""
    names = list(known)
    meant = nearest(word, names)
    if meant:
        return f"unknown {what} {shown(word)}; did you mean {meant}?"
    return f"unknown {what} {shown(word)}; there are: {', '.join(names)}" if names else f"unknown {what} {shown(word)}"


def shown(word: str) -> str:
    """A word as an error shows it: quoted, not too long, without control characters."""
    return repr(word if len(word) <= LONGEST else word[:LONGEST] + "…")


def _one_of(text: str, known: Iterable[str], what: str) -> str:
    names = [str(name) for name in known]
    if text not in names:
        raise UsageError(unknown(what, text, names))
    return text


def _task(text: str) -> str:
    if len(text) > LONGEST or not re.fullmatch(TASK_ID, text):
        raise UsageError(
            f"{shown(text)} is no task id",
            "letters, digits, - and _, in parts with a dot between, at most 100 characters",
        )
    return text


def _statuses(text: str) -> frozenset[WorkflowStatus]:
    found: set[WorkflowStatus] = set()
    for part in text.upper().split(","):
        if part == "ACTIVE":
            found |= ACTIVE
        else:
            found.add(WorkflowStatus(_one_of(part, [*WorkflowStatus, "ACTIVE"], "status")))
    return frozenset(found)


def _seconds(text: str) -> float:
    match = re.fullmatch(SECONDS, text)
    if not match:
        raise UsageError(f"{shown(text)} is no length of time", "write seconds, or 1.5m, or 2h")
    return math.prod((float(match[1]), UNITS[match[2]]))


def _age(text: str) -> float:
    if text[-1] not in "smhd":
        raise UsageError(f"{shown(text)} names no unit", "write 30d, 12h, 90m or 45s")
    return _seconds(text)


def _moment(text: str) -> float:
    import time
    from datetime import datetime

    if re.fullmatch(SECONDS, text) and text[-1] in UNITS:
        return time.time() - _seconds(text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{shown(text)} is no time", "write 2h or 30d for so long ago, or 2024-01-15T10:30") from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise UsageError(f"{shown(text)} is no whole number from 1 to 999999999")
    return int(text)


def _budget(text: str) -> dict[str, int | float]:
    from penguin.orchestration.core.usage import Spending

    found: dict[str, int | float] = {}
    for part in text.split(","):
        unit, equals, number = part.partition("=")
        if not equals:
            raise UsageError(f"{shown(part)} is no budget", BUDGETS)
        if _one_of(unit, Spending._fields, "unit") in found:
            raise UsageError(f"{unit} is there twice", BUDGETS)
        amount = re.fullmatch(DECIMAL, number)
        whole = unit in ("turns", "tokens")
        if not amount or not float(number) or (whole and amount[1]):
            raise UsageError(f"{shown(number)} is no number of {unit}", BUDGETS)
        found[unit] = int(number) if whole else float(number)
    return found
