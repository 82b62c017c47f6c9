"""The three-way merge of checkpoints of other trees into a working tree, with its committed and uncommitted changes.

Branch, index and stash of the user are not changed. On a conflict, or if files that git does not hold are in the way,
no file is changed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.checkout import REPOSITORY, TreeCheckout, list_paths
from penguin.orchestration.worktree.checkpoints import Checkpoints, commit_tree, update_index
from penguin.orchestration.worktree.git import display_path, split_nul

_STAGE = re.compile(rb"([0-7]{6}) [0-9a-f]+ [123]\t(.*)", re.DOTALL)


class MergeConflict(WorkflowError):
    """The work of another tree can't be merged; no file was changed."""

    code = "not_brought"


class Incoming(NamedTuple):
    """A checkpoint to merge."""

    workflow_id: str
    ref: str
    commit: str


class CheckpointMerge:
    """The merge of checkpoints into the tree of a workflow. Methods block while git runs. Raises GitError."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._index = checkpoints.index
        self._repository = checkpoints.repository
        self._placement = TreeCheckout(checkpoints.index)

    def bring(self, incoming: Sequence[Incoming]) -> None:
        """Merge those that are not in the tree yet, in this order. Raises MergeConflict."""
        lineage = self._checkpoints.lineage
        with self._index.locked(), lineage.held():
            lacking = lineage.lacking(one.commit for one in incoming)
            if not lacking:
                return
            update_index(self._index, self._checkpoints.exclusion)
            now = self._index.write_tree()
            ours = self._commit(now, lineage.parents(), "what was here")
            merged = ours
            for commit in lacking:
                one = next(one for one in incoming if one.commit == commit)
                merged = self._commit(self._merged(merged, one), [merged, commit], "merge")
            self._place(now, merged)
            # Not `merged`: it may contain changes outside of the workspace, and nested repositories.
            lineage.move(self._commit(self._index.write_tree(), [ours, *lacking], "what was brought here"))

    def _commit(self, tree: str, parents: Sequence[str], what: str) -> str:
        return commit_tree(self._repository, tree, parents, f"penguin {self._checkpoints.workflow_id}: {what}")

    def _merged(self, ours: str, theirs: Incoming) -> str:
        """Return the merged tree."""
        # A file that moves across the border of the workspace would take its changes along.
        renames = "false" if self._repository.prefix else "true"
        settings = ("-c", f"merge.renames={renames}", "-c", "merge.directoryRenames=false")
        options = ("--write-tree", "-z", "--no-messages", "--allow-unrelated-histories")
        output = self._repository.run(*settings, "merge-tree", *options, ours, theirs.commit, fine=(0, 1))
        tree, *stages = split_nul(output)
        if conflicts := self._conflicts(stages):
            first = shlex.quote(f":/{display_path(min(conflicts))}")
            raise MergeConflict(
                f"can't merge the work of {theirs.workflow_id} into this tree: both changed {list_paths(conflicts)}",
                f"to use its files: git restore --source={theirs.ref} -- {first}; or edit yours",
            )
        return tree.decode()

    def _conflicts(self, stages: Sequence[bytes]) -> set[bytes]:
        matches = [match for stage in stages if (match := _STAGE.fullmatch(stage))]
        inside = self._repository.prefix.encode("utf-8", "surrogateescape")
        return {match[2] for match in matches if match[1] != REPOSITORY.encode() and match[2].startswith(inside)}

    def _place(self, now: str, merged: str) -> None:
        changes = self._placement.changes(now, merged)
        if blocked := self._placement.conflicts(changes):
            raise MergeConflict(
                "can't merge the work of another tree: "
                f"files that are not in checkpoints are in the way: {list_paths(blocked)}",
                "move them away",
            )
        self._placement.apply(changes)
