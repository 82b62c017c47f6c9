"""Runs attempts on this machine, each step as a process of its own, and goes on with what an engine left behind."""

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
from penguin.orchestration.execution.plan import AttemptPlan, make_plan
from penguin.orchestration.execution.runner_api import AttemptOrder, StopControl
from penguin.orchestration.execution.step_sequence import StepSequence, StepsInterrupted
from penguin.orchestration.execution.step_starts import LauncherPool, StepStarts

MISSING = "missing_program"
"""Code of the error that a program is not there; its hint installs it."""
GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""


class LocalRunner:
    """The PhaseRunner of this machine.

    `engine_dir` is this engine's own folder: its launcher has its socket there, and start marks name it, so that a
    later engine finds what this one left running. `on_trouble` hears of a full disk on which results wait, and with ""
    of its end. With a `lease`, a file that `phases.lease.Lease` renews, steps run only as long as it holds, whether
    this engine lives or not. Needs a running loop only from the first `run` on.
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
        """Run an attempt, or go on with it: steps that ended are not run again, running ones are adopted.

        Raises OSError where the disk is full: to be tried again.
        """
        redact = environment.secrets_of(order).redact_text
        plan = make_plan(order, redact)
        if plan.impossible:
            return AttemptResult(verdict=Verdict.ERROR, reason=plan.impossible, impossible=True)
        if plan.nothing:
            return AttemptResult(verdict=Verdict.UNVERIFIED, reason=plan.nothing)
        surroundings = environment.prepare_environment(order)
        steps = StepSequence(order, plan, control, StepStarts(order.run_dir, self._launchers), surroundings)
        try:
            await steps.run()
        except StepsInterrupted as interruption:
            return _with_agents(_interrupted(interruption, steps.evidence), steps)
        except WorkflowError as error:
            missing = error.hint if error.code == MISSING else ""
            result = AttemptResult(verdict=Verdict.ERROR, reason=redact(error.message), missing=missing)
            return _with_agents(replace(result, steps=tuple(steps.evidence)), steps)
        return _with_agents(await _result(order, plan, steps), steps)

    async def aclose(self) -> None:
        """Disconnect. Running steps go on in their launcher, to be adopted by whoever runs their attempt next."""
        await self._launchers.aclose()


def _interrupted(interruption: StepsInterrupted, steps: list[StepEvidence]) -> AttemptResult:
    reason = {
        "pause": "paused before its next step",
        "now": "stopped in the middle of a step",
        "cancel": "cancelled",
        records.CRASH: "the process that ran its step was killed, and the result lost with it",
        records.LEASE: "the lease on its steps lapsed",
    }[interruption.cause]
    # A lease lapses when its holder is dead or cut off: to the workflow, one crash is like the other.
    cause = records.CRASH if interruption.cause == records.LEASE else interruption.cause
    return AttemptResult(verdict=Verdict.INTERRUPTED, reason=reason, cause=cause, steps=tuple(steps))


def _with_agents(result: AttemptResult, steps: StepSequence) -> AttemptResult:
    """The result, with what agents spent and said."""
    for agent in steps.agents:
        result = replace(
            result,
            usage=result.usage + agent.usage,
            # Of a judge's conversation nothing goes on; it is kept for those who look.
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
        # A large tree may have to be walked through; that is nothing for the loop.
        found = await asyncio.to_thread(evidence.artifacts, Path(order.workspace), left, patterns)
    return AttemptResult(
        verdict=verdict,
        reason=reason,
        steps=tuple(steps.evidence),
        artifacts=found,
        executed_nothing=verdict is Verdict.UNVERIFIED and unverified == steps.executed_nothing,
    )
