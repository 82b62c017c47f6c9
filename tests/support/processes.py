"""Processes of this machine, as /proc shows them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def process_ids() -> Iterator[int]:
    """Yield the id of every process."""
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def command_line(pid: int) -> bytes:
    """Return the words of a process's command line, each ended by a zero byte; empty if there is no such process."""
    return _read(pid, "cmdline")


def environment(pid: int) -> bytes:
    """Return the variables of a process, each between zero bytes; empty if there is no such process."""
    return b"\0" + _read(pid, "environ")


def is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    state = _read(pid, "stat").rpartition(b")")[2].split()
    return bool(state) and state[0] not in (b"Z", b"X")


def kill(*pids: int) -> None:
    """Send SIGKILL to processes; ignore those that have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def launchers(engines: Path) -> list[int]:
    """Return the ids of the launchers of the engines in a folder."""
    name = b"launcher.py\0" + os.fsencode(engines) + b"/"
    return [pid for pid in process_ids() if name in command_line(pid)]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
