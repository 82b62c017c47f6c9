"""The run of one attempt or landing: from the state that asks for it to its report, through errors of the runner and
the disk."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec

from penguin.orchestration.backend import Verdict, WorkflowError, WorkflowPhase
from penguin.orchestration.core.attempt_input import AttemptInput, attempt_input
from penguin.orchestration.core.commands import Land, Report, ReportLanding, Run
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.results import AttemptResult, LandingOutcome, LandingRefused
from penguin.orchestration.core.state import State
from penguin.orchestration.errors import lack_of_memory
from penguin.orchestration.execution.runner_api import AttemptOrder, Lander, LandingOrder, PhaseRunner, StopControl
from penguin.orchestration.files.text_encoding import encode_storable
from penguin.orchestration.files.workspace import Workspace

T = TypeVar("T")

log = logging.getLogger(__name__)

DISK_DELAY = 0.5
"""Seconds before an attempt that found the disk full runs again."""
_DISK_TROUBLE = (errno.ENOSPC, errno.EIO, errno.EDQUOT)


class Runners(NamedTuple):
    """What runs the attempts and landings of one engine."""

    workspace: Workspace
    attempts: PhaseRunner
    lander: Lander
    on_trouble: Callable[[str], None]
    """Called with a sentence while the disk is full, and with "" afterwards."""


async def run_effect(
    runners: Runners, state: State, effect: Run | Land, control: StopControl
) -> Report | ReportLanding:
    """Run the attempt or the landing that a state requires, and return its report."""
    if isinstance(effect, Land):
        return ReportLanding(
            effect.number, await _run_landing(runners, _landing_order(runners, state, effect), control)
        )
    given = attempt_input(state)
    order = attempt_order(runners.workspace, state.workflow_id, state.definition, effect.phase, effect.attempt, given)
    return Report(effect.attempt, await run_attempt(runners.attempts, order, control, runners.on_trouble))


def _landing_order(runners: Runners, state: State, land: Land) -> LandingOrder:
    return LandingOrder(
        workspace=os.fspath(runners.workspace.root),
        run_dir=f"{runners.workspace.runs}/{state.workflow_id}",
        workflow_id=state.workflow_id,
        definition=state.definition,
        number=land.number,
        evidence=hashlib.sha256(msgspec.json.encode(state.passes)).hexdigest(),
        commit=land.commit,
        base=land.base,
        merged=land.merged,
    )


async def _run_landing(runners: Runners, order: LandingOrder, control: StopControl) -> LandingOutcome:
    """Land, or say why not. Wait while the disk is full."""
    land = partial(runners.lander.land, order, control)
    try:
        return await _until_disk_has_space(land, order.run_dir, runners.on_trouble)
    except WorkflowError as error:
        resume = f"/workflow resume {order.workflow_id}"
        return LandingRefused(reason=error.message, advice=f"{error.hint}; then {resume}" if error.hint else resume)
    except Exception as error:
        # A defect must not leave the workflow RUNNING. Nothing is lost: a resume continues the landing.
        log.error("landing %s of %s raised an error", order.number, order.workflow_id, exc_info=error)
        hint = f"/workflow resume {order.workflow_id}"
        return LandingRefused(reason=_error_reason(error), advice=hint)


def attempt_order(
    workspace: Workspace,
    workflow_id: str,
    definition: Definition,
    phase: WorkflowPhase,
    attempt: int,
    given: AttemptInput,
) -> AttemptOrder:
    """Return the order for the runner."""
    return AttemptOrder(
        workspace=os.fspath(workspace.root),
        # Joined as text: a Path costs as much as everything else here.
        run_dir=f"{workspace.runs}/{workflow_id}/{attempt}-{phase.lower()}",
        workflow_id=workflow_id,
        phase=phase,
        attempt=attempt,
        definition=definition,
        feedback=given.feedback,
        evidence=given.evidence,
        budget=given.budget,
        snapshot=given.snapshot,
        tested_tree=given.tested_tree,
        merged=given.merged,
    )


async def run_attempt(
    runner: PhaseRunner, order: AttemptOrder, control: StopControl, on_trouble: Callable[[str], None]
) -> AttemptResult:
    """Run the attempt to a result that any store accepts. Wait while the disk is full: no workflow fails for that."""
    return encode_storable(await _run_until_disk_has_space(runner, order, control, on_trouble))


async def _run_until_disk_has_space(
    runner: PhaseRunner, order: AttemptOrder, control: StopControl, on_trouble: Callable[[str], None]
) -> AttemptResult:
    try:
        return await _until_disk_has_space(partial(runner.run, order, control), order.run_dir, on_trouble)
    except Exception as error:
        # A defect must not leave the workflow RUNNING: it becomes a verdict, and its traceback is logged.
        log.error("attempt %s of %s raised an error", order.attempt, order.workflow_id, exc_info=error)
        return AttemptResult(verdict=Verdict.ERROR, reason=_error_reason(error))


async def _until_disk_has_space(run: Callable[[], Awaitable[T]], place: str, on_trouble: Callable[[str], None]) -> T:
    """Return the result of `run`, which is called again while the disk is full."""
    troubled = False
    while True:
        try:
            result = await run()
        except OSError as error:
            if error.errno not in _DISK_TROUBLE:
                raise
            if not troubled:
                on_trouble(f"{place}: {error.strerror}")
            troubled = True
            await asyncio.sleep(DISK_DELAY)
        else:
            if troubled:
                on_trouble("")
            return result


def _error_reason(error: Exception) -> str:
    lack = lack_of_memory(error)
    return f"Penguin could not run it: {lack}" if lack else f"{type(error).__name__}: {error}"
