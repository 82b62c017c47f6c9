"""A lease on steps: a file that says until when they may run, one line `<boot id> <deadline>`.

The deadline is in seconds of the clock that counts while the machine sleeps, too: one clock for all processes of a
machine, from its boot on. Hence the boot id: a deadline of another boot says nothing.
"""

from __future__ import annotations

import math
import os
import time

LONGEST = 1000
"""Bytes. A longer file is no lease."""
LAPSED = -math.inf
"""The deadline of a lease that is missing, can't be read, or is of another boot."""


def now() -> float:
    """Seconds since the boot, those asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def lease_line(boot: str, deadline: float) -> bytes:
    """What the file holds."""
    return f"{boot} {deadline!r}\n".encode()


def read_deadline(path: str, boot: str) -> float:
    """When the lease at `path` lapses or lapsed."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return LAPSED
    try:
        data = os.read(file, LONGEST)
        named, deadline = data.decode("ascii").split()
        until = float(deadline)
    except (OSError, ValueError):
        return LAPSED
    finally:
        os.close(file)
    # Without its line feed it was cut off, perhaps within the number.
    return until if named == boot and math.isfinite(until) and data.endswith(b"\n") else LAPSED


class LeaseReader:
    """A lease as a step knows it: read again only when it would have lapsed."""

    def __init__(self, path: str, boot: str) -> None:
        """An empty `path`: one that never lapses."""
        self._path = path
        self._boot = boot
        self.until = LAPSED if path else math.inf
        """When to look at it next."""

    def lapsed(self) -> bool:
        if now() < self.until:
            return False
        self.until = read_deadline(self._path, self._boot)
        return now() >= self.until
