"""The order for one attempt of a phase, what comes of it, and the ways to stop it."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.definition import Definition


class Stop(StrEnum):
    """How an attempt is asked to stop."""

    PAUSE = "pause"
    """The step under way ends, no other starts."""
    NOW = "now"
    """The step under way is ended too; the attempt will be run again."""
    CANCEL = "cancel"
    """The step under way is ended; the workflow is over."""


class AttemptOrder(Struct, frozen=True, kw_only=True):
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


class TestCounts(Struct, frozen=True):
    """What a JUnit report counted."""

    __test__ = False

    run: int = 0
    """Executed: neither skipped nor deselected."""
    failed: int = 0
    errors: int = 0
    skipped: int = 0


class StepEvidence(Struct, frozen=True, kw_only=True):
    """What Penguin saw of one step."""

    name: str
    kind: str
    """run, shell, http, python, check or approval."""
    verdict: Verdict
    reason: str = ""
    """One sentence where the verdict is not PASSED."""
    argv: tuple[str, ...] = ()
    exit_code: int | None = None
    """Negative: ended by that signal."""
    started_at: float | None = None
    """Seconds since the epoch, UTC."""
    duration: float = 0.0
    """Seconds."""
    output: str | None = None
    """Path of its output, relative to the workspace."""
    output_bytes: int = 0
    output_sha256: str | None = None
    excerpt: str = ""
    """Head and tail of the output, at most 4 KB."""
    tests: TestCounts | None = None
    survivors: tuple[int, ...] = ()
    """Process ids that outlived SIGKILL."""


class AttemptResult(Struct, frozen=True, kw_only=True):
    """What an attempt came to."""

    verdict: Verdict
    reason: str = ""
    """One sentence where the verdict is not PASSED."""
    steps: tuple[StepEvidence, ...] = ()
    artifacts: tuple[str, ...] = ()
    """Paths relative to the workspace."""
    executed_nothing: bool = False
    """UNVERIFIED because a test run executed no test."""
    impossible: bool = False
    """Nothing could run this anywhere: the workflow FAILS at once."""
    missing: str = ""
    """A program that this machine lacks: the workflow is BLOCKED with this advice."""
    cause: str = ""
    """INTERRUPTED: pause, now, cancel or crash."""
    tree: str = ""
    """Digest of the tree this attempt saw at its end; empty where it is not known."""
    changed: tuple[str, ...] = ()
    """Files in which `tree` differs from the tree that TEST passed on, as `path`; at most 20."""


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
