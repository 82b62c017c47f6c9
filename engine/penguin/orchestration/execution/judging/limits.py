"""Limits on the resources of a process that judges."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Iterator

MEMORY = 1 << 30
"""Bytes of address space. A search that backtracks over 2 MB takes a quarter of that."""
LONGEST = 30.0
"""Seconds that judging one output may take, where its phase has as much left."""

NOT_JUDGED = 3
"""Exit code of a process that judges its own output, where it hit a limit."""


class TookTooLong(Exception):
    """The time of `within` is over."""


def limit_memory() -> None:
    """Let this process have MEMORY and no more: what needs more raises MemoryError."""
    _lower(resource.RLIMIT_AS, MEMORY)


def limit_cpu(seconds: float) -> None:
    """End this process after so much time of a processor, also where nobody is left to end it."""
    _lower(resource.RLIMIT_CPU, int(seconds) + 1)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (most, most))


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise TookTooLong after so many seconds. For the main thread; a regular expression can be interrupted by it."""

    def ring(_number: int, _frame: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
