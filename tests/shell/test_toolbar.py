"""The layout of the toolbar."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from penguin.orchestration.backend import WorkflowInfo, WorkflowPhase, WorkflowStatus
from penguin_repl.shell.toolbar import toolbar_text as fitting_counts

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def info(task: str, status: str, phase: str = "TEST") -> WorkflowInfo:
    return WorkflowInfo(
        workflow_id=f"ituv-{task}-000000",
        task_id=task,
        blueprint_id="b",
        project_id="p",
        status=WorkflowStatus(status),
        phase=WorkflowPhase(phase),
        progress=50,
        started_at=NOW,
        updated_at=NOW,
    )


SOME = [
    info("auth", "RUNNING"),
    info("mail", "RUNNING", "USE"),
    info("search", "PENDING", "PENDING"),
    info("pay", "BLOCKED"),
    info("ship", "PAUSED"),
]


def fitting(active: list[WorkflowInfo], width: int) -> str:
    return fitting_counts(Counter(info.status for info in active), active, width)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (80, " 2 running: auth TEST, mail USE · 1 blocked: pay · 1 paused: ship · 1 waiting"),
        (75, " 2 running: auth TEST, … · 1 blocked: pay · 1 paused: ship · 1 waiting"),
        (50, " 2 running · 1 blocked · 1 paused · 1 waiting"),
        (20, " 2 running · 1 bloc…"),
    ],
)
def test_counts_come_before_names(width: int, line: str) -> None:
    assert fitting(SOME, width) == line


def test_all_workflows_are_counted_and_few_are_named() -> None:
    counts = {WorkflowStatus.BLOCKED: 100_000, WorkflowStatus.RUNNING: 2}
    assert fitting_counts(counts, SOME[:1], 80) == " 2 running: auth TEST, … · 100000 blocked"


@pytest.mark.parametrize("width", range(1, 90))
def test_the_toolbar_is_one_line(width: int) -> None:
    assert len(fitting(SOME, width)) <= width
    assert len(fitting([], width)) <= width
