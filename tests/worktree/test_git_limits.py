"""The time limits of git: a file that git reads may be a named pipe, and a filter may hang."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.support.processes import is_alive
from tests.support.waiting import wait_until
from tests.worktree.workflow_tree import Workflow

from penguin.orchestration.worktree import git as git_module
from penguin.orchestration.worktree import git_process
from penguin.orchestration.worktree.checkpoints import try_save
from penguin.orchestration.worktree.diff import workflow_diff
from penguin.orchestration.worktree.git import GitTimeout
from penguin.orchestration.worktree.git_process import stream_process


@pytest.fixture
def begun(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    """A workflow with a checkpoint, and short limits from now on."""
    workflow.begin()
    monkeypatch.setattr(git_module, "LIMIT", 1.0)
    monkeypatch.setattr(git_module, "_LIMITS", {})
    monkeypatch.setattr(git_process, "LIMIT", 1.0)
    return workflow


def include(repository: Path) -> None:
    (repository / ".git/config").write_text(f"[include]\n\tpath = {_pipe(repository / '.git/more')}\n")


def attributes(repository: Path) -> None:
    _pipe(repository / ".git/info/attributes")
    (repository / "code.py").write_text("print(2)\n")


def head(repository: Path) -> None:
    (repository / ".git/HEAD").unlink()
    _pipe(repository / ".git/HEAD")


def filter_program(repository: Path) -> None:
    git(repository, "config", "filter.slow.clean", "echo $$ > ../filter.pid; exec sleep 1000")
    (repository / ".git/info/attributes").write_text("code.py filter=slow\n")
    (repository / "code.py").write_text("print(22)\n")


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("hang", [include, attributes, head, filter_program])
def test_git_that_hangs_is_ended_with_an_error(begun: Workflow, repository: Path, hang: Callable[[Path], None]) -> None:
    hang(repository)
    with pytest.raises(GitTimeout, match=r"git [a-z-]+ did not end within"):
        workflow_diff(repository, begun.folder)
    assert begun.tree.digest() == ""
    assert not try_save(begun.checkpoints, "1-implement", "").commit
    assert "did not end within" in begun.checkpoints.missing()["1-implement"]


def test_a_filter_ends_with_git(begun: Workflow, repository: Path, tmp_path: Path) -> None:
    filter_program(repository)
    begun.tree.digest()
    pid = int((tmp_path / "filter.pid").read_text())
    wait_until(lambda: not is_alive(pid))


@pytest.mark.usefixtures("begun")
def test_a_stream_that_stops_is_ended(repository: Path) -> None:
    pieces = stream_process(("sh", "-c", "echo one; sleep 1000"), repository, os.environ)
    assert next(pieces) == b"one\n"
    with pytest.raises(TimeoutError):
        next(pieces)
