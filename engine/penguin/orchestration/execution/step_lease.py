"""The lease on the steps of a working tree: a file that says until when they may run.

Its holder renews it. The launchers check it on their own: when it has lapsed, they end their steps. The clock is `now`,
which also counts while the machine is suspended.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from penguin.orchestration.execution.launcher import lease_reader as lease
from penguin.orchestration.execution.launcher import process_tree
from penguin.orchestration.execution.launcher.lease_reader import now
from penguin.orchestration.files.permissions import make_private_folder, write_private

__all__ = ["StepLease", "now"]


class StepLease:
    """The lease in one file. Any number of processes may renew and read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._boot = process_tree.boot_id()

    def renew(self, seconds: float) -> None:
        """Let steps run for that many seconds from now. Raises OSError."""
        self.renew_until(now() + seconds)

    def renew_until(self, deadline: float) -> None:
        """Let steps run until `deadline`, in seconds of `now`. A later deadline in the file stays. Raises OSError.

        If a server granted the lease, count from the time of the request: the response may have been delayed.
        """
        # One of several holders may have been delayed; it must not shorten the lease of the others.
        if deadline <= self.lapses_at():
            return
        make_private_folder(self.path.parent)
        # Not synced to disk: it means nothing after a power loss.
        temporary = self.path.with_name(f"{self.path.name}.{threading.get_native_id()}")
        try:
            write_private(temporary, lease.lease_line(self._boot, deadline))
            temporary.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def lapses_at(self) -> float:
        """Return when it lapses or lapsed, in seconds of `now`; minus infinity if there is no lease of this boot."""
        return lease.read_deadline(str(self.path), self._boot)

    def holds(self) -> bool:
        """Return whether steps may run."""
        return now() < self.lapses_at()
