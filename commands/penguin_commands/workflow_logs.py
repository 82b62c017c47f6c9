"""`/workflow logs`: what steps printed, from the files that it is in."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.backend import GATES, WorkflowError, WorkflowPhase, WorkflowStatus
from penguin_commands.results import Log, Logs, Piece

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from penguin_commands.session import Session

FOLDER = re.compile(r"(\d+)-([A-Za-z]+)")
STEP = re.compile(r"\d+-(.*)\.\d+\.log")
PIECE = 64 * 1024
"""Bytes read at a time."""
PAUSE = 0.1
"""Seconds between two looks at a file that is being written."""


class _Folder(NamedTuple):
    """The folder of one attempt."""

    attempt: int
    phase: str
    path: Path


def logs(
    session: Session,
    workflow: str,
    *,
    phase: WorkflowPhase | None = None,
    attempt: int | None = None,
    follow: bool = False,
) -> Logs:
    """The output of one attempt, or with `follow` of all from that one on."""
    workflow_id = session.resolve(workflow, prefix=True)
    folders = list(_folders(session, workflow_id, phase, attempt))
    if not folders and not follow:
        raise _nothing(session, workflow_id, phase, attempt)
    found = tuple(_logs(session, workflow_id, folders[-1])) if folders else ()
    if not follow:
        return Logs(workflow_id, found)
    first = folders[-1].attempt if folders else 0
    return Logs(workflow_id, found, partial(_follow, session, workflow_id, first, phase, attempt))


def _nothing(session: Session, workflow_id: str, phase: WorkflowPhase | None, attempt: int | None) -> WorkflowError:
    ran = [f"{one.attempt} ({one.phase})" for one in _folders(session, workflow_id, None, None)]
    wanted = " ".join(text for text in (phase and f"of {phase}", attempt and f"of attempt {attempt}") if text)
    message = f"{workflow_id} has no output{' ' + wanted if wanted else ' yet'}"
    return WorkflowError(message, f"there are attempts {', '.join(ran)}" if ran else "")


def _folders(session: Session, workflow_id: str, phase: WorkflowPhase | None, attempt: int | None) -> Iterator[_Folder]:
    """The folders of the attempts asked for, the oldest first."""
    runs = session.workspace.runs / workflow_id
    found = []
    for path in runs.iterdir() if runs.is_dir() else ():
        match = FOLDER.fullmatch(path.name)
        if match and match[2].upper() in GATES:
            found.append(_Folder(int(match[1]), match[2].upper(), path))
    for folder in sorted(found):
        if phase in (None, folder.phase) and attempt in (None, folder.attempt):
            yield folder


def _logs(session: Session, workflow_id: str, folder: _Folder) -> Iterator[Log]:
    """The outputs of an attempt, in the order of its steps."""
    names = _step_names(session, workflow_id, folder.attempt)
    for path in sorted(folder.path.glob("*.log")):
        relative = str(path.relative_to(session.workspace.root))
        match = STEP.fullmatch(path.name)
        step = names.get(relative) or (match[1] if match else path.stem)
        yield Log(folder.phase, folder.attempt, step, relative, str(path))


def _step_names(session: Session, workflow_id: str, attempt: int) -> dict[str, str]:
    """The names of an attempt's steps, by the path of their output."""
    for result in session.reader.results(workflow_id):
        if result.attempt == attempt:
            steps: list[dict[str, Any]] = result.evidence.get("steps") or []
            return {str(step.get("output")): str(step.get("name")) for step in steps}
    return {}


async def _follow(
    session: Session, workflow_id: str, first: int, phase: WorkflowPhase | None, attempt: int | None
) -> AsyncIterator[Piece]:
    """Output as it is written, until the workflow stops."""
    import asyncio

    read: dict[str, int] = {}
    while True:
        # Asked before reading: what was written until the workflow stopped is then read in full.
        goes_on = session.info(workflow_id).status in (WorkflowStatus.PENDING, WorkflowStatus.RUNNING)
        for folder in _folders(session, workflow_id, phase, attempt):
            if folder.attempt >= first:
                for log in _logs(session, workflow_id, folder):
                    for output in _news(log, read):
                        yield Piece(log, output)
                        await asyncio.sleep(0)
        if not goes_on:
            return
        await asyncio.sleep(PAUSE)


def _news(log: Log, read: dict[str, int]) -> Iterator[bytes]:
    """What a file got since it was last read."""
    try:
        with open(log.file, "rb") as file:
            file.seek(read.get(log.file, 0))
            while output := file.read(PIECE):
                read[log.file] = file.tell()
                yield output
    except OSError:
        return
