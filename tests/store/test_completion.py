"""Names for completion: the newest workflows, prefixes, and unique prefixes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.stored_workflow import NOON, StoredWorkflow, commit_workflows

from penguin.orchestration.backend import Verdict, WorkflowStatus
from penguin.orchestration.core.commands import Approve, Cancel, Dispatch, Feedback, Pause, Resume
from penguin.orchestration.core.events import FeedbackItem
from penguin.orchestration.store.completion_names import (
    NEIGHBOURS,
    PEOPLE,
    CompletionReader,
    beginning_query,
    newest_query,
)
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.workflow_status import ACTIVE

S = WorkflowStatus
ALL = frozenset(S)
FILTERS = [ALL, frozenset({S.BLOCKED}), ACTIVE]


@pytest.fixture
def names(db: Path) -> Iterator[CompletionReader]:
    reader = CompletionReader(db)
    yield reader
    reader.close()


@pytest.fixture
def shop(db: Path) -> None:
    """Two workflows of `cart`, the first of them final, and one each of `cart-view`, `login` and `ituv`."""
    commit_workflows(
        db,
        StoredWorkflow("cart", number=0).do(Cancel("ann")),
        StoredWorkflow("cart", number=1, at=NOON + 40),
        StoredWorkflow("cart-view", at=NOON + 30).run(),
        StoredWorkflow("login", at=NOON + 20),
        StoredWorkflow("ituv", at=NOON + 10),
    )


@pytest.mark.usefixtures("shop")
def test_the_newest_come_first_up_to_the_limit(names: CompletionReader) -> None:
    tasks = [item.task_id for item in names.newest(ALL, 10)]
    assert tasks == ["cart", "cart-view", "login", "ituv", "cart"]
    assert [item.task_id for item in names.newest(ACTIVE, 2)] == ["cart", "cart-view"]
    first = names.newest({S.RUNNING}, 10)
    assert first == (("ituv-cart-view-000000", "cart-view", "RUNNING", "IMPLEMENT", NOON + 30),)


@pytest.mark.usefixtures("shop")
def test_ids_are_found_by_prefix_of_workflow_or_task(names: CompletionReader) -> None:
    def found(beginning: str, statuses: frozenset[WorkflowStatus] = ALL, limit: int = 10) -> list[str]:
        return [item.workflow_id.removeprefix("ituv-") for item in names.with_prefix(beginning, statuses, limit)]

    carts = ["cart-000000", "cart-000001", "cart-view-000000"]
    assert found("cart") == found("ituv-cart") == carts
    assert found("cart", limit=2) == carts[:2]
    assert found("cart", ACTIVE) == carts[1:]
    assert found("cart-v", frozenset({S.RUNNING})) == carts[2:]
    # Of its task, and of all.
    assert len(found("ituv")) == 5
    assert found("ituv-ituv") == ["ituv-000000"]
    assert found("art") == found("CART") == found("%") == found("\udcff") == []


@pytest.mark.usefixtures("shop")
def test_the_unique_prefix_ends_where_neighbours_differ(names: CompletionReader) -> None:
    ids = [item.workflow_id for item in names.newest(ALL, 10)]
    own = {name[:length] for name, length in names.unique_lengths(ids).items()}
    assert own == {"ituv-cart-000000", "ituv-cart-000001", "ituv-cart-v", "ituv-l", "ituv-i"}
    for beginning in own:
        assert names.find(beginning, prefix=True).startswith(beginning)


def test_an_id_that_is_a_prefix_of_another_is_its_own_prefix(db: Path, names: CompletionReader) -> None:
    commit_workflows(db, StoredWorkflow("a"), StoredWorkflow("a-000000"))
    assert names.unique_lengths(["ituv-a-000000"]) == {"ituv-a-000000": len("ituv-a-000000")}


def test_attempts_are_listed_newest_first_with_their_verdicts(db: Path, names: CompletionReader) -> None:
    workflow = StoredWorkflow("cart").run().report(Verdict.PASSED).report(Verdict.FAILED)
    commit_workflows(db, workflow)
    assert names.attempts(workflow.id) == {2: "TEST FAILED", 1: "IMPLEMENT PASSED"}
    workflow.do(Dispatch(), after=100)
    commit_workflows(db, workflow)
    assert names.attempts(workflow.id) == {3: "TEST running", 2: "TEST FAILED", 1: "IMPLEMENT PASSED"}
    assert names.attempts("ituv-none") == {}


def test_attempts_without_events_are_listed_by_number(db: Path, names: CompletionReader) -> None:
    workflow = StoredWorkflow("cart").run().report(Verdict.PASSED).report(Verdict.FAILED)
    commit_workflows(db, workflow)
    connection = open_store(db)
    connection.execute("DELETE FROM event")
    connection.close()
    assert names.attempts(workflow.id) == {2: "", 1: ""}
    assert names.people(workflow.id) == ()


def test_people_of_the_workflow_come_first(db: Path, names: CompletionReader) -> None:
    approved = StoredWorkflow("cart").run().report(Verdict.UNVERIFIED).do(Approve("Bea B", tree="t"))
    steered = StoredWorkflow("login", at=NOON + 90)
    steered.do(Feedback(FeedbackItem(id="1", text="quick", by="cid", at=NOON)), Pause("dan"), Resume("eve"))
    commit_workflows(db, approved, steered, StoredWorkflow("cart-view", at=NOON + 200).do(Cancel("")))
    assert names.people(approved.id) == ("ann", "Bea B", "eve", "dan", "cid")
    assert names.people(steered.id) == ("ann", "eve", "dan", "cid", "Bea B")
    assert names.people("") == ("ann", "eve", "dan", "cid", "Bea B")


def test_an_empty_store_has_no_names(tmp_path: Path) -> None:
    names = CompletionReader(tmp_path / "none.db")
    assert names.newest(ALL, 10) == names.with_prefix("a", ALL, 10) == ()
    assert names.unique_lengths(["ituv-a-000000"]) == {"ituv-a-000000": 1}


def plan(db: Path, sql: str, parameters: tuple[str | int, ...]) -> list[str]:
    connection = open_store(db)
    try:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    finally:
        connection.close()


@pytest.mark.parametrize("statuses", FILTERS)
def test_every_query_reads_an_index_in_order(db: Path, statuses: frozenset[WorkflowStatus]) -> None:
    for (sql, parameters), everything in ((newest_query(statuses), True), (beginning_query("ituv-a", statuses), False)):
        steps = plan(db, sql, (*parameters, 300))
        assert not [step for step in steps if "TEMP B-TREE" in step], steps
        # Only the newest of all need no search: they come first in their index.
        scans = ["SCAN run USING INDEX run_created"] if everything and statuses == ALL else []
        assert [step for step in steps if step.startswith("SCAN")] == scans, steps
        assert scans or [step for step in steps if step.startswith("SEARCH run USING")], steps


def test_people_are_searched_in_few_workflows(db: Path) -> None:
    steps = plan(db, PEOPLE, ("ituv-a", 10, "ituv-a"))
    assert "SCAN run USING COVERING INDEX run_created" in steps
    assert [step for step in steps if " event " in step] == ["SEARCH event USING PRIMARY KEY (workflow_id=?)"]


def test_neighbours_are_found_by_index(db: Path) -> None:
    steps = plan(db, NEIGHBOURS, ("ituv-a", "ituv-a"))
    assert [step.split("(")[0].strip() for step in steps if "run" in step] == ["SEARCH run USING PRIMARY KEY"] * 2
    assert not [step for step in steps if "SCAN run" in step]
