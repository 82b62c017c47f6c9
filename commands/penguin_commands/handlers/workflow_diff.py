"""`/workflow diff`: the changes in the files, from git or from the evidence of another host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import Verdict, WorkflowError
from penguin.orchestration.core.tree_isolation import TREE
from penguin.orchestration.files.run_files import attempt_folders
from penguin_commands.results.output import DiffResult, RemoteDiffResult

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowPhase
    from penguin.orchestration.store.history import PhaseResult
    from penguin.orchestration.worktree.diff import Attempt
    from penguin_commands.session import Session


def diff(session: Session, workflow: str, *, phase: WorkflowPhase | None = None) -> DiffResult | RemoteDiffResult:
    """Return the changes from the start to the newest checkpoint, or to the current files of an unfinished workflow."""
    from penguin.orchestration.worktree import NoRepository
    from penguin.orchestration.worktree.diff import workflow_diff

    workflow_id = session.resolve(workflow, prefix=True)
    try:
        if (away := _last_remote_attempt(session, workflow_id)) is not None:
            return _remote_diff(session, workflow_id, away)
        # The files of a workflow in a tree are in its private clone, not here.
        in_tree = session.reader.isolation(workflow_id)[0] == TREE
        active = not in_tree and _is_local(session, workflow_id) and not session.info(workflow_id).status.final
        folder = session.workspace.runs / workflow_id
        exclude = session.reader.checkpoint_exclude(workflow_id)
        found = workflow_diff(
            session.workspace.root,
            folder,
            _attempts(session, workflow_id, active),
            phase=phase,
            active=active,
            exclude=exclude,
            restricted=not session.is_own,
        )
    except NoRepository as error:
        raise _no_repository(session, workflow_id, error) from error
    return DiffResult(workflow_id, tuple(found.files()), found.text, tuple(found.left_out))


def _no_repository(session: Session, workflow_id: str, error: WorkflowError) -> WorkflowError:
    """Return the error for a workspace in which git finds no repository, perhaps no longer."""
    if any(result.evidence.get("checkpoint") for result in session.reader.results(workflow_id)):
        return WorkflowError(
            f"the checkpoints of {workflow_id} are in a git repository that can't be read: {error.message}",
            f"restore the .git folder of {session.workspace.name}, or correct what git status reports",
        )
    return WorkflowError(f"diff needs a git repository: {error.message}", error.hint)


def _attempts(session: Session, workflow_id: str, active: bool) -> list[Attempt]:
    """Return the attempts that began. An interrupted attempt counts as running as long as the workflow does."""
    from penguin.orchestration.worktree.diff import Attempt

    return [
        Attempt(
            result.attempt,
            result.phase,
            active and result.verdict in (None, Verdict.INTERRUPTED),
            tuple(result.evidence.get("left_out") or ()),
        )
        for result in session.reader.results(workflow_id)
        if result.attempt
    ]


# --- other hosts ---


def _is_local(session: Session, workflow_id: str) -> bool:
    """Return whether the workflow works on the files of this working tree."""
    from penguin.orchestration.worktree.checkpoints import BEGUN
    from penguin_commands.handlers.remote_output import is_fetched, missing_attempts, this_host

    runs = session.workspace.runs
    folders = [(number, is_fetched(folder)) for number, _, folder in attempt_folders(runs, workflow_id)]
    if all(fetched for _, fetched in folders) and not (runs / workflow_id / BEGUN).exists():
        return False
    newest = [result for result in session.reader.results(workflow_id) if result.attempt][-1:]
    if not newest or newest[0].ended_at is None:
        return session.reader.host_of(workflow_id) in ("", this_host())
    away = {result.attempt for result in missing_attempts(session, workflow_id)}
    away |= {number for number, fetched in folders if fetched}
    return newest[0].attempt not in away


def _last_remote_attempt(session: Session, workflow_id: str) -> PhaseResult | None:
    """Return the newest attempt that kept its tree, if that tree is elsewhere and can't be fetched."""
    stored = [result for result in session.reader.results(workflow_id) if result.evidence.get("checkpoint")]
    if (
        not stored
        or _has_checkpoint(session, workflow_id, stored[-1])
        or _fetch_checkpoint(session, workflow_id, stored[-1])
    ):
        return None
    return stored[-1]


def _has_checkpoint(session: Session, workflow_id: str, result: PhaseResult) -> bool:
    from penguin.orchestration.worktree.checkpoints import Checkpoints

    folder = session.workspace.runs / workflow_id
    checkpoints = Checkpoints(session.workspace.root, folder, restricted=not session.is_own)
    return result.evidence["checkpoint"] in {checkpoint.commit for checkpoint in checkpoints.all()}


def _fetch_checkpoint(session: Session, workflow_id: str, result: PhaseResult) -> bool:
    """Fetch the checkpoint from the git remote that working trees share. Return whether it was there."""
    remote = session.settings.workspace_remote
    if remote is None or not session.is_own:
        return False
    from penguin.orchestration.worktree.sync.sync import TreeSync

    try:
        TreeSync(session.workspace.root, session.workspace.runs, remote).fetch(workflow_id)
    except WorkflowError as error:
        # Show what is known without the storage.
        session.narrate(error.message)
    return _has_checkpoint(session, workflow_id, result)


def _remote_diff(session: Session, workflow_id: str, last: PhaseResult) -> RemoteDiffResult:
    from penguin_commands.handlers.remote_output import describe_host

    named = (path for result in session.reader.results(workflow_id) for path in result.evidence.get("changed") or ())
    host = session.reader.attempt_hosts(workflow_id).get(last.attempt, "")
    note = f"the changes of {workflow_id} are on {describe_host(host)}"
    if session.settings.workspace_remote is None:
        note += "; set workspace.remote in penguin.yaml to share them"
    return RemoteDiffResult(workflow_id, tuple(dict.fromkeys(named)), host, note)
