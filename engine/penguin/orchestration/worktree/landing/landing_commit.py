"""The commit that lands: one for each task, with the identity of the user."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.git import Repository

MAX_SUBJECT = 72
"""The largest number of characters in the first line of a commit message."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_IDENTITY = re.compile(r"\s*([^<>\x00-\x1f]*[^<>\x00-\x1f\s])\s*<([^<>\s]+)>\s*")


class Identity(NamedTuple):
    """The name and the e-mail address of a person."""

    name: str
    email: str


@dataclass(frozen=True)
class CommitText:
    """What the message of a landing commit says."""

    title: str
    """The task's title, of any form."""
    workflow_id: str
    evidence: str
    """The digest of the evidence of the gates."""


def parse_identity(text: str) -> Identity:
    """Read `Name <email>`. Raises WorkflowError."""
    match = _IDENTITY.fullmatch(text)
    if match is None:
        raise WorkflowError(f"land.author: {text!r} is not an author", "write it as: Name <name@example.org>")
    return Identity(match[1], match[2])


def subject(title: str) -> str:
    """Return a title as one line of at most MAX_SUBJECT characters."""
    line = " ".join(_CONTROL.sub(" ", title).split())
    if len(line) <= MAX_SUBJECT:
        return line
    start, _, _ = line[:MAX_SUBJECT].rpartition(" ")
    return f"{start or line[: MAX_SUBJECT - 1]}…"


def message(text: CommitText, tree: str) -> str:
    """Return the message of a landing commit."""
    return (
        f"{subject(text.title) or text.workflow_id}\n\n"
        f"All gates of workflow {text.workflow_id} passed on this tree.\n"
        f"Evidence: {text.evidence}\n\n"
        f"Penguin-Workflow: {text.workflow_id}\n"
        f"Penguin-Tree: {tree}\n"
    )


def write_commit(
    repository: Repository,
    tree: str,
    parents: Sequence[str],
    text: CommitText,
    *,
    seconds: int,
    author: Identity | None = None,
    sign: bool = False,
) -> str:
    """Write the commit, and return its name. No hook runs. The same arguments give the same commit.

    Args:
        repository: The user's repository.
        tree: The tree that the gates passed on.
        parents: The tip of the branch, and for the style `merge` the commit of the work.
        text: What the message says.
        seconds: The time of the commit, in seconds since 1970.
        author: The author; default: the user, who is also the committer.
        sign: Sign it with the user's key. Then no two commits are the same.

    Raises:
        GitError: git failed, perhaps because it can't sign.
    """
    user = users_identity(repository)
    by = author or user
    env = {
        "GIT_AUTHOR_NAME": by.name,
        "GIT_AUTHOR_EMAIL": by.email,
        "GIT_AUTHOR_DATE": f"{seconds} +0000",
        "GIT_COMMITTER_NAME": user.name,
        "GIT_COMMITTER_EMAIL": user.email,
        "GIT_COMMITTER_DATE": f"{seconds} +0000",
    }
    options = [option for parent in parents for option in ("-p", parent)]
    command = ("-c", "i18n.commitEncoding=UTF-8", "commit-tree", *(("-S",) if sign else ()), *options, tree)
    return repository.run(*command, stdin=message(text, tree).encode(), env=env).decode().strip()


def users_identity(repository: Repository) -> Identity:
    """Return the identity in the user's git configuration; without one, that of Penguin."""
    name, email = (_setting(repository, f"user.{part}") for part in ("name", "email"))
    return Identity(name or "Penguin", email or "penguin@localhost")


def _setting(repository: Repository, name: str) -> str:
    value = repository.run("config", "--get", name, fine=(0, 1)).decode("utf-8", "replace").strip()
    return value if _CONTROL.sub("", value).strip("<>.,:;\"'\\ ") else ""
