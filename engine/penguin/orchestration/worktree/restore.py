"""The restoration of the working tree from a checkpoint, without the user's branch, index and ignored files.

Nothing is overwritten that can't be recovered. The error names it: a change that neither a checkpoint of the workflow
nor HEAD holds, an ignored file, a file that checkpoints leave out. Nested repositories are left as they are.
"""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.checkout import NONE, FileChange, TreeCheckout, list_paths, prefixes
from penguin.orchestration.worktree.checkpoints import RESTORE, Checkpoint, Checkpoints, update_index
from penguin.orchestration.worktree.git import split_nul


class RestoreError(WorkflowError):
    """Restoring would lose something; no file was changed."""

    code = "not_restored"


class TreeRestore:
    """The restoration of a workflow's tree. Methods block while git runs. Raises GitError."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._index = checkpoints.index
        self._repository = checkpoints.repository
        self._placement = TreeCheckout(checkpoints.index)

    def restore(self, target: Checkpoint, attempt: int) -> None:
        """Restore the files of `target`. The current tree is saved first, as `<attempt>-restore`.

        Raises RestoreError if that would lose something.
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
        """Return the files that are not ignored now; files under the user's version control never are."""
        # The command refuses paths behind links, and has no literal paths, but a leading dot prevents special meanings.
        paths = (change.path for change in changes if not self._behind_link(change.path))
        stdin = b"".join(b"./" + path + b"\0" for path in paths)
        if not stdin:
            return changes
        env = {"GIT_LITERAL_PATHSPECS": "0"}
        output = self._repository.run("check-ignore", "-z", "--stdin", stdin=stdin, env=env, fine=(0, 1))
        ignored = {path.removeprefix(b"./") for path in split_nul(output)}
        return [change for change in changes if change.path not in ignored]

    def _behind_link(self, path: bytes) -> bool:
        return any(self._repository.file(above).is_symlink() for above in prefixes(path))

    def _check_no_loss(self, target: Checkpoint, now: str, changes: list[FileChange]) -> None:
        blocked = self._placement.conflicts(changes)
        if blocked:
            raise RestoreError(
                f"can't restore {target.name}: files that are not in checkpoints are in the way: {list_paths(blocked)}",
                "move them away and try again",
            )
        unheld = self._unsaved_files(now, {change.path for change in changes if change.now != NONE})
        if unheld:
            raise RestoreError(
                f"can't restore {target.name}: no checkpoint holds the changes in {list_paths(unheld)}",
                "commit them or run git stash -u, and try again",
            )

    def _unsaved_files(self, now: str, paths: set[bytes]) -> set[bytes]:
        """Return the files whose content exists only in the working tree."""
        holders = ["HEAD", *(checkpoint.tree for checkpoint in self._checkpoints.all())]
        while paths and holders:
            holder = holders.pop()
            if holder != "HEAD" or self._checkpoints.head():
                arguments = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", holder, now)
                paths &= set(split_nul(self._repository.run(*arguments)))
        return paths
