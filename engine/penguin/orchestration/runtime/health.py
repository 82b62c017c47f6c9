"""What `/health` and `health_check` tell: the same keys on every backend."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Health:
    """How a backend is. What it does not have is None."""

    backend: str
    """native or temporal."""
    connected: bool
    address: str
    """Where the workflows are: the path of the database, or HOST:PORT."""
    server_version: str | None = None
    namespace: str | None = None
    workers_polling: int | None = None
    """Processes that take up workflows which nobody else has charge of."""
    active_count: int | None = None
    """Workflows that are not final."""
    unfinished_elsewhere: int = 0
    """The same on the other backend, as far as this workspace heard of them."""
    latency_sec: float | None = None
    """Seconds that one question to the store or server took."""
    retention_days: float | None = None
    """How long what is finished is kept; None: until it is pruned."""
    warning: str | None = None
    """What needs somebody's attention, or why it is not connected."""
    hint: str | None = None
    """What to do about the warning."""

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)
