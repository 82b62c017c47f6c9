"""The process tree of a step: descendants, marked processes, and signals that can't reach another process."""

# Use plain system calls, not path objects: this process is started for every engine, and keeps running.
# ruff: noqa: PTH208

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

CHUNK = 1 << 16


def boot_id() -> str:
    """Return the id of this boot. Process ids of another boot mean nothing."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _read(path: str) -> bytes:
    """Read a whole file without the extra system calls of a file object: this runs for every step."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while part := os.read(file, CHUNK):
            data += part
        return data
    finally:
        os.close(file)


def _stat(pid: int) -> tuple[bytes, int] | None:
    """Return state and start time of a process."""
    try:
        # The name, in parentheses, may contain spaces and parentheses.
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[19])


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None: it does not exist."""
    stat = _stat(pid)
    return stat[1] if stat else None


def session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def children(pid: int) -> list[int]:
    """Return the direct children of all threads of a process, including zombies."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        pass
    return found


def descendants(roots: Iterable[int]) -> set[int]:
    """Return the roots and all their descendants."""
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children(pid)
    return found


def has_mark(pid: int, mark: str) -> bool:
    """Return whether a process was started with the variable `mark` set to 1."""
    try:
        environment = _read(f"/proc/{pid}/environ")
    except OSError:
        return False
    return f"\0{mark}=1\0".encode() in b"\0" + environment + b"\0"


def processes_with_mark(mark: str) -> set[int]:
    """Return all processes that carry the mark, whatever their parents are."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit() and has_mark(int(name), mark)}


def live_processes(pids: Iterable[int]) -> dict[int, int]:
    """Return start ticks by process id of the processes that still run, without zombies."""
    stats = {pid: stat for pid in pids if (stat := _stat(pid)) is not None}
    return {pid: ticks for pid, (state, ticks) in stats.items() if state not in (b"Z", b"X")}


def send_signal(pid: int, ticks: int, number: signal.Signals) -> None:
    """Send a signal to the process that started at `ticks`. Do nothing if it is gone or belongs to another user."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        # Check after opening: from here on the handle refers to one process, even if its id is reused.
        if start_ticks(pid) == ticks:
            signal.pidfd_send_signal(handle, number)
    except OSError:
        pass
    finally:
        os.close(handle)
