"""The errors of Penguin."""

from __future__ import annotations


class WorkflowError(Exception):
    """The base class of Penguin's errors: `str()` says what is wrong and why, `hint` what to type next."""

    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def lack_of_memory(error: BaseException) -> str:
    """Return what a process lacks, if that is the cause of an error: memory, or a thread. Otherwise return ''."""
    # A library could not be loaded: "failed to map segment from shared object".
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and "map segment" in str(error)):
        return "out of memory"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "out of memory, or too many processes: no thread could be started"
    return ""


class WorkflowNotFound(WorkflowError):
    """No workflow has this id."""

    code = "workflow_not_found"


def unknown_workflow(workflow_id: str) -> WorkflowNotFound:
    """Return the error for an id that no workflow has."""
    return WorkflowNotFound(f"no workflow has the id {workflow_id}", "/workflow list")


class TaskNotFound(WorkflowError):
    """No blueprint of the workspace has this task."""

    code = "task_not_found"


class IllegalCommand(WorkflowError):
    """The workflow's status does not allow this command."""

    code = "illegal_command"


class AlreadyActive(WorkflowError):
    """The task already has an active workflow."""

    code = "already_active"


class ConfigError(WorkflowError):
    """The configuration is not valid. The message names file, line and key."""

    code = "config"


class BlueprintError(WorkflowError):
    """A blueprint is not valid. The message names file and line."""

    code = "blueprint"


class StoreError(WorkflowError):
    """The database can't be used."""

    code = "store"


class BackendUnavailable(WorkflowError):
    """The backend can't be reached."""

    code = "backend_unavailable"


class WaitTimeout(WorkflowError):
    """The time-out of a wait is over."""

    code = "timeout"
