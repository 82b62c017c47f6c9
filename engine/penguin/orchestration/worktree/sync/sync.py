"""The synchronisation of working trees on several machines through a git remote.

Checkpoints are pushed under `refs/penguin/<workflow>/…`, and nothing else is. Another clone fetches those of a workflow
that it takes over, and of those on which that builds, and merges the newest of them into its own tree.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE
from penguin.orchestration.worktree.git import NoRepository, Repository
from penguin.orchestration.worktree.sync.importer import WorkflowImporter
from penguin.orchestration.worktree.sync.merge import MergeConflict
from penguin.orchestration.worktree.sync.refs import PushRejected, RemoteRefs
from penguin.orchestration.worktree.sync.remote import LIMIT, Remote, RemoteUnreachable, addresses

__all__ = ["MergeConflict", "PushRejected", "RemoteUnreachable", "SyncRefused", "TreeSync"]


class SyncRefused(WorkflowError):
    """The working tree can't be shared with these settings."""

    code = "not_shared"


class TreeSync:
    """The synchronisation of one working tree. Methods block while git runs.

    Those that need the remote raise RemoteUnreachable. `runs` holds the folders of workflows; `remote` is the name of a
    git remote, whose time-out is `limit` seconds.
    """

    def __init__(self, workspace: Path, runs: Path, remote: str, limit: float = LIMIT) -> None:
        self._workspace = workspace
        self._runs = runs
        self._repository = Repository(workspace)
        self._remote = Remote(self._repository, remote, limit)
        self._remote_refs = RemoteRefs(workspace, runs, self._remote)

    def check(self, push_to_upstream: bool) -> None:
        """Raise SyncRefused if the tree can't be shared, or requires `push_to_upstream`. Makes no request."""
        name = self._remote.name
        try:
            remotes = os.fsdecode(self._repository.run("remote")).split()
        except NoRepository as error:
            hint = "run git init, or remove workspace.remote from penguin.yaml"
            raise SyncRefused(f"workspace.remote needs a git repository: {error.message}", hint) from error
        if name not in remotes:
            others = f", or use one of {', '.join(remotes)}" if remotes else ""
            raise SyncRefused(f"workspace.remote: no git remote {name!r}", f"git remote add {name} URL{others}")
        branch = self._configured("symbolic-ref", "-q", "--short", "HEAD")
        upstream = self._configured("config", f"branch.{branch}.remote")
        if not push_to_upstream and upstream not in ("", ".") and self._is(upstream):
            raise SyncRefused(
                f"workspace.remote: {name} is the upstream of the branch {branch}, which must be allowed explicitly",
                "workspace: {push_to_upstream: true}, or another remote: git remote add NAME URL",
            )

    def _configured(self, *arguments: str) -> str:
        return self._repository.run(*arguments, fine=(0, 1)).decode("utf-8", "surrogateescape").strip()

    def _is(self, upstream: str) -> bool:
        return upstream == self._remote.name or bool(addresses(self._repository, upstream) & self._remote.addresses)

    def push(self, workflow_id: str) -> None:
        """Push the checkpoints of a workflow. Makes no request if nothing changed.

        Raises PushRejected if the workflow continued elsewhere.
        """
        self._remote_refs.push(workflow_id)

    def claim(self, workflow_id: str) -> None:
        """Take over the checkpoints of a workflow at the remote, so that a push may replace them."""
        self._remote_refs.note_pushed(workflow_id, self._remote_refs.listed(workflow_id)[workflow_id])

    def fetch(self, workflow_id: str) -> bool:
        """Fetch the checkpoints of a workflow that ran elsewhere, for reading. Return False if the remote has none."""
        listed = self._remote_refs.listed(workflow_id)
        self._remote_refs.fetch(listed)
        return bool(listed[workflow_id])

    def is_here(self, workflow_id: str, attempt: int, checkpoint: str = "") -> bool:
        """Return whether this tree contains the work of a workflow's attempts up to this one. Makes no request.

        `checkpoint` is the commit in the result of that attempt, if any: another machine may have run an attempt of the
        same number.
        """
        return self._arrival(workflow_id, attempt).is_here(checkpoint)

    def bring(
        self,
        workflow_id: str,
        attempt: int,
        after: Sequence[str] = (),
        exclude: Sequence[str] = CHECKPOINT_EXCLUDE,
        *,
        checkpoint: str = "",
        passed: str = "",
    ) -> None:
        """Merge all that the workflow needs to continue after `attempt`, its last one that ended; 0: to start.

        `after` are the workflows on which it builds, the oldest first; `exclude` is what checkpoints leave out;
        `checkpoint` is as for `is_here`; `passed` is the digest of the tree for which a retry takes over passes. Raises
        MergeConflict if that fails; no file is changed then.
        """
        self._arrival(workflow_id, attempt, exclude).bring(after, checkpoint, passed)

    def _arrival(self, workflow_id: str, attempt: int, exclude: Sequence[str] = CHECKPOINT_EXCLUDE) -> WorkflowImporter:
        return WorkflowImporter(self._remote_refs, self._workspace, self._runs / workflow_id, attempt, exclude)
