"""Who hears of every durable change of a status or phase."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from penguin.orchestration.backend import WorkflowInfo

Listener = Callable[[WorkflowInfo], None]


class Listeners:
    """The listeners of a backend. Each stands alone: the same function may be added twice."""

    def __init__(self) -> None:
        self._all: dict[object, Listener] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell it from now on; what is returned ends that, however often it is called."""
        place = object()
        self._all[place] = listener

        def remove() -> None:
            self._all.pop(place, None)

        return remove

    def notify(self, info: WorkflowInfo) -> None:
        """Tell all of them, on the event loop. One that breaks is a matter for the loop's exception handler."""
        for listener in tuple(self._all.values()):
            try:
                listener(info)
            except Exception as error:
                # Raised on, it would end the work on this very workflow.
                loop = asyncio.get_running_loop()
                loop.call_exception_handler({"message": f"{listener!r} broke", "exception": error})
