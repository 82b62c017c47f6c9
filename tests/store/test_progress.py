"""The progress of workflows: gates, attempts and time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.store.stored_workflow import NOON, StoredWorkflow, commit_workflows

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.commands import Cancel, Claim, Dispatch, Pause
from penguin.orchestration.core.priority import queue_priority
from penguin.orchestration.store.progress import GateState, WorkflowProgress, progress_of
from penguin.orchestration.store.queries import WorkflowReader

P, R, F, B, W, S = (GateState(name) for name in ("PASSED", "RUNNING", "FAILED", "BLOCKED", "WAITING", "SKIPPED"))


@pytest.fixture
def reader(db: Path) -> Iterator[WorkflowReader]:
    reader = WorkflowReader(db)
    yield reader
    reader.close()


def failed(workflow: StoredWorkflow) -> StoredWorkflow:
    return workflow.run().report(Verdict.FAILED, "exit code 1")


def at_test(workflow: StoredWorkflow) -> StoredWorkflow:
    return workflow.run().report(Verdict.PASSED)


@pytest.mark.parametrize(
    ("workflow", "gates", "attempt", "running"),
    [
        (StoredWorkflow("new"), (W, W, W, W), 0, False),
        (StoredWorkflow("runs").run(), (R, W, W, W), 1, True),
        (at_test(StoredWorkflow("tests")), (P, R, W, W), 1, True),
        (failed(StoredWorkflow("retries")), (F, W, W, W), 2, False),
        (StoredWorkflow("paused").run().do(Pause()), (R, W, W, W), 1, True),
        (at_test(StoredWorkflow("unverified")).report(Verdict.UNVERIFIED, "no test ran"), (P, B, W, W), 0, False),
        (at_test(StoredWorkflow("skips", skip=[WorkflowPhase.USE])), (P, R, S, W), 1, True),
        (StoredWorkflow("over", skip=[WorkflowPhase.USE]).complete(), (P, P, S, P), 0, False),
        (StoredWorkflow("gone").do(Cancel()), (W, W, W, W), 0, False),
    ],
    ids=lambda value: value.id if isinstance(value, StoredWorkflow) else "",
)
def test_gates_and_attempts(
    db: Path,
    reader: WorkflowReader,
    workflow: StoredWorkflow,
    gates: tuple[GateState, ...],
    attempt: int,
    running: bool,
) -> None:
    commit_workflows(db, workflow)
    found = reader.progress_of([workflow.id])[workflow.id]
    assert (found.gates, found.attempt, found.is_running) == (gates, attempt, running)
    assert found.title == workflow.id.split("-")[1].title()


def test_attempts_are_counted_against_the_limit(db: Path, reader: WorkflowReader) -> None:
    workflow = failed(StoredWorkflow("a")).do(Dispatch(), after=120.0)
    commit_workflows(db, workflow)
    again = reader.progress_of([workflow.id])[workflow.id]
    assert (again.attempt, again.max_attempts, again.is_running) == (2, 2, True)
    commit_workflows(db, workflow.report(Verdict.FAILED, "exit code 1"))
    blocked = reader.progress_of([workflow.id])[workflow.id]
    assert (blocked.attempt, blocked.gates[0], blocked.is_running) == (2, B, False)


def test_elapsed_time_ends_with_the_workflow(db: Path, reader: WorkflowReader) -> None:
    over, active = StoredWorkflow("over").complete(), StoredWorkflow("active").run()
    commit_workflows(db, over, active)
    found = _at(reader, NOON + 1000, over.id, active.id)
    assert found[over.id].elapsed == over.at - NOON
    assert found[active.id].elapsed == 1000


def test_a_clock_that_was_set_back_gives_no_negative_time(db: Path, reader: WorkflowReader) -> None:
    workflow = StoredWorkflow("a").do(Claim("e" * 32))
    commit_workflows(db, workflow)
    assert _at(reader, NOON - 50, workflow.id)[workflow.id].elapsed == 0


def test_the_row_is_enough_where_the_events_are_elsewhere(db: Path, reader: WorkflowReader) -> None:
    runs, over = at_test(StoredWorkflow("runs")), StoredWorkflow("over").complete()
    commit_workflows(db, runs, over)
    before = reader.progress_of([runs.id, over.id])
    _execute(db, "DELETE FROM event")
    found = reader.progress_of([runs.id, over.id, "unknown", "\udcff"])
    assert found.keys() == {runs.id, over.id}
    assert [one.gates for one in found.values()] == [one.gates for one in before.values()]
    assert (found[runs.id].attempt, found[runs.id].max_attempts) == (1, 2)


@pytest.mark.parametrize("text", ["", "PASSED", "PASSED " * 10, "1 2 3", "PASSED RUNNING WAITING LATE 1 2 0 0.0 0 1"])
def test_a_row_without_readable_progress_tells_what_its_other_columns_say(
    db: Path, reader: WorkflowReader, text: str
) -> None:
    runs, over = at_test(StoredWorkflow("runs")), StoredWorkflow("over", skip=[WorkflowPhase.USE]).complete()
    commit_workflows(db, runs, over)
    _execute(db, f"UPDATE run SET progress = '{text}'")
    found = reader.progress_of([runs.id, over.id])
    assert (found[runs.id].gates, found[over.id].gates) == ((P, R, W, W), (P, P, S, P))
    assert (found[runs.id].attempt, found[runs.id].max_attempts) == (0, 0), "not known"


def test_the_rank_is_that_of_the_scheduler(db: Path, reader: WorkflowReader) -> None:
    new, runs = StoredWorkflow("new"), at_test(StoredWorkflow("runs"))
    commit_workflows(db, new, runs)
    for workflow in (new, runs):
        assert reader.progress_of([workflow.id])[workflow.id].rank == queue_priority(workflow.state)


def _at(reader: WorkflowReader, now: float, *ids: str) -> dict[str, WorkflowProgress]:
    return reader._ask(lambda connection, engines, first: progress_of(connection, ids, now), ids[0], {})


def _execute(db: Path, sql: str) -> Any:
    import sqlite3

    with sqlite3.connect(db) as connection:
        connection.execute(sql)
    connection.close()
