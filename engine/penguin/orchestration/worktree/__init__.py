"""The working tree of a workspace under git: its digest, its checkpoints, and their restoration."""

from __future__ import annotations

from penguin.orchestration.worktree.digest import MAX_NAMED, WorkingTree
from penguin.orchestration.worktree.git import GitError, NoRepository

__all__ = ["MAX_NAMED", "GitError", "NoRepository", "WorkingTree"]
