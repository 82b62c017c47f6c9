"""The slots of a working tree: at most `max_parallel` attempts at once, over all workers of the workspace.

A slot is a file that its holder locks. It names the engine and the workflow, so that a slot whose holder died while its
step continues stays taken until an engine adopts that step. Waiting attempts are served in the order of the contract;
workers publish in files how urgent their first one is.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
from bisect import insort
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penguin.orchestration.core.priority import Rank
from penguin.orchestration.files.engine_lock import is_alive, may_run_steps
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.files.safe_open import open_state_file
from penguin.orchestration.temporal.worker.tree_lock import TreeLock

log = logging.getLogger(__name__)

FOLDER = "slots"
WAITING = "waiting-"
"""The prefix of the files in which workers publish their first waiting attempt."""
LOOK = 0.1
"""Seconds between two checks while no slot is free: other processes release slots without a notice."""


class Slot:
    """A slot that is held."""

    def __init__(self, descriptor: int, released: asyncio.Event, tree: int | None = None) -> None:
        """`tree`: the descriptor of the working tree's lock, where the workflow took the tree with this slot."""
        self._descriptor = descriptor
        self._tree = tree
        self._released = released

    def release(self, *, step_goes_on: bool) -> None:
        """Release it; if the step keeps running, its name stays on it."""
        if not step_goes_on:
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        if self._tree is not None:
            os.close(self._tree)
        self._released.set()


@dataclass(frozen=True, slots=True)
class _WaitingAttempt:
    """An attempt that waits for a slot."""

    rank: Rank
    workflow_id: str
    slot: asyncio.Future[Slot]
    needs_tree: bool = False


class SlotPool:
    """The slots of one workspace, as used by one engine."""

    def __init__(self, folder: Path, engines: Path, engine: str, count: int, tree: TreeLock | None = None) -> None:
        """`tree`: the working tree; None if the workflow takes none."""
        self._tree = tree
        self._folder = folder / FOLDER
        self._engines = engines
        self._engine = engine
        self._count = count
        self._queue: list[_WaitingAttempt] = []
        self._released = asyncio.Event()
        self._handing_out: asyncio.Task[None] | None = None
        make_private_folder(self._folder)

    async def take(self, workflow_id: str, rank: Rank, *, needs_tree: bool = False) -> Slot:
        """Wait for a slot; with `needs_tree` also until no other workflow holds the working tree, and take it."""
        turn = _WaitingAttempt(rank, workflow_id, asyncio.get_running_loop().create_future(), needs_tree)
        insort(self._queue, turn, key=_order)
        if self._handing_out is None:
            self._handing_out = asyncio.create_task(self._hand_out())
        try:
            return await turn.slot
        except asyncio.CancelledError:
            self._queue = [other for other in self._queue if other is not turn]
            if turn.slot.done() and not turn.slot.cancelled():
                turn.slot.result().release(step_goes_on=False)
            raise

    @asynccontextmanager
    async def alone(self, workflow_id: str) -> AsyncIterator[None]:
        """Hold all slots, so that no attempt changes the files meanwhile."""
        held: list[Slot] = []
        try:
            for number in range(self._count):
                # Take them in order. Holders of a slot wait for no other, so this can't deadlock.
                while (slot := self._alone(number, workflow_id)) is None:
                    await asyncio.sleep(LOOK)
                held.append(slot)
            yield
        finally:
            for slot in held:
                slot.release(step_goes_on=False)

    def _alone(self, number: int, workflow_id: str) -> Slot | None:
        opened = self._open(number)
        if opened is None:
            return None
        descriptor, holder = opened
        if holder:
            os.close(descriptor)
            return None
        return self._name(descriptor, workflow_id)

    async def _hand_out(self) -> None:
        try:
            while self._queue:
                self._released.clear()
                # A cancelled waiter may not have removed itself yet.
                self._queue = [turn for turn in self._queue if not turn.slot.done()]
                await self._ask_tree_holder()
                self._say_who_waits()
                for number in range(self._count):
                    if not self._queue:
                        break
                    self._offer(number)
                if self._queue:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._released.wait(), LOOK)
        finally:
            self._handing_out = None
            self._waiting_file(self._engine).unlink(missing_ok=True)

    async def _ask_tree_holder(self) -> None:
        if self._tree is not None and any(turn.needs_tree for turn in self._queue):
            await self._tree.ask_holder()

    def _offer(self, number: int) -> None:
        """Give one slot to the next waiting attempt."""
        opened = self._open(number)
        if opened is None:
            return
        descriptor, holder = opened
        turn, tree = self._next_for(holder)
        if turn is None:
            os.close(descriptor)
        else:
            self._queue = [other for other in self._queue if other is not turn]
            turn.slot.set_result(self._name(descriptor, turn.workflow_id, tree))

    def _next_for(self, holder: str) -> tuple[_WaitingAttempt | None, int | None]:
        """Return the attempt that may begin in a slot, and the lock of the working tree where it takes the tree."""
        if holder:
            # Its step continues without an engine: only its own workflow can use the slot.
            return next((turn for turn in self._queue if turn.workflow_id == holder), None), None
        for turn in self._queue:
            if self._is_behind(turn):
                break
            if not turn.needs_tree or self._tree is None:
                return turn, None
            if (tree := self._tree.take(turn.workflow_id)) is not None:
                return turn, tree
        return None, None

    def _open(self, number: int) -> tuple[int, str] | None:
        """Lock a slot.

        Return its descriptor, and the workflow whose step still runs there; None: an engine holds it.
        """
        descriptor = open_state_file(self._folder / str(number), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        engine, _, holder = os.pread(descriptor, 500, 0).decode().partition(" ")
        return descriptor, holder if holder and may_run_steps(self._engines, engine) else ""

    def _name(self, descriptor: int, workflow_id: str, tree: int | None = None) -> Slot:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{self._engine} {workflow_id}".encode(), 0)
        return Slot(descriptor, self._released, tree)

    # --- several workers ---

    def _waiting_file(self, engine: str) -> Path:
        return self._folder / f"{WAITING}{engine}"

    def _say_who_waits(self) -> None:
        # An attempt that waits for the working tree must not keep other workers from their slots.
        tree_free = self._tree is None or self._tree.is_free()
        first = next((turn for turn in self._queue if tree_free or not turn.needs_tree), None)
        file = self._waiting_file(self._engine)
        if first is None:
            file.unlink(missing_ok=True)
            return
        said = json.dumps(_order(first)).encode()
        try:
            if not file.exists() or file.read_bytes() != said:
                write_private(file, said)
        except OSError as error:
            # On a full disk only the order between several workers is lost.
            log.info("%s: %s", file, error)

    def _is_behind(self, turn: _WaitingAttempt) -> bool:
        """Return whether an attempt of another worker goes first."""
        return any(other < _plain(_order(turn)) for other in self._others())

    def _others(self) -> list[Any]:
        found = []
        for file in self._folder.glob(f"{WAITING}*"):
            engine = file.name.removeprefix(WAITING)
            if engine == self._engine:
                continue
            try:
                said = json.loads(file.read_bytes())
            except (FileNotFoundError, ValueError):
                continue
            if is_alive(self._engines, engine):
                found.append(said)
            else:
                file.unlink(missing_ok=True)
        return found


def _order(turn: _WaitingAttempt) -> tuple[Rank, str]:
    return (turn.rank, turn.workflow_id)


def _plain(order: tuple[Rank, str]) -> Any:
    """Return the value as it reads from a file."""
    return json.loads(json.dumps(order))
