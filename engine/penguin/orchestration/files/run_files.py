"""Output files of steps: `<runs>/<workflow>/<attempt>-<phase>/NN-<step>.<run>.log`, and `.err.log` beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowNotFound, WorkflowPhase
from penguin.orchestration.files.safe_open import refuse_links
from penguin.orchestration.workflow_status import GATES

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FOLDER = re.compile(r"([0-9]+)-([A-Za-z]+)")
FILE = re.compile(r"([0-9]+)-(.+?)\.([0-9]+)(\.err)?\.log")

ARTIFACTS = "artifacts"
"""Folder beside those of the attempts, with a subfolder of the same name for the artifacts of each."""
EVIDENCE = "evidence.json"
"""In the folder of an attempt that was downloaded from another host: its whole AttemptResult."""
ELSEWHERE = ".elsewhere"
"""Suffix of a downloaded folder if the attempt began on this host and ended on another."""


class StepLog(NamedTuple):
    """The output of one run of a step. Sorts in the order in which the steps ran."""

    attempt: int
    number: int
    """Number of the step in its attempt."""
    start_number: int
    """From 1; higher after an interruption of the attempt."""
    errors: bool
    """Standard error, if the step keeps it apart."""
    phase: WorkflowPhase
    step: str
    """The step's name, as far as a file name can hold it."""
    path: Path


def attempt_logs(
    runs: Path, workflow_id: str, phase: WorkflowPhase | None = None, attempt: int | None = None
) -> list[StepLog]:
    """Return the outputs of a workflow's steps, perhaps of one phase or attempt only; also those of a running attempt.

    Raises WorkflowNotFound for an id that is not a plain name. An unknown workflow has no outputs.
    """
    logs: list[StepLog] = []
    for number, gate, folder in attempt_folders(runs, workflow_id):
        if phase in (None, gate) and attempt in (None, number):
            logs.extend(_logs(folder, number, gate))
    return sorted(logs)


def attempt_folders(runs: Path, workflow_id: str) -> list[tuple[int, WorkflowPhase, Path]]:
    """Return number, phase and folder of every attempt with files, in order. An attempt that moved here may have two.

    Raises as `attempt_logs` does, and UnsafePath if one of the folders is a link.
    """
    if not NAME.fullmatch(workflow_id):
        raise WorkflowNotFound(f"invalid workflow id {workflow_id!r}", "/workflow list")
    refuse_links(runs / workflow_id)
    folders: list[tuple[int, WorkflowPhase, Path]] = []
    for path in _entries(runs / workflow_id):
        if attempt := parse_attempt_folder(path.name.removesuffix(ELSEWHERE)):
            refuse_links(path)
            folders.append((*attempt, path))
    return sorted(folders)


def parse_attempt_folder(name: str) -> tuple[int, WorkflowPhase] | None:
    """Return number and phase of the attempt whose folder has this name, or None for any other name."""
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
