"""Stores with real workflows in them: every row comes from a decision of the machine, through the real writer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from penguin.orchestration.backend import GATES, Verdict, WorkflowPhase
from penguin.orchestration.core import decider as ituv
from penguin.orchestration.core.commands import Claim, Command, Dispatch, Report, Start
from penguin.orchestration.core.definition import Command as Line
from penguin.orchestration.core.definition import Definition, Gate, Retry, Task
from penguin.orchestration.core.results import AttemptResult, StepEvidence
from penguin.orchestration.core.state import State
from penguin.orchestration.store.writer import Write, Writer, write_of

NOON = 1_700_000_000.0


def definition(
    task: str, project: str = "shop", dependencies: tuple[str, ...] = (), skip: Iterable[WorkflowPhase] = ()
) -> Definition:
    gates = {gate: Gate(skip=gate in set(skip), run=(Line("true"),)) for gate in GATES}
    return Definition(
        task=Task(id=task, title=task.title(), project_id=project, blueprint_id="plan", dependencies=dependencies),
        gates=gates,
        timeouts=dict.fromkeys(GATES, 60.0),
        retry=Retry(max_attempts=2, initial_delay_sec=60.0),
    )


def result(verdict: Verdict, reason: str = "") -> AttemptResult:
    step = StepEvidence(name="pytest -q", kind="run", verdict=verdict, reason=reason, exit_code=0)
    return AttemptResult(verdict=verdict, reason=reason, steps=(step,), tree="t1")


class Story:
    """One workflow, told command by command."""

    def __init__(self, task: str, *, number: int = 0, at: float = NOON, project: str = "shop", **kinds: object) -> None:
        self.id = f"ituv-{task}-{number:06x}"
        self.at = at
        self.state: State | None = None
        self.seq = 0
        self.writes: list[Write] = []
        plan = definition(task, project, **kinds)  # type: ignore[arg-type]
        self.do(Start(workflow_id=self.id, number=number, definition=plan, by="ann"), after=0)

    def do(self, *commands: Command, after: float = 1.0) -> Story:
        for command in commands:
            self.at += after
            decision = ituv.decide(self.state, command, self.at)
            if decision.events:
                self.seq += 1
                self.writes.append(write_of(decision.events, decision.state, self.state, self.seq))
                self.state = decision.state
        return self

    def run(self) -> Story:
        return self.do(Claim("e" * 32), Dispatch())

    def report(self, verdict: Verdict, reason: str = "") -> Story:
        assert self.state is not None
        return self.do(Report(self.state.attempt, result(verdict, reason)))

    def complete(self) -> Story:
        self.run()
        while self.state is not None and not self.state.final:
            self.report(Verdict.PASSED)
        return self


def commit(db: Path, *stories: Story, max_parallel: int = 10_000) -> None:
    """Write what the stories told since the last time."""

    async def write() -> None:
        loop = asyncio.get_running_loop()
        writer = Writer(db, loop, max_parallel, lambda owner: True, lambda: None, lambda text: None)
        try:
            for story in stories:
                written, story.writes = story.writes, []
                for one in written:
                    writer.write([one]).add_done_callback(lambda future: future.result())
            await writer.write([])
        finally:
            writer.close()

    asyncio.run(write())


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def tell() -> SimpleNamespace:
    """The tools above; tests can't import a conftest."""
    return SimpleNamespace(Story=Story, commit=commit, definition=definition, result=result, NOON=NOON)
