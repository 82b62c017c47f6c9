"""The shell's foreground command: one at a time, ended by Ctrl-C or by the end of the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")

HANGUP_SIGNALS = (signal.SIGHUP, signal.SIGTERM)


class TerminalClosed(Exception):
    """The terminal was closed, or the shell was asked to end."""


class CommandInterrupted(Exception):
    """The user pressed Ctrl-C."""


class ForegroundRunner:
    """A runner of one coroutine at a time. SIGHUP and SIGTERM end the current one, and later ones at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._cancel_current: Callable[[], object] | None = None
        """Cancels the running command."""
        self._on_interrupt: Callable[[], object] = _ignore
        """Handles Ctrl-C."""
        self._hung_up = False
        self.terminated = False
        """A signal requested the end, rather than a closed window."""

    def __enter__(self) -> ForegroundRunner:
        for number in HANGUP_SIGNALS:
            self._loop.add_signal_handler(number, self.hang_up, number)
        self._loop.add_signal_handler(signal.SIGINT, _ignore)
        return self

    def __exit__(self, *error: object) -> None:
        for number in (*HANGUP_SIGNALS, signal.SIGINT):
            self._loop.remove_signal_handler(number)

    def hang_up(self, number: int) -> None:
        """Stop the running command: the terminal is gone."""
        self._hung_up = True
        self.terminated = number == signal.SIGTERM
        if self._cancel_current is not None:
            self._cancel_current()

    async def run(self, work: Coroutine[Any, Any, T], *, interruptible: bool = True) -> T:
        """Return the result of a coroutine.

        Raises TerminalClosed; CommandInterrupted at Ctrl-C, unless the coroutine handles it.
        """
        if self._hung_up:
            work.close()
            raise TerminalClosed
        task = self._loop.create_task(work)
        self._cancel_current = task.cancel
        self._on_interrupt = task.cancel if interruptible else _ignore
        if interruptible:
            # Every prompt removes the handler at its end, so it is set again each time.
            self._loop.add_signal_handler(signal.SIGINT, task.cancel)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._cancel_current = None
            self._on_interrupt = _ignore
            if interruptible:
                self._loop.add_signal_handler(signal.SIGINT, _ignore)
        if task.cancelled():
            raise TerminalClosed if self._hung_up else CommandInterrupted
        return task.result()

    @contextmanager
    def ignoring_interrupts(self) -> Iterator[None]:
        """Ignore Ctrl-C while another program handles it."""
        interrupt = self._on_interrupt
        self._loop.add_signal_handler(signal.SIGINT, _ignore)
        try:
            yield
        finally:
            self._loop.add_signal_handler(signal.SIGINT, interrupt)


def _ignore() -> None:
    """Ignore Ctrl-C while no command runs."""


def discard_output() -> None:
    """Discard unwritten output: the terminal is gone, and a failed flush would change the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
