"""The uses of tools whose end an agent reports later."""

from __future__ import annotations

from penguin.orchestration.agents.activity.activities import Use

MOST_OPEN = 1000
"""Uses that are remembered. The oldest is forgotten first."""


class OpenToolUses:
    """The uses of tools that have started and not ended, by id."""

    def __init__(self) -> None:
        self._uses: dict[str, Use] = {}

    def start(self, use_id: str, use: Use) -> None:
        """Remember a use."""
        if len(self._uses) >= MOST_OPEN:
            del self._uses[next(iter(self._uses))]
        self._uses[use_id] = use

    def end(self, use_id: str) -> Use | None:
        """Forget a use, and return it; None for an unknown id."""
        return self._uses.pop(use_id, None)

    def __contains__(self, use_id: str) -> bool:
        return use_id in self._uses
