"""The lease on a working tree's steps: a file that says until when they may run, renewed by who holds it.

Whoever may run steps here tells so by this file, and the launchers keep to it without anybody's help: once it has
lapsed they end what they run. The clock is the one that counts while the machine sleeps, `now`.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from penguin.orchestration.execution.launcher import lease, tree
from penguin.orchestration.execution.launcher.lease import now
from penguin.orchestration.files.permissions import make_private_folder, write_private

__all__ = ["StepLease", "now"]


class StepLease:
    """The lease in one file. Any number of processes may renew and read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._boot = tree.boot_id()

    def renew(self, seconds: float) -> None:
        """Let steps run for that long from now on. Raises OSError."""
        self.renew_until(now() + seconds)

    def renew_until(self, deadline: float) -> None:
        """Let steps run until `deadline`, in seconds of `now`; a later one that is there stays. Raises OSError.

        Whoever was granted it by somebody else counts from before the asking: the answer may have been long on its way.
        """
        # Of several who renew it, one may have been held up on the way: it takes nothing away from the others.
        if deadline <= self.lapses_at():
            return
        make_private_folder(self.path.parent)
        # Not forced to the disk: after a power cut it is worth nothing.
        aside = self.path.with_name(f"{self.path.name}.{threading.get_native_id()}")
        try:
            write_private(aside, lease.lease_line(self._boot, deadline))
            aside.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise

    def lapses_at(self) -> float:
        """When it lapses or lapsed, in seconds of `now`; minus infinity where there is none of this boot."""
        return lease.read_deadline(str(self.path), self._boot)

    def holds(self) -> bool:
        """Whether steps may run."""
        return now() < self.lapses_at()
