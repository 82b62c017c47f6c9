"""The file of a report: what it may replace, and how it is written."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.workspace import expand_home
from penguin_commands.results.report import STANDARD_OUTPUT, Destination, ReportFileResult

if TYPE_CHECKING:
    from pathlib import Path

REPORT_MARK = "penguin-report"
"""The word by which a file is recognised as a report; it is in its first lines."""
HEAD = 1024
"""Bytes that are searched for it."""


def check_replaceable(destination: Destination) -> None:
    """Raise WorkflowError if there is something with this name that a report must not replace.

    With `force`, any regular file may be replaced, but never a folder, a device or a pipe: a new file would take its
    place.
    """
    if destination.file == STANDARD_OUTPUT:
        return
    path = expand_home(destination.file)
    try:
        mode = path.stat().st_mode
    except OSError:
        # Writing will say what is wrong with it, if anything.
        return
    if stat.S_ISDIR(mode):
        raise WorkflowError(f"{path} is a folder", "name a file in it")
    if not stat.S_ISREG(mode):
        hint = f"for standard output, use --{destination.format} {STANDARD_OUTPUT}"
        raise WorkflowError(f"{path} is not a regular file", hint)
    if not destination.force and not _is_report(path):
        raise WorkflowError(f"{path} exists and is not a report", "name another file, or use --force to replace it")


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return REPORT_MARK.encode() in file.read(HEAD)
    except OSError:
        return False


def write_report(destination: Destination, text: str) -> ReportFileResult:
    """Write a report to its file. Raises WorkflowError."""
    from penguin.orchestration.files.atomic_write import write_whole

    check_replaceable(destination)
    path = expand_home(destination.file)
    write_whole(path, text, new=False)
    return ReportFileResult(str(path), destination.format, len(text.encode()))
