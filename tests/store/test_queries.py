"""Queries: search, lists by index, history in sentences, results, and dependencies."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.store.stored_workflow import NOON, StoredWorkflow, commit_workflows, task_definition

from penguin.orchestration.backend import (
    StoreError,
    Verdict,
    WorkflowInfo,
    WorkflowNotFound,
    WorkflowPhase,
    WorkflowStatus,
)
from penguin.orchestration.core.commands import Approve, Cancel, Claim, Dispatch, Feedback, Pause, Report, Resume, Start
from penguin.orchestration.core.events import FeedbackItem, Pass
from penguin.orchestration.core.results import AttemptResult, Usage
from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.store.connection import open_reader, open_store
from penguin.orchestration.store.dependencies import dependency_state, settled_dependency
from penguin.orchestration.store.list_queries import list_query
from penguin.orchestration.store.queries import AT_ONCE, WorkflowReader
from penguin.orchestration.workflow_status import ACTIVE

S, P, V = WorkflowStatus, WorkflowPhase, Verdict


@pytest.fixture
def reader(db: Path) -> Iterator[WorkflowReader]:
    reader = WorkflowReader(db)
    yield reader
    reader.close()


def interrupted(attempt: int, cause: str) -> Report:
    return Report(attempt, AttemptResult(verdict=V.INTERRUPTED, cause=cause))


def crowd() -> list[Any]:
    """Some hundred workflows of two projects, in every status."""
    workflows = []
    for n in range(320):
        at = NOON + n // 2  # two of each time
        workflow = StoredWorkflow(f"task-{n // 4}", number=n % 4, at=at, project=f"p{n % 3 // 2}")
        kind = n % 4 if n % 4 < 3 else 3 + n // 4 % 5
        if kind == 0:
            workflow.complete()
        elif kind == 1:
            workflow.do(Cancel("ann"))
        elif kind == 2:
            workflow.run().do(Report(1, AttemptResult(verdict=V.ERROR, reason="no such agent", impossible=True)))
        elif kind == 3:
            workflow.run()
        elif kind == 4:
            workflow.run().do(Pause("ann"))
        elif kind == 5:
            workflow.run().report(V.UNVERIFIED, "nothing to run")
        elif kind == 6:
            workflow.run().report(V.FAILED, "2 of 14 tests failed")
        workflows.append(workflow)
    return workflows


# --- nothing there --------------------------------------------------------------------------------------------------


def test_a_missing_file_is_empty(db: Path, reader: WorkflowReader) -> None:
    assert reader.list() == []
    assert reader.info("ituv-a-000000") is None
    assert reader.history("ituv-a-000000") == []
    assert reader.results("ituv-a-000000") == []
    assert reader.explain("ituv-a-000000") == reader.next_command("ituv-a-000000") == ""
    assert reader.completed_tasks("shop") == set()
    assert reader.active_tasks("shop") == {}
    with pytest.raises(WorkflowNotFound):
        reader.find("a")
    assert not db.exists()


def test_a_file_created_later_is_read(db: Path, reader: WorkflowReader) -> None:
    assert reader.list() == []
    commit_workflows(db, StoredWorkflow("a"))
    assert [info.task_id for info in reader.list()] == ["a"]


def test_damage_is_a_store_error(db: Path, reader: WorkflowReader) -> None:
    commit_workflows(db, *[StoredWorkflow(f"t{n}") for n in range(100)])
    open_store(db).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = bytearray(db.read_bytes())
    whole[4096:] = b"\x5a" * (len(whole) - 4096)
    db.write_bytes(whole)
    with pytest.raises(StoreError, match="damaged"):
        reader.list()


def test_undecodable_bytes_are_not_an_id(db: Path, reader: WorkflowReader) -> None:
    commit_workflows(db, StoredWorkflow("a"))
    strange = b"\xff".decode(errors="surrogateescape")
    assert reader.info(strange) is None
    assert reader.history(strange) == []
    assert reader.list(task_id=strange) == reader.list(project_id=strange) == []
    assert reader.explain(strange) == ""
    with pytest.raises(WorkflowNotFound):
        reader.find(strange, prefix=True)


# --- info and lists -------------------------------------------------------------------------------------------------


def test_info_has_all_fields(db: Path, reader: WorkflowReader) -> None:
    workflow = StoredWorkflow("a").run()
    passed = AttemptResult(verdict=V.PASSED, artifacts=("out/a.txt", "out/b.txt"))
    workflow.do(Report(1, passed)).report(V.FAILED, "2 of 14 tests failed")
    commit_workflows(db, workflow)
    info = reader.info(workflow.id)
    assert info is not None
    assert (info.workflow_id, info.task_id, info.blueprint_id, info.project_id) == (workflow.id, "a", "plan", "shop")
    assert (info.status, info.phase, info.progress) == (S.RUNNING, P.TEST, 50)
    assert info.started_at == datetime.fromtimestamp(NOON, UTC)
    assert info.updated_at == datetime.fromtimestamp(workflow.at, UTC)
    assert info.error_message == "TEST FAILED: 2 of 14 tests failed"
    assert info.artifacts == ["out/a.txt", "out/b.txt"]


FILTERS = list(
    itertools.product(
        (None, "p0", "p1"),
        ((), (S.COMPLETED,), (S.RUNNING, S.PENDING), tuple(sorted(ACTIVE)), tuple(S)),
        (None, "task-7"),
        (None, 60),
        ("newest", "oldest", "updated"),
    )
)
"""Project, statuses, task, seconds after the first start, order."""


def test_lists_equal_a_filter_over_all_rows(db: Path, reader: WorkflowReader) -> None:
    commit_workflows(db, *crowd())
    everything = reader.list(limit=10_000)
    assert len(everything) == 320
    assert everything == sorted(everything, key=lambda info: (-info.started_at.timestamp(), info.workflow_id))
    assert {info.status for info in everything} == set(S)
    for project, statuses, task, after, sort in FILTERS:
        since = None if after is None else NOON + after
        wanted = [
            info
            for info in everything
            if project in (None, info.project_id)
            and (not statuses or info.status in statuses)
            and task in (None, info.task_id)
            and (since is None or when(info, sort) >= since)
        ]
        if sort == "oldest":
            wanted.reverse()
        elif sort == "updated":
            wanted.sort(key=lambda info: (-info.updated_at.timestamp(), info.workflow_id))
        for limit in (10_000, 3):
            got = reader.list(project_id=project, statuses=statuses, task_id=task, since=since, sort=sort, limit=limit)
            assert got == wanted[:limit], (project, statuses, task, after, sort)
    assert reader.list(limit=0) == reader.list(limit=-1) == []


def when(info: WorkflowInfo, sort: str) -> float:
    return (info.updated_at if sort == "updated" else info.started_at).timestamp()


@pytest.mark.parametrize(("project", "statuses", "task", "after", "sort"), FILTERS)
def test_every_list_reads_an_index_in_order(
    db: Path, project: str | None, statuses: tuple[WorkflowStatus, ...], task: str | None, after: int | None, sort: str
) -> None:
    sql, parameters = list_query(project, statuses, task, after, sort)
    plan = [row[3] for row in open_store(db).execute(f"EXPLAIN QUERY PLAN {sql}", (*parameters, 100))]
    # The few workflows of one task are sorted by their last change; nothing else is sorted.
    sorts = [line for line in plan if "TEMP B-TREE" in line]
    assert bool(sorts) == (task is not None and sort == "updated"), plan
    scans = [line for line in plan if line.startswith("SCAN")]
    # Only the unfiltered list may scan the whole index, in order, up to its limit.
    unfiltered = (project, task, after) == (None, None, None)
    everything = unfiltered and (not statuses or len(statuses) == len(S)) and sort != "updated"
    assert scans == (["SCAN run USING INDEX run_created"] if everything else [])


def test_completed_and_active_tasks(db: Path, reader: WorkflowReader) -> None:
    again = StoredWorkflow("again", number=1, at=NOON + 100)
    commit_workflows(
        db,
        StoredWorkflow("done").complete(),
        StoredWorkflow("again").complete(),
        again,
        StoredWorkflow("late").do(Cancel()),
        StoredWorkflow("else", project="other").complete(),
        StoredWorkflow("stuck").run().report(V.UNVERIFIED, "nothing to run"),
    )
    assert reader.completed_tasks("shop") == {"done"}
    assert reader.active_tasks("shop") == {"again": S.PENDING, "stuck": S.BLOCKED}
    assert reader.completed_tasks("nobody") == set()


# --- finding --------------------------------------------------------------------------------------------------------


def test_find(db: Path, reader: WorkflowReader) -> None:
    old, new = StoredWorkflow("auth", number=0).complete(), StoredWorkflow("auth", number=1, at=NOON + 100)
    commit_workflows(db, old, new, StoredWorkflow("auth-user"))
    assert reader.find("ituv-auth-000000") == old.id
    assert reader.find("auth") == new.id
    assert reader.find("auth-user") == "ituv-auth-user-000000"
    assert reader.find("ituv-auth-u", prefix=True) == "ituv-auth-user-000000"
    assert reader.find("auth", prefix=True) == new.id
    with pytest.raises(WorkflowNotFound) as caught:
        reader.find("ituv-auth-usr-000000")
    assert caught.value.hint == "did you mean ituv-auth-user-000000?"


def test_an_unknown_id_gets_the_nearest_match(db: Path, reader: WorkflowReader) -> None:
    commit_workflows(db, *crowd())
    with pytest.raises(WorkflowNotFound, match="tusk-77") as caught:
        reader.find("tusk-77")
    assert caught.value.hint == "did you mean task-77?"
    for hopeless in ("", "%", "_", "zzz", "x" * 5000, "a\0b", "ituv-task-1\U0010ffff"):
        with pytest.raises(WorkflowNotFound):
            reader.find(hopeless, prefix=True)


def test_an_ambiguous_prefix_names_some_matches(db: Path, reader: WorkflowReader) -> None:
    commit_workflows(db, *crowd())
    with pytest.raises(WorkflowNotFound, match="matches several workflows") as caught:
        reader.find("ituv-task-1", prefix=True)
    assert str(caught.value).count("ituv-task-1") == 6
    assert str(caught.value).endswith("…")


def test_a_prefix_of_a_task_is_enough(db: Path, reader: WorkflowReader) -> None:
    old, new = StoredWorkflow("mail", number=0).complete(), StoredWorkflow("mail", number=1, at=NOON + 100)
    commit_workflows(db, old, new, StoredWorkflow("auth-user"), StoredWorkflow("auth-mail"))
    assert reader.find("ma", prefix=True) == new.id
    with pytest.raises(WorkflowNotFound, match="matches several tasks: auth-mail, auth-user"):
        reader.find("auth", prefix=True)
    with pytest.raises(WorkflowNotFound):
        reader.find("ma")
    commit_workflows(db, StoredWorkflow("ituv"))
    with pytest.raises(WorkflowNotFound, match="several ids"):
        reader.find("itu", prefix=True)


def test_the_host_is_that_of_the_newest_engine(db: Path, reader: WorkflowReader) -> None:
    moved = StoredWorkflow("a").do(Claim("e" * 32, "hut"), Dispatch()).report(V.PASSED)
    moved.do(interrupted(2, "crash")).do(Claim("f" * 32, "barn")).report(V.PASSED)
    moved.do(Claim("d" * 32, "loft"))
    commit_workflows(db, moved, StoredWorkflow("b"))
    assert reader.host_of(moved.id) == "loft"
    assert reader.attempt_hosts(moved.id) == {1: "hut", 2: "barn", 3: "loft"}
    assert [reader.host_of(other) for other in (StoredWorkflow("b").id, "no-such", "\udcff")] == ["", "", ""]


# --- history and results --------------------------------------------------------------------------------------------


def long_life() -> Any:
    workflow = StoredWorkflow("a", skip=(P.USE,)).do(Claim("1a2b3c4d" * 4, "hut")).run()
    workflow.do(Feedback(FeedbackItem(id="f", text="mind\n the   gap", by="ann"))).report(V.PASSED)
    workflow.report(V.FAILED, "pytest -q: 2 of 14 tests failed")
    workflow.do(Pause("ann", now=True), Resume("bob")).do(Dispatch(), after=100).do(interrupted(3, "crash"))
    workflow.report(V.PASSED).report(V.UNVERIFIED, "nothing can check this")
    workflow.do(Approve("ann", note="looks good", tree="t1"))
    return workflow


def test_history_shows_every_event_in_a_sentence(db: Path, reader: WorkflowReader) -> None:
    workflow = long_life()
    commit_workflows(db, workflow)
    history = reader.history(workflow.id)
    assert [entry.text for entry in history] == [
        "started by ann, starting at IMPLEMENT",
        "claimed by engine 1a2b3c on hut",
        "claimed by engine eeeeee",
        "IMPLEMENT attempt 1 started",
        "feedback queued by ann: mind the gap",
        "IMPLEMENT attempt 1 PASSED",
        "IMPLEMENT passed",
        "TEST attempt 2 started",
        "TEST attempt 2 FAILED: pytest -q: 2 of 14 tests failed",
        f"retrying at {datetime.fromtimestamp(history[9].data['until']):%H:%M:%S} with TEST",
        "paused by ann, ending the running step",
        "resumed by bob",
        "TEST attempt 3 started",
        "TEST attempt 3 interrupted by a crash",
        "TEST attempt 3 restarted",
        "TEST attempt 3 PASSED",
        "TEST passed",
        "USE skipped by configuration",
        "VERIFY attempt 4 started",
        "VERIFY attempt 4 UNVERIFIED: nothing can check this",
        "blocked: VERIFY is UNVERIFIED: nothing can check this",
        "VERIFY approved by ann: looks good",
        "completed",
    ]
    assert [entry.seq for entry in history] == sorted(entry.seq for entry in history)
    assert history[0].seq == 1
    assert history[-1].seq == workflow.seq
    assert history[0].data["definition"]["task"]["id"] == "a"
    assert all(entry.kind == entry.data["type"] and "\n" not in entry.text for entry in history)
    assert history[0].at == datetime.fromtimestamp(NOON, UTC)


def test_every_kind_of_event_has_a_sentence(db: Path, reader: WorkflowReader) -> None:
    from penguin.orchestration.core import events
    from penguin.orchestration.store.history import SENTENCES

    assert set(SENTENCES) == {kind.__name__ for kind in events.Event.__subclasses__()}


def test_results(db: Path, reader: WorkflowReader) -> None:
    workflow = StoredWorkflow("a", skip=(P.USE,)).run().report(V.PASSED)
    commit_workflows(db, workflow)
    implement, test = reader.results(workflow.id)
    assert (implement.phase, implement.attempt, implement.verdict) == (P.IMPLEMENT, 1, V.PASSED)
    assert implement.evidence["steps"][0]["name"] == "pytest -q"
    assert implement.ended_at is not None
    assert implement.ended_at > implement.started_at
    assert (test.phase, test.attempt, test.verdict, test.ended_at, test.evidence) == (P.TEST, 2, None, None, {})

    workflow.do(Pause(now=True), interrupted(2, "now"))
    commit_workflows(db, workflow)
    assert reader.results(workflow.id)[1].verdict is V.INTERRUPTED
    assert reader.results(workflow.id)[1].evidence == {"cause": "now"}

    workflow.do(Resume()).run()
    commit_workflows(db, workflow)
    assert reader.results(workflow.id)[1].verdict is None
    assert reader.results(workflow.id)[1].started_at == test.started_at

    workflow.report(V.PASSED).report(V.UNVERIFIED, "ask somebody").do(Approve("ann", note="fine", tree="t1"))
    commit_workflows(db, workflow)
    results = reader.results(workflow.id)
    assert [(result.phase, result.attempt, result.verdict) for result in results] == [
        (P.IMPLEMENT, 1, V.PASSED),
        (P.TEST, 2, V.PASSED),
        (P.USE, 0, V.SKIPPED),
        (P.VERIFY, 3, V.UNVERIFIED),
        (P.VERIFY, 0, V.PASSED),
    ]
    assert results[-1].evidence == {"approved_by": "ann", "note": "fine", "tree": "t1"}


def test_results_name_the_passes_that_were_kept(db: Path, reader: WorkflowReader) -> None:
    workflow = StoredWorkflow("a")
    workflow.writes, workflow.state, workflow.seq = [], None, 0
    kept = (Pass(P.IMPLEMENT, "t1"),)
    plan = task_definition("a")
    workflow.do(
        Start(workflow_id=workflow.id, number=1, definition=plan, phase=P.TEST, passes=kept, retry_of="ituv-a-0")
    )
    commit_workflows(db, workflow)
    (only,) = reader.results(workflow.id)
    assert (only.phase, only.attempt, only.verdict) == (P.IMPLEMENT, 0, V.PASSED)
    assert only.evidence["kept_from"] == "ituv-a-0"
    assert reader.history(workflow.id)[0].text == (
        "started as a retry of ituv-a-0, starting at TEST; passes kept: IMPLEMENT"
    )


# --- dependencies ---------------------------------------------------------------------------------------------------


def test_when_a_dependency_is_met(db: Path) -> None:
    again = StoredWorkflow("again", number=1, at=NOON - 500)  # the clock was set back: the number counts
    commit_workflows(
        db,
        StoredWorkflow("done").complete(),
        StoredWorkflow("once").complete(),
        StoredWorkflow("once", number=1, at=NOON + 100).do(Cancel()),
        StoredWorkflow("again").complete(),
        again,
        StoredWorkflow("never").do(Cancel()),
    )
    connection = open_reader(db)
    assert connection is not None

    def state(task: str, project: str = "shop") -> tuple[bool, str | None, WorkflowStatus | None]:
        found = dependency_state(connection, project, task)
        assert found.task_id == task
        return found.met, found.workflow_id, found.status

    assert state("done") == (True, "ituv-done-000000", S.COMPLETED)
    assert state("once") == (True, "ituv-once-000000", S.COMPLETED)
    assert state("again") == (False, "ituv-again-000001", S.PENDING)
    assert state("never") == (False, "ituv-never-000000", S.CANCELLED)
    assert state("unheard-of") == (False, None, None)
    assert state("done", "other") == (False, None, None)


def test_a_hopeless_dependency_is_found_through_a_chain(db: Path) -> None:
    blocked = StoredWorkflow("a").run().report(V.UNVERIFIED, "nothing to run")
    b, c = StoredWorkflow("b", dependencies=("a",)), StoredWorkflow("c", dependencies=("b",))
    first, other = StoredWorkflow("one", dependencies=("other",)), StoredWorkflow("other", dependencies=("one",))
    runs = StoredWorkflow("runs").run()
    fine = StoredWorkflow("fine", dependencies=("runs",))
    commit_workflows(db, blocked, b, c, first, other, runs, fine)
    connection = open_reader(db)
    assert connection is not None
    found = settled_dependency(connection, c.id)
    assert found is not None
    assert (found.task_id, found.status) == ("a", S.BLOCKED)
    assert settled_dependency(connection, fine.id) is None
    assert settled_dependency(connection, first.id) is None  # and the search ends


# --- cost -----------------------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_reading_imports_nothing_heavy(db: Path) -> None:
    workflow = long_life()
    commit_workflows(db, workflow)
    script = """
