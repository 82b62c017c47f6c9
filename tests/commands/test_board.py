"""The board of a blueprint: tree, progress, critical path and estimate."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.store.stored_workflow import NOON, StoredWorkflow, commit_workflows

from penguin.orchestration.backend import Verdict
from penguin.orchestration.workflow_status import GATES
from penguin_commands.handlers.board import board
from penguin_commands.results.tasks import BoardResult, BoardRow
from penguin_commands.session import Session

BACKLOG = """\
# Shop

## Tasks

- [ ] A-1 First
- [ ] A-2 Second
  - Depends: A-1
- [ ] A-3 Third
  - Depends: A-2
- [ ] A-4 Beside
"""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "penguin.yaml").write_text("project: {id: shop}\nblueprints: [shop.md]\n")
    (tmp_path / "shop.md").write_text(BACKLOG)
    session = Session(tmp_path)
    session.workspace.db.parent.mkdir(mode=0o700)
    return session


def rows(result: BoardResult) -> dict[str, BoardRow]:
    return {row.row.state.task.id: row for row in result.rows}


def test_without_history_there_is_a_longest_chain_and_no_estimate(session: Session) -> None:
    found = board(session)
    assert found.critical_path == ("A-1", "A-2", "A-3")
    assert found.estimate is None
    assert found.counts == {"ready": 2, "waiting": 2}
    assert {name for name, row in rows(found).items() if row.is_critical} == {"A-1", "A-2", "A-3"}
    assert rows(found)["A-2"].workflow is None


def test_the_estimate_comes_from_completed_tasks(session: Session) -> None:
    # Four gates, each a second, after two seconds between the start and the first attempt.
    commit_workflows(session.workspace.db, StoredWorkflow("A-1", at=NOON).complete())
    found = board(session)
    assert found.counts == {"COMPLETED": 1, "ready": 2, "waiting": 1}
    assert found.critical_path == ("A-2", "A-3")
    assert found.estimate is not None
    assert (found.estimate.per_task, found.estimate.completed, found.estimate.slots) == (4.0, 1, 1)
    # One working tree: one task after the other.
    assert (found.estimate.work, found.estimate.remaining) == (12.0, 12.0)


def test_passed_gates_shorten_what_is_left(session: Session) -> None:
    first = StoredWorkflow("A-1", at=NOON).complete()
    second = StoredWorkflow("A-2", at=NOON + 60).run().report(Verdict.PASSED)
    commit_workflows(session.workspace.db, first, second)
    found = board(session)
    assert found.estimate is not None
    assert found.estimate.work == 4 * 0.5 + 4 + 4
    assert rows(found)["A-2"].progress is not None
    assert rows(found)["A-2"].reason == "no shell or worker is running"


def test_nothing_is_left_when_all_is_completed(session: Session) -> None:
    commit_workflows(session.workspace.db, *(StoredWorkflow(name).complete() for name in ("A-1", "A-2", "A-3", "A-4")))
    found = board(session, "shop")
    assert found.title == "Shop"
    assert (found.critical_path, found.estimate, found.counts) == ((), None, {"COMPLETED": 4})


def test_a_cycle_is_named_and_does_not_hang(session: Session) -> None:
    (session.workspace.root / "shop.md").write_text(BACKLOG.replace("A-1 First", "A-1 First\n  - Depends: A-3"))
    found = board(session)
    assert len(found.rows) == 4
    assert found.cycles


def test_a_task_recorded_as_done_measures_nothing(session: Session) -> None:
    done = StoredWorkflow("A-1", skip=GATES).run()
    commit_workflows(session.workspace.db, done)
    assert board(session).counts["COMPLETED"] == 1
    assert board(session).estimate is None
