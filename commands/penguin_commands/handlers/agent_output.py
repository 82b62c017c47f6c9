"""Conversion of an agent's output to readable lines."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from penguin.orchestration.agents.json_lines import Lines, read_json
from penguin.orchestration.files.safe_open import UnsafePath, open_to_read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOG_SUFFIX, START_MARK_SUFFIX = ".log", ".start.json"


class AgentOutputFormatter:
    """A formatter for the chunks of one output. Keeps an incomplete line until its end arrives."""

    def __init__(self, describe: Callable[[Mapping[str, Any]], list[str]]) -> None:
        self._describe = describe
        self._lines = Lines()

    def feed(self, output: bytes) -> bytes:
        """Return the lines for one more chunk of output."""
        return b"".join(map(self._format_line, self._lines.feed(output)))

    def end(self) -> bytes:
        """Return the remaining text after the last chunk."""
        return self._format_line(self._lines.rest())

    def _format_line(self, line: bytes) -> bytes:
        try:
            event = read_json(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            return line + b"\n" if line.strip() else b""
        return "".join(f"{text}\n" for text in self._describe(event)).encode(errors="replace")


def formatter_for(path: str) -> AgentOutputFormatter | None:
    """Return the formatter for the output of an agent's step, or None for other steps, whose output is shown as is."""
    kind = _agent_kind(path)
    if not kind:
        return None
    from pathlib import Path

    from penguin.orchestration.agents.registry import adapter_of
    from penguin.orchestration.backend import WorkflowError
    from penguin.orchestration.core.definition import AgentSpec

    try:
        return AgentOutputFormatter(adapter_of(AgentSpec(name=kind, kind=kind), Path()).describe)
    except WorkflowError:
        # The workspace defines this program, so its output format is unknown.
        return None


def _agent_kind(path: str) -> str:
    """Return the kind of agent that printed the output, from the start mark beside it."""
    mark = path.removesuffix(LOG_SUFFIX) + START_MARK_SUFFIX
    if path.endswith(f".err{LOG_SUFFIX}") or not os.path.exists(mark):  # noqa: PTH110 - no path is needed
        return ""
    try:
        with open_to_read(mark) as file:
            note = json.loads(file.readline()).get("note") or {}
    except (OSError, UnsafePath, ValueError, AttributeError):
        return ""
    talk = note.get("talk") if isinstance(note, dict) else None
    return str(talk.get("kind") or "") if isinstance(talk, dict) else ""
