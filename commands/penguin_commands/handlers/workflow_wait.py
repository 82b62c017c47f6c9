"""`/workflow wait`, and waiting for workflows that were just started."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WaitTimeout, WorkflowError, WorkflowStatus
from penguin_commands.errors import StatusNotReached, WorkflowWaitTimeout
from penguin_commands.results.changes import WaitProgress, WaitResult
from penguin_commands.wait_events import stream_events_during

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.session import Session

START_WORKER = "penguin worker"
PROGRESS_DELAY = 0.3
"""Seconds before the first progress report."""
PROGRESS_INTERVAL = 0.5
"""Seconds between two progress reports."""
STALL_INTERVAL = 1.0
"""Seconds between two checks whether an engine is running."""


async def wait(
    session: Session,
    workflows: tuple[str, ...],
    *,
    for_: WorkflowStatus = WorkflowStatus.COMPLETED,
    any_: bool = False,
    timeout: float | None = None,
) -> WaitResult:
    """Wait until each workflow reaches this status or settles, or until the first one does."""
    found = await session.run_in_reader_thread(lambda: [session.resolve(ref, prefix=True) for ref in workflows])
    ids = tuple(dict.fromkeys(found))
    return await wait_for(session, ids, for_, timeout, first=any_)


async def wait_for(
    session: Session, ids: Sequence[str], status: WorkflowStatus, timeout: float | None, *, first: bool = False
) -> WaitResult:
    """Wait until each workflow reaches this status or settles; with `first`, until one does.

    Raises StatusNotReached, or WorkflowWaitTimeout after `timeout` seconds.
    """
    try:
        infos = await wait_with_progress(session, ids, status, timeout, first=first)
    except WaitTimeout as error:
        unsettled = await session.run_in_reader_thread(lambda: tuple(session.info(workflow_id) for workflow_id in ids))
        if stalled := await session.run_in_reader_thread(lambda: stalled_workflows(session, ids)):
            message = f"{error.message}; {_stall_reason(stalled)}"
            raise WorkflowWaitTimeout(message, START_WORKER, unsettled) from None
        hint = error.hint or "/workflow status shows its progress"
        raise WorkflowWaitTimeout(error.message, hint, unsettled) from None
    missed = [info for info in infos if info.status is not status]
    if len(missed) == len(infos) if first else missed:
        raise await session.run_in_reader_thread(lambda: not_reached_error(session, missed, status))
    return WaitResult(tuple(infos))


async def wait_with_progress(
    session: Session,
    ids: Sequence[str],
    status: WorkflowStatus | None = None,
    timeout: float | None = None,
    *,
    first: bool = False,
) -> list[WorkflowInfo]:
    """Wait until all workflows settle or reach this status, and report the progress.

    With `first`, stop waiting when one of them does, and return only that one. Raises WaitTimeout (seconds).
    """
    session.awaited = dict.fromkeys(ids, status)
    try:
        infos = await _wait_and_report(session, ids, status, timeout, first=first)
    except Exception:
        # Not after an interrupt: then the script says which of them continue.
        session.awaited = {}
        raise
    session.awaited = {}
    return infos


async def _wait_and_report(
    session: Session, ids: Sequence[str], status: WorkflowStatus | None, timeout: float | None, *, first: bool
) -> list[WorkflowInfo]:
    work = _wait_first(session, ids, status, timeout) if first else _wait_all(session, ids, status, timeout)
    reports = [asyncio.create_task(_report_stalls(session, ids, first=first))]
    if session.on_progress is not None:
        reports.append(asyncio.create_task(_report_progress(session, session.on_progress, ids, timeout)))
    try:
        return await stream_events_during(session, ids, work)
    finally:
        for report in reports:
            report.cancel()
        if session.on_progress is not None:
            session.on_progress(None)


async def _report_stalls(session: Session, ids: Sequence[str], *, first: bool) -> None:
    """Report workflows that no engine runs: at once, and again if another engine ends while they are awaited.

    With `first`, one that can progress is enough to end the wait.
    """
    reported: tuple[str, ...] = ()
    while True:
        stalled = await session.run_in_reader_thread(lambda: stalled_workflows(session, ids))
        if stalled and stalled != reported and not (first and len(stalled) < len(ids)):
            session.narrate(f"{_stall_reason(stalled)}; type: {START_WORKER}")
        reported = stalled
        await asyncio.sleep(STALL_INTERVAL)


def stalled_workflows(session: Session, ids: Sequence[str]) -> tuple[str, ...]:
    """Return the workflows that can't progress because no engine is running; none if that is unknown."""
    from penguin.orchestration.store.explain import START_ENGINE

    try:
        return tuple(workflow_id for workflow_id in ids if session.reader.next_command(workflow_id) == START_ENGINE)
    except WorkflowError:
        # The wait itself reports this error.
        return ()


def _stall_reason(stalled: Sequence[str]) -> str:
    return f"no engine is running, so {', '.join(stalled)} can't progress"


def _wait_all(
    session: Session, ids: Sequence[str], status: WorkflowStatus | None, timeout: float | None
) -> Coroutine[Any, Any, list[WorkflowInfo]]:
    return session.backend.wait_workflows(ids, timeout=timeout, status=status)


async def _wait_first(
    session: Session, ids: Sequence[str], status: WorkflowStatus | None, timeout: float | None
) -> list[WorkflowInfo]:
    waits = [asyncio.ensure_future(_wait_all(session, [workflow_id], status, timeout)) for workflow_id in ids]
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return [info for wait in waits if wait in done for info in wait.result()]
    except WaitTimeout:
        raise WaitTimeout(f"none of them is settled after {timeout:g} s: {', '.join(ids)}") from None
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _report_progress(
    session: Session, tell: Callable[[WaitProgress], None], ids: Sequence[str], timeout: float | None
) -> None:
    """Report the progress periodically, as far as it is known on this machine."""
    begun = time.monotonic()
    await asyncio.sleep(PROGRESS_DELAY)
    reader = session.open_local_reader()
    try:
        while True:
            try:
                infos = await session.run_in_reader_thread(
                    lambda: [info for workflow_id in ids if (info := reader.info(workflow_id))]
                )
            except WorkflowError:
                # The wait itself reports this error.
                infos = []
            if infos:
                tell(WaitProgress(tuple(infos), time.monotonic() - begun, timeout))
            await asyncio.sleep(PROGRESS_INTERVAL)
    finally:
        reader.close()


def not_reached_error(session: Session, missed: Sequence[WorkflowInfo], status: WorkflowStatus) -> StatusNotReached:
    """Return the error that lists the workflows that settled on another status, with the reasons."""
    outcomes = "; ".join(f"{info.workflow_id} is {info.status}{_reason_suffix(session, info)}" for info in missed)
    return StatusNotReached(
        f"not {status}: {outcomes}", session.reader.next_command(missed[0].workflow_id), tuple(missed)
    )


def _reason_suffix(session: Session, info: WorkflowInfo) -> str:
    reason = session.reader.explain(info.workflow_id) or info.error_message
    return f" ({reason})" if reason else ""
