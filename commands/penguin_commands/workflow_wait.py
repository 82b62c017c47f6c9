"""`/workflow wait`, and waiting for what was just started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WaitTimeout, WorkflowStatus
from penguin_commands.errors import NotReached, StillGoing
from penguin_commands.events import while_waiting
from penguin_commands.results import Waited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.session import Session


async def wait(
    session: Session,
    workflows: tuple[str, ...],
    *,
    for_: WorkflowStatus = WorkflowStatus.COMPLETED,
    timeout: float | None = None,
) -> Waited:
    """Wait until each has this status, or is settled."""
    found = await session.aside(lambda: [session.resolve(ref, prefix=True) for ref in workflows])
    ids = tuple(dict.fromkeys(found))
    return await wait_for(session, ids, for_, timeout)


async def wait_for(session: Session, ids: Sequence[str], status: WorkflowStatus, timeout: float | None) -> Waited:
    """Wait until each has this status, or is settled. Raises NotReached or WaitTimeout (seconds)."""
    try:
        waiting = session.backend.wait_workflows(ids, timeout=timeout, status=status)
        infos = await while_waiting(session, ids, waiting)
    except WaitTimeout as error:
        hint = error.hint or "/workflow status shows how far it is"
        going = await session.aside(lambda: tuple(session.info(one) for one in ids))
        raise StillGoing(error.message, hint, going) from None
    missed = [info for info in infos if info.status is not status]
    if missed:
        raise await session.aside(lambda: not_reached(session, missed, status))
    return Waited(tuple(infos))


def not_reached(session: Session, missed: Sequence[WorkflowInfo], status: WorkflowStatus) -> NotReached:
    """The error that tells which workflows settled on another status, and why."""
    told = "; ".join(f"{info.workflow_id} is {info.status}{_why(session, info)}" for info in missed)
    return NotReached(f"not {status}: {told}", session.reader.advice(missed[0].workflow_id), tuple(missed))


def _why(session: Session, info: WorkflowInfo) -> str:
    reason = session.reader.explain(info.workflow_id) or info.error_message
    return f" ({reason})" if reason else ""
