"""The order for one attempt of a phase, and the ways to stop it (what comes of it is in `evidence`)."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.attempt_input import AttemptInput
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.results import AttemptResult


class Stop(StrEnum):
    """How an attempt is asked to stop."""

    PAUSE = "pause"
    """The step under way ends, no other starts."""
    NOW = "now"
    """The step under way is ended too; the attempt will be run again."""
    CANCEL = "cancel"
    """The step under way is ended; the workflow is over."""


class AttemptOrder(AttemptInput, frozen=True, kw_only=True):
    """Everything needed to run one attempt, or to continue one that an engine left behind."""

    workspace: str
    """Absolute path."""
    run_dir: str
    """Absolute path of this attempt's own folder, `.penguin/runs/<workflow>/<attempt>-<phase>`."""
    workflow_id: str
    phase: WorkflowPhase
    attempt: int
    definition: Definition


class StopControl:
    """The handle by which an engine asks a running attempt to stop."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self._changed = asyncio.Event()

    def request_stop(self, stop: Stop | None) -> None:
        """Ask to stop; a stronger wish replaces a weaker one. None takes a pause back."""
        self.stop = stop
        self._changed.set()

    def interrupt(self) -> None:
        """Ask to end the step under way; one that is being cancelled ends by itself."""
        if self.stop is not Stop.CANCEL:
            self.request_stop(Stop.NOW)

    async def changed(self) -> Stop | None:
        """Wait until something was asked since the last call, then say what holds now."""
        await self._changed.wait()
        self._changed.clear()
        return self.stop


class PhaseRunner(Protocol):
    """Runs attempts. Cancelling the coroutine abandons the attempt and leaves its step running, to be adopted."""

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult: ...

    async def aclose(self) -> None: ...


ISOLATION: ContextVar[str | None] = ContextVar("ISOLATION", default=None)
"""Isolation of the workflows that backends made in this context start, in place of the setting."""
RUNNER: ContextVar[PhaseRunner | None] = ContextVar("RUNNER", default=None)
"""What backends made in this context run attempts with, in place of real steps."""
