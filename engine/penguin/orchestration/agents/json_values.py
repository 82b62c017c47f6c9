"""Lenient readers for JSON values of other programs: values may be missing, or have an unexpected type."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from penguin.orchestration.agents.adapter import AgentOutcome, ProcessExit
from penguin.orchestration.agents.json_lines import read_json
from penguin.orchestration.backend import Verdict
from penguin.orchestration.files.text_lines import split_lines

LINE = 160
"""Characters of a value to show on one line."""
LONGEST_WAIT = 7 * 86400.0
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_AGAIN = re.compile(
    r"(?:try again|retry)(?: your request)? (?:in|after) ((?:\d+(?:\.\d+)?\s*[a-z]+[\s,]*(?:and )?)+)", re.IGNORECASE
)
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)
_UNITS = {"ms": 0.001, "milliseconds": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def mapping(value: object) -> Mapping[str, Any]:
    """Return the object; an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in the list; an empty list for any other value."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return the string; None as an empty string, any other value as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def number(value: object) -> float:
    """Return the number if it is positive and finite; 0 for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        found = float(value)
    except OverflowError:
        return 0.0
    return found if math.isfinite(found) and found > 0 else 0.0


def first_line(value: object) -> str:
    """Return the first line for people, cut at LINE characters."""
    words = text(value).strip()
    first, _, rest = words.partition("\n")
    return first[:LINE] + (" …" if rest or len(first) > LINE else "")


def error_text(message: object) -> str:
    """Return the message of an error. Providers wrap it in JSON, and programs colour it."""
    words = _ANSI.sub("", text(message)).strip()
    try:
        inner = mapping(read_json(words)) if words.startswith("{") else {}
    except ValueError:
        inner = {}
    error = inner.get("error")
    return first_line(
        mapping(error).get("message") or inner.get("message") or (error if isinstance(error, str) else words)
    )


def last_line(stderr: str) -> str:
    """Return the last line of standard error, without colours."""
    lines = [stripped for raw in split_lines(_ANSI.sub("", stderr).replace("\r", "\n")) if (stripped := raw.strip())]
    return first_line(lines[-1]) if lines else ""


def retry_after(words: str) -> float:
    """Return the seconds after which a message allows a retry; 0 if it names none."""
    match = _AGAIN.search(words)
    if match is None:
        return 0.0
    parts = _TIME.findall(match[1])
    seconds = sum(float(count) * unit for count, name in parts if (unit := _unit_seconds(name.lower())))
    return min(seconds, LONGEST_WAIT)


def _unit_seconds(name: str) -> float:
    return _UNITS.get(name) or _UNITS.get(name[0], 0.0)


def failed_outcome(reason: str) -> AgentOutcome:
    """Return an outcome that says nothing about the work: ERROR."""
    return AgentOutcome(Verdict.ERROR, reason, retry_after=retry_after(reason))


def killed_outcome(name: str, finish: ProcessExit, last: str) -> AgentOutcome | None:
    """Return the outcome of a run that was killed; None: it exited by itself. `last` is its newest error."""
    after = f", after: {last}" if last else ""
    if finish.cause is not None:
        return AgentOutcome(Verdict.ERROR, f"{name} was stopped ({finish.cause}){after}")
    if finish.code is None or finish.code < 0:
        return AgentOutcome(Verdict.ERROR, f"{name} did not finish{after}")
    return None
