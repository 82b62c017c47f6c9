"""The checks at the start of a workflow in a tree, and the name of its target branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.config.tree import CURRENT

if TYPE_CHECKING:
    from pathlib import Path

    from penguin.orchestration.config import Settings
    from penguin.orchestration.core.definition import Definition


def uncommitted_note(root: Path) -> str:
    """Return a sentence about the user's uncommitted changes, which no tree has; '' if there are none."""
    from penguin.orchestration.worktree.git import Repository, split_nul

    options = ("--porcelain=v1", "-z", "--no-renames", "--ignore-submodules=all")
    count = len(split_nul(Repository(root).run("status", *options)))
    if not count:
        return ""
    files = "1 file has" if count == 1 else f"{count} files have"
    return f"{files} uncommitted changes, which the trees of workflows do not have; git status shows them"


def prepared_for_tree(settings: Settings, definition: Definition) -> Definition:
    """Return the definition with its target branch by name.

    Raises ConfigError, and WorkflowError if the workspace has no git repository with a commit.
    """
    if settings.backend != "native":
        raise ConfigError(
            f"isolation: tree is not available with orchestration.backend: {settings.backend}",
            "set isolation: in-place, or orchestration.backend: native",
        )
    from penguin.orchestration.worktree.landing.landing_commit import parse_identity
    from penguin.orchestration.worktree.landing.target_branch import current_branch
    from penguin.orchestration.worktree.trees.users_repository import UsersRepository

    users = UsersRepository(settings.root)
    users.commit_of()
    land = definition.land
    if land is None or not land.branch:
        return definition
    if land.author:
        parse_identity(land.author)
    if land.branch == CURRENT:
        return replace(definition, land=replace(land, branch=current_branch(users.repository)))
    return definition
