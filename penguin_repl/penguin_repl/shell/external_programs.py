"""Programs that use the terminal temporarily: a pager, an editor."""

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
"""Exit codes of `sh` for a program that is missing or not executable."""


def describe_exit(code: int) -> str:
    """Return how a program ended: by an exit code, or by a signal, also as a shell reports it."""
    names = {int(number): number.name for number in signal.Signals}
    name = names.get(-code if code < 0 else code - 128)
    return f"was ended by {name}" if name else f"ended with exit code {code}"


class ExternalProgramRunner:
    """A runner of such programs, one at a time. The shell's engine keeps running meanwhile.

    `loud` returns the context manager that restores the terminal's usual modes.
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
        """Run a command with `sh`, followed by these arguments, and return its exit code.

        Only the program receives Ctrl-C. A negative code means that a signal ended it. Raises OSError if there is no
        `sh`.
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
                # The terminal is gone. On SIGHUP, an editor may save the typed text.
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGHUP)
                raise
