"""The landing of commits of workflows in trees on branches of the user's repository."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, TypeVar, cast

from msgspec.structs import replace

from penguin.orchestration.core.definition import LandSettings
from penguin.orchestration.core.results import (
    Landed,
    LandingConflict,
    LandingOutcome,
    LandingRefused,
    LandingStopped,
    MergedTree,
    TargetMoved,
)
from penguin.orchestration.execution.runner_api import LandingOrder, Stop, StopControl
from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.files.text_lines import split_lines
from penguin.orchestration.worktree.checkout import list_paths
from penguin.orchestration.worktree.checkpoints import commit_tree
from penguin.orchestration.worktree.digest import MAX_NAMED
from penguin.orchestration.worktree.git import display_path
from penguin.orchestration.worktree.landing import LandingRequest, land
from penguin.orchestration.worktree.landing import outcomes as found
from penguin.orchestration.worktree.landing.landing_commit import CommitText, parse_identity
from penguin.orchestration.worktree.landing.target_branch import branch_ref, branch_tip, contains
from penguin.orchestration.worktree.trees.workflow_tree import RESTORED, WorkflowTree

RECORD = "landing"
"""The folder of a workflow with the record of its landing."""
MERGED = "merged"
"""The name of the ref, below `refs/penguin/<workflow>/`, that keeps a merged tree."""
BUSY_LIMIT = 120.0
"""Seconds to wait for other git commands in a checkout of the branch."""
PAUSE = 1.0
"""Seconds between two tries."""
MOST_COMMITS = 20
"""Maximum number of subjects of commits that landed meanwhile."""
T = TypeVar("T")


class TreeLander:
    """Lands commits, one try after the other while another git command is in the way."""

    def __init__(self, on_trouble: Callable[[str], None]) -> None:
        self._on_trouble = on_trouble

    async def land(self, order: LandingOrder, control: StopControl) -> LandingOutcome:
        """See Lander."""
        until = time.monotonic() + BUSY_LIMIT
        waited = False
        while True:
            if control.stop in (Stop.NOW, Stop.CANCEL):
                outcome: LandingOutcome | found.Busy = LandingStopped()
            else:
                outcome = await _finished(asyncio.to_thread(_land, order))
            if not isinstance(outcome, found.Busy):
                if waited:
                    self._on_trouble("")
                return outcome
            if time.monotonic() > until:
                self._on_trouble("")
                return LandingRefused(
                    reason=outcome.reason, advice=f"{outcome.hint}, then /workflow resume {order.workflow_id}"
                )
            if not waited:
                self._on_trouble(f"{order.workflow_id} waits to land: {outcome.reason}")
            waited = True
            await asyncio.sleep(PAUSE)


async def _finished(work: Awaitable[T]) -> T:
    """Return the result of work in a thread. If the caller is cancelled, the thread ends first."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _land(order: LandingOrder) -> LandingOutcome | found.Busy:
    """Try to land once. Blocks while git runs. Raises WorkflowError and OSError."""
    definition = order.definition
    tree = WorkflowTree(Path(order.workspace), order.workflow_id, definition.task.id, definition.tree_settings.path)
    settings = definition.land
    assert settings is not None
    order = _with_restored_work(tree, order)
    if not order.commit:
        return Landed(branch=settings.branch)
    if not settings.branch:
        return _keep_branch(tree, order)
    tip = branch_tip(tree.users.repository, settings.branch)
    outcome = land(_request(tree, order, settings))
    match outcome:
        case found.Landed():
            result: LandingOutcome | found.Busy = Landed(
                branch=outcome.branch, base=outcome.parent, commit=outcome.commit
            )
        case found.NothingToLand():
            result = Landed(branch=outcome.branch)
        case found.GatesNeeded():
            return _merged(tree, order, outcome)
        case found.Conflict():
            return _conflict(tree, order, outcome)
        case found.Moved() if outcome.tip == tip:
            # The branch is where it was: its checkouts changed, as with git switch. That is no move of the branch.
            return found.Busy(
                f"where {outcome.branch} is checked out changed meanwhile", "wait for the other git command"
            )
        case found.Moved():
            return TargetMoved(base=outcome.tip)
        case found.Refused() | found.Unfinished():
            return LandingRefused(reason=outcome.reason, advice=outcome.hint)
        case found.Busy():
            return outcome
    tree.folder.remove()
    return result


