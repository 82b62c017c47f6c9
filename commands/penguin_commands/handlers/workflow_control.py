"""Commands that change workflows. All are coroutines on the backend."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import CANCEL_TIMEOUT, Delivery, WorkflowPhase, WorkflowStatus
from penguin_commands.errors import UsageError, WorkflowWaitTimeout
from penguin_commands.handlers.workflow_wait import START_WORKER, wait_for
from penguin_commands.results import Result
from penguin_commands.results.changes import ChangeResult, StartResult
from penguin_commands.results.messages import MessageResult
from penguin_commands.results.ui_actions import ChainedResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.store.queries import WorkflowReader
    from penguin_commands.session import Session


SIGNAL_PHRASES = {
    "pause": "pause of",
    "resume": "resume of",
    "cancel": "cancel of",
    "inject_feedback": "feedback for",
    "approve": "approval of",
}
"""The names of signals that wait for a worker."""


async def start(
    session: Session,
    task: str | None = None,
    *,
    with_deps: bool = False,
    blueprint: str | None = None,
    wait: bool = False,
    timeout: float | None = None,
) -> Result:
    """Start a task; without its id, ask for one of the ready tasks."""
    _check_wait(session, wait, timeout)
    if task is None:
        from penguin_commands.handlers.task import choose_ready_task

        task = await choose_ready_task(session, blueprint)
        if not task:
            return MessageResult("Nothing was started.", {"workflows": []})
    await session.report_other_backend()
    await session.run_in_reader_thread(lambda: _warn_of_gates(session, [task], blueprint))
    ids = await session.backend.start_tasks([task], blueprint_id=blueprint, with_dependencies=with_deps, by=session.by)
    session.track_started(ids)
    return await _start_result(session, ids, wait, timeout)


async def run(session: Session, blueprint: str, *, wait: bool = False, timeout: float | None = None) -> Result:
    """Start all tasks of a blueprint that are neither done nor active."""
    from penguin_commands.handlers.blueprint import open_tasks

    _check_wait(session, wait, timeout)
    await session.report_other_backend()
    tasks = await session.run_in_reader_thread(lambda: open_tasks(session, blueprint))
    if not tasks:
        return MessageResult(f"Nothing to start: every task of {blueprint} is completed or active.", {"workflows": []})
    await session.run_in_reader_thread(lambda: _warn_of_gates(session, tasks, blueprint))
    ids = await session.backend.start_tasks(tasks, blueprint_id=blueprint, with_dependencies=True, by=session.by)
    session.track_started(ids)
    return await _start_result(session, ids, wait, timeout)


def _warn_of_gates(session: Session, tasks: Sequence[str], blueprint: str | None) -> None:
    """Warn about gates of these tasks that can't pass, with the messages of lint, before anything runs."""
    from penguin.orchestration.blueprint.gate_lint import blocking_gates

    items = [session.blueprints.find(task, blueprint) for task in tasks]
    for problem in blocking_gates(items, session.settings):
        session.narrate(f"warning: {problem.where}: {problem.message}; {problem.hint}")


def _check_wait(session: Session, wait: bool, timeout: float | None) -> None:
    if timeout is not None and not wait:
        raise UsageError("--timeout requires --wait")
    if wait and session.detach:
        raise UsageError("--wait and --detach can't be combined")


async def _start_result(session: Session, ids: Sequence[str], wait: bool, timeout: float | None) -> Result:
    result = StartResult(
        await session.run_in_reader_thread(
            lambda: tuple((session.info(workflow_id).task_id, workflow_id) for workflow_id in ids)
        )
    )
    if not wait:
        return result
    return ChainedResult(result, partial(wait_for, session, tuple(ids), WorkflowStatus.COMPLETED, timeout))


async def pause(session: Session, workflow: str, *, now: bool = False) -> ChangeResult:
    """Start no new step."""
    workflow_id = await _resolve(session, workflow)
    return await _send_signal(session, workflow_id, "pause", {"now": now, "by": session.by}, "Paused {}")


async def resume(
    session: Session,
    workflow: str,
    *,
    from_: WorkflowPhase | None = None,
    budget: tuple[Mapping[str, float], ...] = (),
) -> ChangeResult:
    """Resume a PAUSED or BLOCKED workflow."""
    granted = {unit: amount for amounts in budget for unit, amount in amounts.items()}
    if len(granted) < sum(map(len, budget)):
        raise UsageError("--budget: a unit was given more than once")
    payload = {"by": session.by, **({"from": from_.value} if from_ else {}), **({"budget": granted} if granted else {})}
    workflow_id = await _resolve(session, workflow)
    changed = await _send_signal(session, workflow_id, "resume", payload, "Resumed {}")
    session.track(workflow_id)
    return changed


