"""Alerts for a user who looks elsewhere: a sound, or a configured command."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from penguin_repl.shell.external_programs import describe_exit
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.preferences import Preferences

COMMAND_TIMEOUT = 10.0
"""The maximum seconds that the command may take."""


class Alert(NamedTuple):
    """A workflow that causes an alert, and the text of the notice."""

    info: WorkflowInfo
    text: str


class Notifier:
    """A sender of alerts about workflows that ran long enough.

    Runs one command at a time. The next command reports what happens meanwhile.
    """

    def __init__(
        self, preferences: Callable[[], Preferences], ring: Callable[[], None], tell: Callable[[str], None]
    ) -> None:
        self._preferences = preferences
        self._ring = ring
        self._narrate = tell
        self._queue: list[Alert] = []
        self._task: asyncio.Task[None] | None = None
        self._last_trouble = ""

    def notify(self, info: WorkflowInfo, text: str) -> None:
        """Send an alert, if the workflow ran long enough."""
        if (info.updated_at - info.started_at).total_seconds() < self._preferences().notify_after:
            return
        if not self._preferences().notify:
            self._ring()
            return
        self._queue.append(Alert(info, text))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._send_alerts())

    def stop(self) -> None:
        """Stop sending alerts."""
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()

    async def _send_alerts(self) -> None:
        while self._queue:
            calls, self._queue = self._queue, []
            try:
                await _run_command(self._preferences().notify, calls)
            except TimeoutError:
                # It is an OSError, too.
                self._report_trouble(
                    f"ui.notify: {self._preferences().notify[0]} was stopped after {COMMAND_TIMEOUT:g} s"
                )
            except (OSError, ValueError) as error:
                # ValueError: an argument contains a NUL.
                self._report_trouble(f"ui.notify: can't run {self._preferences().notify[0]}: {error}")
            except _CommandFailed as error:
                self._report_trouble(f"ui.notify: {self._preferences().notify[0]} {error}")

    def _report_trouble(self, trouble: str) -> None:
        if trouble != self._last_trouble:
            self._last_trouble = trouble
            self._narrate(clean(trouble))


class _CommandFailed(Exception):
    """The command ended with an error; the text says how."""


async def _run_command(command: tuple[str, ...], calls: list[Alert]) -> None:
    """Run the command with the notices as its last argument.

    Raises OSError, ValueError, TimeoutError or _CommandFailed.
    """
    text = "\n".join(call.text for call in calls)
    environment = {
        **os.environ,
        "PENGUIN_NOTICE": text,
        "PENGUIN_WORKFLOW_IDS": " ".join(call.info.workflow_id for call in calls),
        "PENGUIN_STATUSES": " ".join(call.info.status for call in calls),
    }
    nowhere = asyncio.subprocess.DEVNULL
    # No shell: the notice is always one argument. A session of its own, so that Ctrl-C does not reach it.
    process = await asyncio.create_subprocess_exec(
        *command, text, stdin=nowhere, stdout=nowhere, stderr=nowhere, env=environment, start_new_session=True
    )
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT):
            code = await process.wait()
    finally:
        if process.returncode is None:
            # With the programs that it started: they are in its session.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if code:
        raise _CommandFailed(describe_exit(code))
