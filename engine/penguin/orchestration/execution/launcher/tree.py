"""The processes of a step: who descends from whom, who carries its mark, and signals that can't hit a stranger."""

# Plain system calls, no path objects: this process is started for every engine, and stays.
# ruff: noqa: PTH208

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

CHUNK = 1 << 16


def boot_id() -> str:
    """Names this run of the kernel; process ids of another mean nothing."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _read(path: str) -> bytes:
    """A file whole. Without what a file object asks of it first: most of these are read for every step."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while part := os.read(file, CHUNK):
            data += part
        return data
    finally:
        os.close(file)


def _stat(pid: int) -> tuple[bytes, int] | None:
    """State and start of a process."""
    try:
        # The name, in parentheses, may hold spaces and parentheses itself.
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[19])


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot. None: it is gone."""
    stat = _stat(pid)
    return stat[1] if stat else None


def session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def children(pid: int) -> list[int]:
    """Direct children of all threads of a process, zombies too."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        pass
    return found


def descendants(roots: Iterable[int]) -> set[int]:
    """The roots and all that descends from them."""
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children(pid)
    return found


def has_mark(pid: int, mark: str) -> bool:
    """Whether a process was started with the variable `mark` set to 1."""
    try:
        environment = _read(f"/proc/{pid}/environ")
    except OSError:
        return False
    return f"\0{mark}=1\0".encode() in b"\0" + environment + b"\0"


def processes_with_mark(mark: str) -> set[int]:
    """Every process that carries the mark, whatever it descends from."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit() and has_mark(int(name), mark)}


def live_processes(pids: Iterable[int]) -> dict[int, int]:
    """Start ticks by process id of those that still run; zombies don't."""
    stats = {pid: stat for pid in pids if (stat := _stat(pid)) is not None}
    return {pid: ticks for pid, (state, ticks) in stats.items() if state not in (b"Z", b"X")}


def send_signal(pid: int, ticks: int, number: signal.Signals) -> None:
    """Signal exactly the process that started at `ticks`; nothing where it is gone or not ours to signal."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        # Looked up after opening: from here on the handle names one process, whatever becomes of its id.
        if start_ticks(pid) == ticks:
            signal.pidfd_send_signal(handle, number)
    except OSError:
        pass
    finally:
        os.close(handle)
