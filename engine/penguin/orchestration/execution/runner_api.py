"""The order for one attempt of a phase, the runner that runs it, and the control that stops it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.attempt_input import AttemptInput
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.immutable import Record
from penguin.orchestration.core.results import AttemptResult, LandingOutcome


class Stop(StrEnum):
    """How an attempt is stopped."""

    PAUSE = "pause"
    """The running step ends, and no other starts."""
    NOW = "now"
    """The running step is stopped too; the attempt will run again."""
    CANCEL = "cancel"
    """The running step is stopped; the workflow is cancelled."""


class AttemptOrder(AttemptInput, frozen=True, kw_only=True):
    """Everything needed to run one attempt, or to continue one that another engine left."""

    workspace: str
    """Absolute path."""
    run_dir: str
    """Absolute path of this attempt's own folder, `.penguin/runs/<workflow>/<attempt>-<phase>`."""
    workflow_id: str
    phase: WorkflowPhase
    attempt: int
    definition: Definition
    tree: str = ""
    """Absolute path of the workspace's folder in the workflow's private clone; empty: steps run in the workspace."""

    @property
    def folder(self) -> str:
        """The folder in which the steps run."""
        return self.tree or self.workspace


class LandingOrder(Record, frozen=True, kw_only=True):
    """Everything needed to land a commit, or to continue a landing that another engine left."""

    workspace: str
    """Absolute path."""
    run_dir: str
    """Absolute path of the workflow's folder, `.penguin/runs/<workflow>`."""
    workflow_id: str
    definition: Definition
    number: int
    """The number of the try."""
    evidence: str
    """A digest of the passes."""
    commit: str
    """The commit that the workflow made."""
    base: str
    """The tip of the target branch that `merged` contains; empty: none yet."""
    merged: str
    """The merged commit that the gates passed on; empty: they passed on `commit` alone."""


class StopControl:
    """The handle by which an engine stops a running attempt."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self._changed = asyncio.Event()

    def request_stop(self, stop: Stop | None) -> None:
        """Request a stop; a stronger one replaces a weaker one. None withdraws a pause."""
        self.stop = stop
        self._changed.set()

    def interrupt(self) -> None:
        """Stop the running step. A step that is being cancelled ends by itself."""
        if self.stop is not Stop.CANCEL:
            self.request_stop(Stop.NOW)

    async def changed(self) -> Stop | None:
        """Wait for a request since the last call, then return the one that applies now."""
        await self._changed.wait()
        self._changed.clear()
        return self.stop


class PhaseRunner(Protocol):
    """A runner of attempts. Cancelling the coroutine leaves the running step to be adopted by another engine."""

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult: ...

    async def aclose(self) -> None: ...


class Lander(Protocol):
    """What lands commits. A stop has an effect until the branch has moved.

    Cancelling the coroutine leaves the landing to be continued by another engine.
    """

    async def land(self, order: LandingOrder, control: StopControl) -> LandingOutcome: ...


ISOLATION: ContextVar[str | None] = ContextVar("ISOLATION", default=None)
"""Isolation of the workflows that backends made in this context start, in place of the setting."""
RUNNER: ContextVar[PhaseRunner | None] = ContextVar("RUNNER", default=None)
"""The runner that backends made in this context use in place of real steps."""
