"""The changes between checkpoints, and since the last one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.workflow_tree import Workflow

from penguin.orchestration.backend import WorkflowError, WorkflowPhase
from penguin.orchestration.worktree.diff import Attempt, TreeDiff, workflow_diff


def shown(found: TreeDiff) -> tuple[list[str], str]:
    return found.files(), b"".join(found.text()).decode()


def diff_of(
    workflow: Workflow, phase: WorkflowPhase | None = None, running: Attempt | None = None, active: bool = False
) -> tuple[list[str], str]:
    attempts = [*attempts_of(workflow), *([running] if running else [])]
    return shown(workflow_diff(workflow.workspace, workflow.folder, attempts, phase=phase, active=active))


def attempts_of(workflow: Workflow) -> list[Attempt]:
    return [
        Attempt(checkpoint.attempt, checkpoint.phase)
        for checkpoint in workflow.checkpoints.all()
        if checkpoint.attempt and checkpoint.phase
    ]


@pytest.fixture
def begun(workflow: Workflow, repository: Path) -> Workflow:
    workflow.begin()
    (repository / "code.py").write_text("print(2)\n")
    workflow.keep("1-implement")
    (repository / "report.txt").write_text("fine\n")
    workflow.keep("2-test")
    return workflow


def test_a_diff_of_the_whole_workflow(begun: Workflow, repository: Path) -> None:
    (repository / "code.py").write_text("after the end\n")
    files, text = diff_of(begun)
    assert files == ["code.py", "report.txt"]
    assert "diff --git a/code.py b/code.py\n" in text
    assert "-print(1)\n+print(2)\n" in text
    assert "after the end" not in text


def test_a_diff_of_one_phase(begun: Workflow) -> None:
    assert diff_of(begun, WorkflowPhase.IMPLEMENT)[0] == ["code.py"]
    assert diff_of(begun, WorkflowPhase.TEST)[0] == ["report.txt"]
    with pytest.raises(WorkflowError, match="no attempt of USE") as caught:
        diff_of(begun, WorkflowPhase.USE)
    assert caught.value.hint == "phases with attempts: IMPLEMENT, TEST"


def test_a_diff_of_the_newest_attempt_of_a_phase(begun: Workflow, repository: Path) -> None:
    (repository / "code.py").write_text("print(3)\n")
    begun.keep("3-implement")
    assert "-print(2)\n+print(3)\n" in diff_of(begun, WorkflowPhase.IMPLEMENT)[1]


def test_a_diff_with_the_current_files_leaves_no_trace(begun: Workflow, repository: Path) -> None:
    (repository / "code.py").write_text("just now\n")
    (repository / "new.py").write_text("x\n")
    (repository / ".env").write_text("secret\n")
    objects, index = git(repository, "count-objects", "-v"), (begun.folder / "checkpoint.index").read_bytes()
    files, text = diff_of(begun, active=True)
    assert files == ["code.py", "new.py", "report.txt"]
    assert "+just now\n" in text
    assert git(repository, "count-objects", "-v") == objects
    assert (begun.folder / "checkpoint.index").read_bytes() == index
    assert diff_of(begun, WorkflowPhase.USE, Attempt(3, WorkflowPhase.USE, running=True))[0] == ["code.py", "new.py"]


def test_settings_of_the_user_do_not_change_it(
    begun: Workflow, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = diff_of(begun)
    for key, value in {
        "diff.external": "false",
        "diff.noprefix": "true",
        "color.ui": "always",
        "core.pager": "false",
        "diff.text.textconv": "false",
        "diff.mnemonicPrefix": "true",
    }.items():
        git(repository, "config", key, value)
    (repository / ".git" / "info" / "attributes").write_text("*.py diff=text\n")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    assert diff_of(begun) == plain


def test_paths_are_relative_to_the_workspace(repository: Path, tmp_path: Path) -> None:
    workflow = Workflow(repository / "lib", tmp_path / "runs" / "ituv-a-000001")
    workflow.begin()
    (repository / "lib" / "util.py").write_text("x = 2\n")
    (repository / "code.py").write_text("outside\n")
    files, text = diff_of(workflow, active=True)
    assert files == ["util.py"]
    assert "+++ b/util.py\n" in text


def test_a_large_diff_is_streamed_and_can_be_abandoned(begun: Workflow, repository: Path) -> None:
    (repository / "large.txt").write_text("line\n" * 1_000_000)
    pieces = workflow_diff(begun.workspace, begun.folder, active=True).text()
    assert len(next(pieces)) <= 64 * 1024
    pieces.close()  # type: ignore[attr-defined]


def test_a_path_of_objects_with_odd_characters(tmp_path: Path) -> None:
    from tests.support.git_repository import make_repository

    workflow = Workflow(make_repository(tmp_path / 'odd:"name'), tmp_path / "runs" / "ituv-a-000001")
    workflow.begin()
    (workflow.workspace / "code.py").write_text("print(2)\n")
    assert diff_of(workflow, active=True)[0] == ["code.py"]


def test_before_the_start_there_is_nothing_to_compare(workflow: Workflow) -> None:
    with pytest.raises(WorkflowError, match="has no checkpoint"):
        diff_of(workflow)
    assert not os.path.lexists(workflow.folder)


def three() -> list[Attempt]:
    phases = (WorkflowPhase.IMPLEMENT, WorkflowPhase.TEST, WorkflowPhase.USE)
    return [Attempt(number, phase) for number, phase in enumerate(phases, 1)]


def refused(workflow: Workflow, phase: WorkflowPhase | None = None) -> WorkflowError:
    with pytest.raises(WorkflowError) as caught:
        workflow_diff(workflow.workspace, workflow.folder, three(), phase=phase, active=False)
    return caught.value


def test_a_missing_start_is_named_and_not_replaced(workflow: Workflow, repository: Path) -> None:
    for number, name in enumerate(("1-implement", "2-test", "3-use"), 1):
        (repository / "code.py").write_text(f"print({number + 1})\n")
        workflow.keep(name)
    whole = refused(workflow)
    assert "the checkpoint start of ituv-a-000001 (the files before attempt 1) is missing" in whole.message
    assert whole.hint == "/workflow diff ituv-a-000001 --phase TEST or /workflow diff ituv-a-000001 --phase USE"
    assert "checkpoint start" in refused(workflow, WorkflowPhase.IMPLEMENT).message
    found = workflow_diff(workflow.workspace, workflow.folder, three(), phase=WorkflowPhase.TEST)
    assert "-print(2)\n+print(3)\n" in shown(found)[1]


def test_a_missing_end_is_named(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    (repository / "code.py").write_text("print(2)\n")
    workflow.keep("1-implement")
    workflow.checkpoints.note_missing("3-use", OSError(28, "No space left on device"))
    for phase in (None, WorkflowPhase.USE):
        error = refused(workflow, phase)
        if phase is None:
            assert "the checkpoint 3-use of ituv-a-000001 (the files after attempt 3, USE) is missing" in error.message
            assert "No space left" in error.message
        else:
            assert "the checkpoint 2-test" in error.message
        assert error.hint == "/workflow diff ituv-a-000001 --phase IMPLEMENT"


def test_an_attempt_without_the_checkpoint_before_it_gets_one_of_its_own(workflow: Workflow, repository: Path) -> None:
    assert workflow.checkpoints.name_before(1) == "start"
    workflow.begin()
    assert workflow.checkpoints.name_before(1) == ""
    assert workflow.checkpoints.name_before(2) == "2-before"
    (repository / "code.py").write_text("print(2)\n")
    workflow.keep("2-before")
    (repository / "code.py").write_text("print(3)\n")
    workflow.keep("2-test")
    assert workflow.checkpoints.name_before(2) == workflow.checkpoints.name_before(3) == ""
    assert (
        "-print(2)\n+print(3)\n"
        in shown(workflow_diff(workflow.workspace, workflow.folder, three(), phase=WorkflowPhase.TEST))[1]
    )


def test_a_failed_first_checkpoint_is_not_made_later(workflow: Workflow) -> None:
    workflow.checkpoints.note_missing("start", OSError("gone"))
    assert workflow.checkpoints.name_before(1) == ""


def test_what_a_person_approved_does_not_hide_what_the_attempt_did(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    (repository / "code.py").write_text("print(2)\n")
    workflow.keep("1-implement")
    workflow.keep("1-implement-approved")
    assert diff_of(workflow, WorkflowPhase.IMPLEMENT)[0] == ["code.py"]


def test_a_file_that_git_cannot_store_is_not_shown_as_deleted(workflow: Workflow, repository: Path) -> None:
    (repository / ".gitattributes").write_text("code.py filter=absent\n")
    workflow.begin()
    git(repository, "config", "filter.absent.clean", "no-such-program-of-penguin")
    git(repository, "config", "filter.absent.required", "true")
    (repository / "code.py").write_text("print('another length')\n")
    (repository / "new.txt").write_text("x\n")
    kept = workflow.keep("1-implement")
    assert kept.left_out == ("code.py",)
    attempts = [Attempt(1, WorkflowPhase.IMPLEMENT, left_out=kept.left_out)]
    for active in (False, True):
        found = workflow_diff(workflow.workspace, workflow.folder, attempts, active=active)
        assert found.left_out == ["code.py"]
        files, text = shown(found)
        assert files == ["new.txt"]
        assert "code.py" not in text
        assert "+++ b/new.txt" in text
