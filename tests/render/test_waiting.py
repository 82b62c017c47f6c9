"""Workflows that are RUNNING and wait for their next attempt, in the list on a terminal and on the board."""

from __future__ import annotations

from tests.render.test_render import info, task

from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.store.progress import GateState, WorkflowProgress
from penguin_commands.results.tasks import BoardResult, BoardRow, GraphRow, TaskState
from penguin_commands.results.workflows import WorkflowTable
from penguin_repl.render import render

REASON = "retrying at 14:32 with IMPLEMENT"
GATES = (GateState.PASSED, GateState.FAILED, GateState.SKIPPED, GateState.WAITING)
PROGRESS = WorkflowProgress("Title", GATES, 1, 3, True, 75.0, 0.0, (False, (1, 0.0, 0, 0), 0.0))


def test_the_list_shows_that_a_workflow_waits_for_its_next_attempt() -> None:
    rows = tuple(info("RUNNING", "IMPLEMENT", workflow_id=f"ituv-{name}-0", task_id=name) for name in ("runs", "waits"))
    reasons = {"ituv-runs-0": "", "ituv-waits-0": REASON}
    table = WorkflowTable(rows, reasons, {}, progress=dict.fromkeys(reasons, PROGRESS))
    shown = render(table, terminal=True, width=120, color=False)
    _, runs, waits = shown.splitlines()
    assert "RUNNING IMPLEMENT" in runs
    assert "waiting IMPLEMENT" in waits
    assert waits.endswith(REASON)


def test_the_list_names_the_task_in_commands_while_its_workflow_is_active() -> None:
    rows = tuple(
        info(status, "TEST", workflow_id=f"ituv-{status.lower()}-0", task_id=status.lower())
        for status in ("BLOCKED", "FAILED")
    )
    names = [row.workflow_id for row in rows]
    commands = {name: f"/workflow resume {name}" for name in names}
    table = WorkflowTable(rows, dict.fromkeys(names, "x"), commands, progress=dict.fromkeys(names, PROGRESS))
    _, blocked, failed = render(table, terminal=True, width=120, color=False).splitlines()
    assert blocked.endswith("/workflow resume blocked")
    assert failed.endswith("/workflow resume ituv-failed-0")


def test_the_board_counts_a_workflow_that_waits_for_its_next_attempt_as_waiting() -> None:
    rows = tuple(
        BoardRow(
            GraphRow("", "", TaskState(task(id=name), "RUNNING"), (), folded=False),
            info("RUNNING", "IMPLEMENT", task_id=name),
            PROGRESS,
            reason,
        )
        for name, reason in (("runs", ""), ("waits", REASON))
    )
    shown = render(BoardResult("", rows, {"RUNNING": 2}, (), None), width=120)
    assert "1 RUNNING, 1 waiting" in shown
    assert [row.split()[5] for row in shown.splitlines()[1:3]] == ["RUNNING", "waiting"]


def test_a_narrow_list_has_one_line_of_titles_and_puts_the_note_below() -> None:
    rows = tuple(
        info("RUNNING", "IMPLEMENT", workflow_id=f"ituv-{name}-0", task_id=name) for name in ("auth-user-model", "b")
    )
    names = [row.workflow_id for row in rows]
    usage = dict.fromkeys(names, UsageTotals(1, 0, 0.42))
    table = WorkflowTable(rows, {names[0]: REASON}, {}, progress=dict.fromkeys(names, PROGRESS), usage=usage)
    titles = {
        40: "TASK             STATUS",
        60: "TASK             I T U V  STATUS              TIME   COST",
        80: "TASK             I T U V  STATUS             ATTEMPT   TIME   COST",
        120: "TASK             I T U V  STATUS             ATTEMPT   TIME   COST  NOTE",
    }
    for width, expected in titles.items():
        first, task, *others = render(table, terminal=True, width=width, color=False).splitlines()
        assert first == expected
        assert task.startswith("auth-user-model  ")
        assert len(others) == (1 if width == 120 else 3)
        if width < 120:
            assert others == [f"    {REASON}", others[1], "    Title"]
        assert ("$0.42" in task) is (width > 40)


def test_the_board_names_the_command_for_a_blocked_task() -> None:
    blocked = info("BLOCKED", "TEST", workflow_id="ituv-a-0", task_id="a")
    state = GraphRow("", "", TaskState(task(id="a"), "BLOCKED"), (), folded=False)
    row = BoardRow(state, blocked, PROGRESS, "TEST FAILED", "/workflow resume ituv-a-0")
    result = BoardResult("", (row,), {"BLOCKED": 1}, (), None)
    titles, shown, *_ = render(result, terminal=True, width=100, color=False).splitlines()
    assert titles.endswith("TIME  NOTE")
    assert shown.endswith("TEST FAILED  →  /workflow resume a")
    assert result.data()["tasks"][0]["advice"] == "/workflow resume ituv-a-0"


def test_a_command_in_a_table_stays_on_one_line() -> None:
    blocked = info("BLOCKED", "TEST", workflow_id="ituv-auth-user-model-0", task_id="auth-user-model")
    name = blocked.workflow_id
    table = WorkflowTable((blocked,), {name: REASON}, {name: f"/workflow approve {name}"}, progress={name: PROGRESS})
    for width in range(40, 140):
        assert "/workflow approve auth-user-model" in render(table, terminal=True, width=width, color=False), width
