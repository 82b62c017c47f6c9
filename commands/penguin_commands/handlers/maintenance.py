"""Commands that look after what Penguin keeps, on both backends: backup, prune, and `penguin check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from penguin_commands.results.maintenance import BackedUp, Checked, Pruned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penguin.orchestration.store.garbage import Leftover
    from penguin_commands.results.maintenance import Left
    from penguin_commands.session import Session


async def backup(session: Session, file: str) -> BackedUp:
    """Copy the databases, that of the backend in use first, while others write."""
    import asyncio

    from penguin.orchestration.store.backup import back_up_all
    from penguin.orchestration.store.databases import places

    target = Path(file).expanduser()
    databases = [place.db for place in places(session.workspace)]
    copies = await asyncio.to_thread(back_up_all, sorted(databases, key=lambda db: db != session.db), target)
    root = session.workspace.root
    return BackedUp(tuple((str(it.source.relative_to(root)), str(it.path), it.bytes) for it in copies))


async def prune(session: Session, *, older_than: float, dry_run: bool = False) -> Pruned:
    """Forget what is long over."""
    from penguin.orchestration.runtime.prune import prune_outside_steps

    found = await prune_outside_steps(session.workspace, older_than, dry_run=dry_run)
    return Pruned(found.workflows, _left(session, found.leftovers), _left(session, found.stuck), dry_run)


def check(session: Session) -> Checked:
    """Whether the store agrees with its own history."""
    from penguin.orchestration.store.check import check as look

    report = look(session.workspace)
    problems = tuple((problem.subject, problem.message) for problem in report.problems)
    return Checked(report.workflows, report.events, problems, _left(session, report.leftovers))


def _left(session: Session, found: Iterable[Leftover]) -> Left:
    root = session.workspace.root
    return tuple((str(left.path.relative_to(root)), left.why) for left in found)
