"""A runner that records the working tree of each result. A pass counts only for the files it was given for.

IMPLEMENT by an agent that changed no file is FAILED.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.definition import Gate
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.core.tree_isolation import TREE
from penguin.orchestration.execution.runner_api import AttemptOrder, PhaseRunner, Stop, StopControl
from penguin.orchestration.files.permissions import write_private
from penguin.orchestration.worktree import GitError, WorkingTree
from penguin.orchestration.worktree.checkpoints import BEFORE, START, Checkpoints, NewCheckpoint, try_save

DIGEST_BEFORE = "before."
NOTHING = "the agent changed no file"


class TreeTrackingRunner:
    """A runner that runs attempts through another one and records the working tree before and after.

    `shared`: the tree is shared over a git remote, so checkpoints record their ancestry.
    """

    def __init__(self, runner: PhaseRunner, *, shared: bool = False) -> None:
        self._runner = runner
        self._shared = shared

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult:
        """See PhaseRunner."""
        if order.definition.isolation == TREE:
            from penguin.orchestration.execution.private_tree import PrivateTreeRunner

            return await PrivateTreeRunner(self._runner).run(order, control)
        look = _AttemptTree(order, self._shared)
        await asyncio.to_thread(look.before)
        result = await self._runner.run(order, control)
        if result.verdict is not Verdict.INTERRUPTED:
            return await asyncio.to_thread(look.after, result)
        if result.cause == Stop.CANCEL:
            # The attempt is cancelled. Keep a checkpoint, so that its changes can be inspected and undone.
            await asyncio.to_thread(look.keep, "")
        return result

    async def aclose(self) -> None:
        """See PhaseRunner."""
        await self._runner.aclose()


class _AttemptTree:
    """The working tree before and after one attempt."""

    def __init__(self, order: AttemptOrder, shared: bool) -> None:
        self._order = order
        self._shared = shared
        folder, exclude = Path(order.run_dir).parent, order.definition.checkpoint_exclude
        self._implements = order.phase is WorkflowPhase.IMPLEMENT
        self._tree = WorkingTree(Path(order.workspace), folder, exclude)
        self._checkpoints = Checkpoints(Path(order.workspace), folder, exclude)

    def before(self) -> None:
        """Save the tree with which the workflow starts, and record the tree before IMPLEMENT."""
        if self._shared and not self._checkpoints.lineage.shared:
            self._checkpoints.lineage.note(self._order.attempt - 1)
        self._keep_before()
        if self._implements:
            self._tree.before_implement(self._order.attempt)
            if self._by_agent and not self._noted.exists():
                write_private(self._noted, self._tree.digest().encode())

    def _keep_before(self) -> None:
        try:
            name = self._checkpoints.name_before(self._order.attempt)
        except (GitError, OSError) as error:
            self._checkpoints.note_missing(f"{self._order.attempt}-{BEFORE}", error)
            return
        if name == START:
            self._checkpoints.save_start(self._tree.digest())
        elif name:
            try_save(self._checkpoints, name, self._tree.digest())

    @property
    def _by_agent(self) -> bool:
        gate = self._order.definition.gates.get(self._order.phase, Gate())
        return gate.agent is not None and not gate.may_be_empty

    @property
    def _noted(self) -> Path:
        """Return the file that holds the digest of the tree before the agent started this attempt."""
        return Path(self._order.run_dir).parent / f"{DIGEST_BEFORE}{self._order.attempt}"

    def after(self, result: AttemptResult) -> AttemptResult:
        """Return the result with the digest of the tree and its checkpoint."""
        digest = self._tree.after_implement(self._order.attempt) if self._implements else self._tree.digest()
        kept = self.keep(digest)
        if self._implements and self._by_agent and result.verdict is Verdict.PASSED and digest == self._before():
            result = replace(result, verdict=Verdict.FAILED, reason=_nothing_changed(kept.left_out))
        changed = self._tree.changed(self._order.tested_tree, digest)
        return replace(result, tree=digest, changed=changed, checkpoint=kept.commit, left_out=kept.left_out)

    def _before(self) -> str | None:
        """Return the digest before the attempt; None if unknown: outside of git, changes can't be detected."""
        try:
            return self._noted.read_text() or None
        except OSError:
            return None

    def keep(self, digest: str) -> NewCheckpoint:
        """Save a checkpoint of the tree after the attempt."""
        checkpoint = try_save(self._checkpoints, f"{self._order.attempt}-{self._order.phase.lower()}", digest)
        if self._shared:
            self._checkpoints.lineage.note(self._order.attempt)
        return checkpoint


def _nothing_changed(left_out: tuple[str, ...]) -> str:
    """Return the reason, with the files whose changes can't be detected."""
    return f"{NOTHING}; not compared, as checkpoints leave them out: {', '.join(left_out)}" if left_out else NOTHING
