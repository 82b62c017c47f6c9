"""The files of runs: their order, and names that leave the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from penguin.orchestration.backend import WorkflowNotFound, WorkflowPhase
from penguin.orchestration.files.run_files import attempt_folders, attempt_logs

W = "ituv-auth.user-0a1b2c"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    for name in (
        "1-implement/01-apply.1.log",
        "2-test/01-pytest-q.1.log",
        "2-test/01-pytest-q.1.err.log",
        "2-test/01-pytest-q.2.log",
        "2-test/01-pytest-q.10.log",
        "2-test/02-ruff-check.1.log",
        "2-test/02-ruff-check.1.exit.json",
        "2-test/02-ruff-check.1.log.tail",
        "2-test/notes.log",
        "10-use/100-curl.1.log",
        "10-use/20-serve.1.log",
        "x-test/01-no.1.log",
        "3-lunch/01-no.1.log",
    ):
        path = runs / W / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (runs / W / "11-verify").write_text("a file where a folder should be")
    return runs


def test_logs_are_in_the_order_of_the_steps(runs: Path) -> None:
    logs = attempt_logs(runs, W)
    assert [str(log.path.relative_to(runs / W)) for log in logs] == [
        "1-implement/01-apply.1.log",
        "2-test/01-pytest-q.1.log",
        "2-test/01-pytest-q.1.err.log",
        "2-test/01-pytest-q.2.log",
        "2-test/01-pytest-q.10.log",
        "2-test/02-ruff-check.1.log",
        "10-use/20-serve.1.log",
        "10-use/100-curl.1.log",
    ]
    log = logs[2]
    assert (log.phase, log.attempt, log.number, log.step) == (WorkflowPhase.TEST, 2, 1, "pytest-q")
    assert (log.start_number, log.errors) == (1, True)
    assert log.path.read_text() == "2-test/01-pytest-q.1.err.log"


def test_one_phase_or_attempt(runs: Path) -> None:
    assert {log.attempt for log in attempt_logs(runs, W, phase=WorkflowPhase.USE)} == {10}
    assert {log.phase for log in attempt_logs(runs, W, attempt=1)} == {WorkflowPhase.IMPLEMENT}
    assert attempt_logs(runs, W, phase=WorkflowPhase.TEST, attempt=1) == []


def test_folders_of_attempts(runs: Path) -> None:
    assert [(number, phase) for number, phase, _ in attempt_folders(runs, W)][:3] == [
        (1, WorkflowPhase.IMPLEMENT),
        (2, WorkflowPhase.TEST),
        (10, WorkflowPhase.USE),
    ]


def test_a_workflow_without_files(runs: Path) -> None:
    assert attempt_logs(runs, "ituv-other-000000") == []
    assert attempt_logs(runs / "nowhere", W) == []


@pytest.mark.parametrize("name", ["", ".", "..", "../runs", f"../runs/{W}", "/etc", f"{W}/", f"{W}\n", "a\0b", "-x"])
def test_an_id_must_be_a_plain_name(runs: Path, name: str) -> None:
    with pytest.raises(WorkflowNotFound):
        attempt_logs(runs, name)
