"""The scheduler: waits for back-offs and dependencies, then gives slots to attempts in the contract's order.

On Temporal, temporal/worker/slots.py gives the slots.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import defaultdict
from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple

from penguin.orchestration.core.commands import Await
from penguin.orchestration.core.priority import Rank, queue_priority
from penguin.orchestration.core.state import State

TaskKey = tuple[str, str]
"""Project and task."""

MAX_SLEEP = 60.0
"""Seconds between two looks at the wall clock, which may be set while the scheduler waits on the monotonic one."""


def steady_time() -> float:
    """Return the seconds since boot, also those while the machine was suspended. This clock can't be set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class BackOff(NamedTuple):
    """The end of a back-off."""

    until: float
    """On the wall clock."""
    latest: float
    """On the steady clock."""


class Scheduler:
    """The workflows that wait.

    `free` returns the number of free slots, `tree_free` whether no workflow holds the working tree, `branch_free`
    whether none holds a target branch; `begin` starts an attempt or a landing, and takes what it needs.
    """

    def __init__(
        self,
        unmet: Callable[[State], list[TaskKey]],
        free: Callable[[], int],
        tree_free: Callable[[], bool],
        branch_free: Callable[[str], bool],
        begin: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        self._unmet = unmet
        self._free = free
        self._tree_free = tree_free
        self._branch_free = branch_free
        self._begin = begin
        self._now = now
        self._waiting: dict[str, State] = {}
        self._ready: list[tuple[Rank, str]] = []
        self._for_tree: list[tuple[Rank, str]] = []
        """Attempts that are ready as soon as the working tree is free."""
        self._for_branch: dict[str, State] = {}
        """Workflows that land as soon as their target branch is free."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._back_offs: dict[str, BackOff] = {}
        self._waiting_for: defaultdict[TaskKey, set[str]] = defaultdict(set)
        self._armed = False

    def add(self, state: State, wait: Await) -> None:
        """Schedule a workflow's next attempt. It replaces an earlier one of the workflow."""
        workflow = state.workflow_id
        self.discard(workflow)
        self._waiting[workflow] = state
        if (left := self._seconds_left(state, wait.until)) > 0:
            self._arm_timer(workflow, wait.until, left)
        elif wait.dependencies and (unmet := self._unmet(state)):
            for task in unmet:
                self._waiting_for[task].add(workflow)
        else:
            self._queue(state)
            self.wake()

    def put_back(self, state: State) -> None:
        """Schedule a workflow again after another process took the slot or the working tree: it is offered at the
        next wake."""
        self._waiting[state.workflow_id] = state
        self._queue(state)

    def _queue(self, state: State) -> None:
        if state.can_land:
            self._for_branch[state.workflow_id] = state
            return
        queue = self._for_tree if state.needs_tree else self._ready
        heapq.heappush(queue, (queue_priority(state), state.workflow_id))

    def discard(self, workflow: str) -> None:
        """Remove a workflow."""
        self._for_branch.pop(workflow, None)
        if self._waiting.pop(workflow, None) is not None and (timer := self._timers.pop(workflow, None)):
            timer.cancel()

    def task_changed(self, task: TaskKey) -> None:
        """Check again the workflows that depend on this task: one of its workflows changed its status."""
        for workflow in self._waiting_for.pop(task, ()):
            if (state := self._waiting.get(workflow)) is not None:
                self.add(state, Await(0.0, True))

    def recheck(self) -> None:
        """Check all waiting workflows again: another process changed something, or the clock was set."""
        for task in list(self._waiting_for):
            self.task_changed(task)
        for workflow in list(self._timers):
            state = self._waiting[workflow]
            self.add(state, Await(state.due_at, False))
        self.wake()

    def wake(self) -> None:
        """Check for a free slot, a free working tree and free target branches."""
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_soon(self._pass)

    def close(self) -> None:
        """Start no more attempts."""
        for timer in self._timers.values():
            timer.cancel()
        self._waiting.clear()
        self._ready.clear()
        self._for_tree.clear()
        self._for_branch.clear()

    def _pass(self) -> None:
        self._armed = False
        free = self._free()
        while free > 0 and (workflow := self._next()) is not None:
            del self._waiting[workflow]
            self._begin(workflow)
            free -= 1

    def _next(self) -> str | None:
        """Take the first workflow that may begin out of its queue. Landings come first: others wait for them."""
        if (landing := self._next_landing()) is not None:
            return landing
        if not self._ready and not self._for_tree:
            return None
        self._drop_stale(self._ready, needs_tree=False)
        self._drop_stale(self._for_tree, needs_tree=True)
        queues = [queue for queue in (self._ready, self._for_tree) if queue]
        if self._for_tree and not self._tree_free():
            queues.remove(self._for_tree)
        return heapq.heappop(min(queues, key=itemgetter(0)))[1] if queues else None

    def _next_landing(self) -> str | None:
        """Take the workflow whose gates passed first, of those whose target branch is free."""
        for state in sorted(self._for_branch.values(), key=_queued_at) if self._for_branch else ():
            if self._branch_free(state.target_branch):
                del self._for_branch[state.workflow_id]
                return state.workflow_id
        return None

    def _drop_stale(self, queue: list[tuple[Rank, str]], *, needs_tree: bool) -> None:
        """Drop discarded entries at the head of a queue: `discard` does not search the heap for them."""
        while queue and ((state := self._waiting.get(queue[0][1])) is None or state.needs_tree is not needs_tree):
            heapq.heappop(queue)

    def _seconds_left(self, state: State, until: float) -> float:
        """Return how long a back-off still lasts; 0 for none. It ends in time even if the clock is set back."""
        left = until - self._now()
        if left <= 0:
            self._back_offs.pop(state.workflow_id, None)
            return 0.0
        back_off = self._back_offs.get(state.workflow_id)
        if back_off is None or back_off.until != until:
            back_off = BackOff(until, steady_time() + min(left, until - state.updated_at))
            self._back_offs[state.workflow_id] = back_off
        return max(0.0, min(left, back_off.latest - steady_time()))

    def _arm_timer(self, workflow: str, until: float, left: float) -> None:
        delay = min(left, MAX_SLEEP)
        loop = asyncio.get_running_loop()
        self._timers[workflow] = loop.call_later(delay, self._due, workflow, until)

    def _due(self, workflow: str, until: float) -> None:
        self._timers.pop(workflow, None)
        if (state := self._waiting.get(workflow)) is not None:
            self.add(state, Await(until, False))


def _queued_at(state: State) -> float:
    return state.landing.queued_at if state.landing is not None else 0.0
