"""What steps left on disk: `<runs>/<workflow>/<attempt>-<phase>/NN-<step>.<try>.log`, and `.err.log` beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import GATES, WorkflowNotFound, WorkflowPhase
from penguin.orchestration.files.state_files import refuse_links

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FOLDER = re.compile(r"([0-9]+)-([A-Za-z]+)")
FILE = re.compile(r"([0-9]+)-(.+?)\.([0-9]+)(\.err)?\.log")

ARTIFACTS = "artifacts"
"""Folder beside those of the attempts, with one of the same name for the artifacts of each."""
EVIDENCE = "evidence.json"
"""In the folder of an attempt that was fetched from another host: its whole AttemptResult."""
ELSEWHERE = ".elsewhere"
"""Ends the name of a fetched folder where an attempt that ended on another host had begun on this one."""


class StepLog(NamedTuple):
    """The output of one try of a step. Sorts in the order in which the steps ran."""

    attempt: int
    number: int
    """The step's place in its attempt."""
    start_number: int
    """From 1; more where the attempt was interrupted and run again."""
    errors: bool
    """Standard error, where a step keeps it apart."""
    phase: WorkflowPhase
    step: str
    """The step's name as far as a file name holds it."""
    path: Path


def attempt_logs(
    runs: Path, workflow_id: str, phase: WorkflowPhase | None = None, attempt: int | None = None
) -> list[StepLog]:
    """The outputs of a workflow's steps, of one phase or attempt if wanted, also of an attempt under way.

    Raises WorkflowNotFound for an id that is no plain name. A workflow that left nothing has none.
    """
    logs: list[StepLog] = []
    for number, gate, folder in attempt_folders(runs, workflow_id):
        if phase in (None, gate) and attempt in (None, number):
            logs.extend(_logs(folder, number, gate))
    return sorted(logs)


def attempt_folders(runs: Path, workflow_id: str) -> list[tuple[int, WorkflowPhase, Path]]:
    """Number, phase and folder of every attempt that left something, in order; of one that moved there may be two.

    Raises as `attempt_logs` does, and UnsafePath where one of the folders is a link.
    """
    if not NAME.fullmatch(workflow_id):
        raise WorkflowNotFound(f"{workflow_id!r} is no workflow id", "/workflow list")
    refuse_links(runs / workflow_id)
    folders: list[tuple[int, WorkflowPhase, Path]] = []
    for path in _entries(runs / workflow_id):
        if attempt := parse_attempt_folder(path.name.removesuffix(ELSEWHERE)):
            refuse_links(path)
            folders.append((*attempt, path))
    return sorted(folders)


def parse_attempt_folder(name: str) -> tuple[int, WorkflowPhase] | None:
    """Number and phase of the attempt whose folder has this name; None where it is the name of something else."""
    match = FOLDER.fullmatch(name)
    return (int(match[1]), WorkflowPhase(match[2].upper())) if match and match[2].upper() in GATES else None


def _logs(folder: Path, attempt: int, phase: WorkflowPhase) -> list[StepLog]:
    matches = ((FILE.fullmatch(path.name), path) for path in _entries(folder) if not path.is_symlink())
    return [
        StepLog(attempt, int(match[1]), int(match[3]), match[4] is not None, phase, match[2], path)
        for match, path in matches
        if match
    ]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
