"""Long lives: many attempts in several runs, large evidence, histories that are replayed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from tests.core.scenario_driver import after, started
from tests.support.temporal_workspace import TemporalWorkspace

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.commands import Claim, Dispatch
from penguin.orchestration.core.results import AttemptResult, StepEvidence
from penguin.orchestration.temporal.backend import TemporalBackend
from penguin.orchestration.temporal.client.memo import WorkflowSnapshot, decode_memo, describe_definition, encode_memo
from penguin.orchestration.temporal.worker.errors import NotStartedHere, WorkerDraining, WorktreeMoved
from penguin.orchestration.temporal.worker.payload_limit import LIMIT, trimmed
from penguin.orchestration.temporal.workflows.task_workflow import ItuvWorkflow
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio

FAILURES = 496
HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json.gz"))


async def test_five_hundred_attempts_stay_readable(temporal_workspace: TemporalWorkspace) -> None:
    temporal_workspace.configure(retry={"max_attempts": 1000, "initial_delay_sec": 0})
    with scripted_phases({"TEST": ["FAILED"] * FAILURES}):
        async with temporal_workspace.backend() as backend:
            assert isinstance(backend, TemporalBackend)
            one = await backend.start_workflow("a")
            info = await backend.wait_workflow(one, 120)
            assert info.status == "COMPLETED"
            results = await backend.query_workflow(one, "get_phase_results")
            link = await backend.process.open()
            description = await link.handle(one).describe()
            assert description.history_length < 5_000
            runs = [run async for run in link.connection.client.list_workflows(f"WorkflowId = '{one}'")]
    assert [result["attempt"] for result in results] == list(range(1, FAILURES + 5))
    assert len({run.run_id for run in runs} | {description.run_id}) > 2


def test_large_evidence_is_cut_down_to_what_a_history_takes() -> None:
    step = StepEvidence(
        name="step", kind="run", verdict=Verdict.FAILED, reason="no", excerpt="x" * 4096, output="runs/1.log"
    )
    few = AttemptResult(verdict=Verdict.FAILED, steps=(step,) * 3)
    assert trimmed(few) is few
    for count in (40, 400):
        many = trimmed(AttemptResult(verdict=Verdict.FAILED, reason="no", steps=(step,) * count))
        assert len(json.dumps(_plain(many)).encode()) <= LIMIT * 1.1
        assert many.reason == "no"
        assert all(one.output == "runs/1.log" for one in many.steps)


def _plain(result: AttemptResult) -> Any:
    import msgspec

    return msgspec.to_builtins(result)


def test_errors_have_the_types_that_histories_have() -> None:
    found = [error().type for error in (WorkerDraining, WorktreeMoved, NotStartedHere)]
    assert found == ["Draining", "Moved", "NotMine"]


def test_a_state_that_an_earlier_version_stored_is_readable() -> None:
    """Up to 9dfc977 a state counted its owners as `epoch`."""
    state = after(started(), [Claim("engine", "host"), Dispatch()])
    seq, fields = json.loads(encode_memo(3, state))
    stored = json.dumps([seq, {**fields, "epoch": 2}])
    assert decode_memo(stored, describe_definition(state.definition)) == WorkflowSnapshot(3, state)


def test_there_are_histories_to_replay() -> None:
    assert HISTORIES


@pytest.mark.parametrize("path", HISTORIES, ids=[path.name for path in HISTORIES])
async def test_recorded_histories_are_replayed(path: Path) -> None:
    """A change of the workflow that would break those that run now shows here: `workflow.patched` is for it."""
    history = WorkflowHistory.from_json(path.name.removesuffix(".json.gz"), gzip.decompress(path.read_bytes()).decode())
    await Replayer(workflows=[ItuvWorkflow], workflow_runner=UnsandboxedWorkflowRunner()).replay_workflow(history)
