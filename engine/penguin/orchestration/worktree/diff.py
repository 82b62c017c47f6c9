"""The changes in the tree of a workflow: between checkpoints, or from one to the current tree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowError, WorkflowPhase
from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE
from penguin.orchestration.files.safe_open import refuse_links
from penguin.orchestration.worktree.checkpoints import (
    BEFORE,
    INDEX,
    RESTORE,
    START,
    Checkpoint,
    Checkpoints,
    update_index,
)
from penguin.orchestration.worktree.git import Repository, display_path, split_nul
from penguin.orchestration.worktree.index import PrivateIndex, copy_index

_OPTIONS = ("-r", "-M", "--no-ext-diff", "--no-textconv")


class Attempt(NamedTuple):
    """An attempt that began."""

    number: int
    phase: WorkflowPhase
    running: bool = False
    """Whether it has not ended, or is to continue."""
    left_out: tuple[str, ...] = ()
    """Files that its checkpoint does not hold, relative to the workspace."""


class TreeDiff:
    """The difference of two trees, within the workspace."""

    def __init__(
        self,
        repository: Repository,
        before: str,
        after: str,
        left_out: Sequence[bytes] = (),
        scratch: TemporaryIndex | None = None,
    ) -> None:
        self._repository = repository
        self._trees = (before, after)
        self._left_out = left_out
        self._scratch = scratch
        relative = f"--relative={repository.prefix}" if repository.prefix else "--no-relative"
        self._arguments = ("diff-tree", *_OPTIONS, relative)

    @property
    def _env(self) -> dict[str, str]:
        return self._scratch.env if self._scratch else {}

    @property
    def left_out(self) -> list[str]:
        """Files that the difference does not cover, relative to the workspace."""
        return [display_path(self._repository.inner(path)) for path in self._left_out]

    def files(self) -> list[str]:
        """Return the files that differ, relative to the workspace."""
        hidden = {self._repository.inner(path) for path in self._left_out}
        return [display_path(path) for path in self._changed() if path not in hidden]

    def _changed(self) -> list[bytes]:
        arguments = (*self._arguments, "--no-renames", "-z", "--name-only", *self._trees)
        return split_nul(self._repository.run(*arguments, env=self._env))

    def _limits(self) -> list[str]:
        """Pathspecs without the files that are left out: git would show them as deleted."""
        changed = set(self._changed()) if self._left_out else set()
        hidden = [path for path in self._left_out if self._repository.inner(path) in changed]
        return [f":(top,literal,exclude){os.fsdecode(path)}" for path in hidden]

    def text(self) -> Iterator[bytes]:
        """Yield the unified diff piece by piece. It can be read once."""
        try:
            arguments = (*self._arguments, "-p", "--no-color", *self._trees, "--", *self._limits())
            # If an index says that a file is unchanged, git reads the file in place of the object. No index says so.
            none = self._repository.users_index.with_name(f"penguin-{os.getpid()}.none")
            env = {**self._env, "GIT_LITERAL_PATHSPECS": "0", "GIT_INDEX_FILE": os.fspath(none)}
            yield from self._repository.stream(*arguments, env=env)
        finally:
            if self._scratch is not None:
                self._scratch.close()


class TemporaryIndex:
    """The current tree in a temporary index. It changes neither the repository nor the workflow's files."""

    def __init__(self, checkpoints: Checkpoints, folder: Path) -> None:
        self._folder = TemporaryDirectory(prefix="penguin-diff-", ignore_cleanup_errors=True)
        folder_path = Path(self._folder.name)
        (folder_path / "objects").mkdir()
        self.env = checkpoints.repository.separate_objects(folder_path / "objects")
        refuse_links(folder / INDEX)
        if (folder / INDEX).exists():
            copy_index(folder / INDEX, folder_path / INDEX)
        index = PrivateIndex(checkpoints.repository, folder_path, INDEX, self.env)
        with index.locked():
            self.left_out = update_index(index, checkpoints.exclusion)
            self.tree = index.write_tree()

    def close(self) -> None:
        """Delete the index."""
        self._folder.cleanup()


def workflow_diff(
    workspace: Path,
    folder: Path,
    attempts: Sequence[Attempt] = (),
    *,
    phase: WorkflowPhase | None = None,
    active: bool = True,
    exclude: Sequence[str] = CHECKPOINT_EXCLUDE,
    restricted: bool = False,
) -> TreeDiff:
    """Return what a workflow has changed, or what the newest attempt of one phase changed.

    `folder` is the workflow's own; `attempts` are all of its attempts, in order. The diff ends at the current tree if
    that attempt is running, or if the whole workflow is requested and it is `active`. `restricted`: see Repository.
    Raises WorkflowError if no attempt has started, or a checkpoint is missing.
    """
    checkpoints = Checkpoints(workspace, folder, exclude, restricted=restricted)
    kept = _KeptTrees(checkpoints, attempts)
    before, after = kept.of_workflow(active) if phase is None else kept.of_phase(phase)
    if after is not None:
        return TreeDiff(checkpoints.repository, before.commit, after.commit, kept.left_out(after))
    scratch = TemporaryIndex(checkpoints, folder)
    return TreeDiff(checkpoints.repository, before.commit, scratch.tree, scratch.left_out, scratch)


