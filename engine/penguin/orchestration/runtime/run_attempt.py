"""The run of one attempt, from the state that asks for it to its result, through errors of the runner and the disk."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.attempt_input import AttemptInput
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.errors import lack_of_memory
from penguin.orchestration.execution.runner_api import AttemptOrder, PhaseRunner, StopControl
from penguin.orchestration.files.text_encoding import encode_storable
from penguin.orchestration.files.workspace import Workspace

log = logging.getLogger(__name__)

DISK_DELAY = 0.5
"""Seconds before an attempt that found the disk full runs again."""
_DISK_TROUBLE = (errno.ENOSPC, errno.EIO, errno.EDQUOT)


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
    )


async def run_attempt(
    runner: PhaseRunner, order: AttemptOrder, control: StopControl, on_trouble: Callable[[str], None]
) -> AttemptResult:
    """Run the attempt to a result that any store accepts. Wait while the disk is full: no workflow fails for that."""
    return encode_storable(await _run_until_disk_has_space(runner, order, control, on_trouble))


async def _run_until_disk_has_space(
    runner: PhaseRunner, order: AttemptOrder, control: StopControl, on_trouble: Callable[[str], None]
) -> AttemptResult:
    troubled = False
    while True:
        try:
            result = await runner.run(order, control)
        except OSError as error:
            if error.errno not in _DISK_TROUBLE:
                return _error_result(order, error)
            if not troubled:
                on_trouble(f"{order.run_dir}: {error.strerror}")
            troubled = True
            await asyncio.sleep(DISK_DELAY)
        except Exception as error:
            # A defect must not leave the workflow RUNNING: it becomes a verdict, and its traceback is logged.
            return _error_result(order, error)
        else:
            if troubled:
                on_trouble("")
            return result


def _error_result(order: AttemptOrder, error: Exception) -> AttemptResult:
    log.error("attempt %s of %s raised an error", order.attempt, order.workflow_id, exc_info=error)
    lack = lack_of_memory(error)
    reason = f"Penguin could not run it: {lack}" if lack else f"{type(error).__name__}: {error}"
    return AttemptResult(verdict=Verdict.ERROR, reason=reason)
