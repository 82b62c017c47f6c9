"""The retry policy of a phase: how many attempts it has, and the delay between them."""

from __future__ import annotations

from penguin.orchestration.core.immutable import Record


class RetryPolicy(Record, frozen=True):
    """How many attempts a phase has, and how long Penguin waits between them."""

    max_attempts: int = 3
    """Attempts of a phase since the start, or since the last resume from BLOCKED."""
    initial_delay_sec: float = 5.0
    backoff_multiplier: float = 2.0
    max_delay_sec: float = 300.0

    def delay_after(self, failures: int) -> float:
        """Return the seconds to wait after this many failures of a phase (1 or more)."""
        try:
            delay = self.initial_delay_sec * self.backoff_multiplier ** (failures - 1)
        except OverflowError:
            return self.max_delay_sec
        return min(delay, self.max_delay_sec)
