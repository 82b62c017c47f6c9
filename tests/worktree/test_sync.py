"""Trees that share a git remote: the same files and digest elsewhere, and no loss of the user's changes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.git_clones import NEXT, WORKFLOW, Clone, pushed, writing
from tests.worktree.test_restore import contents

from penguin.orchestration.worktree.sync.sync import MergeConflict

# --- taking over ---


def test_a_workflow_goes_on_in_another_clone_with_the_same_files_and_digest(one: Clone, two: Clone) -> None:
    def work(workspace: Path) -> None:
        (workspace / "code.py").write_text("print(2)\n")
        (workspace / "lib" / "util.py").unlink()
        (workspace / "made.py").write_text("x = 1\n")
        (workspace / "tool").write_text("#!/bin/sh\n")
        (workspace / "tool").chmod(0o755)
        (workspace / "link").symlink_to("code.py")

    one.bring()
    digest = one.attempt(1, work)
    assert not two.sharing.is_here(WORKFLOW, 1)
    two.bring(1)
    assert contents(two.workspace) == contents(one.workspace)
    assert os.access(two.workspace / "tool", os.X_OK)
    assert two.tree().digest() == digest
    assert two.sharing.is_here(WORKFLOW, 1)
    assert two.checkpoints().has_start
    assert two.names() == ["start", "1-implement"]
    two.write("made.py", "x = 2\n")
    assert two.tree().digest() != digest


def test_what_tests_left_behind_is_brought_and_is_not_of_the_tree(one: Clone, two: Clone) -> None:
    one.bring()
    one.attempt(1, writing(made__py="x"))
    digest = one.attempt(2, writing(report__xml="<r/>"), phase="test")
    two.bring(2)
    assert two.read("report.xml") == "<r/>"
    two.write("report.xml", "<other/>")
    assert two.tree().digest() == digest


def test_the_next_checkpoints_go_on_from_those_of_the_other(one: Clone, two: Clone, bare: Path) -> None:
    one.bring()
    one.attempt(1, writing(made__py="1\n"))
    two.bring(1)
    two.attempt(2, writing(made__py="2\n"), phase="test")
    assert two.names() == ["start", "1-implement", "2-test"]
    assert pushed(bare) == [f"refs/penguin/{WORKFLOW}/{name}" for name in ("1-implement", "2-test", "start")]
    git(bare, "merge-base", "--is-ancestor", f"refs/penguin/{WORKFLOW}/1-implement", f"refs/penguin/{WORKFLOW}/2-test")


def test_there_and_back_with_edits_of_one_file(one: Clone, two: Clone) -> None:
    one.bring()
    one.attempt(1, writing(made__py="1\n"))
    two.bring(1)
    two.attempt(2, writing(made__py="2\n"))
    assert not one.sharing.is_here(WORKFLOW, 2)
    one.bring(2)
    assert one.read("made.py") == "2\n"
    digest = one.attempt(3, writing(made__py="3\n"))
    two.bring(3)
    assert two.read("made.py") == "3\n"
    assert two.tree().digest() == digest
    one.bring(3)
    assert one.read("made.py") == "3\n"


def test_what_the_other_threw_away_is_gone_here_too(one: Clone, two: Clone) -> None:
    one.bring()
    one.attempt(1, writing(made__py="1\n"))
    two.bring(1)
    two.attempt(2, lambda workspace: (workspace / "made.py").unlink())
    one.bring(2)
    assert not (one.workspace / "made.py").exists()


def test_an_attempt_that_never_ended_is_not_brought(one: Clone, two: Clone, bare: Path) -> None:
    one.bring()
    one.attempt(1, writing(made__py="1\n"))
    one.attempt(2, writing(made__py="late\n"))
    two.bring(1)
    assert two.read("made.py") == "1\n"
    assert two.names() == ["start", "1-implement"]
    two.attempt(2, writing(made__py="2\n"))
    assert git(bare, "show", f"refs/penguin/{WORKFLOW}/2-implement:made.py") == "2\n"


def test_an_attempt_that_was_never_pushed_is_not_passed_over(one: Clone, two: Clone) -> None:
    one.bring()
    one.attempt(1, writing(made__py="1\n"))
    one.attempt(2, writing(made__py="2\n"), push=False)
    before = contents(two.workspace)
    with pytest.raises(MergeConflict, match=f"attempt 2 of {WORKFLOW} is not on the git remote shared") as caught:
        two.bring(2)
    assert "/workflow retry" in caught.value.hint
    assert contents(two.workspace) == before
    assert not two.sharing.is_here(WORKFLOW, 2)
    assert not two.sharing.is_here(WORKFLOW, 0)


def test_a_workflow_that_began_before_the_tree_was_shared_is_here(one: Clone, two: Clone) -> None:
    checkpoints = one.checkpoints()
    checkpoints.save_start(one.tree().digest())
    checkpoints.save("1-test", one.tree().digest())
    assert one.sharing.is_here(WORKFLOW, 1)
    assert not one.sharing.is_here(WORKFLOW, 2)
    digest = one.attempt(2, writing(made__py="x"))
    two.bring(2)
    assert two.names() == ["start", "1-test", "2-implement"]
    assert two.tree().digest() == digest


# --- building upon others ---


def test_a_dependent_gets_the_work_of_its_dependencies(one: Clone, two: Clone) -> None:
    one.bring()
    one.attempt(1, writing(made__py="1\n"))
    one.attempt(2, phase="verify")
    two.bring(0, "ituv-unknown-000009", WORKFLOW, workflow_id=NEXT)
    assert two.read("made.py") == "1\n"
    assert two.sharing.is_here(NEXT, 0)
    assert not two.checkpoints(NEXT).has_start
    two.attempt(1, writing(next__py="n"), workflow_id=NEXT)
    assert "made.py" in git(two.workspace, "ls-tree", "--name-only", f"refs/penguin/{NEXT}/start")
    one.bring(1, WORKFLOW, workflow_id=NEXT)
    assert contents(one.workspace) == contents(two.workspace)


def test_work_of_two_trees_comes_together(one: Clone, two: Clone, tmp_path: Path) -> None:
    one.bring()
    one.attempt(1, writing(a__py="a\n"))
    two.bring(workflow_id=NEXT)
    two.attempt(1, writing(b__py="b\n"), workflow_id=NEXT)
    git(tmp_path, "clone", "-q", os.fspath(tmp_path / "origin"), "three")
    git(tmp_path / "three", "remote", "add", "shared", os.fspath(tmp_path / "bare.git"))
    three = Clone(tmp_path / "three", tmp_path / "three-runs")
    three.bring(0, WORKFLOW, NEXT, workflow_id="ituv-c-000001")
    assert (three.read("a.py"), three.read("b.py")) == ("a\n", "b\n")
    one.bring(0, WORKFLOW, NEXT, workflow_id="ituv-c-000001")
    assert one.read("b.py") == "b\n"


def test_what_the_user_threw_away_does_not_come_back(one: Clone, two: Clone) -> None:
    one.bring()
    one.attempt(1, writing(made__py="1\n"))
    two.bring(0, WORKFLOW, workflow_id=NEXT)
    (two.workspace / "made.py").unlink()
    two.bring(0, WORKFLOW, workflow_id=NEXT)
    assert not (two.workspace / "made.py").exists()


def test_passes_that_a_retry_took_over_hold_elsewhere(one: Clone, two: Clone) -> None:
    one.bring()
    digest = one.attempt(1, writing(made__py="1\n"))
    two.bring(0, WORKFLOW, workflow_id=NEXT, passed=digest)
    assert two.tree(NEXT).digest() == digest
    two.write("made.py", "2\n")
    assert two.tree(NEXT).digest() != digest


# --- what is the user's ---


def test_changes_here_survive_and_nothing_of_the_users_moves(one: Clone, two: Clone) -> None:
    git(two.workspace, "tag", "mine")
    two.write("stashed.txt", "s")
    git(two.workspace, "stash", "-u")
    two.write("lib/util.py", "x = 'mine'\n")
    two.write("notes.txt", "mine")
    two.write("staged.txt", "staged")
    git(two.workspace, "add", "staged.txt")
    two.write("noise.log", "ignored")
    two.write(".env", "SECRET=1")
    one.bring()
    one.attempt(1, writing(code__py="print(2)\n", made__py="x\n"))
    before = two.traces()
    two.bring(1)
    assert two.traces() == before
    assert two.read("code.py") == "print(2)\n"
    mine = {"lib/util.py": "x = 'mine'\n", "notes.txt": "mine", "staged.txt": "staged", "noise.log": "ignored"}
    assert {name: two.read(name) for name in mine} == mine
    assert two.read(".env") == "SECRET=1"
    assert not (two.top / ".git" / "FETCH_HEAD").exists()


def test_two_parts_of_one_file_are_merged(one: Clone, two: Clone) -> None:
    lines = [f"line {number}\n" for number in range(20)]
    for clone in (one, two):
        clone.write("code.py", "".join(lines))
        git(clone.workspace, "commit", "-qam", "lines", "--date", "2020-01-01T00:00:00Z")
    two.write("code.py", "".join([*lines[:19], "mine\n"]))
    one.bring()
    one.attempt(1, writing(code__py="".join(["theirs\n", *lines[1:]])))
    two.bring(1)
    assert two.read("code.py") == "".join(["theirs\n", *lines[1:19], "mine\n"])


def test_a_conflict_names_the_file_and_touches_nothing(one: Clone, two: Clone) -> None:
    two.write("code.py", "print('mine')\n")
    one.bring()
    one.attempt(1, writing(code__py="print('theirs')\n", made__py="x\n"))
    before, traces = contents(two.workspace), two.traces()
    with pytest.raises(MergeConflict, match=f"the work of {WORKFLOW} .* both changed code.py$") as caught:
        two.bring(1)
    assert contents(two.workspace) == before
    assert two.traces() == traces
    assert not two.sharing.is_here(WORKFLOW, 1)
    command = re.search(r"git (restore \S+ -- \S+);", caught.value.hint)
    assert command is not None
    git(two.workspace, *command[1].split())
    two.bring(1)
    assert two.read("code.py") == "print('theirs')\n"
    assert two.read("made.py") == "x\n"


def test_a_file_that_is_ignored_here_or_left_out_is_not_overwritten(one: Clone, two: Clone) -> None:
    (two.top / ".git" / "info" / "exclude").write_text("made.py\n")
    two.write("made.py", "mine")
    two.write("private.key", "mine")
    one.write("private.key", "theirs")
    git(one.workspace, "add", "private.key")
    one.bring()
    one.attempt(1, writing(made__py="theirs\n", code__py="print(2)\n"))
    before = contents(two.workspace)
    with pytest.raises(MergeConflict, match=r"in the way: made.py, private.key$"):
        two.bring(1)
    assert contents(two.workspace) == before
    (two.workspace / "made.py").unlink()
    (two.workspace / "private.key").unlink()
    two.bring(1)
    assert two.read("made.py") == "theirs\n"
    assert two.read("private.key") == "theirs"
