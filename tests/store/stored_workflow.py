"""Workflows in a store: every row comes from a decision of the core and the real writer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core import decider as ituv
from penguin.orchestration.core.commands import Claim, Command, Dispatch, Report, Start
from penguin.orchestration.core.definition import Definition, Gate, Task
from penguin.orchestration.core.definition import GateCommand as Line
from penguin.orchestration.core.results import AttemptResult, StepEvidence
from penguin.orchestration.core.retry_policy import RetryPolicy
from penguin.orchestration.core.state import State
from penguin.orchestration.core.tree_isolation import SHARED
from penguin.orchestration.store.rows import Write, write_of
from penguin.orchestration.store.writer import Writer
from penguin.orchestration.workflow_status import GATES

NOON = 1_700_000_000.0


def task_definition(
    task: str,
    project: str = "shop",
    dependencies: tuple[str, ...] = (),
    skip: Iterable[WorkflowPhase] = (),
    isolation: str = SHARED,
) -> Definition:
    gates = {gate: Gate(skip=gate in set(skip), run=(Line("true"),)) for gate in GATES}
    return Definition(
        task=Task(id=task, title=task.title(), project_id=project, blueprint_id="plan", dependencies=dependencies),
        gates=gates,
        timeouts=dict.fromkeys(GATES, 60.0),
        retry=RetryPolicy(max_attempts=2, initial_delay_sec=60.0),
        isolation=isolation,
    )


def attempt_result(verdict: Verdict, reason: str = "") -> AttemptResult:
    step = StepEvidence(name="pytest -q", kind="run", verdict=verdict, reason=reason, exit_code=0)
    return AttemptResult(verdict=verdict, reason=reason, steps=(step,), tree="t1")


class StoredWorkflow:
    """One workflow; each method sends it commands, and `commit_workflows` writes the events."""

    def __init__(self, task: str, *, number: int = 0, at: float = NOON, project: str = "shop", **kinds: object) -> None:
        self.id = f"ituv-{task}-{number:06x}"
        self.at = at
        self.state: State | None = None
        self.seq = 0
        self.writes: list[Write] = []
        plan = task_definition(task, project, **kinds)  # type: ignore[arg-type]
        self.do(Start(workflow_id=self.id, number=number, definition=plan, by="ann"), after=0)

    def do(self, *commands: Command, after: float = 1.0) -> StoredWorkflow:
        for command in commands:
            self.at += after
            decision = ituv.decide(self.state, command, self.at)
            if decision.events:
                self.seq += 1
                self.writes.append(write_of(decision.events, decision.state, self.state, self.seq))
                self.state = decision.state
        return self

    def run(self) -> StoredWorkflow:
        return self.do(Claim("e" * 32), Dispatch())

    def report(self, verdict: Verdict, reason: str = "") -> StoredWorkflow:
        assert self.state is not None
        return self.do(Report(self.state.attempt, attempt_result(verdict, reason)))

    def complete(self) -> StoredWorkflow:
        self.run()
        while self.state is not None and not self.state.is_final:
            self.report(Verdict.PASSED)
        return self


def commit_workflows(db: Path, *workflows: StoredWorkflow, max_parallel: int = 10_000) -> None:
    """Write the new events."""

    async def write_all() -> None:
        loop = asyncio.get_running_loop()
        writer = Writer(db, loop, max_parallel, lambda owner: True, lambda: None, lambda text: None)
        try:
            for workflow in workflows:
                written, workflow.writes = workflow.writes, []
                for write in written:
                    writer.write([write]).add_done_callback(lambda future: future.result())
            await writer.write([])
        finally:
            writer.close()

    asyncio.run(write_all())
