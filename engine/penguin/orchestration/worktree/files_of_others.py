"""The changes that other workflows left in the working tree: neither reverted nor committed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE
from penguin.orchestration.worktree.checkpoints import RESTORE, Checkpoint, Checkpoints, order_of
from penguin.orchestration.worktree.diff import TemporaryIndex, TreeDiff
from penguin.orchestration.worktree.git import NoRepository, Repository


def find_left_files(
    workspace: Path, folder: Path, others: Sequence[Path], exclude: Sequence[str] = CHECKPOINT_EXCLUDE
) -> Mapping[str, list[str] | None]:
    """Return the files with changes of other workflows, relative to the workspace, by workflow id.

    `folder` is the own folder of the workflow that takes the tree, `others` are those of the other workflows, the
    newest first. A file counts for the newest workflow that changed it. None: the workflow has no checkpoints to
    compare. Workflows without such files are left out. Raises GitError.
    """
    checkpoints = Checkpoints(workspace, folder, exclude)
    try:
        repository = checkpoints.repository
        committed = _committed_tree(repository)
    except NoRepository:
        return {other.name: None for other in others}
    current = TemporaryIndex(checkpoints, folder)
    try:
        comparison = _Comparison(checkpoints, current, committed)
        return comparison.left_files([Checkpoints(workspace, other, exclude) for other in others])
    finally:
        current.close()


def _committed_tree(repository: Repository) -> str:
    """Return the tree object of HEAD; the empty tree before the first commit."""
    return repository.tree_of("HEAD") or repository.run("hash-object", "-t", "tree", "--stdin").decode().strip()


class _Comparison:
    """The current tree, compared with HEAD and with the checkpoints of workflows."""

    def __init__(self, checkpoints: Checkpoints, current: TemporaryIndex, committed: str) -> None:
        self._repository = checkpoints.repository
        self._current = current
        self._uncommitted = self._changed_since(committed)

    def left_files(self, others: Sequence[Checkpoints]) -> dict[str, list[str] | None]:
        found: dict[str, list[str] | None] = {}
        for other in others if self._uncommitted else ():
            files = self._files_of(other)
            if files is None:
                found[other.workflow_id] = None
            elif files:
                found[other.workflow_id] = sorted(files)
                self._uncommitted -= files
        return found

    def _files_of(self, other: Checkpoints) -> set[str] | None:
        """Return the files that a workflow changed, without those reverted or committed since; None if unknown."""
        kept = [one for one in other.all() if not one.name.endswith(RESTORE)]
        if not kept or kept[0].attempt is not None or _newest_is_missing(other, kept[-1]):
            return None
        start, end = kept[0].tree, kept[-1].tree
        changed = set(TreeDiff(self._repository, start, end).files())
        return changed & self._uncommitted & self._changed_since(start)

    def _changed_since(self, tree: str) -> set[str]:
        return set(TreeDiff(self._repository, tree, self._current.tree, self._current.left_out, self._current).files())


def _newest_is_missing(other: Checkpoints, newest: Checkpoint) -> bool:
    """Return whether the checkpoint of a later attempt could not be made."""
    return any(order > newest.order for order in map(order_of, other.missing()))
