"""The refs of checkpoints, here and at the remote: push and fetch.

Only the owner of a workflow may push. A push replaces what the remote had when the workflow was taken over, or what was
pushed since. If the remote has anything else, the workflow continued elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.files.text_lines import split_lines
from penguin.orchestration.worktree.checkpoints import Checkpoints, is_checkpoint
from penguin.orchestration.worktree.sync.remote import Remote

PUSHED = "checkpoint.remote"
"""Holds what the remote is known to have of a workflow: the name and the commit of each checkpoint."""

Names = Mapping[str, str]
"""The commits of a workflow's checkpoints, by name."""


class PushRejected(WorkflowError):
    """The remote has checkpoints of the workflow that this tree does not know: it continued elsewhere."""

    code = "not_pushed"


class RemoteRefs:
    """The checkpoints of all workflows of one tree, here and at the remote. Methods block. Raises GitError."""

    def __init__(self, workspace: Path, runs: Path, remote: Remote) -> None:
        self._workspace = workspace
        self._runs = runs
        self.remote = remote

    def checkpoints(self, workflow_id: str, exclude: Sequence[str] = CHECKPOINT_EXCLUDE) -> Checkpoints:
        """Return the checkpoints that are here."""
        return Checkpoints(self._workspace, self._runs / workflow_id, exclude)

    def listed(self, *workflow_ids: str) -> dict[str, Names]:
        """Return those of the remote, by workflow; empty for an unknown workflow."""
        refs = self.remote.listed()
        return {workflow_id: _of(workflow_id, refs) for workflow_id in workflow_ids}

    def fetch(self, requested: Mapping[str, Names]) -> None:
        """Fetch checkpoints, by workflow, unless they are here."""
        refs: dict[str, str] = {}
        for workflow_id, there in requested.items():
            checkpoints = self.checkpoints(workflow_id)
            here = {one.name: one.commit for one in checkpoints.all()}
            missing = (name for name, commit in there.items() if here.get(name) != commit)
            refs |= {_ref(workflow_id) + name: checkpoints.refs + name for name in missing}
            make_private_folder(self._runs / workflow_id)  # Create the folder, so that pruning finds the refs.
        self.remote.fetch(refs)

    def push(self, workflow_id: str) -> None:
        """Push the checkpoints of a workflow. Makes no request if nothing changed. Raises PushRejected."""
        pushed = self._pushed(workflow_id)
        if self._push(workflow_id, pushed):
            return
        # Checkpoints that a process pushed before it died, without recording it, belong to this workflow too.
        there = self.listed(workflow_id)[workflow_id]
        has = self.checkpoints(workflow_id).repository.has
        others = [name for name, commit in there.items() if commit != pushed.get(name) and not has(commit)]
        if others or not self._push(workflow_id, there):
            raise PushRejected(
                f"the git remote {self.remote.name} has checkpoints of {workflow_id} that were not made here "
                f"({', '.join(sorted(others)[:3]) or 'since just now'}): it continues elsewhere",
                f"/workflow status {workflow_id}",
            )

    def _push(self, workflow_id: str, pushed: Names) -> bool:
        kept = {one.name: one.commit for one in self.checkpoints(workflow_id).all()}
        changed = {name: commit for name, commit in kept.items() if pushed.get(name) != commit}
        requested = changed | dict.fromkeys(pushed.keys() - kept.keys(), "")
        if not requested:
            return True
        at = _ref(workflow_id)
        refs = {at + name: commit for name, commit in requested.items()}
        if not self.remote.push(refs, {at + name: commit for name, commit in pushed.items()}):
            return False
        self.note_pushed(workflow_id, kept)
        return True

    def _pushed(self, workflow_id: str) -> Names:
        try:
            lines = split_lines((self._runs / workflow_id / PUSHED).read_text())
        except FileNotFoundError:
            return {}
        rows = (line.split(" ") for line in lines)
        return {row[0]: row[1] for row in rows if len(row) == 2}

    def note_pushed(self, workflow_id: str, there: Names) -> None:
        """Record what the remote has of a workflow, so that a push may replace it."""
        text = "".join(f"{name} {commit}\n" for name, commit in there.items())
        make_private_folder(self._runs / workflow_id)
        write_private(self._runs / workflow_id / PUSHED, text.encode())


def _ref(workflow_id: str) -> str:
    """Return the prefix of the workflow's refs at the remote, which has no linked worktrees."""
    return f"refs/penguin/{workflow_id}/"


def _of(workflow_id: str, refs: Mapping[str, str]) -> Names:
    at = _ref(workflow_id)
    named = {ref.removeprefix(at): commit for ref, commit in refs.items() if ref.startswith(at)}
    return {name: commit for name, commit in named.items() if is_checkpoint(name)}