def _with_restored_work(tree: WorkflowTree, order: LandingOrder) -> LandingOrder:
    """Return the order with the commit of a retry that kept all passes: no attempt of its own made one."""
    restored = Path(order.run_dir) / RESTORED
    if order.commit or not restored.exists():
        return order
    tree.make("HEAD", restored, own_objects=order.definition.tree_settings.own_objects)
    return replace(order, commit=restored.read_text("ascii").split()[0])


def _request(tree: WorkflowTree, order: LandingOrder, settings: LandSettings) -> LandingRequest:
    repository = tree.users.repository
    return LandingRequest(
        repository=repository,
        branch=settings.branch,
        work=order.commit,
        base=tree.start,
        objects=tree.users.git_dir.objects,
        passed_tree=repository.tree_of(order.merged or order.commit),
        text=CommitText(order.definition.task.title, order.workflow_id, order.evidence),
        seconds=int(repository.run("show", "-s", "--format=%ct", order.commit)),
        folder=_record_folder(order),
        refs=tree.users.refs(order.workflow_id),
        style=cast("Literal['squash', 'merge']", settings.style),
        author=parse_identity(settings.author) if settings.author else None,
        sign=settings.sign,
        wait=PAUSE,
    )


def _record_folder(order: LandingOrder) -> Path:
    folder = Path(order.run_dir) / RECORD
    make_private_folder(folder)
    return folder


def _merged(tree: WorkflowTree, order: LandingOrder, outcome: found.GatesNeeded) -> MergedTree:
    """Keep the merged tree as a commit, on which the gates run."""
    repository = tree.users.repository
    commit = commit_tree(repository, outcome.tree, (outcome.tip, order.commit), f"{order.workflow_id}: {MERGED}")
    tree.users.keep(order.workflow_id, MERGED, commit)
    return MergedTree(base=outcome.tip, commit=commit, others=_subjects(tree, outcome.tip))


def _subjects(tree: WorkflowTree, tip: str) -> tuple[str, ...]:
    """Return the subjects of the commits that landed meanwhile."""
    options = ("--first-parent", "--format=%s", f"--max-count={MOST_COMMITS}")
    output = tree.users.repository.run("log", *options, tip, f"^{tree.start}")
    return tuple(split_lines(output.decode("utf-8", "replace")))


def _conflict(tree: WorkflowTree, order: LandingOrder, outcome: found.Conflict) -> LandingOutcome:
    """Replace the work by the merge, with conflict markers in its files."""
    paths = [file.path for file in outcome.files]
    if not outcome.tree:
        return LandingRefused(
            reason=f"{list_paths(paths)} conflicts with commits that landed meanwhile",
            advice=f"install git 2.38 or later, then /workflow resume {order.workflow_id}; "
            f"or /workflow retry {order.workflow_id} --from IMPLEMENT",
        )
    others = _subjects(tree, outcome.tip)
    tree.begin_merge(outcome.tip, order.commit, outcome.tree, [os.fsdecode(path) for path in paths])
    report = (
        f"The work conflicts with commits that landed meanwhile: {'; '.join(others)}\n"
        f"It is merged with them now. These files have conflict markers, with both sides: {list_paths(paths)}\n"
        "Resolve them so that both changes work, and remove the markers."
    )
    files = tuple(display_path(path) for path in paths[:MAX_NAMED])
    return LandingConflict(base=outcome.tip, files=files, report=report, advice=tree.edit_hint())


def _keep_branch(tree: WorkflowTree, order: LandingOrder) -> LandingOutcome:
    """Leave the commit on a branch of its own, since landing is off."""
    repository = tree.users.repository
    branch = tree.clone.branch
    tip = branch_tip(repository, branch)
    if tip and not contains(repository, order.commit, tip):
        branch = f"{branch}-{order.workflow_id.rpartition('-')[2]}"
        tip = branch_tip(repository, branch)
    if tip != order.commit:
        repository.run("update-ref", branch_ref(branch), order.commit, tip)
    tree.folder.remove()
    return Landed(branch=branch, base=tree.start, commit=order.commit)
