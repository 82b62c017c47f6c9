"""The file of a report: what it may replace, and how it is written."""

from __future__ import annotations

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
    """Raise WorkflowError if a file with this name exists and is not a report, unless `force` is set."""
    if destination.file == STANDARD_OUTPUT or destination.force:
        return
    path = expand_home(destination.file)
    if not path.exists():
        return
    if path.is_dir():
        raise WorkflowError(f"{path} is a folder", "name a file in it")
    if not _is_report(path):
        raise WorkflowError(f"{path} exists and is not a report", "name another file, or use --force to replace it")


def _is_report(path: Path) -> bool:
    if not path.is_file():
        return False
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
