"""The reason why a workflow does not run, and the next command."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.store.stored_workflow import StoredWorkflow, commit_workflows

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.commands import Cancel, Claim, Dispatch, Pause
from penguin.orchestration.files.engine_lock import LAUNCHER_LOCK, EngineLock
from penguin.orchestration.store.queries import WorkflowReader

START = "no shell or worker is running"


@pytest.fixture
def reader(db: Path) -> Iterator[WorkflowReader]:
    reader = WorkflowReader(db)
    yield reader
    reader.close()


@pytest.fixture
def engine(db: Path) -> Iterator[EngineLock]:
    identity = EngineLock(db.parent / "engines")
    yield identity
    identity.release()


def claimed(engine: EngineLock, task: str, **kinds: Any) -> Any:
    return StoredWorkflow(task, **kinds).do(Claim(engine.id))


def test_running_and_final_workflows_have_no_reason(db: Path, reader: WorkflowReader, engine: EngineLock) -> None:
    runs, done = claimed(engine, "runs").do(Dispatch()), StoredWorkflow("done").complete()
    cancelled = StoredWorkflow("gone").do(Cancel())
    commit_workflows(db, runs, done, cancelled)
    assert [reader.explain(workflow.id) for workflow in (runs, done, cancelled)] == ["", "", ""]
    assert reader.explain("ituv-unknown-000000") == reader.next_command("ituv-unknown-000000") == ""
    assert reader.next_command(runs.id) == reader.next_command(done.id) == ""
    assert reader.next_command(cancelled.id) == f"/workflow retry {cancelled.id}"


def test_without_an_engine_nothing_moves(db: Path, reader: WorkflowReader) -> None:
    waits, left = StoredWorkflow("waits"), StoredWorkflow("left").run()
    commit_workflows(db, waits, left)
    assert reader.explain(left.id) == START
    assert reader.explain(waits.id).endswith(START)
    assert reader.next_command(waits.id) == reader.next_command(left.id) == "penguin, or penguin worker"


def test_an_engine_that_died_shows_at_once(db: Path, reader: WorkflowReader) -> None:
    dead, alive = EngineLock(db.parent / "engines"), EngineLock(db.parent / "engines")
    workflow = claimed(dead, "a").do(Dispatch())
    commit_workflows(db, workflow)
    assert reader.explain(workflow.id) == ""
    dead.release()
    assert reader.explain(workflow.id) == START, "it lives, but takes up nothing that others left"
    alive.claims_all()
    assert reader.explain(workflow.id) == "", "that one will have it in a moment"
    alive.release()
    assert reader.explain(workflow.id) == START


def test_dependencies_are_named_with_their_workflows(db: Path, reader: WorkflowReader, engine: EngineLock) -> None:
    blocked = claimed(engine, "stuck").do(Dispatch()).report(Verdict.UNVERIFIED, "nothing to run")
    runs, gone = claimed(engine, "runs").do(Dispatch()), StoredWorkflow("gone").do(Cancel())
    behind = claimed(engine, "behind", dependencies=("stuck",))
    needs = ("done", "runs", "stuck", "gone", "behind", "never")
    workflow = claimed(engine, "a", dependencies=needs)
    hopeful = claimed(engine, "hopeful", dependencies=("runs",))
    commit_workflows(db, StoredWorkflow("done").complete(), blocked, runs, gone, behind, workflow, hopeful)
    assert reader.explain(workflow.id) == (
        "waits for runs (running), stuck (blocked, needs a person), gone (cancelled), "
        "behind (waiting for stuck, blocked), never (not started)"
    )
    assert reader.explain(hopeful.id) == "waits for runs (running)"
    assert reader.next_command(workflow.id) == f"/workflow approve {blocked.id} --by NAME"
    assert reader.next_command(behind.id) == f"/workflow approve {blocked.id} --by NAME"
    assert reader.next_command(hopeful.id) == ""


def test_a_dependency_without_workflow_has_to_be_started(db: Path, reader: WorkflowReader, engine: EngineLock) -> None:
    workflow, other = claimed(engine, "a", dependencies=("b",)), claimed(engine, "c", dependencies=("gone",))
    gone = StoredWorkflow("gone").do(Cancel())
    commit_workflows(db, workflow, other, gone)
    assert reader.next_command(workflow.id) == "/workflow start b"
    assert reader.next_command(other.id) == f"/workflow retry {gone.id}"


def test_a_wait_for_a_slot_names_its_holder(db: Path, reader: WorkflowReader, engine: EngineLock) -> None:
    holder, waits = claimed(engine, "holder").do(Dispatch()), claimed(engine, "waits")
    commit_workflows(db, holder, waits)
    assert reader.explain(waits.id) == "waits for a slot, held by holder"


def test_a_dead_engine_holds_a_slot_only_while_its_steps_may_run(
    db: Path, reader: WorkflowReader, engine: EngineLock
) -> None:
    dead = EngineLock(db.parent / "engines")
    holder, waits = claimed(dead, "holder").do(Dispatch()), claimed(engine, "waits")
    commit_workflows(db, holder, waits)
    with open(dead.folder / LAUNCHER_LOCK, "w") as launcher:
        fcntl.flock(launcher, fcntl.LOCK_EX)
        dead.release()
        assert (
            reader.explain(waits.id)
            == "waits for a slot, held by holder, whose step still runs although its engine ended"
        )
        reason = reader.explain(holder.id)
        assert reason.startswith("its step still runs, but no shell or worker is running")
        assert f"/workflow resume {holder.id}" in reason
        assert f"/workflow cancel {holder.id}" in reason
    assert reader.explain(holder.id) == "no shell or worker is running"
    assert reader.explain(waits.id) == ""


def test_a_back_off_names_time_and_phase(db: Path, reader: WorkflowReader, engine: EngineLock) -> None:
    workflow = claimed(engine, "a", at=time.time() - 3).do(Dispatch()).report(Verdict.FAILED, "no such file")
    commit_workflows(db, workflow)
    until = datetime.fromtimestamp(workflow.state.due_at)
    day = "" if until.date() == datetime.now().date() else f"{until:%Y-%m-%d} "
    reason = f"retrying at {day}{until:%H:%M:%S} with IMPLEMENT; IMPLEMENT FAILED: no such file"
    assert reader.explain(workflow.id) == reason
    assert until - datetime.now() < timedelta(seconds=70)


def test_paused_names_the_person_and_the_ending_step(db: Path, reader: WorkflowReader, engine: EngineLock) -> None:
    ending = claimed(engine, "ending").do(Dispatch(), Pause("ann"))
    still = claimed(engine, "still").do(Pause())
    commit_workflows(db, ending, still)
    assert reader.explain(ending.id) == "paused by ann; a step of IMPLEMENT is still ending"
    assert reader.explain(still.id) == "paused"
    assert reader.next_command(still.id) == f"/workflow resume {still.id}"


def test_blocked_names_reason_and_next_command(db: Path, reader: WorkflowReader) -> None:
    workflow = StoredWorkflow("a").run().report(Verdict.UNVERIFIED, "nothing to run")
    commit_workflows(db, workflow)
    way_out = f"/workflow approve {workflow.id} --by NAME"
    assert reader.explain(workflow.id) == "IMPLEMENT is UNVERIFIED: nothing to run"
    assert reader.next_command(workflow.id) == way_out


def test_a_cancelling_workflow_has_a_reason(db: Path, reader: WorkflowReader) -> None:
    engine = EngineLock(db.parent / "engines")
    workflow = claimed(engine, "a").do(Dispatch(), Cancel("ann"))
    paused = claimed(engine, "b").do(Dispatch(), Pause("bob"), Cancel("ann"))
    commit_workflows(db, workflow, paused)
    ending = "being cancelled by ann: the step of IMPLEMENT is ending"
    for stored in (workflow, paused):
        assert reader.explain(stored.id) == ending
        assert reader.next_command(stored.id) == ""
    engine.release()
    assert reader.explain(workflow.id) == f"{ending}; {START}"


def test_explanations_are_one_line(db: Path, reader: WorkflowReader) -> None:
    workflow = StoredWorkflow("a").run().report(Verdict.UNVERIFIED, "first\nsecond " * 100)
    commit_workflows(db, workflow)
    assert "\n" not in reader.explain(workflow.id)


def test_a_wait_for_the_working_tree_names_its_holder(db: Path, reader: WorkflowReader, engine: EngineLock) -> None:
    holder = claimed(engine, "holder", isolation="in-place").do(Dispatch())
    holder.report(Verdict.FAILED, "no such file")
    waits, shared = claimed(engine, "waits", isolation="in-place"), claimed(engine, "shared")
    commit_workflows(db, holder, waits, shared)
    assert reader.explain(waits.id) == "waits for the working tree, held by holder (running)"
    assert reader.explain(shared.id) == ""
    assert reader.next_command(waits.id) == ""
    assert not reader.is_settled(waits.id)
    holder.do(Pause("ann"))
    commit_workflows(db, holder)
    assert reader.explain(waits.id) == "waits for the working tree, held by holder (paused)"
    assert reader.next_command(waits.id) == f"/workflow resume {holder.id}"
    assert reader.is_settled(waits.id)


def test_a_holder_without_an_engine_is_named(db: Path, reader: WorkflowReader, engine: EngineLock) -> None:
    dead = EngineLock(db.parent / "engines")
    holder, waits = (
        claimed(dead, "holder", isolation="in-place").do(Dispatch()),
        claimed(engine, "b", isolation="in-place"),
    )
    commit_workflows(db, holder, waits)
    dead.release()
    assert reader.explain(waits.id) == f"waits for the working tree, held by holder (running, {START})"
