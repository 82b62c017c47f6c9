"""What agents do now, read from their outputs while these grow."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.files.safe_open import UnsafePath, open_to_read
from penguin_commands.handlers.agent_output import LOG_SUFFIX, STDERR_SUFFIX, activity_stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penguin.orchestration.agents.activity.activities import Activity
    from penguin.orchestration.agents.activity.stream import ActivityStream
    from penguin_repl.render.parts import Line

CHUNK_BYTES = 64 * 1024
MOST_NEW_BYTES = 2 << 20
"""Bytes that are read at once. Of more, only the end is read, and the usage is unknown then."""
MOST_LINES = 1000
"""Lines that are kept; `/workflow logs` shows all."""
MOST_OUTPUTS = 200
"""Outputs whose state is kept. The one that was read first is forgotten first."""


class AgentOutput:
    """The output of an agent, and the activities that were read from it up to now."""

    def __init__(self, path: str, stream: ActivityStream) -> None:
        self.lines: deque[Line] = deque(maxlen=MOST_LINES)
        """The last lines of its activities."""
        self.now = ""
        """What it does, in one phrase; empty if it did nothing yet."""
        self.usage = UsageTotals()
        """What it spent; zero if that is unknown."""
        self._path = path
        self._stream = stream
        self._offset = 0
        self._skipped = False

    def update(self) -> None:
        """Read what was added to the output."""
        # An output that was pruned keeps what was read of it.
        with suppress(OSError, UnsafePath), open_to_read(self._path) as file:
            size = os.fstat(file.fileno()).st_size
            if size - self._offset > MOST_NEW_BYTES:
                self._skipped = True
                file.seek(size - MOST_NEW_BYTES)
                # The first line has lost its beginning.
                file.readline(MOST_NEW_BYTES)
            else:
                file.seek(self._offset)
            while data := file.read(CHUNK_BYTES):
                self._offset = file.tell()
                self._add(self._stream.feed(data))

    def _add(self, activities: Iterable[Activity]) -> None:
        from penguin.orchestration.agents.activity.activities import Finished, UsageSoFar
        from penguin_repl.text.activity_lines import activity_lines, activity_summary

        for activity in activities:
            if not isinstance(activity, UsageSoFar):
                # The title of the output says what was spent up to now.
                self.lines.extend(activity_lines(activity))
            self.now = activity_summary(activity) or self.now
            if isinstance(activity, Finished) or (isinstance(activity, UsageSoFar) and not self._skipped):
                self.usage = activity.usage


class AgentWorkReader:
    """A reader of the outputs of agents. To read one again costs only what was added to it."""

    def __init__(self) -> None:
        self._outputs: dict[str, AgentOutput | None] = {}
        """By path; None for outputs of other programs."""

    def newest(self, paths: Sequence[str]) -> AgentOutput | None:
        """Return the output of the agent that runs now, up to date; None if another program does.

        Args:
            paths: The outputs of an attempt, the newest first.
        """
        if not paths:
            return None
        # An agent writes warnings to standard error, and its events to standard output.
        path = paths[0].removesuffix(STDERR_SUFFIX) + LOG_SUFFIX if paths[0].endswith(STDERR_SUFFIX) else paths[0]
        if path not in paths:
            return None
        output = self._output(path)
        if output is not None:
            output.update()
        return output

    def _output(self, path: str) -> AgentOutput | None:
        if path not in self._outputs:
            if len(self._outputs) >= MOST_OUTPUTS:
                del self._outputs[next(iter(self._outputs))]
            stream = activity_stream(path)
            self._outputs[path] = None if stream is None else AgentOutput(path, stream)
        return self._outputs[path]