import sys, pathlib
from penguin.orchestration.store.queries import WorkflowReader
reader = WorkflowReader(pathlib.Path(sys.argv[1]))
assert reader.list() and reader.history(sys.argv[2]) and reader.results(sys.argv[2])
reader.find("a"); reader.info(sys.argv[2]); reader.explain(sys.argv[2]); reader.next_command(sys.argv[2])
heavy = {"asyncio", "msgspec", "networkx", "sqlite_utils", "httpx", "rich", "prompt_toolkit", "yaml"}
print(sorted(heavy & sys.modules.keys()))
"""
    command = [sys.executable, "-c", script, str(db), workflow.id]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


# --- costs ----------------------------------------------------------------------------------------------------------


def test_agent_usage_is_shown_per_workflow_and_in_total(db: Path, reader: WorkflowReader) -> None:
    assert reader.total() == (0, UsageTotals())
    paid, free, other = (
        StoredWorkflow("paid").run(),
        StoredWorkflow("free").complete(),
        StoredWorkflow("other", project="x").run(),
    )
    spent = AttemptResult(verdict=V.FAILED, usage=Usage(3, 1200, 0.25, 1.5))
    for workflow in (paid, other):
        workflow.do(Report(1, spent)).do(Dispatch(), after=100).do(Report(2, spent))
    commit_workflows(db, paid, free, other)
    double = UsageTotals(6, 2400, 0.5, 3.0)
    assert reader.usage_of([paid.id, free.id, "ituv-x-000000", "\ud800"]) == {paid.id: double}
    others = [f"ituv-x-{number:06}" for number in range(2 * AT_ONCE)]
    assert reader.usage_of([paid.id, *others, other.id]) == {paid.id: double, other.id: double}
    assert reader.total() == (3, double.plus(double))
    assert reader.total(project_id="shop") == (2, double)
    assert reader.total(statuses=[S.COMPLETED], task_id="free", since=NOON) == (1, UsageTotals())
    assert reader.total(since=paid.at + 1, sort="updated") == reader.total(task_id="\ud800") == (0, UsageTotals())
    assert reader.agent_names(paid.id) == reader.agent_names("ituv-x-000000") == reader.agent_names("\ud800") == ""


def test_the_usage_of_an_attempt_includes_all_its_runs(db: Path, reader: WorkflowReader) -> None:
    workflow = StoredWorkflow("a").run()
    workflow.do(Pause("ann", now=True))
    workflow.do(Report(1, AttemptResult(verdict=V.INTERRUPTED, cause="now", usage=Usage(1, 100, 0.1, 1.0))))
    commit_workflows(db, workflow)
    (attempt,) = reader.results(workflow.id)
    assert attempt.evidence == {"cause": "now", "usage": {"turns": 1, "tokens": 100, "usd": 0.1, "minutes": 1.0}}
    workflow.do(Resume("ann"), Dispatch())
    commit_workflows(db, workflow)
    assert reader.results(workflow.id)[0].evidence["usage"]["tokens"] == 100
    workflow.do(Report(1, AttemptResult(verdict=V.PASSED, usage=Usage(2, 200, 0.2, 0.5))))
    commit_workflows(db, workflow)
    attempt = reader.results(workflow.id)[0]
    assert attempt.verdict is V.PASSED
    assert attempt.evidence["usage"] == {"turns": 3, "tokens": 300, "usd": 0.3, "minutes": 1.5}
    assert reader.usage_of([workflow.id])[workflow.id].tokens == 300
