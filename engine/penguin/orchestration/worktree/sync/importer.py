"""The import of a workflow into another tree, or of the work that it builds on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE
from penguin.orchestration.worktree.checkpoints import BEFORE, RESTORE, START, Checkpoint, Checkpoints, order_of
from penguin.orchestration.worktree.digest import WorkingTree
from penguin.orchestration.worktree.sync.merge import CheckpointMerge, Incoming, MergeConflict
from penguin.orchestration.worktree.sync.refs import Names, RemoteRefs

log = logging.getLogger(__name__)


class WorkflowImporter:
    """The import of one workflow into a tree. Methods block while git runs. Raises GitError."""

    def __init__(
        self,
        remote_refs: RemoteRefs,
        workspace: Path,
        folder: Path,
        attempt: int,
        exclude: Sequence[str] = CHECKPOINT_EXCLUDE,
    ) -> None:
        self._remote_refs = remote_refs
        self._workflow_id = folder.name
        self._attempt = attempt
        self._checkpoints = Checkpoints(workspace, folder, exclude)
        self._tree = WorkingTree(workspace, folder, exclude)

    def is_here(self, checkpoint: str = "") -> bool:
        """Return whether the tree contains the work of the workflow's attempts; see TreeSync."""
        lineage = self._checkpoints.lineage
        here = lineage.here()
        if here is None:
            # It may have started here before the tree was shared.
            kept = self._checkpoints.all() if self._checkpoints.has_start else []
            return self._attempt <= max((max(one.order[0], 0) for one in kept), default=-1)
        return self._attempt <= here and (not checkpoint or lineage.holds(checkpoint))

    def bring(self, after: Sequence[str], checkpoint: str, passed: str) -> None:
        """See TreeSync."""
        was_here = self.is_here(checkpoint)
        listed = self._remote_refs.listed(self._workflow_id, *after)
        mine = listed[self._workflow_id]
        wanted = {} if was_here or not self._attempt else self._known(mine, checkpoint)
        others = {one: listed[one] for one in after if listed[one] and one != self._workflow_id}
        self._remote_refs.fetch({**others, self._workflow_id: wanted})
        newest = (self._newest(one, there) for one, there in [*others.items(), (self._workflow_id, wanted)])
        CheckpointMerge(self._checkpoints).bring([one for one in newest if one is not None])
        if wanted:
            self._go_on(wanted)
        elif passed and not was_here and not self._tree.is_tracked:
            self._take_over(passed, after)
        self._remote_refs.note_pushed(self._workflow_id, mine)
        if not was_here:
            self._checkpoints.lineage.note(self._attempt)

    def _known(self, there: Names, checkpoint: str) -> Names:
        """Return the checkpoints at the remote that belong to attempts that ended."""
        found = [name for name in _work(there) if order_of(name)[0] == self._attempt]
        if not found or (checkpoint and checkpoint not in (there[name] for name in found)):
            raise MergeConflict(
                f"attempt {self._attempt} of {self._workflow_id} is not on the git remote "
                f"{self._remote_refs.remote.name}: its files never left the machine where it ran",
                f"start a worker there again, or start over: /workflow retry {self._workflow_id} --from IMPLEMENT",
            )
        return {name: commit for name, commit in there.items() if order_of(name)[0] <= self._attempt}

    def _newest(self, workflow_id: str, there: Names) -> Incoming | None:
        names = _work(there)
        if not names:
            return None
        ref = self._remote_refs.checkpoints(workflow_id).refs + names[-1]
        return Incoming(workflow_id, ref, there[names[-1]])

    def _go_on(self, wanted: Names) -> None:
        """Continue the workflow from its checkpoints, and take the files of its last digest as the tree."""
        self._checkpoints.drop(but=wanted)
        kept = [one for one in self._checkpoints.all() if not one.name.endswith(RESTORE)]
        self._adopt([one for one in kept if one.digest][-1:])
        start = next((one for one in kept if one.name == START), kept[0])
        self._checkpoints.set_start(start.commit)

    def _take_over(self, passed: str, after: Sequence[str]) -> None:
        """Take the files for which an earlier workflow passed its gates as the tree."""
        kept = (one for workflow_id in after for one in self._remote_refs.checkpoints(workflow_id).all())
        self._adopt([one for one in kept if one.digest == passed][-1:])

    def _adopt(self, last: Sequence[Checkpoint]) -> None:
        for one in last:
            if self._checkpoints.repository.has(f"{one.digest}^{{tree}}"):
                self._tree.adopt(one.digest, one.tree)
                return
            log.warning("%s was saved before the tree was shared: its gates will run again", one.name)
        self._tree.forget()


def _work(there: Names) -> list[str]:
    """Return the checkpoints with the work of a workflow, the oldest first, without those that a retry replaced."""
    return sorted((name for name in there if not name.endswith((RESTORE, BEFORE))), key=order_of)
