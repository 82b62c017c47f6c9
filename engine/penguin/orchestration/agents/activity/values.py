"""Readers for the values in an agent's events: bounded texts, and never JSON."""

from __future__ import annotations

import os.path
import re
import shlex
from collections.abc import Mapping
from typing import Any

from penguin.orchestration.agents.activity.activities import (
    LONGEST_PHRASE,
    LONGEST_TEXT,
    MOST_OUTPUT_LINES,
    Activity,
    Message,
    Outcome,
    StructuredAnswer,
    Use,
)
from penguin.orchestration.agents.json_lines import read_json
from penguin.orchestration.agents.json_values import error_text
from penguin.orchestration.core.usage import UsageTotals

LONGEST_SPLIT = 10_000
"""Characters of the longest command that is split into words."""
MOST_FIELDS = 5
_SHELL = re.compile(r"(?:/\S+/)?(?:ba|da|z|k)?sh -l?c ")
_MAIN_ARGUMENTS = (
    "command",
    "file_path",
    "filePath",
    "pattern",
    "query",
    "url",
    "path",
    "title",
    "description",
    "prompt",
)


def string(value: object) -> str:
    """Return a string; any other value as an empty one."""
    return value if isinstance(value, str) else ""


def phrase(value: object) -> str:
    """Return the first line of a string, shortened."""
    words = string(value)[:LONGEST_TEXT].strip()
    first, _, rest = words.partition("\n")
    first = first.rstrip()
    return first[:LONGEST_PHRASE] + (" …" if rest or len(first) > LONGEST_PHRASE else "")


def message(value: object) -> list[Activity]:
    """Return what an agent says; nothing if that is blank."""
    words = string(value).strip()
    if not words:
        return []
    if words[0] in "{[" and (fields := _json_fields(words)) is not None:
        return [StructuredAnswer(fields)]
    omitted = len(words) - LONGEST_TEXT
    more = f"\n… {omitted} more characters" if omitted > 0 else ""
    return [Message(words[:LONGEST_TEXT] + more)]


def _json_fields(words: str) -> tuple[str, ...] | None:
    """Return the names of the values in a JSON text; None: it is not JSON."""
    try:
        value = read_json(words)
    except ValueError:
        return None
    return tuple(phrase(name) for name in list(value)[:MOST_FIELDS]) if isinstance(value, dict) else ()


def outcome(use: Use | None, output: object, *, failed: bool, exit_code: int | None = None) -> Outcome:
    """Return how a tool ended, with the end of its output."""
    text = string(output).strip("\r\n").rstrip()
    lines = text.rsplit("\n", MOST_OUTPUT_LINES) if text else []
    before = lines.pop(0) if len(lines) > MOST_OUTPUT_LINES else None
    omitted = 0 if before is None else before.count("\n") + 1
    return Outcome(use, failed, exit_code, tuple(_output_line(line) for line in lines), omitted)


def _output_line(line: str) -> str:
    # A program that draws a progress bar rewrites its line.
    line = line.rstrip("\r").rpartition("\r")[2].rstrip()
    return line if len(line) <= LONGEST_PHRASE else f"{line[:LONGEST_PHRASE]} …"


def exit_code(value: object) -> int | None:
    """Return an exit code; None for a value that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None


def relative_path(value: object, folder: str) -> str:
    """Return a path, relative to the folder if it is in it."""
    path = phrase(value)
    if folder and path.startswith(folder.rstrip("/") + "/"):
        return os.path.relpath(path, folder)
    return path


def shell_script(value: object) -> str:
    """Return a command as the user of a shell types it: without a shell that only runs it."""
    command = string(value).strip()
    if len(command) <= LONGEST_SPLIT and _SHELL.match(command):
        try:
            words = shlex.split(command)
        except ValueError:
            words = []
        if len(words) == 3:
            command = words[2]
    return phrase(command)


def main_argument(arguments: Mapping[str, Any]) -> str:
    """Return the most telling argument of a tool; empty if it has no text."""
    for name in _MAIN_ARGUMENTS:
        if found := phrase(arguments.get(name)):
            return found
    return next((found for value in list(arguments.values())[:MOST_FIELDS] if (found := phrase(value))), "")


def plan_detail(steps: list[Mapping[str, Any]], done: int) -> str:
    """Return the state of an agent's list of steps."""
    return f"{done} of {len(steps)} steps done"


def usage(turns: int, tokens: float, usd: float = 0.0) -> UsageTotals:
    """Return the usage of a run, with numbers that other readers of usage accept."""
    return UsageTotals(turns, int(min(tokens, 2**53 - 1)), round(min(usd, 1e12), 6))


def error_phrase(value: object) -> str:
    """Return the message of an error, which providers wrap in JSON, and programs colour."""
    words = string(value)[:LONGEST_TEXT]
    start, end = words.find("{"), words.rfind("}") + 1
    if 0 <= start < end and not (inner := error_text(words[start:end])).startswith("{"):
        words = words[:start] + inner + words[end:]
    return phrase(error_text(words))
