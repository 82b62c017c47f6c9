"""A timer on the clock that also counts while the machine is suspended, as a file descriptor.

The time-outs of `select` and of an event loop do not count while the machine is suspended, so they would expire late.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import time

ABSOLUTE = 1
EARLIEST = 1
"""Nanoseconds: zero would disarm the timer."""
SECOND = 1_000_000_000


class BoottimeTimer:
    """A timer that becomes readable at its `fd` when it expires. Other programs do not inherit it."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._library.timerfd_create(time.CLOCK_BOOTTIME, os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "this kernel has no timerfd")
        self._at = math.inf

    def set(self, at: float) -> None:
        """Set the time of expiry, in seconds of the clock.

        A time in the past expires at once; infinity disarms the timer.
        """
        if at == self._at:
            return
        self._at = at
        nanoseconds = 0 if at == math.inf else max(EARLIEST, int(max(0.0, at) * SECOND))
        # The interval, which is zero, then the time; each in seconds and nanoseconds.
        moment = (ctypes.c_long * 4)(0, 0, *divmod(nanoseconds, SECOND))
        if self._library.timerfd_settime(self.fd, ABSOLUTE, moment, None) != 0:
            raise OSError(ctypes.get_errno(), "the timer could not be set")

    def acknowledge(self) -> None:
        """Clear an expired timer, so that it can be set again."""
        self._at = math.nan
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 8)

    def close(self) -> None:
        os.close(self.fd)
