"""`/workflow wait`, and waiting for what was just started."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WaitTimeout, WorkflowError, WorkflowStatus
from penguin_commands.errors import NotReached, StillGoing
from penguin_commands.events import while_waiting
from penguin_commands.results.changes import Waited, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.session import Session

BEFORE = 0.3
"""Seconds of waiting before which nobody asks how far it is."""
EVERY = 0.5
"""Seconds between two looks at how far it is."""


async def wait(
    session: Session,
    workflows: tuple[str, ...],
    *,
    for_: WorkflowStatus = WorkflowStatus.COMPLETED,
    any_: bool = False,
    timeout: float | None = None,
) -> Waited:
    """Wait until each has this status, or is settled; or until the first of them is that far."""
    found = await session.aside(lambda: [session.resolve(ref, prefix=True) for ref in workflows])
    ids = tuple(dict.fromkeys(found))
    return await wait_for(session, ids, for_, timeout, first=any_)


async def wait_for(
    session: Session, ids: Sequence[str], status: WorkflowStatus, timeout: float | None, *, first: bool = False
) -> Waited:
    """Wait until each has this status, or is settled; with `first` until one is that far.

    Raises NotReached, or WaitTimeout (seconds).
    """
    try:
        infos = await wait_watched(session, ids, status, timeout, first=first)
    except WaitTimeout as error:
        hint = error.hint or "/workflow status shows how far it is"
        going = await session.aside(lambda: tuple(session.info(one) for one in ids))
        raise StillGoing(error.message, hint, going) from None
    missed = [info for info in infos if info.status is not status]
    if len(missed) == len(infos) if first else missed:
        raise await session.aside(lambda: not_reached(session, missed, status))
    return Waited(tuple(infos))


async def wait_watched(
    session: Session,
    ids: Sequence[str],
    status: WorkflowStatus | None = None,
    timeout: float | None = None,
    *,
    first: bool = False,
) -> list[WorkflowInfo]:
    """How they stand when all are settled, or have this status; meanwhile whoever looks on is told how far it is.

    With `first` the wait is over when one of them is that far, and the others are not in what comes back.
    Raises WaitTimeout (seconds).
    """
    work = _first(session, ids, status, timeout) if first else _all(session, ids, status, timeout)
    waiting = while_waiting(session, ids, work)
    if session.on_progress is None:
        return await waiting
    telling = asyncio.create_task(_tell_progress(session, session.on_progress, ids, timeout))
    try:
        return await waiting
    finally:
        telling.cancel()
        session.on_progress(None)


def _all(
    session: Session, ids: Sequence[str], status: WorkflowStatus | None, timeout: float | None
) -> Coroutine[Any, Any, list[WorkflowInfo]]:
    return session.backend.wait_workflows(ids, timeout=timeout, status=status)


async def _first(
    session: Session, ids: Sequence[str], status: WorkflowStatus | None, timeout: float | None
) -> list[WorkflowInfo]:
    waits = [asyncio.ensure_future(_all(session, [one], status, timeout)) for one in ids]
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return [info for one in waits if one in done for info in one.result()]
    except WaitTimeout:
        raise WaitTimeout(f"none of them is settled after {timeout:g} s: {', '.join(ids)}") from None
    finally:
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _tell_progress(
    session: Session, tell: Callable[[Waiting], None], ids: Sequence[str], timeout: float | None
) -> None:
    """Tell now and then how far it is, as far as it is known on this machine."""
    begun = time.monotonic()
    await asyncio.sleep(BEFORE)
    reader = session.local_reader()
    try:
        while True:
            try:
                infos = await session.aside(lambda: [info for one in ids if (info := reader.info(one))])
            except WorkflowError:
                # Whoever waits is told of it by the waiting itself.
                infos = []
            if infos:
                tell(Waiting(tuple(infos), time.monotonic() - begun, timeout))
            await asyncio.sleep(EVERY)
    finally:
        reader.close()


def not_reached(session: Session, missed: Sequence[WorkflowInfo], status: WorkflowStatus) -> NotReached:
    """The error that tells which workflows settled on another status, and why."""
    told = "; ".join(f"{info.workflow_id} is {info.status}{_why(session, info)}" for info in missed)
    return NotReached(f"not {status}: {told}", session.reader.advice(missed[0].workflow_id), tuple(missed))


def _why(session: Session, info: WorkflowInfo) -> str:
    reason = session.reader.explain(info.workflow_id) or info.error_message
    return f" ({reason})" if reason else ""
