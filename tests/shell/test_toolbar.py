"""The layout of the toolbar."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prompt_toolkit.formatted_text import fragment_list_to_text

from penguin.orchestration.backend import WorkflowInfo, WorkflowPhase, WorkflowStatus
from penguin_repl.live.drawing import LiveDrawer
from penguin_repl.live.poller import EMPTY_RESULT, PollResult, WorkflowCounts
from penguin_repl.live.toolbar import toolbar_line
from penguin_repl.output.screen import Style
from penguin_repl.render.parts import Span

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


EXECUTING = {SOME[0].workflow_id, SOME[1].workflow_id}
POLL = PollResult(WorkflowCounts(running=2, blocked=1, paused=1, waiting=1), SOME, EXECUTING)


def fitting(poll: PollResult, width: int) -> str:
    return toolbar_line(poll, width).text


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (80, " 2 running: auth TEST, mail USE · 1 blocked: pay · 1 paused: ship · 1 waiting"),
        (75, " 2 running: auth TEST, … · 1 blocked: pay · 1 paused: ship · 1 waiting"),
        (50, " 2 running · 1 blocked · 1 paused · 1 waiting"),
    ],
)
def test_counts_come_before_names(width: int, line: str) -> None:
    assert fitting(POLL, width) == line


def test_a_workflow_without_a_running_step_waits() -> None:
    poll = POLL._replace(counts=WorkflowCounts(1, 1, 1, 2), executing=frozenset({SOME[1].workflow_id}))
    assert fitting(poll, 80) == " 1 running: mail USE · 1 blocked: pay · 1 paused: ship · 2 waiting"


def test_all_workflows_are_counted_and_few_are_named() -> None:
    poll = PollResult(WorkflowCounts(2, 100_000), SOME[:1], EXECUTING)
    assert fitting(poll, 80) == " 2 running: auth TEST, … · 100000 blocked"


def test_counts_have_the_style_of_their_status() -> None:
    found = [piece for piece in toolbar_line(POLL, 50).pieces if piece.meaning != "toolbar"]  # type: ignore[union-attr]
    assert found == [
        Span("2 running", "status.running"),
        Span("1 blocked", "status.blocked"),
        Span("1 paused", "status.paused"),
        Span("1 waiting", "status.pending"),
    ]


def test_without_workflows_the_toolbar_says_so() -> None:
    assert fitting(EMPTY_RESULT, 80) == " no workflow is running"


@pytest.mark.parametrize("width", range(1, 90))
def test_the_toolbar_is_one_line(width: int) -> None:
    for poll in (POLL, EMPTY_RESULT):
        drawn = LiveDrawer(Style(terminal=True, color=True)).draw([toolbar_line(poll, width)], width)
        assert drawn.height == 1
        assert len(fragment_list_to_text(drawn.text)) <= width
