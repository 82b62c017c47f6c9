"""Checkpoints here and at the remote: pushed as they are, fetched as they are, and nothing else.

Only who holds a workflow may push: what the remote had when it was taken over, or was pushed since, is replaced; where
anything else is there by now, the workflow went on elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.core.defaults import CHECKPOINT_EXCLUDE
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.files.text_lines import split_lines
from penguin.orchestration.worktree.checkpoints import Checkpoints, is_checkpoint
from penguin.orchestration.worktree.sync.remote import Remote

PUSHED = "checkpoint.remote"
"""Holds what the remote has of a workflow, as far as it is known here: the name and the commit of each checkpoint."""

Names = Mapping[str, str]
"""The commits of a workflow's checkpoints, by name."""


class PushRejected(WorkflowError):
    """The remote has other checkpoints of the workflow than this tree knows of: it went on elsewhere."""

    code = "not_pushed"


class RemoteRefs:
    """The checkpoints of all workflows of one tree, and those of the remote. Blocks; raises GitTrouble."""

    def __init__(self, workspace: Path, runs: Path, remote: Remote) -> None:
        self._workspace = workspace
        self._runs = runs
        self.remote = remote

    def checkpoints(self, workflow_id: str, exclude: Sequence[str] = CHECKPOINT_EXCLUDE) -> Checkpoints:
        """Those that are here."""
        return Checkpoints(self._workspace, self._runs / workflow_id, exclude)

    def listed(self, *workflow_ids: str) -> dict[str, Names]:
        """Those of the remote, by workflow; empty for one that it does not know."""
        refs = self.remote.listed()
        return {workflow_id: _of(workflow_id, refs) for workflow_id in workflow_ids}

    def fetch(self, wanted: Mapping[str, Names]) -> None:
        """Fetch checkpoints, by workflow, unless they are here."""
        refs: dict[str, str] = {}
        for workflow_id, there in wanted.items():
            checkpoints = self.checkpoints(workflow_id)
            here = {one.name: one.commit for one in checkpoints.all()}
            missing = (name for name, commit in there.items() if here.get(name) != commit)
            refs |= {_ref(workflow_id) + name: checkpoints.refs + name for name in missing}
            make_private_folder(self._runs / workflow_id)  # by the folder, pruning finds what is kept
        self.remote.fetch(refs)

    def push(self, workflow_id: str) -> None:
        """Bring the remote to what is here of a workflow; asks no network where nothing changed. Raises NotPushed."""
        known = self._pushed(workflow_id)
        if self._push(workflow_id, known):
            return
        # What was pushed by a process that died before it could note that is ours all the same.
        there = self.listed(workflow_id)[workflow_id]
        has = self.checkpoints(workflow_id).repository.has
        others = [name for name, commit in there.items() if commit != known.get(name) and not has(commit)]
        if others or not self._push(workflow_id, there):
            raise PushRejected(
                f"the git remote {self.remote.name} has checkpoints of {workflow_id} that were not made here "
                f"({', '.join(sorted(others)[:3]) or 'since just now'}): it goes on elsewhere",
                f"/workflow status {workflow_id}",
            )

    def _push(self, workflow_id: str, known: Names) -> bool:
        kept = {one.name: one.commit for one in self.checkpoints(workflow_id).all()}
        changed = {name: commit for name, commit in kept.items() if known.get(name) != commit}
        wanted = changed | dict.fromkeys(known.keys() - kept.keys(), "")
        if not wanted:
            return True
        at = _ref(workflow_id)
        refs = {at + name: commit for name, commit in wanted.items()}
        if not self.remote.push(refs, {at + name: commit for name, commit in known.items()}):
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
        """Say what the remote has of a workflow, and that it is ours to replace."""
        text = "".join(f"{name} {commit}\n" for name, commit in there.items())
        make_private_folder(self._runs / workflow_id)
        write_private(self._runs / workflow_id / PUSHED, text.encode())


def _ref(workflow_id: str) -> str:
    """What the names of a workflow's refs begin with at the remote, which knows no linked worktrees."""
    return f"refs/penguin/{workflow_id}/"


def _of(workflow_id: str, refs: Mapping[str, str]) -> Names:
    at = _ref(workflow_id)
    named = {ref.removeprefix(at): commit for ref, commit in refs.items() if ref.startswith(at)}
    return {name: commit for name, commit in named.items() if is_checkpoint(name)}
