"""The result of `/health` and `health_check`: the same keys on every backend."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a backend. A field that the backend does not have is None."""

    backend: str
    """native or temporal."""
    connected: bool
    address: str
    """Where the workflows are: the path of the database, or HOST:PORT."""
    server_version: str | None = None
    namespace: str | None = None
    workers_polling: int | None = None
    """Number of processes that claim workflows without an owner."""
    active_count: int | None = None
    """Number of workflows that are not final."""
    unfinished_elsewhere: int = 0
    """The same on the other backend, as far as this workspace knows."""
    latency_sec: float | None = None
    """Seconds that one query of the store or server took."""
    retention_days: float | None = None
    """How long final workflows are kept; None: until they are pruned."""
    saved_copies: int | None = None
    """Number of copies of the database that Penguin saved beside it; old ones are pruned."""
    warning: str | None = None
    """What needs attention, or why it is not connected."""
    hint: str | None = None
    """What to do about the warning."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return asdict(self)
