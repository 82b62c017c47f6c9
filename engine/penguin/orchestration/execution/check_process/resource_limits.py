"""Resource limits of a check process."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Iterator

MEMORY = 1 << 30
"""Bytes of address space. A backtracking search over 2 MB takes a quarter of that."""
LONGEST = 30.0
"""Seconds to judge one output, if the phase has that much time left."""

NOT_JUDGED = 3
"""Exit code of an HTTP step that reached a limit while checking its response."""


class TookTooLong(Exception):
    """The time of `within` is over."""


def limit_memory() -> None:
    """Limit the memory of this process to MEMORY. An allocation beyond it raises MemoryError."""
    _lower(resource.RLIMIT_AS, MEMORY)


def limit_cpu(seconds: float) -> None:
    """End this process after that much CPU time, even if the engine and the launcher are dead."""
    _lower(resource.RLIMIT_CPU, int(seconds) + 1)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (most, most))


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise TookTooLong after that many seconds.

    It interrupts regular expressions too. Call it in the main thread only.
    """

    def on_alarm(_number: int, _frame: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
