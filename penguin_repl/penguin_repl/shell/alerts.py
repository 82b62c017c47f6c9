"""Calling a person who looks elsewhere: a sound, or a command of theirs."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, NamedTuple

from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.preferences import Taste

PATIENCE = 10.0
"""Seconds that the command may take."""


class Call(NamedTuple):
    """What a person is called for."""

    info: WorkflowInfo
    text: str


class Notifier:
    """Calls for what ran long enough. One command at a time: what happens meanwhile is told by the next one."""

    def __init__(self, taste: Callable[[], Taste], ring: Callable[[], None], tell: Callable[[str], None]) -> None:
        self._taste = taste
        self._ring = ring
        self._tell = tell
        self._waiting: list[Call] = []
        self._calling: asyncio.Task[None] | None = None
        self._trouble = ""

    def notice(self, info: WorkflowInfo, text: str) -> None:
        """Call for this, if it is worth it."""
        if (info.updated_at - info.started_at).total_seconds() < self._taste().notify_after:
            return
        if not self._taste().notify:
            self._ring()
            return
        self._waiting.append(Call(info, text))
        if self._calling is None or self._calling.done():
            self._calling = asyncio.get_running_loop().create_task(self._call())

    def stop(self) -> None:
        """Call no more."""
        self._waiting.clear()
        if self._calling is not None:
            self._calling.cancel()

    async def _call(self) -> None:
        while self._waiting:
            calls, self._waiting = self._waiting, []
            try:
                await _run(self._taste().notify, calls)
            except (OSError, ValueError) as error:
                # ValueError: an argument with a NUL.
                self._complain(f"ui.notify: can't run {self._taste().notify[0]}: {error}")
            except TimeoutError:
                self._complain(f"ui.notify: {self._taste().notify[0]} was ended after {PATIENCE:g} s")

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._tell(clean(trouble))


async def _run(command: tuple[str, ...], calls: list[Call]) -> None:
    """Run the command with the notices as its last argument. Raises OSError, ValueError or TimeoutError."""
    text = "\n".join(call.text for call in calls)
    environment = {
        **os.environ,
        "PENGUIN_NOTICE": text,
        "PENGUIN_WORKFLOW_IDS": " ".join(call.info.workflow_id for call in calls),
        "PENGUIN_STATUSES": " ".join(call.info.status for call in calls),
    }
    nowhere = asyncio.subprocess.DEVNULL
    # No shell: whatever a notice says is one argument. A session of its own: Ctrl-C is not for it.
    process = await asyncio.create_subprocess_exec(
        *command, text, stdin=nowhere, stdout=nowhere, stderr=nowhere, env=environment, start_new_session=True
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
