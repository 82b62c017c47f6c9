"""The activities of an agent, read from the output of its step."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from penguin.orchestration.files.safe_open import UnsafePath, open_to_read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from penguin.orchestration.agents.activity.activities import Activity
    from penguin.orchestration.agents.activity.stream import ActivityStream

LOG_SUFFIX, START_MARK_SUFFIX, STDERR_SUFFIX = ".log", ".start.json", ".err.log"
RUNS_FOLDER = "/.penguin/runs/"
AGENT_STEPS = ("agent", "judge")
"""The kinds of steps that an agent runs."""
RECENT_BYTES = 4 << 20
"""Bytes at the end of an output from which the last activities of a step are read."""
CHUNK_BYTES = 64 * 1024


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
    folder, found, _ = os.path.abspath(path).rpartition(RUNS_FOLDER)  # noqa: PTH100 - no path object is needed
    return _stream(kind, folder if found else "", mark.get("before"))


def agent_program(step: Mapping[str, Any]) -> str:
    """Return the program of an agent's step; empty for the step of another program."""
    argv = step.get("argv") or ()
    return str(argv[0]) if argv and step.get("kind") in AGENT_STEPS else ""


def excerpt_stream(program: str) -> ActivityStream:
    """Return a new stream for an excerpt of the output of an agent, of which only the program is known."""
    # The program of a known agent has the name of its kind.
    return _stream(os.path.basename(program))  # noqa: PTH119 - no path object is needed


def recent_activities(root: Path, step: Mapping[str, Any]) -> list[Activity] | None:
    """Return the last activities of an agent's step that ended.

    Args:
        root: The workspace.
        step: The evidence of the step.

    Returns:
        The activities in the last RECENT_BYTES of its output, or in the excerpt if the output is not on this machine;
        None for other steps.
    """
    program = agent_program(step)
    if not program:
        return None
    path = os.path.join(root, str(step.get("output") or ""))  # noqa: PTH118 - no path object is needed
    found = last_activities(path)
    if found is not None:
        return found
    stream = excerpt_stream(program)
    return [*stream.feed(str(step.get("excerpt") or "").encode(errors="replace")), *stream.end()]


def last_activities(path: str) -> list[Activity] | None:
    """Return the activities in the last RECENT_BYTES of an output; None if it is not that of an agent, or missing."""
    stream = activity_stream(path)
    if stream is None:
        return None
    from penguin.orchestration.agents.activity.activities import UsageSoFar

    try:
        with open_to_read(path) as file:
            skipped = os.fstat(file.fileno()).st_size - RECENT_BYTES
            if skipped > 0:
                file.seek(skipped)
                # The first line has lost its beginning.
                file.readline(RECENT_BYTES)
            found = [activity for data in iter(partial(file.read, CHUNK_BYTES), b"") for activity in stream.feed(data)]
    except (OSError, UnsafePath):
        return None
    found += stream.end()
    # Without the start of the output, the usage up to now is unknown.
    return [activity for activity in found if skipped <= 0 or not isinstance(activity, UsageSoFar)]


def _stream(kind: str, folder: str = "", used_before: object = None) -> ActivityStream:
    from penguin.orchestration.agents.activity.activities import RunContext
    from penguin.orchestration.agents.activity.stream import ActivityStream
    from penguin.orchestration.agents.registry import activity_reader
    from penguin.orchestration.core.usage import usage_totals

    return ActivityStream(activity_reader(kind, RunContext(folder, usage_totals(used_before))))


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
