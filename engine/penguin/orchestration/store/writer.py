"""The writer thread: decisions arrive as lists, and one transaction commits all that wait.

A unit is written completely or not at all. It is refused if another process changed one of its workflows (the next
event number is taken, by the primary key), if its task already has an active workflow, if it needs a slot and none
is free, or if it needs the working tree or a target branch that another workflow holds. A full disk or an IO error
refuses nothing: the batch is retried until it succeeds.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from enum import Enum
from functools import partial
from operator import attrgetter
from pathlib import Path

from msgspec import Struct

from penguin.orchestration.backend import AlreadyActive, StoreError, WorkflowError
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.database_file import explain_error, is_damage
from penguin.orchestration.store.open_file import OpenFile, save_copy
from penguin.orchestration.store.open_workflow_index import is_complete, open_index
from penguin.orchestration.store.rows import INSERT_EVENT, INSERT_RUN, Write

TICK = 0.05
"""Seconds between two checks for writes of other processes."""
TROUBLE_DELAY = 0.25
"""Seconds between two attempts to write while the disk is full."""
ID_OF_UPDATE = -2
"""Where `updated_run` has the workflow's id."""
TREE_HOLDERS = "SELECT workflow_id FROM run WHERE holds_tree = 1"
BRANCH_HOLDERS = "SELECT workflow_id, target_branch FROM run WHERE landing >= 2"
SLOTS = "SELECT owner, count(*) FROM run WHERE slot = 1 GROUP BY owner"


class _Away(Enum):
    """Whether the database is missing in its place, and for long."""

    NO = 0
    YES = 1
    LONG = 2


class ConcurrentUpdate(WorkflowError):
    """Another process changed the workflow in the meantime."""

    code = "conflict"


class NoSlot(WorkflowError):
    """The maximum of `max_parallel` attempts is running, or another workflow holds the working tree or the target
    branch."""

    code = "no_slot"


REFUSALS = (
    ConcurrentUpdate,
    sqlite3.IntegrityError,
    # Values that no database accepts, such as text that is not Unicode: a retry would never help.
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    ValueError,
)


class _PendingWrite(Struct):
    writes: list[Write]
    done: asyncio.Future[None]
    error: WorkflowError | None = None

    @property
    def wanted(self) -> int:
        """Number of slots that it needs in addition."""
        return sum(write.takes_slot - write.frees_slot for write in self.writes)

    @property
    def takes_tree(self) -> bool:
        """Whether it needs the working tree, which no other workflow may hold."""
        return any(write.tree == "take" for write in self.writes)

    @property
    def branches(self) -> list[str]:
        """The target branches that it needs, which no other workflow may hold."""
        return [write.branch for write in self.writes if write.branch]


class _FreeSlots:
    """What is left for the attempts that begin in one transaction: slots, the working tree, and target branches."""

    def __init__(self, slots: int, holders: set[str], branches: dict[str, str]) -> None:
        self._slots = slots
        self._holders = holders
        self._branches = branches
        """By target branch: the workflow that holds it."""

    def admit(self, unit: _PendingWrite) -> bool:
        """Return whether the unit fits in. If it does not, set its error."""
        if unit.wanted > max(0, self._slots):
            unit.error = NoSlot("no slot is free", "wait for a workflow to end, or set a higher max_parallel")
            return False
        if unit.takes_tree and self._holders:
            held = f"{', '.join(sorted(self._holders))} holds the working tree"
            unit.error = NoSlot(held, "wait until it is BLOCKED or over, or set isolation: shared")
            return False
        taken = [branch for branch in unit.branches if branch in self._branches]
        if taken:
            unit.error = NoSlot(f"{self._branches[taken[0]]} lands on {taken[0]}", "wait until it has landed")
            return False
        self._slots -= unit.wanted
        for write in unit.writes:
            if write.tree == "take":
                self._holders.add(write.workflow_id)
            elif write.tree == "free":
                self._holders.discard(write.workflow_id)
            if write.branch:
                self._branches[write.branch] = write.workflow_id
        return True


