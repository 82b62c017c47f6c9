"""Listeners: functions that are called after every durable change of a status or phase."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from penguin.orchestration.backend import WorkflowInfo

Listener = Callable[[WorkflowInfo], None]


class Listeners:
    """The listeners of a backend. The same function may be added twice."""

    def __init__(self) -> None:
        self._all: dict[object, Listener] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add a listener. Return a function that removes it and may be called repeatedly."""
        token = object()
        self._all[token] = listener

        def remove() -> None:
            self._all.pop(token, None)

        return remove

    def notify(self, info: WorkflowInfo) -> None:
        """Call all listeners on the event loop. The loop's exception handler gets their errors."""
        for listener in tuple(self._all.values()):
            try:
                listener(info)
            except Exception as error:
                # Raising it would stop the work on this workflow.
                loop = asyncio.get_running_loop()
                loop.call_exception_handler({"message": f"{listener!r} failed", "exception": error})
