"""Programs that have the terminal for a while: a pager, an editor."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from typing import IO

    from penguin_repl.shell.foreground import ForegroundRunner

NOT_RUNNABLE_CODES = (126, 127)
"""Exit codes with which `sh` says that a program is not there, or is none."""


class ExternalProgramRunner:
    """Runs one such program at a time; the engine of the shell works on meanwhile.

    `loud` is the context in which the terminal has its usual modes.
    """

    def __init__(self, foreground: ForegroundRunner, loud: Callable[[], AbstractContextManager[None]]) -> None:
        self._foreground = foreground
        self._echo_on = loud

    async def run(
        self,
        command: str,
        *arguments: str,
        stdin: IO[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """The exit code of a command as `sh` understands it, with these arguments after its own.

        Ctrl-C is for the program alone. Negative: ended by that signal. Raises OSError where there is no `sh`.
        """
        with self._foreground.ignoring_interrupts(), self._echo_on():
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                f'{command} "$@"',
                "sh",
                *arguments,
                stdin=stdin,
                env={**os.environ, **(environment or {})},
            )
            try:
                return await process.wait()
            except asyncio.CancelledError:
                # The terminal is gone; an editor may keep what was typed, if it is told.
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGHUP)
                raise
