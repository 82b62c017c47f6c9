"""The order for one attempt of a phase, and the ways to stop it (what comes of it is in `evidence`)."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.definition import Budget, Definition
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.core.struct import Data


class Stop(StrEnum):
    """How an attempt is asked to stop."""

    PAUSE = "pause"
    """The step under way ends, no other starts."""
    NOW = "now"
    """The step under way is ended too; the attempt will be run again."""
    CANCEL = "cancel"
    """The step under way is ended; the workflow is over."""


class AttemptOrder(Data, frozen=True, kw_only=True):
    """Everything needed to run one attempt, or to go on with one that an engine left behind."""

    workspace: str
    """Absolute path."""
    run_dir: str
    """Absolute path of this attempt's own folder, `.penguin/runs/<workflow>/<attempt>-<phase>`."""
    workflow_id: str
    phase: WorkflowPhase
    attempt: int
    definition: Definition
    feedback: tuple[str, ...] = ()
    """Advice delivered with this attempt."""
    evidence: str = ""
    """Text of the failures that sent the workflow here, for whoever implements."""
    budget: Budget = Budget()
    """What its agent may spend."""
    snapshot: str = ""
    """The conversation that its agent goes on from; empty: a new one begins."""
    tested_tree: str = ""
    """Digest of the tree that TEST passed on; empty where there is none."""


class Control:
    """The handle by which an engine asks a running attempt to stop."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self._changed = asyncio.Event()

    def ask(self, stop: Stop | None) -> None:
        """Ask to stop; a stronger wish replaces a weaker one. None takes a pause back."""
        self.stop = stop
        self._changed.set()

    async def changed(self) -> Stop | None:
        """Wait until something was asked since the last call, then say what holds now."""
        await self._changed.wait()
        self._changed.clear()
        return self.stop


class PhaseRunner(Protocol):
    """Runs attempts. Cancelling the coroutine abandons the attempt and leaves its step running, to be adopted."""

    async def run(self, order: AttemptOrder, control: Control) -> AttemptResult: ...

    async def aclose(self) -> None: ...


RUNNER: ContextVar[PhaseRunner | None] = ContextVar("RUNNER", default=None)
"""What backends made in this context run attempts with, in place of real steps."""
