"""The end of a step whose launcher is dead: apply its time-outs, end its process tree, record the crash.

The exit code was lost with the launcher, so the step has no result. The engine only makes sure that its processes end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.launcher import process_tree
from penguin.orchestration.execution.launcher.boottime_timer import BoottimeTimer
from penguin.orchestration.execution.launcher.lease_reader import LeaseReader
from penguin.orchestration.execution.launcher.running_step import VANISH
from penguin.orchestration.execution.step_files import CRASH, LEASE, ExitRecord, StartMark
from penguin.orchestration.files.failpoints import reach

LOOK = 0.05
"""Seconds between two scans of a process tree that is being ended."""


class OrphanStep:
    """A task that waits until a step is over and sets its `exit`."""

    def __init__(self, step_id: str, exit_: asyncio.Future[ExitRecord], error: str = "") -> None:
        """`error`: why the launcher ended; empty: it was killed."""
        self._id = step_id
        self._exit = exit_
        self._error = error
        self._stopped = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """End the step now."""
        self._stopped.set()

    def abandon(self) -> None:
        """Leave the step to another engine."""
        self._task.cancel()

    async def _run(self) -> None:
        # The launcher may have written the record before it died.
        ending = records.read_exit(self._id) or await self._wait_for_end()
        if not self._exit.done():
            self._exit.set_result(ending)

    async def _wait_for_end(self) -> ExitRecord:
        reach("takeover.before")
        mark = records.read_mark(self._id)
        cause = CRASH
        survivors: tuple[int, ...] = ()
        if mark and mark.boot == process_tree.boot_id():
            # Further output of an agent is lost. It continues in the same conversation, so end it at once.
            cause = CRASH if is_agent_mark(mark) else await self._wait(mark)
            survivors = await end_tree(mark)
        ending = ExitRecord(
            id=self._id,
            why=cause,
            error=self._error,
            started=mark.started if mark else time.time(),
            duration=seconds_since_start(mark) if mark else 0.0,
            survivors=survivors,
        )
        # The launcher did not redact it, and it will not be read.
        with contextlib.suppress(OSError):
            Path(self._id + records.REPORT).unlink()
        reach("takeover.ended")
        # If the disk is full, the next engine finds neither record nor process, and records the same.
        with contextlib.suppress(OSError):
            records.write_exit(ending)
        reach("takeover.after")
        return ending

    async def _wait(self, mark: StartMark) -> str:
        """Wait until the step ends, times out, loses its lease, or is stopped. Return the cause to record."""
        ended = asyncio.create_task(wait_for_process(mark.pid, mark.ticks))
        stopped = asyncio.create_task(self._stopped.wait())
        lapsed = {asyncio.create_task(wait_for_lapse(LeaseReader(mark.lease, mark.boot)))} if mark.lease else set()
        waiting: set[asyncio.Task[Any]] = {ended, stopped, *lapsed}
        left = max(0.0, mark.deadline - time.monotonic())
        try:
            done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return LEASE if done and done == lapsed else CRASH


def is_agent_mark(mark: StartMark) -> bool:
    """Return whether the step is the run of an agent."""
    return isinstance(mark.note, dict) and "talk" in mark.note


def seconds_since_start(mark: StartMark) -> float:
    """Return how long ago a step started, by the clock of its process, which can't be set; 0 if that is unknown."""
    if not mark.ticks or mark.boot != process_tree.boot_id():
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - mark.ticks / os.sysconf("SC_CLK_TCK")


async def wait_for_process(pid: int, ticks: int) -> None:
    """Wait until the process that started at `ticks` is gone. Return at once if its id belongs to another process."""
    try:
        handle = os.pidfd_open(pid)
    except (OSError, ValueError):
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        # Check after opening: from here on the handle refers to one process, even if its id is reused.
        if process_tree.start_ticks(pid) == ticks:
            await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def wait_for_lapse(lease: LeaseReader) -> None:
    """Wait until the lease has lapsed, even if it is renewed in the meantime."""
    loop = asyncio.get_running_loop()
    expired = asyncio.Event()
    alarm = BoottimeTimer()
    loop.add_reader(alarm.fd, expired.set)
    try:
        while not lease.lapsed():
            alarm.set(lease.until)
            await expired.wait()
            alarm.acknowledge()
            expired.clear()
    finally:
        loop.remove_reader(alarm.fd)
        alarm.close()


async def end_tree(mark: StartMark) -> tuple[int, ...]:
    """End all processes of a step: SIGTERM, the grace period, SIGKILL.

    Return the ids of those that survive it by 15 s.
    """
    kill_at = time.monotonic() + mark.grace
    left = _remaining_processes(mark)
    for pid, ticks in left.items():
        process_tree.send_signal(pid, ticks, signal.SIGTERM)
    while left and time.monotonic() < kill_at + VANISH:
        await asyncio.sleep(LOOK)
        left = _remaining_processes(mark)
        if time.monotonic() >= kill_at:
            for pid, ticks in left.items():
                process_tree.send_signal(pid, ticks, signal.SIGKILL)
    return tuple(sorted(left))


def _remaining_processes(mark: StartMark) -> dict[int, int]:
    roots = process_tree.processes_with_mark(mark.mark)
    if mark.pid and process_tree.start_ticks(mark.pid) == mark.ticks:
        roots.add(mark.pid)
    return process_tree.live_processes(process_tree.descendants(roots))
