"""Reading what other programs say: values of whatever shape, which may be missing, odd, or of another version."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from penguin.orchestration.agents.adapter import AgentOutcome, ProcessExit
from penguin.orchestration.agents.event_stream import read_json
from penguin.orchestration.backend import Verdict
from penguin.orchestration.files.text_lines import split_lines

LINE = 160
"""Characters of a value that a line for people shows."""
LONGEST_WAIT = 7 * 86400.0
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_AGAIN = re.compile(
    r"(?:try again|retry)(?: your request)? (?:in|after) ((?:\d+(?:\.\d+)?\s*[a-z]+[\s,]*(?:and )?)+)", re.IGNORECASE
)
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)
_UNITS = {"ms": 0.001, "milliseconds": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def mapping(value: object) -> Mapping[str, Any]:
    """The object that it is; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """The objects of the list that it is."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """The words that it is; other values as JSON, nothing as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def number(value: object) -> float:
    """The number that it is, and no less than 0; 0 where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        found = float(value)
    except OverflowError:
        return 0.0
    return found if math.isfinite(found) and found > 0 else 0.0


def first_line(value: object) -> str:
    """Its first line for people, cut where it is long."""
    words = text(value).strip()
    first, _, rest = words.partition("\n")
    return first[:LINE] + (" …" if rest or len(first) > LINE else "")


def error_text(message: object) -> str:
    """An error's words: providers wrap them in JSON, and programs in colours."""
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
    """The last words of a standard error, without colours."""
    lines = [stripped for raw in split_lines(_ANSI.sub("", stderr).replace("\r", "\n")) if (stripped := raw.strip())]
    return first_line(lines[-1]) if lines else ""


def retry_after(words: str) -> float:
    """Seconds after which a message says that one may try again; 0 where it says nothing."""
    match = _AGAIN.search(words)
    if match is None:
        return 0.0
    parts = _TIME.findall(match[1])
    seconds = sum(float(count) * unit for count, name in parts if (unit := _unit_seconds(name.lower())))
    return min(seconds, LONGEST_WAIT)


def _unit_seconds(name: str) -> float:
    return _UNITS.get(name) or _UNITS.get(name[0], 0.0)


def failed_outcome(reason: str) -> AgentOutcome:
    """An ending that proves nothing about the work."""
    return AgentOutcome(Verdict.ERROR, reason, retry_after=retry_after(reason))


def killed_outcome(name: str, finish: ProcessExit, last: str) -> AgentOutcome | None:
    """The ending of a run that did not end by itself; `last` is what it complained of. None: it did."""
    after = f", after: {last}" if last else ""
    if finish.cause is not None:
        return AgentOutcome(Verdict.ERROR, f"{name} was ended ({finish.cause}){after}")
    if finish.code is None or finish.code < 0:
        return AgentOutcome(Verdict.ERROR, f"{name} did not come to its end{after}")
    return None
