"""Scripted phases for tests of programs that use Penguin: nothing is run, and a script names the verdicts.

    with scripted_phases({"TEST": ["FAILED", "PASSED"]}) as script:
        async with get_backend(workspace_path=folder) as backend:
            workflow_id = await backend.start_workflow("auth-user-model")
            info = await backend.wait_workflow(workflow_id)
    assert info.status == "COMPLETED"
    assert [phase for _, phase, _ in script.calls].count("TEST") == 2

All else is real: the store, the state machine, the engine.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.core.tree_isolation import SHARED
from penguin.orchestration.execution.runner_api import ISOLATION, RUNNER, AttemptOrder, Stop, StopControl

Outcome = str | AttemptResult
Script = Mapping[str, Sequence[Outcome]]
Delay = float | Callable[[AttemptOrder], float]


class AttemptCall(NamedTuple):
    """An attempt that was run."""

    task_id: str
    phase: WorkflowPhase
    attempt: int


class ScriptedPhases:
    """Runs attempts by script. The attempts of a phase take its outcomes in turn; further ones pass."""

    def __init__(self, script: Script, tasks: Mapping[str, Script], delay: Delay) -> None:
        self.calls: list[AttemptCall] = []
        """Every attempt that was run, in order. One that continues after an interruption appears again."""
        self.orders: list[AttemptOrder] = []
        """The order of each of them."""
        self._script = script
        self._tasks = tasks
        self._delay = delay
        self._attempts: defaultdict[tuple[str, WorkflowPhase], list[int]] = defaultdict(list)
        self._held: dict[WorkflowPhase, asyncio.Event] = {}

    def hold(self, phase: str) -> None:
        """Keep attempts of a phase running until `release`.

        Args:
            phase: Name of the phase.
        """
        self._held[WorkflowPhase(phase)] = asyncio.Event()

    def release(self, phase: str) -> None:
        """Let the attempts of a phase end.

        Args:
            phase: Name of the phase.
        """
        self._held.pop(WorkflowPhase(phase)).set()

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult:
        """See PhaseRunner."""
        self.calls.append(AttemptCall(order.definition.task.id, order.phase, order.attempt))
        self.orders.append(order)
        held = self._held.get(order.phase)
        delay = self._delay(order) if callable(self._delay) else self._delay
        if held is not None or delay:
            stopped = await _stopped(_under_way(held, delay), control)
            if stopped is not None:
                return AttemptResult(verdict=Verdict.INTERRUPTED, cause=stopped.value)
        return self._outcome(order)

    async def aclose(self) -> None:
        """See PhaseRunner."""

    def _outcome(self, order: AttemptOrder) -> AttemptResult:
        attempts = self._attempts[order.workflow_id, order.phase]
        if order.attempt not in attempts:
            attempts.append(order.attempt)
        script = self._tasks.get(order.definition.task.id, self._script)
        outcomes = script.get(order.phase.value, ())
        index = attempts.index(order.attempt)
        outcome = outcomes[index] if index < len(outcomes) else Verdict.PASSED
        if isinstance(outcome, AttemptResult):
            return outcome
        verdict = Verdict(outcome)
        return AttemptResult(
            verdict=verdict, reason="" if verdict is Verdict.PASSED else f"the script returned {verdict}"
        )


async def _under_way(held: asyncio.Event | None, delay: float) -> None:
    if held is not None:
        await held.wait()
    if delay:
        await asyncio.sleep(delay)


async def _stopped(work: Coroutine[Any, Any, None], control: StopControl) -> Stop | None:
    """Return how the attempt was stopped, or None if it ended. Like a step, it is not stopped by a pause."""
    running = asyncio.ensure_future(work)
    try:
        while not running.done():
            if control.stop in (Stop.NOW, Stop.CANCEL):
                return control.stop
            changed = asyncio.ensure_future(control.changed())
            await asyncio.wait({running, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
        return None
    finally:
        running.cancel()


@contextmanager
def scripted_phases(
    script: Script | None = None,
    *,
    tasks: Mapping[str, Script] | None = None,
    delay: Delay = 0.0,
    isolation: str | None = SHARED,
) -> Iterator[ScriptedPhases]:
    """Make every backend that is created within this context run its attempts by script.

    Args:
        script: The outcomes of each phase's attempts, by phase. An outcome is a verdict (PASSED, FAILED, ERROR,
            UNVERIFIED) or an AttemptResult.
        tasks: Scripts for single tasks, by task id. They replace `script`.
        delay: Seconds that an attempt takes, or a function that returns them.
        isolation: Overrides that of penguin.yaml. The default is `shared`, because scripted attempts change no files.
            None: that of penguin.yaml.

    Returns:
        A context manager for the scripted phases, which record the attempts that were run.
    """
    phases = ScriptedPhases(script or {}, tasks or {}, delay)
    token, isolation_token = RUNNER.set(phases), ISOLATION.set(isolation)
    try:
        yield phases
    finally:
        RUNNER.reset(token)
        ISOLATION.reset(isolation_token)
