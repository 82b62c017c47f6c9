"""The signals that end a script: SIGTERM, and SIGHUP where the caller does not ignore it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class ScriptEnded(KeyboardInterrupt):
    """A signal ended a script. The text says what continues."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class EndSignals:
    """Cancels the current task of an event loop on one of the signals. `received` is the signal; 0: none."""

    def __init__(self) -> None:
        self.received = 0

    def watch(self) -> None:
        """Handle the signals from now on, until the loop is closed. Called in a task."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for number in END_SIGNALS:
            # `nohup` ignores SIGHUP.
            if signal.getsignal(number) is signal.SIG_DFL:
                loop.add_signal_handler(number, self._receive, number, task)

    def _receive(self, number: int, task: asyncio.Task[Any]) -> None:
        self.received = number
        task.cancel()


def end_by_signal(ended: ScriptEnded) -> None:
    """Report what continues, and end the process by the signal, as its caller expects."""
    name = signal.Signals(ended.number).name
    try:
        sys.stderr.write("\n".join([f"ended by {name}", *map(str, ended.args)]).rstrip() + "\n")
        sys.stderr.flush()
        sys.stdout.flush()
    except OSError:
        # The terminal is gone.
        pass
    signal.signal(ended.number, signal.SIG_DFL)
    os.kill(os.getpid(), ended.number)
