"""The activities of an agent, read from the output of its step."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from penguin.orchestration.files.safe_open import UnsafePath, open_to_read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penguin.orchestration.agents.activity.stream import ActivityStream

LOG_SUFFIX, START_MARK_SUFFIX, STDERR_SUFFIX = ".log", ".start.json", ".err.log"
RUNS_FOLDER = "/.penguin/runs/"


def activity_stream(path: str) -> ActivityStream | None:
    """Return a new stream for the output of an agent's step.

    Args:
        path: The file of the output.

    Returns:
        The stream, or None for other steps, whose output is shown as it is.
    """
    mark = _agent_mark(path)
    kind = str(mark.get("kind") or "")
    if not kind:
        return None
    from penguin.orchestration.agents.activity.activities import RunContext
    from penguin.orchestration.agents.activity.stream import ActivityStream
    from penguin.orchestration.agents.registry import activity_reader
    from penguin.orchestration.core.usage import usage_totals

    folder, found, _ = os.path.abspath(path).rpartition(RUNS_FOLDER)  # noqa: PTH100 - no path object is needed
    context = RunContext(folder if found else "", usage_totals(mark.get("before")))
    return ActivityStream(activity_reader(kind, context))


def _agent_mark(path: str) -> Mapping[str, Any]:
    """Return what the start mark beside an output says about the agent; empty for the step of another program."""
    mark = path.removesuffix(LOG_SUFFIX) + START_MARK_SUFFIX
    if path.endswith(STDERR_SUFFIX) or not os.path.exists(mark):  # noqa: PTH110 - no path object is needed
        return {}
    try:
        with open_to_read(mark) as file:
            note = json.loads(file.readline()).get("note") or {}
    except (OSError, UnsafePath, ValueError, AttributeError, RecursionError):
        return {}
    talk = note.get("talk") if isinstance(note, dict) else None
    return talk if isinstance(talk, dict) else {}
