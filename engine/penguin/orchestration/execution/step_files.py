"""The files of a step: start mark, exit record, outputs, and their names.

Marks and records contain paths, which may not be UTF-8. They are read and written by the standard library, which keeps
such bytes, as the launcher does.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import msgspec
from msgspec import Struct, field

from penguin.orchestration.files.permissions import write_private
from penguin.orchestration.files.secret_env import STEP_MARK

STARTED = ".start.json"
EXITED = ".exit.json"
LOG = ".log"
ERRORS = ".err.log"
REPORT = ".junit.xml"
"""The suffix of the test report that Penguin asks for."""
EARLIER_REPORT = ".earlier-report"
"""The suffix of a report of an earlier run, which is moved while a step runs."""

TIMEOUT = "timeout"
IDLE = "idle"
"""Ended because it printed nothing for too long."""
BUDGET = "budget"
"""Ended because the agent used up its budget."""
STOPPED = "stopped"
"""Ended because the attempt was stopped; the step runs again with the attempt."""
ENDED = "ended"
"""Ended by Penguin because it was no longer needed."""
CRASH = "crash"
"""Its launcher died, and its exit code is lost; the step runs again with the attempt."""
LEASE = "lease"
"""Ended because its lease lapsed: another machine may run it by now."""


class StartMark(Struct, frozen=True, kw_only=True):
    """What a launcher writes before and after it spawns a step."""

    id: str
    mark: str
    """The variable that marks the step's processes."""
    boot: str
    launcher: str
    """Folder of the launcher's socket."""
    started: float
    """Seconds since the epoch, UTC."""
    deadline: float
    """On the monotonic clock of that boot."""
    grace: float
    lease: str = ""
    """Path of the lease that the step needs to run; empty: none."""
    note: object = None
    pid: int = 0
    """0: the launcher died before it could write it."""
    ticks: int = 0


class RecordedOutput(Struct, frozen=True):
    """A summary of a stored output."""

    kept: int = 0
    total: int = 0
    sha256: str = ""
    error: str = ""


class ExitRecord(Struct, frozen=True, kw_only=True):
    """How a step ended."""

    id: str
    pid: int = 0
    ticks: int = 0
    boot: str = ""
    code: int | None = None
    why: str | None = None
    error: str = ""
    """Why it could not be spawned, or for `crash` why its launcher ended."""
    started: float = 0.0
    duration: float = 0.0
    output: RecordedOutput = field(default_factory=RecordedOutput)
    errors: RecordedOutput | None = None
    survivors: tuple[int, ...] = ()

    @property
    def is_result(self) -> bool:
        """Return whether this is a result, and the step need not run again."""
        return self.why not in (STOPPED, CRASH, LEASE)


def slug(name: str) -> str:
    """Return a name in a form that is safe in a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].rstrip("-") or "step"


def mark_name(step_id: str) -> str:
    """Return the variable that marks a step's processes: readable, and unique on this machine."""
    readable = re.sub(r"[^A-Za-z0-9]+", "_", "/".join(step_id.split("/")[-3:])).strip("_")
    return f"{STEP_MARK}{readable}_{hashlib.sha256(os.fsencode(step_id)).hexdigest()[:12]}"


def last_start_number(stem: str) -> int:
    """Return the number of the newest start of a step; 0 if there is none."""
    number = 0
    while any(os.path.exists(f"{stem}.{number + 1}{suffix}") for suffix in (STARTED, EXITED)):  # noqa: PTH110 - hot
        number += 1
    return number


def stem_with_number(run_dir: str, number: int) -> str:
    """Return the path, without start number and suffix, of the step with this number; empty if it was never started."""
    prefix = f"{number:02}-"
    for name in sorted(os.listdir(run_dir)):  # noqa: PTH208 - hot
        if name.startswith(prefix) and name.endswith(".1" + STARTED):
            return f"{run_dir}/{name.removesuffix('.1' + STARTED)}"
    return ""


def read_mark(step_id: str) -> StartMark | None:
    """Return the start mark; None if the step was never started."""
    try:
        lines = Path(step_id + STARTED).read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    fields: dict[str, object] = {}
    for line in lines[:2]:
        # A line that a crash truncated means nothing.
        try:
            fields.update(json.loads(line))
        except (ValueError, TypeError, RecursionError):
            break
    defaults: dict[str, object] = {"id": step_id, "mark": mark_name(step_id), "boot": "", "launcher": ""}
    defaults |= {"started": 0.0, "deadline": 0.0, "grace": 0.0}
    try:
        return msgspec.convert({**defaults, **fields}, StartMark)
    except (msgspec.ValidationError, ValueError, RecursionError):
        # Damaged: it says no more than that the step was started.
        return msgspec.convert(defaults, StartMark)


def read_exit(step_id: str) -> ExitRecord | None:
    """Return the exit record; None if there is none, or it is unreadable."""
    try:
        return msgspec.convert(json.loads(Path(step_id + EXITED).read_bytes()), ExitRecord)
    except (OSError, ValueError, RecursionError, msgspec.ValidationError):
        return None


def write_exit(ending: ExitRecord) -> None:
    path = Path(ending.id + EXITED)
    temporary = path.with_name(path.name + ".tmp")
    write_private(temporary, json.dumps(msgspec.to_builtins(ending)).encode())
    temporary.replace(path)
