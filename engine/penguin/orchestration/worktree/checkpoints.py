"""Checkpoints: the whole working tree, saved as commits under `refs/penguin/<workflow>/`.

They include untracked files, but not ignored ones. `start` is the tree before the first attempt, `<attempt>-<phase>`
the tree after an attempt, `<attempt>-<phase>-approved` the tree that a person approved, and `<attempt>-restore` the
tree that a retry replaced. `<attempt>-before` is the tree before an attempt, made only if the checkpoint after the
previous attempt is missing. The parent of each is the one before it; that of the first is HEAD. If the tree is shared
(`TreeAncestry`), they descend from all that is in the tree. A parent without parents then carries the files that the
digest covers.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.files.safe_open import UnsafePath, open_state_file, open_to_read
from penguin.orchestration.worktree.checkpoint_exclusion import CheckpointExclude
from penguin.orchestration.worktree.digest import MAX_NAMED
from penguin.orchestration.worktree.git import GitError, NoRepository, Repository, display_path
from penguin.orchestration.worktree.index import PrivateIndex
from penguin.orchestration.worktree.sync.ancestry import TreeAncestry

log = logging.getLogger(__name__)

INDEX = "checkpoint.index"
BEGUN = "checkpoint.start"
"""Holds the first checkpoint, if there is one."""
MISSING = "checkpoint.missing"
"""Holds a line for each checkpoint that could not be made: its name, a space, and why."""
START = "start"
RESTORE = "restore"
BEFORE = "before"
_NAME = re.compile(rf"{START}|([0-9]+)-(implement|test|use|verify|{RESTORE}|{BEFORE})(-approved)?")
_FORMAT = "%(refname)%00%(objectname)%00%(tree)%00%(contents:body)%00"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved tree."""

    name: str
    commit: str
    tree: str
    """Its tree object."""
    digest: str
    """Its digest by WorkingTree; '' if unknown."""

    @property
    def order(self) -> tuple[int, int]:
        """Return the sort key of the checkpoints of a workflow."""
        return order_of(self.name)

    @property
    def attempt(self) -> int | None:
        """Return the number of the attempt; None for the start."""
        return None if self.name == START else self.order[0]

    @property
    def phase(self) -> WorkflowPhase | None:
        """Return the phase of the attempt; None if it belongs to none."""
        match = _NAME.fullmatch(self.name)
        return None if match is None or match[2] in (None, RESTORE, BEFORE) else WorkflowPhase(match[2].upper())


@dataclass(frozen=True, slots=True)
class NewCheckpoint:
    """A checkpoint that was just made."""

    commit: str = ""
    left_out: tuple[str, ...] = ()
    """Files that are not ignored and still not in it."""


