"""Working trees of several machines that share a git remote: what workflows did in one goes on in another.

Checkpoints are pushed as they are, `refs/penguin/<workflow>/…` and nothing else; another clone fetches those of a
workflow that it takes over, and of those that it builds upon, and merges the newest of them into its own tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.core.defaults import CHECKPOINT_EXCLUDE
from penguin.orchestration.worktree.git import NoRepository, Repository
from penguin.orchestration.worktree.sync.importer import WorkflowImporter
from penguin.orchestration.worktree.sync.merge import MergeConflict
from penguin.orchestration.worktree.sync.refs import PushRejected, RemoteRefs
from penguin.orchestration.worktree.sync.remote import LIMIT, Remote, RemoteUnreachable, addresses

__all__ = ["MergeConflict", "PushRejected", "RemoteUnreachable", "SyncRefused", "TreeSync"]


class SyncRefused(WorkflowError):
    """The working tree can't be shared as the settings want it."""

    code = "not_shared"


class TreeSync:
    """Shares one working tree. Every method blocks while git runs; those that need the remote raise Unreachable.

    `runs` holds the folders of workflows; `remote` is the name of a git remote, which gets `limit` seconds to answer.
    """

    def __init__(self, workspace: Path, runs: Path, remote: str, limit: float = LIMIT) -> None:
        self._workspace = workspace
        self._runs = runs
        self._repository = Repository(workspace)
        self._remote = Remote(self._repository, remote, limit)
        self._mirror = RemoteRefs(workspace, runs, self._remote)

    def check(self, push_to_upstream: bool) -> None:
        """Raise NotShared where the tree can't be shared, or must not without `push_to_upstream`. Asks no network."""
        name = self._remote.name
        try:
            remotes = self._repository.run("remote").decode().split()
        except NoRepository as error:
            hint = "git init, or take workspace.remote out of penguin.yaml"
            raise SyncRefused(f"workspace.remote needs a git repository: {error.message}", hint) from error
        if name not in remotes:
            others = f", or name one of {', '.join(remotes)}" if remotes else ""
            raise SyncRefused(
                f"workspace.remote: there is no git remote {name!r}", f"git remote add {name} URL{others}"
            )
        branch = self._configured("symbolic-ref", "-q", "--short", "HEAD")
        upstream = self._configured("config", f"branch.{branch}.remote")
        if not push_to_upstream and upstream not in ("", ".") and self._is(upstream):
            raise SyncRefused(
                f"workspace.remote: {name} is the upstream of the branch {branch}, and that has to be wanted",
                "workspace: {push_to_upstream: true}, or another remote: git remote add NAME URL",
            )

    def _configured(self, *arguments: str) -> str:
        return self._repository.run(*arguments, fine=(0, 1)).decode("utf-8", "surrogateescape").strip()

    def _is(self, upstream: str) -> bool:
        return upstream == self._remote.name or bool(addresses(self._repository, upstream) & self._remote.addresses)

    def push(self, workflow_id: str) -> None:
        """Bring the remote to what is kept here of a workflow. Asks no network where nothing changed since.

        Raises NotPushed where the workflow goes on elsewhere.
        """
        self._mirror.push(workflow_id)

    def claim(self, workflow_id: str) -> None:
        """Say that what the remote has of a workflow is for this tree to replace: it is its own again. `bring` does."""
        self._mirror.note_pushed(workflow_id, self._mirror.listed(workflow_id)[workflow_id])

    def fetch(self, workflow_id: str) -> bool:
        """Fetch the checkpoints of a workflow that ran elsewhere, to look at them; False where the remote has none."""
        listed = self._mirror.listed(workflow_id)
        self._mirror.fetch(listed)
        return bool(listed[workflow_id])

    def is_here(self, workflow_id: str, attempt: int, checkpoint: str = "") -> bool:
        """Whether this tree holds what the attempts of a workflow up to this one did. Asks no network.

        `checkpoint` is the commit that the result of that attempt names, where it does: another machine may have run
        an attempt of the same number.
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
        """Make this tree one in which the workflow can go on after `attempt`, its last one that ended; 0: begin.

        `after` are the workflows that it builds upon, the oldest first; `exclude` is what checkpoints leave out,
        `checkpoint` as for `is_here`, and `passed` the digest of the tree for which a retry took passes over.
        Raises NotBrought where that can't be; no file is touched then.
        """
        self._arrival(workflow_id, attempt, exclude).bring(after, checkpoint, passed)

    def _arrival(self, workflow_id: str, attempt: int, exclude: Sequence[str] = CHECKPOINT_EXCLUDE) -> WorkflowImporter:
        return WorkflowImporter(self._mirror, self._workspace, self._runs / workflow_id, attempt, exclude)