class _KeptTrees:
    """Return the checkpoints around the newest attempt of a phase. While it runs there is no second one."""

    def __init__(self, checkpoints: Checkpoints, attempts: Sequence[Attempt]) -> None:
        self._checkpoints = checkpoints
        self._workflow_id = checkpoints.workflow_id
        self._kept = [checkpoint for checkpoint in checkpoints.all() if not checkpoint.name.endswith(RESTORE)]
        self._attempts = {attempt.number: attempt for attempt in attempts}

    def of_workflow(self, active: bool) -> tuple[Checkpoint, Checkpoint | None]:
        """Return the start, and the tree after the newest attempt; None for the current tree."""
        if not self._kept and not self._attempts:
            raise WorkflowError(f"{self._workflow_id} has no checkpoint: it has not begun")
        start = self._before(1)
        if active or not self._attempts:
            return start, None
        newest = self._attempts[max(self._attempts)]
        # What a person approved is newer than what the attempt left.
        return start, [self._after(newest), *self._of_attempt(newest.number)][-1]

    def of_phase(self, phase: WorkflowPhase) -> tuple[Checkpoint, Checkpoint | None]:
        """Return the checkpoints around the newest attempt of a phase; the second is None while it is running."""
        found = [attempt for attempt in self._attempts.values() if attempt.phase is phase]
        if not found:
            phases = ", ".join(dict.fromkeys(attempt.phase for attempt in self._attempts.values()))
            raise WorkflowError(
                f"no attempt of {phase} of {self._workflow_id} has started",
                f"phases with attempts: {phases}" if phases else "",
            )
        return self._before(found[-1].number), None if found[-1].running else self._after(found[-1])

    def left_out(self, after: Checkpoint) -> list[bytes]:
        """Return the files that a checkpoint leaves out, relative to the top of the repository."""
        attempt = self._attempts.get(after.order[0])
        prefix = self._checkpoints.repository.prefix
        return [os.fsencode(f"{prefix}{name}") for name in attempt.left_out] if attempt else []

    def _before(self, attempt: int) -> Checkpoint:
        found = self._find_before(attempt)
        if found:
            return found[-1]
        previous = self._attempts.get(attempt - 1)
        name = START if attempt == 1 else _name_after(previous) if previous else f"{attempt}-{BEFORE}"
        raise self._error(name, f"the files before attempt {attempt}")

    def _find_before(self, attempt: int) -> list[Checkpoint]:
        if attempt == 1:
            return self._find(START)
        return self._of_attempt(attempt - 1) or self._find(f"{attempt}-{BEFORE}")

    def _after(self, attempt: Attempt) -> Checkpoint:
        found = self._find(_name_after(attempt))
        if found:
            return found[0]
        raise self._error(_name_after(attempt), f"the files after attempt {attempt.number}, {attempt.phase}")

    def _find(self, name: str) -> list[Checkpoint]:
        return [checkpoint for checkpoint in self._kept if checkpoint.name == name]

    def _of_attempt(self, number: int) -> list[Checkpoint]:
        return [
            checkpoint for checkpoint in self._kept if checkpoint.order[0] == number and checkpoint.phase is not None
        ]

    def _error(self, name: str, meaning: str) -> WorkflowError:
        reason = self._checkpoints.missing().get(name) or f"git has no {self._checkpoints.refs}{name}"
        phases = [
            phase
            for phase in dict.fromkeys(checkpoint.phase for checkpoint in self._attempts.values())
            if self._has(phase)
        ]
        hint = " or ".join(f"/workflow diff {self._workflow_id} --phase {phase}" for phase in phases)
        return WorkflowError(
            f"the checkpoint {name} of {self._workflow_id} ({meaning}) is missing: {reason}",
            hint or "git diff, for what changed since your last commit",
        )

    def _has(self, phase: WorkflowPhase) -> bool:
        """Return whether both checkpoints around the newest attempt of a phase exist."""
        newest = [attempt for attempt in self._attempts.values() if attempt.phase is phase][-1]
        has_after = newest.running or bool(self._find(_name_after(newest)))
        return has_after and bool(self._find_before(newest.number))


def _name_after(attempt: Attempt) -> str:
    return f"{attempt.number}-{attempt.phase.lower()}"