class Checkpoints:
    """The checkpoints of one workflow. Methods block while git runs. Raises GitError.

    `folder` is the workflow's own, below `.penguin/`, and named after its id. `restricted`: see Repository.
    """

    def __init__(
        self,
        workspace: Path,
        folder: Path,
        exclude: Sequence[str] = CHECKPOINT_EXCLUDE,
        *,
        restricted: bool = False,
    ) -> None:
        self._folder = folder
        self.workflow_id = folder.name
        self.repository = Repository(workspace, restricted=restricted)
        self.index = PrivateIndex(self.repository, folder, INDEX)
        self.exclusion = CheckpointExclude(self.repository, exclude)
        self.lineage = TreeAncestry(self.repository, folder)

    @cached_property
    def refs(self) -> str:
        """Return the prefix of the workflow's refs."""
        return refs_of(self.repository, self.workflow_id)

    @property
    def has_start(self) -> bool:
        """Return whether the start was saved."""
        return (self._folder / BEGUN).exists()

    @property
    def has_any(self) -> bool:
        """Return whether a checkpoint was made here, or fetched."""
        return self.has_start or self.index.path.exists()

    def name_before(self, attempt: int) -> str:
        """Return the name of the checkpoint to make before an attempt; '' if it exists, or it is too late."""
        if attempt == 1:
            name, exists = START, self.has_start
        else:
            name = f"{attempt}-{BEFORE}"
            exists = any(checkpoint.name == name or checkpoint.order[0] == attempt - 1 for checkpoint in self.all())
        # An attempt that continues after an interruption has changed files already.
        return "" if exists or name in self.missing() else name

    def missing(self) -> dict[str, str]:
        """Return the checkpoints that could not be made, with the reason of each."""
        try:
            with open_to_read(self._folder / MISSING) as file:
                lines = file.read().decode("utf-8", "replace").split("\n")
        except (OSError, UnsafePath):
            return {}
        return {name: reason for name, _, reason in (line.partition(" ") for line in lines) if name}

    def note_missing(self, name: str, error: Exception) -> None:
        """Record that a checkpoint could not be made, and why."""
        message = error.message if isinstance(error, GitError) else str(error)
        reason = " ".join(message.split()).removeprefix("fatal: ") or type(error).__name__
        with suppress(OSError, UnsafePath):
            make_private_folder(self._folder)
            descriptor = open_state_file(self._folder / MISSING, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            with open(descriptor, "ab") as file:
                file.write(f"{name} {reason}\n".encode())

    def save_start(self, digest: str) -> None:
        """Save the tree before the first attempt."""
        # If the records of a workspace were deleted, workflow numbers start from zero again; older refs belong to other
        # workflows.
        with suppress(GitError, OSError):
            self.drop()
        if commit := try_save(self, START, digest).commit:
            self.set_start(commit)

    def set_start(self, start: str) -> None:
        """Set the checkpoint with which the workflow started."""
        write_private(self._folder / BEGUN, f"{start}\n".encode())

    def save(self, name: str, digest: str) -> NewCheckpoint:
        """Save the current tree."""
        with self.index.locked():
            left_out = update_index(self.index, self.exclusion)
            tree = self.index.write_tree()
            commit = self.commit(name, tree, digest)
        return NewCheckpoint(commit, tuple(display_path(self.repository.inner(path)) for path in left_out[:MAX_NAMED]))

    def commit(self, name: str, tree: str, digest: str) -> str:
        """Save a tree under a name. An existing ref is replaced, except for a restore, which continues from it."""
        new = Checkpoint(name, "", tree, digest)
        earlier = [
            parent
            for parent in self.all()
            if parent.order < new.order or (parent.name == name and name.endswith(RESTORE))
        ]
        previous = earlier[-1].commit if earlier else self.head()
        if not self.lineage.shared:
            return self._commit(new, [previous] if previous else [])
        with self.lineage.held():
            commit = self._commit(new, [*self.lineage.parents(previous), *self._carrier(new)])
            self.lineage.move(commit)
        return commit

    def _commit(self, new: Checkpoint, parents: Sequence[str]) -> str:
        commit = commit_tree(self.repository, new.tree, parents, self._subject(new.name) + f"\n\n{new.digest}")
        self.repository.run("update-ref", f"{self.refs}{new.name}", commit)
        return commit

    def _carrier(self, new: Checkpoint) -> list[str]:
        """Return a commit that carries the digest's tree object to wherever the checkpoint is pushed."""
        if not new.digest:
            return []
        return [commit_tree(self.repository, new.digest, (), self._subject(new.name) + ": what its digest is of")]

    def _subject(self, name: str) -> str:
        return f"penguin {self.workflow_id} {name}"

    def head(self) -> str:
        """Return the commit that is checked out, or ''."""
        return self.repository.run("rev-parse", "-q", "--verify", "HEAD^{commit}", fine=(0, 1)).decode().strip()

    def all(self) -> list[Checkpoint]:
        """Return all checkpoints, the oldest first."""
        output = self.repository.run("for-each-ref", f"--format={_FORMAT}", self.refs)
        # Other programs may write refs here, and messages in another encoding.
        fields = output.decode("utf-8", "replace").split("\0")[:-1]
        found = []
        for ref, commit, tree, digest in zip(fields[::4], fields[1::4], fields[2::4], fields[3::4], strict=True):
            name = ref.strip().removeprefix(self.refs)
            if is_checkpoint(name):
                found.append(Checkpoint(name, commit, tree, digest.strip()))
        return sorted(found, key=lambda checkpoint: checkpoint.order)

    def drop(self, but: Collection[str] = ()) -> None:
        """Delete all checkpoints but these. git removes their objects at its next garbage collection."""
        _delete(
            self.repository,
            [f"{self.refs}{checkpoint.name}" for checkpoint in self.all() if checkpoint.name not in but],
        )


def update_index(index: PrivateIndex, exclusion: CheckpointExclude) -> list[bytes]:
    """Update a locked index to the current tree. Return the files that are left out."""
    changed, untracked = index.differences()
    left_out = [path for path in untracked if exclusion.is_excluded(path)]
    grown = exclusion.grown(changed)
    left_out += _changed_inside(index)
    index.forget(grown)
    skipped = {*left_out, *grown}
    paths = {path: gone for path, gone in {**dict.fromkeys(untracked, False), **changed}.items() if path not in skipped}
    return sorted([*left_out, *grown, *index.update(paths)])


def _changed_inside(index: PrivateIndex) -> list[bytes]:
    """Return the nested repositories with files that are not in the commit that a checkpoint names; with a slash."""
    paths = (path for path in index.changed_repositories if (index.repository.file(path) / ".git").exists())
    return [path + b"/" for path in paths if _differs_from_commit(index.repository, path)]


def _differs_from_commit(repository: Repository, path: bytes) -> bool:
    """Return whether a nested repository, or one in it, has files that are not in its commit. Stores nothing in it."""
    nested = Repository(repository.file(path), restricted=repository.restricted)
    with TemporaryDirectory(prefix="penguin-nested-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "objects").mkdir()
        index = PrivateIndex(nested, folder, INDEX, nested.separate_objects(folder / "objects"))
        with index.locked():
            changed, untracked = index.differences()
            return bool(
                untracked
                or index.update(changed)
                or index.write_tree() != nested.tree_of("HEAD")
                or _changed_inside(index)
            )


def commit_tree(repository: Repository, tree: str, parents: Sequence[str], message: str) -> str:
    """Make a commit of a tree object."""
    options = [option for parent in parents for option in ("-p", parent)]
    return repository.run("commit-tree", tree, *options, stdin=f"{message}\n".encode()).decode().strip()


def try_save(checkpoints: Checkpoints, name: str, digest: str) -> NewCheckpoint:
    """Save the current tree. If that fails, log why and continue."""
    try:
        return checkpoints.save(name, digest)
    except (GitError, OSError) as error:
        if not isinstance(error, NoRepository):
            log.warning("no checkpoint %s of %s: %s", name, checkpoints.workflow_id, error)
        checkpoints.note_missing(name, error)
        return NewCheckpoint()


def drop_checkpoints(workspace: Path, *workflow_ids: str) -> None:
    """Delete all checkpoints of these workflows. Does nothing without a repository. Raises GitError."""
    repository = Repository(workspace)
    try:
        output = repository.run("for-each-ref", "--format=%(refname)", "refs/penguin/")
        refs = os.fsdecode(output).split("\n")
    except NoRepository:
        return
    ours = {refs_of(repository, workflow_id) for workflow_id in workflow_ids}
    _delete(repository, [ref for ref in refs if f"{ref.rpartition('/')[0]}/" in ours])


def order_of(name: str) -> tuple[int, int]:
    """Return the sort key of a checkpoint's name: the number of the attempt, or -1 for the start, then the rest."""
    match = _NAME.fullmatch(name)
    if match is None or match[1] is None:
        return (-1, 0)
    return (int(match[1]), {RESTORE: 2, BEFORE: -1}.get(match[2], 1 if match[3] else 0))


def is_checkpoint(name: str) -> bool:
    """Return whether a ref of this name is a checkpoint."""
    return _NAME.fullmatch(name) is not None


def refs_of(repository: Repository, workflow_id: str) -> str:
    """Return the prefix of a workflow's refs."""
    return f"refs/penguin/{workflow_id}/{repository.refs}"


def _delete(repository: Repository, refs: Sequence[str]) -> None:
    if refs:
        repository.run("update-ref", "--stdin", stdin=os.fsencode("".join(f"delete {ref}\n" for ref in refs)))
