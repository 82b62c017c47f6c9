"""The functions that run most often, each alone: `pytest benchmarks/test_hot.py` (pytest-benchmark)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.blueprint import text_of
from benchmarks.grounds import filled_workspace
from penguin.orchestration.backend import Verdict, WorkflowStatus
from penguin.orchestration.blueprint import parse_blueprint
from penguin.orchestration.core.commands import Claim, Command, Dispatch, Report, Start
from penguin.orchestration.core.decider import decide
from penguin.orchestration.core.definition import Definition, Gate, Task
from penguin.orchestration.core.events import AnyEvent
from penguin.orchestration.core.evolve import rebuild
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.core.state import State
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.store.rows import decode_events, encode_events, updated_run
from penguin.orchestration.workflow_status import GATES
from penguin_commands.grammar.parse import parse

Benchmark = Callable[..., Any]
NOW = 1_800_000_000.0
TASKS = 100
TASK = Task(id="task", title="Task", blueprint_id="b", project_id="p", path="b.md", line=1, place=0)
DEFINITION = Definition(task=TASK, gates={gate: Gate() for gate in GATES}, timeouts=dict.fromkeys(GATES, 60.0))


def run_through() -> tuple[State, list[AnyEvent]]:
    """A workflow from its start to COMPLETED: six decisions."""
    state: State | None = None
    events: list[Any] = []
    passed = AttemptResult(verdict=Verdict.PASSED)
    start = Start(workflow_id="ituv-task-123456", number=0, definition=DEFINITION)
    reports = [Report(number, passed) for number in range(1, 5)]
    commands: list[Command] = [start, Claim("engine", "host"), Dispatch(), *reports]
    for command in commands:
        decision = decide(state, command, NOW)
        state = decision.state
        events += decision.events
    assert state is not None
    assert state.status == "COMPLETED"
    return state, events


def test_decide_a_whole_workflow(benchmark: Benchmark) -> None:
    benchmark(run_through)


def test_rebuild_it_from_its_events(benchmark: Benchmark) -> None:
    state, events = run_through()
    assert benchmark(rebuild, events) == state


def test_encode_its_events(benchmark: Benchmark) -> None:
    benchmark(encode_events, tuple(run_through()[1]))


def test_decode_its_events(benchmark: Benchmark) -> None:
    _, events = run_through()
    assert benchmark(decode_events, encode_events(tuple(events))) == events


def test_make_its_row(benchmark: Benchmark) -> None:
    state, _ = run_through()
    benchmark(updated_run, state, state, 6)


def test_parse_a_blueprint_of_100_tasks(benchmark: Benchmark) -> None:
    assert len(benchmark(parse_blueprint, text_of(TASKS), "b.md").items) == TASKS


def test_parse_a_line(benchmark: Benchmark) -> None:
    benchmark(parse, "/workflow list --status active --limit 20")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> WorkflowReader:
    root: Path = filled_workspace(tmp_path_factory.mktemp("hot"), 10_000)
    return WorkflowReader(root / ".penguin" / "penguin.db")


@pytest.mark.parametrize("given", [{}, {"project_id": "bench-3"}, {"statuses": [WorkflowStatus.COMPLETED]}], ids=str)
def test_list_100_of_10_000(benchmark: Benchmark, reader: WorkflowReader, given: dict[str, Any]) -> None:
    assert len(benchmark(reader.list, limit=100, **given)) == 100
