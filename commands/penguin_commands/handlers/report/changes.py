"""The changes of a workflow in the files, or the reason why they are not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin_commands.results.output import RemoteDiffResult
from penguin_commands.results.report import ChangesReport, FileReport

if TYPE_CHECKING:
    from penguin_commands.session import Session

NO_ATTEMPT = "No attempt has started yet, so nothing was changed."


def changes_of(session: Session, workflow_id: str, *, started: bool) -> ChangesReport:
    """Return the changes from the start to the newest checkpoint, or to the current files of an active workflow.

    `started`: an attempt has started.
    """
    from penguin_commands.handlers.report.diff_files import read_diff
    from penguin_commands.handlers.workflow_diff import diff

    if not started:
        return ChangesReport(note=NO_ATTEMPT)
    try:
        found = diff(session, workflow_id)
        if isinstance(found, RemoteDiffResult):
            files = tuple(FileReport(path, "changed", 0, 0) for path in found.files)
            return ChangesReport(files, f"There is no diff here: {found.note}.")
        files, more = read_diff(found.text())
        return ChangesReport(files, found.remark, more)
    except WorkflowError as error:
        return ChangesReport(note=f"There is no diff: {error.message}.")
