"""A lease on steps: a file that says until when they may run, in one line `<boot id> <deadline>`.

The deadline is in seconds of the clock that also counts while the machine is suspended. All processes of a machine
share it. It starts at boot, so a deadline of another boot means nothing.
"""

from __future__ import annotations

import math
import os
import time

LONGEST = 1000
"""Bytes. A longer file is not a lease."""
LAPSED = -math.inf
"""The deadline of a lease that is missing, unreadable, or of another boot."""


def now() -> float:
    """Return the seconds since boot, including suspension."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def lease_line(boot: str, deadline: float) -> bytes:
    """Return the line that the file holds."""
    return f"{boot} {deadline!r}\n".encode()


def read_deadline(path: str, boot: str) -> float:
    """Return when the lease at `path` lapses or lapsed."""
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
    # Without a line feed it is truncated, perhaps within the number.
    return until if named == boot and math.isfinite(until) and data.endswith(b"\n") else LAPSED


class LeaseReader:
    """A cached lease. It is read again only when it would have lapsed."""

    def __init__(self, path: str, boot: str) -> None:
        """Read the lease at `path`; an empty path is a lease that never lapses."""
        self._path = path
        self._boot = boot
        self.until = LAPSED if path else math.inf
        """When to read it next."""

    def lapsed(self) -> bool:
        if now() < self.until:
            return False
        self.until = read_deadline(self._path, self._boot)
        return now() >= self.until
