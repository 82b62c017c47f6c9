"""The request to a check process, the order that starts it, and its answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.environment import write_source
from penguin.orchestration.execution.junit import TestReport
from penguin.orchestration.execution.launcher_client import StepRequest
from penguin.orchestration.execution.step_files import ExitRecord

PROGRAM = ("-I", "-m", "penguin.orchestration.execution.check_process.program")
MOST_OUTPUT = 1 << 16
"""Bytes of the longest answer."""


class Request(Struct, frozen=True, kw_only=True):
    """What to search for in which file."""

    file: str
    pattern: str | None = None
    """A regular expression; None: read the file, a JUnit report."""


class Answer(Struct, frozen=True, kw_only=True):
    """The result of a check."""

    found: bool = False
    report: TestReport | None = None
    unreadable: str = ""
    """Why the report can't be read."""
    limit: str = ""
    """Why there is no answer: a sentence without its subject."""


def stem_of(step_id: str) -> str:
    """Return the path of the files of a check, without number and suffix. No step has files of this name."""
    folder, _, name = step_id.rpartition("/")
    return f"{folder}/judging-{name}"


def check_request(request: Request, check_id: str, seconds: float) -> StepRequest:
    """Return the order for the launcher."""
    path = Path(check_id + ".request.json")
    fields = {"file": request.file, "pattern": request.pattern, "seconds": seconds}
    write_source(path, msgspec.json.encode(fields).decode())
    return StepRequest(
        id=check_id,
        argv=(sys.executable, *PROGRAM, str(path)),
        cwd="/",
        env={"PATH": os.defpath},
        timeout=seconds,
        max_output=MOST_OUTPUT,
        split=True,
        note={"limit": seconds},
    )


def answer_of(ended: ExitRecord, seconds: float) -> Answer:
    """Return the answer of a process that ended; `seconds` was its time-out."""
    if ended.why == records.TIMEOUT:
        return Answer(limit=f"did not finish within {seconds:.3g} s")
    try:
        if ended.code != 0:
            raise ValueError
        with Path(ended.id + records.LOG).open("rb") as file:
            return msgspec.json.decode(file.read(MOST_OUTPUT), type=Answer)
    except (OSError, ValueError):
        return Answer(limit=f"could not be checked: its process ended with {ended.error or ended.code}")
