"""Bringing the working tree back to a checkpoint, and nothing else: not the user's branch, index or ignored files.

What is in the way is named, never overwritten: a change that neither a checkpoint of the workflow nor HEAD holds, an
ignored file, a file that checkpoints leave out. Other repositories within the tree are left as they are.
"""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.checkout import NONE, FileChange, TreeCheckout, list_paths, prefixes
from penguin.orchestration.worktree.checkpoints import RESTORE, Checkpoint, Checkpoints, update_index
from penguin.orchestration.worktree.git import split_nul


class RestoreError(WorkflowError):
    """The tree can't be brought back without losing something; no file was touched."""

    code = "not_restored"


class TreeRestore:
    """Brings the tree of a workflow back. Blocks while git runs; raises GitTrouble."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._index = checkpoints.index
        self._repository = checkpoints.repository
        self._placement = TreeCheckout(checkpoints.index)

    def restore(self, target: Checkpoint, attempt: int) -> None:
        """Make the files those of `target`; what they were is kept first, as `<attempt>-restore`.

        Raises NotRestored where that would lose something.
        """
        with self._index.locked():
            update_index(self._index, self._checkpoints.exclusion)
            now = self._index.write_tree()
            changes = self._not_ignored(self._placement.changes(now, target.tree))
            if not changes:
                return
            self._check_no_loss(target, now, changes)
            self._checkpoints.commit(f"{attempt}-{RESTORE}", now, "")
            self._placement.apply(changes)

    def _not_ignored(self, changes: list[FileChange]) -> list[FileChange]:
        """Without the files that are ignored by now; those under the user's version control never are."""
        # The command refuses paths behind links, and knows no literal ones, but a dot keeps names from meaning more.
        asked = (change.path for change in changes if not self._behind_link(change.path))
        paths = b"".join(b"./" + path + b"\0" for path in asked)
        if not paths:
            return changes
        env = {"GIT_LITERAL_PATHSPECS": "0"}
        output = self._repository.run("check-ignore", "-z", "--stdin", given=paths, env=env, fine=(0, 1))
        ignored = {path.removeprefix(b"./") for path in split_nul(output)}
        return [change for change in changes if change.path not in ignored]

    def _behind_link(self, path: bytes) -> bool:
        return any(self._repository.file(above).is_symlink() for above in prefixes(path))

    def _check_no_loss(self, target: Checkpoint, now: str, changes: list[FileChange]) -> None:
        blocked = self._placement.conflicts(changes)
        if blocked:
            raise RestoreError(
                f"can't bring back {target.name}: what checkpoints do not hold is in the way: {list_paths(blocked)}",
                "move them away, then the same again",
            )
        unheld = self._unsaved_files(now, {change.path for change in changes if change.now != NONE})
        if unheld:
            raise RestoreError(
                f"can't bring back {target.name}: no checkpoint holds the changes in {list_paths(unheld)}",
                "commit them, or git stash -u, then the same again",
            )

    def _unsaved_files(self, now: str, paths: set[bytes]) -> set[bytes]:
        """Files whose content is nowhere but in the working tree."""
        holders = ["HEAD", *(checkpoint.tree for checkpoint in self._checkpoints.all())]
        while paths and holders:
            holder = holders.pop()
            if holder != "HEAD" or self._checkpoints.head():
                arguments = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", holder, now)
                paths &= set(split_nul(self._repository.run(*arguments)))
        return paths
