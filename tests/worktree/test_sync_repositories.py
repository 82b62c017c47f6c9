"""Shared trees in several kinds of repositories."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.git_repository import git, make_repository
from tests.worktree.git_clones import NEXT, WORKFLOW, Clone, make_clones, pushed, writing


def test_a_workspace_in_a_subfolder_brings_nothing_from_outside(tmp_path: Path) -> None:
    one, two, _ = make_clones(tmp_path, "lib")
    (one.top / "code.py").write_text("staged outside\n")
    git(one.top, "add", "code.py")
    (two.top / "code.py").write_text("mine, outside\n")
    git(two.top, "commit", "-qam", "mine")
    one.bring()
    digest = one.attempt(1, writing(made__py="x\n", util__py="x = 2\n"))
    two.bring(1)
    assert (two.read("made.py"), two.read("util.py")) == ("x\n", "x = 2\n")
    assert (two.top / "code.py").read_text() == "mine, outside\n"
    assert two.tree().digest() == digest
    two.attempt(2, writing(made__py="y\n"))
    one.bring(2)
    assert one.read("made.py") == "y\n"
    assert (one.top / "code.py").read_text() == "staged outside\n"


def test_two_workspaces_of_one_repository_do_not_take_each_others_work_for_theirs(tmp_path: Path) -> None:
    one, two, _ = make_clones(tmp_path, "lib")
    for clone in (one, two):
        (clone.top / "app").mkdir()
    app_one, app_two = (Clone(clone.top, clone.runs.with_name(f"{clone.runs.name}-app"), "app") for clone in (one, two))
    one.bring()
    one.attempt(1, writing(made__py="x\n"))
    app_one.bring(workflow_id=NEXT)
    app_one.attempt(1, writing(app__py="a\n"), workflow_id=NEXT)
    app_two.bring(1, workflow_id=NEXT)
    assert not (two.workspace / "made.py").exists()
    two.bring(1)
    assert (two.read("made.py"), app_two.read("app.py")) == ("x\n", "a\n")


def test_other_repositories_within_are_left_alone(one: Clone, two: Clone, tmp_path: Path) -> None:
    inner = make_repository(tmp_path / "inner")
    for clone in (one, two):
        git(clone.top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", os.fspath(inner), "sub")
        git(clone.top, "commit", "-qm", "sub")
    git(one.top / "sub", "commit", "-q", "--allow-empty", "-m", "ahead")
    git(one.top, "config", "push.recurseSubmodules", "on-demand")
    before = git(two.top / "sub", "rev-parse", "HEAD")
    one.bring()
    one.attempt(1, writing(made__py="x\n"))
    two.bring(1)
    assert two.read("made.py") == "x\n"
    assert git(two.top / "sub", "rev-parse", "HEAD") == before


def test_a_linked_worktree_shares_under_the_plain_names(one: Clone, two: Clone, bare: Path, tmp_path: Path) -> None:
    git(one.top, "worktree", "add", "-q", "--detach", os.fspath(tmp_path / "linked"))
    linked = Clone(tmp_path / "linked", tmp_path / "linked-runs")
    linked.bring()
    digest = linked.attempt(1, writing(made__py="x\n"))
    assert pushed(bare) == [f"refs/penguin/{WORKFLOW}/1-implement", f"refs/penguin/{WORKFLOW}/start"]
    one.bring(1)
    assert one.read("made.py") == "x\n"
    two.bring(1)
    assert two.tree().digest() == digest


def test_repositories_without_a_commit(tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    bare.mkdir()
    git(bare, "init", "-q", "--bare")
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "-q")
        git(tmp_path / name, "remote", "add", "shared", os.fspath(bare))
        found.append(Clone(tmp_path / name, tmp_path / f"{name}-runs"))
    found[0].bring()
    digest = found[0].attempt(1, writing(made__py="x\n"))
    found[1].bring(1)
    assert found[1].read("made.py") == "x\n"
    assert found[1].tree().digest() == digest
