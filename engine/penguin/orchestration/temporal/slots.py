"""The slots of a working tree: as many attempts at once as `max_parallel` says, over all workers of the workspace.

A slot is a file whose lock lasts as long as its holder. It names the engine and the workflow, so that a slot whose
holder died while its step goes on stays taken, but for whoever takes that very step over.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from penguin.orchestration.hosting.ownership import may_run_steps
from penguin.orchestration.private import make_private

FOLDER = "slots"
LOOK = 0.1
"""Seconds between two looks while none is free."""


class Slots:
    """The slots of one workspace, as one engine takes them."""

    def __init__(self, folder: Path, engines: Path, engine: str, count: int) -> None:
        self._folder = folder / FOLDER
        self._engines = engines
        self._engine = engine
        self._count = count
        make_private(self._folder)

    async def take(self, workflow_id: str) -> Slot:
        """Wait for a free slot."""
        while (slot := self._free(workflow_id)) is None:
            await asyncio.sleep(LOOK)
        return slot

    def _free(self, workflow_id: str) -> Slot | None:
        for number in range(self._count):
            descriptor = os.open(self._folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            engine, _, holder = os.pread(descriptor, 500, 0).decode().partition(" ")
            if holder and holder != workflow_id and may_run_steps(self._engines, engine):
                os.close(descriptor)
                continue
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{self._engine} {workflow_id}".encode(), 0)
            return Slot(descriptor)
        return None


class Slot:
    """A slot that is held."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self, *, step_goes_on: bool) -> None:
        """Give it back; where the step was left running, its name stays on it."""
        if not step_goes_on:
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
