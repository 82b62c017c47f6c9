"""Failpoints: named places at which a process kills itself, used by the crash tests.

`PENGUIN_FAILPOINT=NAME[:COUNT[:FILE]]` arms one: the process that reaches NAME for the COUNTth time gets SIGKILL. With
FILE, only the first process does: it creates the file with its process id. A process that finds the file continues.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "PENGUIN_FAILPOINT"

_name = ""
_left = 0
_file = ""


def arm(spec: str) -> None:
    """Arm a failpoint; an empty `spec` disarms it."""
    global _name, _left, _file
    name, _, rest = spec.partition(":")
    count, _, file = rest.partition(":")
    _name, _left, _file = name, int(count or 1), file


def reach(name: str) -> None:
    """Kill this process if the failpoint is armed."""
    if name == _name:
        _count()


def _count() -> None:
    global _left
    _left -= 1
    if _left == 0 and _first():
        os.kill(os.getpid(), signal.SIGKILL)


def _first() -> bool:
    if not _file:
        return True
    try:
        file = os.open(_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    os.write(file, str(os.getpid()).encode())
    os.close(file)
    return True


arm(os.environ.get(VARIABLE, ""))
