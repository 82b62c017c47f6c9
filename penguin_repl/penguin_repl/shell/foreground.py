"""What the shell waits for: one thing at a time, ended by Ctrl-C or by the end of the terminal."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")

HANGING_UP = (signal.SIGHUP, signal.SIGTERM)


class HungUp(Exception):
    """The terminal was closed, or the shell was asked to end."""


class Interrupted(Exception):
    """Ctrl-C."""


class Foreground:
    """Runs one coroutine after the other. SIGHUP and SIGTERM end the one that runs, and every later one at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end: Callable[[], object] | None = None
        """Ends what runs."""
        self._interrupt: Callable[[], object] = _ignore
        """What Ctrl-C does."""
        self._hung_up = False
        self.told_to_end = False
        """Somebody asked for the end, in place of a window that was closed."""

    def __enter__(self) -> Foreground:
        for number in HANGING_UP:
            self._loop.add_signal_handler(number, self.hang_up, number)
        self._loop.add_signal_handler(signal.SIGINT, _ignore)
        return self

    def __exit__(self, *error: object) -> None:
        for number in (*HANGING_UP, signal.SIGINT):
            self._loop.remove_signal_handler(number)

    def hang_up(self, number: int) -> None:
        """End what runs: nobody is there any more."""
        self._hung_up = True
        self.told_to_end = number == signal.SIGTERM
        if self._end is not None:
            self._end()

    async def run(self, work: Coroutine[Any, Any, T], *, interruptible: bool = True) -> T:
        """The result of a coroutine. Raises HungUp; Interrupted at Ctrl-C, unless the coroutine looks after that."""
        if self._hung_up:
            work.close()
            raise HungUp
        task = self._loop.create_task(work)
        self._end = task.cancel
        self._interrupt = task.cancel if interruptible else _ignore
        if interruptible:
            # Every prompt takes the handler away at its end, so it is set again each time.
            self._loop.add_signal_handler(signal.SIGINT, task.cancel)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._end = None
            self._interrupt = _ignore
            if interruptible:
                self._loop.add_signal_handler(signal.SIGINT, _ignore)
        if task.cancelled():
            raise HungUp if self._hung_up else Interrupted
        return task.result()

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """While another program hears Ctrl-C: it ends nothing here."""
        interrupt = self._interrupt
        self._loop.add_signal_handler(signal.SIGINT, _ignore)
        try:
            yield
        finally:
            self._loop.add_signal_handler(signal.SIGINT, interrupt)


def _ignore() -> None:
    """Ctrl-C between two things that it could end."""
