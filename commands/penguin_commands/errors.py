"""What can go wrong with a line, and the exit code that every error comes to."""

from __future__ import annotations

from enum import IntEnum

from penguin.orchestration.backend import BackendUnavailable, WaitTimeout, WorkflowError, WorkflowInfo


class ExitCode(IntEnum):
    """What `penguin` tells the program that ran it."""

    OK = 0
    FAILED = 1
    """A command failed."""
    USAGE = 2
    """The line was not understood."""
    UNAVAILABLE = 3
    """The backend is out of reach."""
    TIMEOUT = 4
    """Waiting took longer than it was given."""
    NOT_COMPLETED = 5
    """A workflow did not reach what was waited for."""
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
"""What the exit codes say, in a few words."""


class UsageError(WorkflowError):
    """The line was not understood. `start` and `end` are the place of the word at fault in `line`, if one is; where
    one is missing they are the same, where it would begin."""

    code = "usage"

    def __init__(self, message: str, hint: str = "", start: int | None = None, end: int | None = None) -> None:
        super().__init__(message, hint)
        self.start = start
        self.end = end
        self.line = ""


class StatusNotReached(WorkflowError):
    """A workflow settled on another status than the one waited for."""

    code = "not_completed"

    def __init__(self, message: str, hint: str = "", workflows: tuple[WorkflowInfo, ...] = ()) -> None:
        super().__init__(message, hint)
        self.workflows = workflows


class WorkflowWaitTimeout(WaitTimeout):
    """Workflows were not settled in the time that was given."""

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
    """The exit code that an error comes to."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), ExitCode.FAILED)
