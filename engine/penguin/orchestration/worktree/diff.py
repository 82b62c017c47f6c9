"""What changed in the tree of a workflow: from one checkpoint to another, or to the tree as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from penguin.orchestration.backend import WorkflowError, WorkflowPhase
from penguin.orchestration.core.defaults import CHECKPOINT_EXCLUDE
from penguin.orchestration.files.state_files import refuse_links
from penguin.orchestration.worktree.checkpoints import INDEX, RESTORE, Checkpoint, Checkpoints, update_index
from penguin.orchestration.worktree.git import Repository, display_path, split_nul
from penguin.orchestration.worktree.index import PrivateIndex, copy_index

_OPTIONS = ("-r", "-M", "--no-ext-diff", "--no-textconv")


class TreeDiff:
    """A difference of two trees, within the workspace."""

    def __init__(self, repository: Repository, before: str, after: str, scratch: TemporaryIndex | None = None) -> None:
        self._repository = repository
        self._trees = (before, after)
        self._scratch = scratch
        relative = f"--relative={repository.prefix}" if repository.prefix else "--no-relative"
        self._arguments = ("diff-tree", *_OPTIONS, relative)

    @property
    def _env(self) -> dict[str, str]:
        return self._scratch.env if self._scratch else {}

    def files(self) -> list[str]:
        """The files that differ, seen from the workspace."""
        output = self._repository.run(
            *self._arguments, "--no-renames", "-z", "--name-only", *self._trees, env=self._env
        )
        return [display_path(path) for path in split_nul(output)]

    def text(self, *, color: bool = False) -> Iterator[bytes]:
        """The unified diff, piece by piece. To be read once."""
        colors = "--color=always" if color else "--no-color"
        try:
            yield from self._repository.stream(*self._arguments, "-p", colors, *self._trees, env=self._env)
        finally:
            if self._scratch is not None:
                self._scratch.close()


class TemporaryIndex:
    """The tree as it is now, looked at without a trace: neither in the repository nor in the workflow's own files."""

    def __init__(self, checkpoints: Checkpoints, folder: Path) -> None:
        self._folder = TemporaryDirectory(prefix="penguin-diff-", ignore_cleanup_errors=True)
        place = Path(self._folder.name)
        (place / "objects").mkdir()
        self.env = checkpoints.repository.objects_aside(place / "objects")
        refuse_links(folder / INDEX)
        if (folder / INDEX).exists():
            copy_index(folder / INDEX, place / INDEX)
        index = PrivateIndex(checkpoints.repository, place, INDEX, self.env)
        with index.locked():
            update_index(index, checkpoints.exclusion)
            self.tree = index.write_tree()

    def close(self) -> None:
        """Throw it away."""
        self._folder.cleanup()


def workflow_diff(
    workspace: Path,
    folder: Path,
    *,
    phase: WorkflowPhase | None = None,
    running: int | None = None,
    active: bool = True,
    exclude: Sequence[str] = CHECKPOINT_EXCLUDE,
    restricted: bool = False,
) -> TreeDiff:
    """What a workflow changed since it began, or what the newest attempt of one phase did.

    `folder` is the workflow's own, `running` the number of the attempt of that phase that is under way; the tree is
    looked at as it is now where that is so, and where the whole workflow is asked for and it is `active`.
    `restricted`: see Repository.
    Raises WorkflowError where there is nothing to compare.
    """
    checkpoints = Checkpoints(workspace, folder, exclude, restricted=restricted)
    kept = [checkpoint for checkpoint in checkpoints.all() if not checkpoint.name.endswith(RESTORE)]
    if not kept:
        raise WorkflowError(f"{folder.name} has no checkpoint: it has not begun, or git was not there when it did")
    before, after = (kept[0], kept[-1]) if phase is None else _of_phase(kept, folder.name, phase, running)
    if after is not None and not (phase is None and active):
        return TreeDiff(checkpoints.repository, before.commit, after.commit)
    scratch = TemporaryIndex(checkpoints, folder)
    return TreeDiff(checkpoints.repository, before.commit, scratch.tree, scratch)


def _of_phase(
    kept: list[Checkpoint], workflow_id: str, phase: WorkflowPhase, running: int | None
) -> tuple[Checkpoint, Checkpoint | None]:
    """The checkpoints around the newest attempt of a phase; there is no second one yet while it is running."""
    if running is not None and all(checkpoint.attempt != running for checkpoint in kept):
        return kept[-1], None
    for before, after in zip(reversed(kept[:-1]), reversed(kept[1:]), strict=True):
        if after.phase is phase:
            return before, after
    known = ", ".join(dict.fromkeys(checkpoint.phase for checkpoint in kept if checkpoint.phase is not None))
    raise WorkflowError(f"no attempt of {phase} of {workflow_id} is kept", f"there are {known}" if known else "")
