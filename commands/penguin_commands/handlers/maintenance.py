"""Maintenance commands for both backends: backup, prune and `penguin check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.errors import WorkflowError
from penguin.orchestration.files.workspace import expand_home
from penguin_commands.results.maintenance import BackupResult, CheckResult, PruneResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penguin.orchestration.store.maintenance.crash_leftovers import Leftover
    from penguin_commands.results.maintenance import Leftovers
    from penguin_commands.session import Session


async def backup(session: Session, file: str) -> BackupResult:
    """Copy the databases, starting with that of the backend in use. Other processes may write meanwhile."""
    import asyncio

    from penguin.orchestration.store.maintenance.backup import back_up_all
    from penguin.orchestration.store.workspace_databases import workspace_databases

    await session.run_in_reader_thread(session.warn_of_lost_workflows)
    target = expand_home(file)
    databases = [place.db for place in workspace_databases(session.workspace)]
    copies = await asyncio.to_thread(back_up_all, sorted(databases, key=lambda db: db != session.db), target)
    root = session.workspace.root
    return BackupResult(tuple((str(it.source.relative_to(root)), str(it.path), it.bytes) for it in copies))


async def prune(session: Session, *, older_than: float, dry_run: bool = False) -> PruneResult:
    """Remove workflows that ended long ago."""
    from penguin.orchestration.runtime.maintenance.prune import prune_outside_steps

    found = await prune_outside_steps(session.workspace, older_than, dry_run=dry_run)
    return PruneResult(
        found.workflows, _leftovers(session, found.leftovers), _leftovers(session, found.not_removed), dry_run
    )


def check(session: Session) -> CheckResult:
    """Check the store against its history."""
    from penguin.orchestration.store.maintenance.check import check as look

    report = look(session.workspace)
    if not session.is_trusted:
        session.narrate(f"{session.workspace.state} is not trusted: Penguin runs none of it; type: penguin trust")
    problems = tuple((problem.subject, problem.message) for problem in report.problems)
    backups = tuple((str(one.path), one.describe(report.loss), one.count(report.loss)) for one in report.backups)
    return CheckResult(report.workflows, report.events, problems, _leftovers(session, report.leftovers), backups)


async def accept(session: Session) -> int:
    """Continue without the workflows that were lost. Return their number."""
    from penguin.orchestration.runtime.maintenance.accept_loss import accept_outside_steps

    loss = await accept_outside_steps(session.workspace)
    return len(loss.workflows) + len(loss.earlier)


def _leftovers(session: Session, found: Iterable[Leftover]) -> Leftovers:
    root = session.workspace.root
    return tuple((str(left.path.relative_to(root)), left.reason) for left in found)


def explain_error(session: Session, error: Exception) -> Exception:
    """Return the error to report: if damaged records are the likely cause of an unexpected error, one that says so.

    Reads the whole database, so call it only for an unexpected error.
    """
    if isinstance(error, WorkflowError | OSError | MemoryError) or "workspace" not in session.__dict__:
        return error
    from penguin.orchestration.backend import StoreError
    from penguin.orchestration.store.maintenance.check import check as look

    problems = look(session.workspace).problems
    if not problems:
        return error
    first = f"{problems[0].subject}: {problems[0].message}"
    damaged = StoreError(f"the records of this workspace are damaged: {first}", "penguin check; restore a backup")
    damaged.__cause__ = error
    return damaged
