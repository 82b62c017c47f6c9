"""The guard of steps: a process inside a step of a workspace may read it, but change nothing there.

A process counts as inside if one of its ancestors is a launcher of that workspace. A step can't leave its launcher,
which adopts every process that loses its parent. The variables that the launcher gives each step are checked as well:
they remain after the launcher was killed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.safe_open import STATE_DIR
from penguin.orchestration.files.secret_env import STEP_MARK

LAUNCHER = b"/launcher/launcher.py"
"""End of the path of the launcher's program, which runs as `python -I -S PROGRAM FOLDER`."""
PROGRAM = 3
"""Position of the program in these arguments."""
STATE_ABOVE_LAUNCHER = ("../..", "../../..", "../../../..")
"""From a launcher's folder to `.penguin`: the folder is `engines/ID` or `temporal/engines/ID`, or a number in it."""
READINGS = 100
"""How often the ancestors of a process are read again because one of them ended meanwhile."""

Inode = tuple[int, int]
"""Device and inode."""


class InsideStep(WorkflowError):
    """A step may not change the workflows of its own workspace."""

    code = "inside_step"


class Records(NamedTuple):
    """The identity of a workspace, whatever path or mount leads to it."""

    root: str
    inodes: frozenset[Inode]
    """Of `.penguin` and of its database: a database can have hard links in several folders."""

    def are_in(self, state: str) -> bool:
        """Return whether the `.penguin` folder at this path holds these records."""
        return not self.inodes.isdisjoint(_inodes(state))


class _Process(NamedTuple):
    pid: int
    parent: int
    started: int
    """Clock ticks since boot; with the id it names one process."""


def records_of(workspace: Path) -> Records:
    """Return the records of a workspace as this process sees them."""
    root = os.path.realpath(workspace)
    return Records(root, _inodes(f"{root}/{STATE_DIR}"))


def refuse_inside_step(workspace: Path, what: str) -> None:
    """Raise InsideStep if this process, or one of its ancestors, is a step of this workspace."""
    records = records_of(workspace)
    if _is_step_of(os.environ, "", records) or runs_inside_step(os.getpid(), records):
        raise inside_step(what)


def inside_step(what: str) -> InsideStep:
    """Return the error for a process that wants to do something from inside a step."""
    return InsideStep(
        f"can't {what} from inside a step of the same workspace: no agent or check opens its own gate",
        "run the command outside of the step",
    )


def runs_inside_step(pid: int, records: Records) -> bool:
    """Return whether a process, or one of its ancestors, is in a step of the workspace with these records.

    Raises WorkflowError if its ancestors change too quickly to read them.
    """
    return any(
        _is_launcher_of(ancestor, records) or _is_step_of(_environment(ancestor), f"/proc/{ancestor}/root", records)
        for ancestor in _lineage(pid)
    )


def process_name(pid: int) -> str:
    """Return a process as the history names it: its id, and its program if that can be read."""
    with suppress(OSError):
        return f"{pid} {Path(f'/proc/{pid}/comm').read_bytes().decode(errors='replace').strip()}"
    return str(pid)


def _inodes(state: str) -> frozenset[Inode]:
    found = set()
    for path in (state, f"{state}/penguin.db"):
        with suppress(OSError, ValueError):
            status = Path(path).stat()
            found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def _is_step_of(environ: Mapping[str, str], seen_from: str, records: Records) -> bool:
    """Return whether these are the variables of a step. `seen_from`: root folder of the process, as this one sees
    it."""
    # In a private clone, PENGUIN_WORKSPACE is a folder of the clone.
    root = environ.get("PENGUIN_CHECKOUT") or environ.get("PENGUIN_WORKSPACE", "")
    if not root or not any(name.startswith(STEP_MARK) for name in environ):
        return False
    return root == records.root or records.are_in(f"{seen_from}{root}/{STATE_DIR}")


def _is_launcher_of(pid: int, records: Records) -> bool:
    arguments = _read(f"/proc/{pid}/cmdline").split(b"\0")
    if len(arguments) < PROGRAM + 2 or not arguments[PROGRAM].endswith(LAUNCHER):
        return False
    # Its open folder, because the workspace may have been moved or be hidden by a mount; and its path, because from
    # another user namespace the open files can't be looked at.
    folders = [*_open_files(pid), os.fsdecode(arguments[PROGRAM + 1])]
    return any(records.are_in(f"{folder}/{above}") for folder in folders for above in STATE_ABOVE_LAUNCHER)


def _open_files(pid: int) -> list[str]:
    with suppress(OSError):
        return [os.fspath(file) for file in Path(f"/proc/{pid}/fd").iterdir()]
    return []


def _lineage(pid: int) -> list[int]:
    """Return a process and its ancestors, as far as this process can see them.

    Read until two readings agree: an ancestor that ends meanwhile would cut off the line below the launcher.
    """
    before = tuple(_read_lineage(pid))
    for _ in range(READINGS):
        now = tuple(_read_lineage(pid))
        if now == before:
            return [process.pid for process in now]
        before = now
    raise WorkflowError(f"the ancestors of process {pid} keep changing", "run the command again")


def _read_lineage(pid: int) -> Iterator[_Process]:
    while pid > 0 and (process := _process(pid)) is not None:
        yield process
        pid = process.parent


def _process(pid: int) -> _Process | None:
    # The name, in parentheses, may contain spaces and parentheses.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return _Process(pid, int(fields[1]), int(fields[19])) if fields else None


def _environment(pid: int) -> Mapping[str, str]:
    pairs = (entry.partition(b"=") for entry in _read(f"/proc/{pid}/environ").split(b"\0") if entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def _read(path: str) -> bytes:
    """Return a file of /proc; empty if the process is gone or another user's."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""
