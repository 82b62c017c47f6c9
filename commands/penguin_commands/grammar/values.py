"""Conversion of words to values."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.workflow_status import ACTIVE, GATES
from penguin_commands.errors import UsageError
from penguin_commands.grammar.declarations import ValueKind

if TYPE_CHECKING:
    from collections.abc import Iterable

# Compiled on first use: most lines contain neither.
TASK_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*"
DURATION_PATTERN = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd]?)"
DECIMAL_PATTERN = r"[0-9]{1,12}(\.[0-9]{1,9})?"
BUDGET_HINT = "for example usd=5, or turns=20,minutes=7.5; the units are turns, tokens, usd and minutes"
SECONDS_PER_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
MAX_LENGTH = 100


def convert_value(kind: ValueKind, text: str, choices: tuple[str, ...] = ()) -> Any:
    """Convert a word to its value. Raises UsageError."""
    if not text:
        raise UsageError(f"the {kind.value} is empty")
    if kind is ValueKind.TASK:
        return _parse_task_id(text)
    if kind is ValueKind.TASKS:
        return tuple(dict.fromkeys(_parse_task_id(part.strip()) for part in text.split(",") if part.strip()))
    if kind is ValueKind.PHASE:
        return {phase.value: phase for phase in GATES}[
            _parse_choice(text.upper(), [phase.value for phase in GATES], "phase")
        ]
    if kind is ValueKind.STATUS:
        return WorkflowStatus(_parse_choice(text.upper(), list(WorkflowStatus), "status"))
    if kind is ValueKind.STATUSES:
        return _parse_statuses(text)
    if kind is ValueKind.CHOICE:
        return _parse_choice(text, choices, "choice")
    if kind is ValueKind.SECONDS:
        return _parse_seconds(text)
    if kind is ValueKind.AGE:
        return _parse_age(text)
    if kind is ValueKind.MOMENT:
        return _parse_moment(text)
    if kind in (ValueKind.NUMBER, ValueKind.ATTEMPT):
        return _parse_number(text)
    if kind is ValueKind.BUDGET:
        return _parse_budget(text)
    return text


def nearest_match(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most similar, or ''."""
    from difflib import get_close_matches

    names = list(known)
    lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower()[:MAX_LENGTH], lower, n=1, cutoff=0.55)
    return lower[close[0]] if close else ""


def unknown_message(what: str, word: str, known: Iterable[str]) -> str:
    """Return the message for an unknown word, with the most similar known one."""
    names = list(known)
    meant = nearest_match(word, names)
    if meant:
        return f"unknown {what} {quote_for_error(word)}; did you mean {meant}?"
    return (
        f"unknown {what} {quote_for_error(word)}; choose from: {', '.join(names)}"
        if names
        else f"unknown {what} {quote_for_error(word)}"
    )


def quote_for_error(word: str) -> str:
    """Quote a word for an error: shortened, without control characters."""
    return repr(word if len(word) <= MAX_LENGTH else word[:MAX_LENGTH] + "…")


def _parse_choice(text: str, known: Iterable[str], what: str) -> str:
    names = [str(name) for name in known]
    if text not in names:
        raise UsageError(unknown_message(what, text, names))
    return text


def _parse_task_id(text: str) -> str:
    if len(text) > MAX_LENGTH or not re.fullmatch(TASK_ID_PATTERN, text):
        raise UsageError(
            f"{quote_for_error(text)} is not a task id",
            "use letters, digits, - and _, in parts separated by dots, at most 100 characters",
        )
    return text


def _parse_statuses(text: str) -> frozenset[WorkflowStatus]:
    found: set[WorkflowStatus] = set()
    for part in text.upper().split(","):
        if part == "ACTIVE":
            found |= ACTIVE
        else:
            found.add(WorkflowStatus(_parse_choice(part, [*WorkflowStatus, "ACTIVE"], "status")))
    return frozenset(found)


def _parse_seconds(text: str) -> float:
    match = re.fullmatch(DURATION_PATTERN, text)
    if not match:
        raise UsageError(f"{quote_for_error(text)} is not a duration", "write seconds, or 1.5m, 2h or 30d")
    return math.prod((float(match[1]), SECONDS_PER_UNIT[match[2]]))


def _parse_age(text: str) -> float:
    if text[-1] not in "smhd":
        raise UsageError(f"{quote_for_error(text)} has no unit", "write 30d, 12h, 90m or 45s")
    return _parse_seconds(text)


def _parse_moment(text: str) -> float:
    import time
    from datetime import datetime

    if re.fullmatch(DURATION_PATTERN, text) and text[-1] in SECONDS_PER_UNIT:
        return time.time() - _parse_seconds(text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{quote_for_error(text)} is not a time", "write 2h or 30d for a time that long ago, or 2024-01-15T10:30"
        ) from None


def _parse_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise UsageError(f"{quote_for_error(text)} is not a whole number from 1 to 999999999")
    return int(text)


def _parse_budget(text: str) -> dict[str, int | float]:
    from penguin.orchestration.core.usage import UsageTotals

    found: dict[str, int | float] = {}
    for part in text.split(","):
        unit, equals, number = part.partition("=")
        if not equals:
            raise UsageError(f"{quote_for_error(part)} is not a budget", BUDGET_HINT)
        if _parse_choice(unit, UsageTotals._fields, "unit") in found:
            raise UsageError(f"{unit} was given more than once", BUDGET_HINT)
        amount = re.fullmatch(DECIMAL_PATTERN, number)
        whole = unit in ("turns", "tokens")
        if not amount or not float(number) or (whole and amount[1]):
            raise UsageError(f"{quote_for_error(number)} is not a number of {unit}", BUDGET_HINT)
        found[unit] = int(number) if whole else float(number)
    return found
