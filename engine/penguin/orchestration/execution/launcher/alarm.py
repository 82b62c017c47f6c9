"""An alarm on the clock that counts while the machine sleeps: a file that can be read once its time has come.

The time-outs of `select` and of an event loop stand still meanwhile: what was due in the night would be hours late, or
rather the rest of its time after the machine woke up.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import time

ABSOLUTE = 1
EARLIEST = 1
"""Nanoseconds: zero would disarm it."""
SECOND = 1_000_000_000


class BoottimeTimer:
    """Selectable by its `fd`, which nobody's programs inherit."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._library.timerfd_create(time.CLOCK_BOOTTIME, os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "this kernel has no alarm")
        self._at = math.inf

    def set(self, at: float) -> None:
        """Ring at that moment, in seconds of the clock, or at once where it has gone by; never if infinite."""
        if at == self._at:
            return
        self._at = at
        nanoseconds = 0 if at == math.inf else max(EARLIEST, int(max(0.0, at) * SECOND))
        # The interval, which there is none of, then the moment; each in seconds and nanoseconds.
        moment = (ctypes.c_long * 4)(0, 0, *divmod(nanoseconds, SECOND))
        if self._library.timerfd_settime(self.fd, ABSOLUTE, moment, None) != 0:
            raise OSError(ctypes.get_errno(), "the alarm could not be set")

    def acknowledge(self) -> None:
        """It was heard: whatever comes next is to be set."""
        self._at = math.nan
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 8)

    def close(self) -> None:
        os.close(self.fd)
