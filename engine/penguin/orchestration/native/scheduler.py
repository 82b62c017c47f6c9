"""Which attempt is next: waits out back-offs and dependencies, then hands out slots in the contract's order."""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Callable

from penguin.orchestration.core.commands import Await
from penguin.orchestration.core.priority import Rank, queue_priority
from penguin.orchestration.core.state import State

TaskKey = tuple[str, str]
"""Project and task."""

MAX_SLEEP = 60.0
"""Seconds between two looks at the wall clock, which may be set while we wait on the monotonic one."""


class Scheduler:
    """Knows only workflows that wait. `free` says how many slots there are, `begin` takes one."""

    def __init__(
        self,
        unmet: Callable[[State], list[TaskKey]],
        free: Callable[[], int],
        begin: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        self._unmet = unmet
        self._free = free
        self._begin = begin
        self._now = now
        self._waiting: dict[str, State] = {}
        self._ready: list[tuple[Rank, str]] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._parked: defaultdict[TaskKey, set[str]] = defaultdict(set)
        self._armed = False

    def add(self, state: State, wait: Await) -> None:
        """This workflow's next attempt is wanted; replaces what was known of it."""
        workflow = state.workflow_id
        self.discard(workflow)
        self._waiting[workflow] = state
        if wait.until > self._now():
            self._arm_timer(workflow, wait.until)
        elif wait.dependencies and (unmet := self._unmet(state)):
            for task in unmet:
                self._parked[task].add(workflow)
        else:
            heapq.heappush(self._ready, (queue_priority(state), workflow))
            self.wake()

    def put_back(self, state: State) -> None:
        """Its slot was taken by another process: it is offered again with the next kick."""
        self._waiting[state.workflow_id] = state
        heapq.heappush(self._ready, (queue_priority(state), state.workflow_id))

    def discard(self, workflow: str) -> None:
        """It waits no longer."""
        if self._waiting.pop(workflow, None) is not None and (timer := self._timers.pop(workflow, None)):
            timer.cancel()

    def task_changed(self, task: TaskKey) -> None:
        """A workflow of this task changed its status: those that depend on it are looked at again."""
        for workflow in self._parked.pop(task, ()):
            if (state := self._waiting.get(workflow)) is not None:
                self.add(state, Await(0.0, True))

    def recheck(self) -> None:
        """Other processes changed something, or the clock was set: look at everything that waits again."""
        for task in list(self._parked):
            self.task_changed(task)
        for workflow in list(self._timers):
            state = self._waiting[workflow]
            self.add(state, Await(state.due_at, False))
        self.wake()

    def wake(self) -> None:
        """A slot may be free."""
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_soon(self._pass)

    def close(self) -> None:
        """Begin nothing more."""
        for timer in self._timers.values():
            timer.cancel()
        self._waiting.clear()
        self._ready.clear()

    def _pass(self) -> None:
        self._armed = False
        free = self._free()
        while free > 0 and self._ready:
            _, workflow = heapq.heappop(self._ready)
            # Left behind by discard: the heap is not searched for what no longer waits.
            if self._waiting.pop(workflow, None) is not None:
                self._begin(workflow)
                free -= 1

    def _arm_timer(self, workflow: str, until: float) -> None:
        delay = min(until - self._now(), MAX_SLEEP)
        loop = asyncio.get_running_loop()
        self._timers[workflow] = loop.call_later(max(0.0, delay), self._due, workflow, until)

    def _due(self, workflow: str, until: float) -> None:
        self._timers.pop(workflow, None)
        if (state := self._waiting.get(workflow)) is not None:
            self.add(state, Await(until, False))
