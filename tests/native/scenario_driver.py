"""Scenarios on the embedded backend, with a real store and a real engine."""

from __future__ import annotations

import sqlite3
import time

from tests.scenarios.backend_driver import BackendDriver

from penguin.orchestration.core.commands import Land, Run
from penguin.orchestration.core.decider import effects
from penguin.orchestration.core.state import State
from penguin.orchestration.native.backend import NativeBackend
from penguin.orchestration.native.engine import Engine
from penguin.orchestration.native.workflow_entry import load


class NativeDriver(BackendDriver):
    """A store in `root`, and an engine whose clock and slots are the scenario's."""

    _engine: Engine
    _free = 0

    def open(self) -> NativeBackend:
        backend = NativeBackend(None, self.root)
        self.furnish(backend, backend._planner)
        backend._now = lambda: time.time() + self.skipped
        self._engine = backend._open()
        self._engine._scheduler._free = self._take_slots
        self._engine._finish_stops = _at_once  # type: ignore[method-assign]
        return backend

    def _take_slots(self) -> int:
        free, self._free = self._free, 0
        return free

    def let_one_begin(self) -> None:
        self._free = 1
        self._engine._scheduler.recheck()

    async def look(self) -> State:
        return load(self._engine.repository.connection, self.workflow_id)[0]

    def at_rest(self, state: State) -> bool:
        live = self._engine.repository.get(self.workflow_id)
        if live is None:
            return True
        if live.lock.locked():
            return False
        match effects(live.state):
            case (Run() | Land() as run,) if live.state.owner == self._engine.identity.id:
                return self.holds(run)
            case _:
                return live.driver is None

    async def events_of(self, workflow_id: str) -> sqlite3.Connection:
        return self._engine.repository.connection


async def _at_once() -> None:
    pass