class Writer:
    """Commits units in groups. Methods and listeners are called on the event loop."""

    def __init__(
        self,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        max_parallel: int,
        occupies: Callable[[str], bool],
        on_foreign_change: Callable[[], None],
        on_trouble: Callable[[str], None],
        on_gone: Callable[[StoreError | None], None] = lambda error: None,
    ) -> None:
        """Open the database.

        `on_gone` is called with an error when the file has been away for PATIENCE, and with None when it is back.
        """
        self._path = path
        self._loop = loop
        self._max_parallel = max_parallel
        self._occupies = occupies
        self._on_foreign_change = on_foreign_change
        self._on_trouble = on_trouble
        self._on_gone = on_gone
        self._pending: list[_PendingWrite] = []
        self._queue: queue.SimpleQueue[list[_PendingWrite] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._connection = open_store(path)
        self._index = open_index(path, self._connection)
        self._file = OpenFile(path, partial(is_complete, path))
        self._away = _Away.NO
        self._thread = threading.Thread(target=self._work, name="penguin-writer", daemon=True)
        self._thread.start()

    def write(self, writes: list[Write]) -> asyncio.Future[None]:
        """Commit these together. The future is done when they are on disk.

        It raises ConcurrentUpdate, AlreadyActive or NoSlot if they are refused.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        if not self._pending:
            self._loop.call_soon(self._hand_over)
        self._pending.append(_PendingWrite(writes, done))
        return done

    def _hand_over(self) -> None:
        units, self._pending = self._pending, []
        if units:
            self._queue.put(units)

    def close(self) -> None:
        """Commit what waits, then end the thread. Blocks until that is done."""
        self._hand_over()
        self._closing.set()
        self._queue.put(None)
        self._thread.join()

    # --- on the thread ---

    def _work(self) -> None:
        version = self._data_version()
        looked = time.monotonic()
        while True:
            units, last = self._next()
            if units:
                self._commit_until_disk_has_space(units)
                self._acknowledge(self._resolve, units)
                # After the commit, because the index must not name what is not on disk. After the acknowledgement,
                # because no caller needs to wait for it.
                self._index.append([write.entry for unit in units if unit.error is None for write in unit.writes])
            if last:
                break
            # Not after each batch: the loop was just woken and needs the interpreter.
            if time.monotonic() - looked < TICK:
                continue
            self._report_missing_file()
            current = self._data_version()
            looked = time.monotonic()
            if current != version:
                version = current
                self._acknowledge(self._on_foreign_change)
        if self._report_missing_file() and self._away is not _Away.LONG:
            self._save_copy()
        self._connection.close()
        self._index.close()

    def _next(self) -> tuple[list[_PendingWrite], bool]:
        """Return all waiting units, and whether they are the last ones."""
        try:
            units = self._queue.get(timeout=TICK)
        except queue.Empty:
            return [], False
        while units is not None and not self._queue.empty():
            more = self._queue.get_nowait()
            if more is None:
                return units, True
            units = units + more
        return units or [], units is None

    def _data_version(self) -> int:
        # Changes only when another connection commits, so never by this writer.
        try:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except (sqlite3.Error, MemoryError):
            return -1

    def _acknowledge(self, function: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The loop is closed: no listener is left.
            self._closing.set()

    def _report_missing_file(self) -> StoreError | None:
        """Report once that the database is no longer in its place, that it stays away, and that it is back.

        Return the error while it is away.
        """
        before, missing = self._away, self._file.missing()
        if missing is None and before is _Away.NO:
            return None
        self._away = _Away.NO if missing is None else _Away.LONG if self._file.is_gone else _Away.YES
        if missing is not None and before is _Away.NO:
            self._acknowledge(self._on_trouble, str(missing))
        elif missing is None and before is not _Away.NO:
            self._acknowledge(self._on_trouble, "")
        if (before is _Away.LONG) != (self._away is _Away.LONG):
            if missing is not None:
                self._save_copy()
            self._acknowledge(self._on_gone, missing)
        return missing

    def _save_copy(self) -> None:
        """Copy what this connection still reads of a database that is away."""
        if copy := save_copy(self._connection, self._path):
            self._acknowledge(self._on_trouble, f"what this process still reads of it is saved as {copy}")

    def _commit_until_disk_has_space(self, units: list[_PendingWrite]) -> None:
        troubled = False
        while True:
            try:
                if missing := self._report_missing_file():
                    raise missing
                self._commit(units)
            except (sqlite3.Error, StoreError, MemoryError) as error:
                self._rollback()
                problem = error if isinstance(error, StoreError) else explain_error(error, self._path)
                if self._closing.is_set() or is_damage(error):
                    # Waiting helps against a full disk, not against a damaged file.
                    for unit in units:
                        unit.error = problem
                    return
                if not troubled:
                    troubled = True
                    self._acknowledge(self._on_trouble, f"{problem}; no new step starts until it can be written again")
                self._closing.wait(TROUBLE_DELAY)
            else:
                if troubled:
                    self._acknowledge(self._on_trouble, "")
                return

    def _commit(self, units: list[_PendingWrite]) -> None:
        """Commit all in one transaction. If a unit is refused, use another one with a savepoint for each unit."""
        execute = self._connection.execute
        reach("commit.before")
        execute("BEGIN IMMEDIATE")
        reach("commit.begun")
        try:
            self._apply([write for unit in self._with_slots(units) for write in unit.writes])
        except REFUSALS:
            # Rolled back as a whole: for a savepoint SQLite would first copy every page that it writes.
            execute("ROLLBACK")
            execute("BEGIN IMMEDIATE")
            self._one_by_one(units)
        reach("commit.written")
        execute("COMMIT")
        reach("commit.after")

    def _with_slots(self, units: list[_PendingWrite]) -> list[_PendingWrite]:
        """Return the units for whose new attempts a slot is free, if all of them are accepted."""
        for unit in units:
            unit.error = None  # from an earlier attempt, when the disk was full
        if not any(write.takes_slot for unit in units for write in unit.writes):
            return units
        slots = self._free_slots()
        return [unit for unit in units if slots.admit(unit)]

    def _free_slots(self) -> _FreeSlots:
        # An attempt whose engine and steps are gone takes no slot: it waits for a new owner.
        owners = self._connection.execute(SLOTS).fetchall()
        used = sum(count for owner, count in owners if self._occupies(owner))
        holders = {row[0] for row in self._connection.execute(TREE_HOLDERS)}
        branches = {branch: workflow_id for workflow_id, branch in self._connection.execute(BRANCH_HOLDERS)}
        return _FreeSlots(self._max_parallel - used, holders, branches)

    def _apply(self, writes: list[Write]) -> None:
        self._connection.executemany(INSERT_EVENT, [write.event for write in writes])
        new = {write.run[0] for write in writes if write.new}
        if not new:
            self._update(writes)
            return
        # Update replaced workflows, then insert the new ones, then apply updates of those.
        updates = [write for write in writes if not write.new]
        self._update([write for write in updates if write.run[ID_OF_UPDATE] not in new])
        self._connection.executemany(INSERT_RUN, [write.run for write in writes if write.new])
        self._update([write for write in updates if write.run[ID_OF_UPDATE] in new])

    def _update(self, writes: list[Write]) -> None:
        for statement, alike in itertools.groupby(writes, attrgetter("statement")):
            rows = [write.run for write in alike]
            if self._connection.executemany(statement, rows).rowcount != len(rows):
                raise ConcurrentUpdate("another process changed the workflow")

    def _one_by_one(self, units: list[_PendingWrite]) -> None:
        execute = self._connection.execute
        for unit in units:
            unit.error = None
            if (unit.wanted > 0 or unit.takes_tree or unit.branches) and not self._free_slots().admit(unit):
                continue
            execute("SAVEPOINT unit")
            try:
                self._apply(unit.writes)
            except REFUSALS as error:
                execute("ROLLBACK TO unit")
                unit.error = _refusal(error)
            execute("RELEASE unit")

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except (sqlite3.Error, MemoryError) as error:
                self._acknowledge(self._on_trouble, str(explain_error(error, self._path)))

    # --- on the loop again ---

    @staticmethod
    def _resolve(units: list[_PendingWrite]) -> None:
        reach("acknowledge.before")
        for unit in units:
            if unit.done.cancelled():
                continue
            if unit.error is None:
                unit.done.set_result(None)
            else:
                unit.done.set_exception(unit.error)


def _refusal(error: Exception) -> WorkflowError:
    if isinstance(error, WorkflowError):
        return error
    text = str(error)
    if "run.project_id, run.task_id" in text:
        return AlreadyActive("the task has an active workflow already")
    if "event.workflow_id, event.seq" in text or "run.workflow_id" in text:
        return ConcurrentUpdate("another process changed the workflow")
    return StoreError(f"the store refused a change: {error}")
