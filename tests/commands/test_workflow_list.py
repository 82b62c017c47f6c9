"""The list of workflows on a terminal: progress, and the order of execution."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.store.stored_workflow import NOON, StoredWorkflow, commit_workflows

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.commands import Claim, Pause
from penguin.orchestration.store.progress import GateState
from penguin_commands.handlers.workflow_status import list_
from penguin_commands.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "penguin.yaml").write_text("")
    session = Session(tmp_path)
    session.workspace.db.parent.mkdir(mode=0o700)
    commit_workflows(
        session.workspace.db,
        StoredWorkflow("waits", at=NOON + 1),
        StoredWorkflow("over", at=NOON + 2).complete(),
        StoredWorkflow("paused", at=NOON + 3).do(Pause()),
        StoredWorkflow("runs", at=NOON + 4).run(),
        StoredWorkflow("blocked", at=NOON + 5).run().report(Verdict.UNVERIFIED, "no test ran"),
        StoredWorkflow("retries", at=NOON + 6).run().report(Verdict.FAILED, "exit code 1"),
        StoredWorkflow("last", at=NOON + 7).do(Claim("e" * 32)),
    )
    return session


def _tasks(session: Session, **options: object) -> list[str]:
    return [info.task_id for info in list_(session, **options).workflows]  # type: ignore[arg-type]


def test_pipes_keep_their_order_and_get_no_progress(session: Session) -> None:
    table = list_(session)
    assert [info.task_id for info in table.workflows] == [
        *("last", "retries", "blocked", "runs", "paused", "over", "waits")
    ]
    assert not table.progress
    assert not table.explanations


def test_a_terminal_shows_what_needs_a_person_first(session: Session) -> None:
    session.on_terminal = True
    assert _tasks(session) == ["blocked", "paused", "runs", "retries", "waits", "last", "over"]
    assert _tasks(session, sort="newest")[0] == "last"


def test_active_workflows_come_first_within_the_limit(session: Session) -> None:
    session.on_terminal = True
    assert "over" not in _tasks(session, limit=6)
    assert len(_tasks(session, limit=2)) == 2


def test_a_terminal_shows_progress_and_reasons(session: Session) -> None:
    session.on_terminal = True
    table = list_(session)
    gates = {info.task_id: table.progress[info.workflow_id].gates for info in table.workflows}
    assert gates["over"] == (GateState.PASSED,) * 4
    assert gates["blocked"][0] is GateState.BLOCKED
    reasons = {info.task_id: table.explanations.get(info.workflow_id) for info in table.workflows}
    assert reasons["over"] is None
    assert reasons["retries"] == "no shell or worker is running"
    assert "no test ran" in str(reasons["blocked"])
