"""The runner of attempts on this machine. It runs each step as a process, and continues what a dead engine left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from penguin.orchestration.backend import Verdict, WorkflowError
from penguin.orchestration.core.results import AttemptResult, StepEvidence
from penguin.orchestration.execution import environment, verdicts
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution import step_output as evidence
from penguin.orchestration.execution.attempt_plan import AttemptPlan, make_plan
from penguin.orchestration.execution.runner_api import AttemptOrder, StopControl
from penguin.orchestration.execution.step_sequence import StepSequence, StepsInterrupted
from penguin.orchestration.execution.step_starts import LauncherPool, StepStarts

MISSING = "missing_program"
"""Code of the error that a program is not installed; its hint is the command that installs it."""
GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""


class LocalRunner:
    """The PhaseRunner of this machine.

    `engine_dir` is this engine's own folder. Its launchers have their sockets in it, and start marks name their
    folders, so that a later engine finds the steps that this one left running. `on_trouble` is called when results wait
    because the disk is full, and with "" when they no longer do. With a `lease`, a file that
    `execution.lease.StepLease` renews, steps run only as long as the lease holds, even if this engine is dead. A
    running event loop is needed from the first `run` on.
    """

    def __init__(
        self,
        engine_dir: Path,
        grace: float = GRACE,
        on_trouble: Callable[[str], None] = lambda problem: None,
        lease: Path | None = None,
    ) -> None:
        self._launchers = LauncherPool(engine_dir.resolve(), grace, on_trouble, lease)

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult:
        """Run an attempt, or continue it: steps that ended are not run again, running ones are adopted.

        Raises OSError if the disk is full; then try again.
        """
        plan = make_plan(order, environment.secrets_of(order).redact_text)
        if plan.impossible:
            return AttemptResult(verdict=Verdict.ERROR, reason=plan.impossible, impossible=True)
        if plan.nothing:
            return AttemptResult(verdict=Verdict.UNVERIFIED, reason=plan.nothing)
        surroundings = environment.prepare_environment(order)
        with self._launchers.lend() as launcher:
            starts = StepStarts(order.run_dir, self._launchers, launcher)
            steps = StepSequence(order, plan, control, starts, surroundings)
            return await _run_steps(order, plan, steps)

    async def aclose(self) -> None:
        """Disconnect. Running steps continue in their launcher; the next engine that runs their attempt adopts them."""
        await self._launchers.aclose()


async def _run_steps(order: AttemptOrder, plan: AttemptPlan, steps: StepSequence) -> AttemptResult:
    try:
        await steps.run()
    except StepsInterrupted as interruption:
        return _with_agents(_interrupted(interruption, steps.evidence), steps)
    except WorkflowError as error:
        missing = error.hint if error.code == MISSING else ""
        reason = environment.secrets_of(order).redact_text(error.message)
        result = AttemptResult(verdict=Verdict.ERROR, reason=reason, missing=missing, steps=tuple(steps.evidence))
        return _with_agents(result, steps)
    return _with_agents(await _result(order, plan, steps), steps)


def _interrupted(interruption: StepsInterrupted, steps: list[StepEvidence]) -> AttemptResult:
    reason = {
        "pause": "paused before its next step",
        "now": "stopped in the middle of a step",
        "cancel": "cancelled",
        records.CRASH: f"the process that ran the step {_crash(interruption.error)}, and its result is lost",
        records.LEASE: "the lease on the steps lapsed",
    }[interruption.cause]
    # A lease lapses when its holder is dead or disconnected. For the workflow this is a crash.
    cause = records.CRASH if interruption.cause == records.LEASE else interruption.cause
    return AttemptResult(verdict=Verdict.INTERRUPTED, reason=reason, cause=cause, steps=tuple(steps))


def _crash(error: str) -> str:
    return f"ended with an error ({error})" if error else "was killed"


def _with_agents(result: AttemptResult, steps: StepSequence) -> AttemptResult:
    """Return the result with the usage and the conversations of agents."""
    for agent in steps.agents:
        result = replace(
            result,
            usage=result.usage + agent.usage,
            # A judge's conversation is not continued. It is stored for inspection only.
            snapshot=agent.snapshot if agent.snapshot and agent.step.kind == "agent" else result.snapshot,
            overspent=agent.overspent or result.overspent,
            not_before=max(agent.not_before, result.not_before),
        )
    return result


async def _result(order: AttemptOrder, plan: AttemptPlan, steps: StepSequence) -> AttemptResult:
    verdict, reason = verdicts.attempt_verdict(steps.evidence)
    unverified = {step.name for step in steps.evidence if step.verdict is Verdict.UNVERIFIED}
    patterns = order.definition.gates[order.phase].artifacts
    left = environment.artifacts_dir(order)
    found: tuple[str, ...] = ()
    if patterns or any(left.iterdir()):
        # Run it in a thread: a large tree may have to be walked.
        if order.tree:
            await asyncio.to_thread(evidence.keep_artifacts, Path(order.tree), left, patterns)
            patterns = ()
        found = await asyncio.to_thread(evidence.artifacts, Path(order.workspace), left, patterns)
    return AttemptResult(
        verdict=verdict,
        reason=reason,
        steps=tuple(steps.evidence),
        artifacts=found,
        executed_nothing=verdict is Verdict.UNVERIFIED and unverified == steps.executed_nothing,
    )
