"""The errors of commands, and their exit codes."""

from __future__ import annotations

from enum import IntEnum

from penguin.orchestration.backend import BackendUnavailable, WaitTimeout, WorkflowError, WorkflowInfo


class ExitCode(IntEnum):
    """The exit codes of `penguin`."""

    OK = 0
    FAILED = 1
    """A command failed."""
    USAGE = 2
    """The command line is invalid."""
    UNAVAILABLE = 3
    """The backend is unreachable."""
    TIMEOUT = 4
    """A wait timed out."""
    NOT_COMPLETED = 5
    """A workflow did not reach the expected status."""
    INTERRUPTED = 130
    """Ctrl-C."""


EXIT_CODE_MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "success",
    ExitCode.FAILED: "a command failed",
    ExitCode.USAGE: "usage",
    ExitCode.UNAVAILABLE: "backend unreachable",
    ExitCode.TIMEOUT: "waiting timed out",
    ExitCode.NOT_COMPLETED: "a workflow did not complete",
    ExitCode.INTERRUPTED: "interrupted",
}
"""A short description of each exit code."""


class UsageError(WorkflowError):
    """A line that can't be parsed.

    `start` and `end` are the position of the wrong word in `line`. If a word is missing, both are the position where it
    belongs.
    """

    code = "usage"

    def __init__(self, message: str, hint: str = "", start: int | None = None, end: int | None = None) -> None:
        super().__init__(message, hint)
        self.start = start
        self.end = end
        self.line = ""


class StatusNotReached(WorkflowError):
    """A workflow that settled on another status than the expected one."""

    code = "not_completed"

    def __init__(self, message: str, hint: str = "", workflows: tuple[WorkflowInfo, ...] = ()) -> None:
        super().__init__(message, hint)
        self.workflows = workflows


class WorkflowWaitTimeout(WaitTimeout):
    """Workflows that did not settle before the time-out."""

    def __init__(self, message: str, hint: str = "", workflows: tuple[WorkflowInfo, ...] = ()) -> None:
        super().__init__(message, hint)
        self.workflows = workflows


EXIT_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (BackendUnavailable, ExitCode.UNAVAILABLE),
    (WaitTimeout, ExitCode.TIMEOUT),
    (StatusNotReached, ExitCode.NOT_COMPLETED),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
)


def exit_code(error: BaseException) -> ExitCode:
    """Return the exit code of an error."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), ExitCode.FAILED)