async def cancel(session: Session, workflow: str) -> ChangeResult:
    """Stop the running steps. In a script, wait until the workflow is CANCELLED."""
    workflow_id = await _resolve(session, workflow)
    changed = await _send_signal(session, workflow_id, "cancel", {"by": session.by}, "Cancelled {}")
    if changed.info.status is WorkflowStatus.CANCELLED or (changed.queued and session.at_prompt):
        return changed
    if not session.at_prompt:
        if changed.queued:
            await _wait_for_worker_to_cancel(session, changed.info)
        else:
            await wait_for(session, (workflow_id,), WorkflowStatus.CANCELLED, CANCEL_TIMEOUT)
        message = f"Cancelled {workflow_id}"
        return await session.run_in_reader_thread(lambda: _change_result(session, workflow_id, message))
    return changed._replace(text=f"Cancelling {workflow_id}: stopping its steps")


async def _wait_for_worker_to_cancel(session: Session, info: WorkflowInfo) -> None:
    """Wait until a worker cancels a workflow. Raises WorkflowWaitTimeout; the request stays on the server."""
    from penguin.orchestration.runtime.hosted_backend import wait_until_cancelled

    workflow_id = info.workflow_id
    session.narrate(f"no worker is running; waiting {CANCEL_TIMEOUT:g} s for one: {START_WORKER}")
    session.awaited = {workflow_id: WorkflowStatus.CANCELLED}
    cancelled = await wait_until_cancelled(session.backend, workflow_id, CANCEL_TIMEOUT)
    # After an interrupt it stays: the script says what is requested.
    session.awaited = {}
    if not cancelled:
        raise WorkflowWaitTimeout(
            f"{workflow_id} is still {info.status} after {CANCEL_TIMEOUT:g} s: no worker is running; the request is "
            "kept, and the next worker cancels it",
            START_WORKER,
            (info,),
        )


async def feedback(session: Session, workflow: str, text: str | None = None) -> Result:
    """Queue feedback for the next IMPLEMENT attempt."""
    workflow_id = await _resolve(session, workflow)
    if text is None:
        from penguin_commands.handlers.feedback_editor import ask_feedback

        text = await ask_feedback(session, workflow_id)
        if not text:
            return MessageResult("Nothing was sent: the text is empty.", {"workflow_id": workflow_id})
    payload = {"message": text, "by": session.by}
    message = "Feedback for {} is queued for its next IMPLEMENT attempt"
    return await _send_signal(session, workflow_id, "inject_feedback", payload, message)


async def approve(session: Session, workflow: str, *, by: str, note: str = "") -> ChangeResult:
    """Pass an UNVERIFIED phase on the user's approval."""
    workflow_id = await _resolve(session, workflow)
    phase = (await session.run_in_reader_thread(lambda: session.info(workflow_id))).phase
    changed = await _send_signal(
        session, workflow_id, "approve", {"by": by, "note": note}, f"{by} approved {phase} of {{}}"
    )
    session.track(workflow_id)
    return changed


async def _send_signal(
    session: Session, workflow_id: str, name: str, payload: Mapping[str, Any], message: str
) -> ChangeResult:
    delivery = await session.backend.signal_workflow(workflow_id, name, payload)
    changed = await session.run_in_reader_thread(
        lambda: _change_result(session, workflow_id, message.format(workflow_id))
    )
    if delivery is Delivery.TAKEN:
        return changed
    text = f"Queued: {SIGNAL_PHRASES[name]} {workflow_id} (no worker is running)"
    return changed._replace(text=text, queued=True, next_command=START_WORKER)


def _change_result(session: Session, workflow_id: str, text: str) -> ChangeResult:
    info = session.info(workflow_id)
    return ChangeResult(text, info, session.reader.explain(workflow_id), _next_command(session.reader, info))


async def _resolve(session: Session, workflow: str) -> str:
    return await session.run_in_reader_thread(lambda: session.resolve(workflow))


def _next_command(reader: WorkflowReader, info: WorkflowInfo) -> str:
    # After a cancel or a pause, the next command needs no hint.
    wanted = info.status in (WorkflowStatus.CANCELLED, WorkflowStatus.PAUSED)
    return "" if wanted else reader.next_command(info.workflow_id)


async def retry(
    session: Session, workflow: str, *, from_: WorkflowPhase | None = None, restore: bool = False
) -> StartResult:
    """Start a new workflow that keeps the passes that are still valid."""
    workflow_id = await _resolve(session, workflow)
    differences = await session.backend.retry_differences(workflow_id)
    new = await session.backend.retry_workflow(workflow_id, start_from=from_, restore=restore)
    session.track_started([new])
    task_id = (await session.run_in_reader_thread(lambda: session.info(new))).task_id
    return StartResult(((task_id, new),), workflow_id, tuple(differences))
