"""Scenarios as data: a task, the results of its attempts, the acts of people, and the expected outcome.

The `*.yaml` files beside this module hold the scenarios. `runner.py` plays them through a driver: on the pure core or
on a backend. `trace` describes every history in the same form, without times.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import yaml

from penguin.orchestration.backend import Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.definition import Budgets, Definition, Gate, GateCommand, LandSettings, Task
from penguin.orchestration.core.results import AttemptResult, LandingOutcome, StepEvidence, Usage
from penguin.orchestration.core.retry_policy import RetryPolicy
from penguin.orchestration.workflow_status import GATES

FOLDER = Path(__file__).parent


class Setup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The differences from a task whose gates are commands, with two attempts and no delay."""

    skip: tuple[WorkflowPhase, ...] = ()
    agent: bool = False
    on_failure: dict[WorkflowPhase, WorkflowPhase] = {}
    max_attempts: int = 2
    delay: float = 0.0
    """Seconds before the second attempt; doubled for each further one, up to `max_delay`."""
    max_delay: float = 300.0
    budgets: Budgets = Budgets()
    land: LandSettings | None = None

    def definition(self) -> Definition:
        return Definition(
            task=Task(id="task-1", title="A task"),
            gates={phase: self._gate(phase) for phase in GATES},
            timeouts=dict.fromkeys(GATES, 60.0),
            retry=RetryPolicy(self.max_attempts, self.delay, 2.0, self.max_delay),
            budgets=self.budgets,
            land=self.land,
        )

    def _gate(self, phase: WorkflowPhase) -> Gate:
        if phase in self.skip:
            return Gate(skip=True)
        agent = "claude" if self.agent and phase is WorkflowPhase.IMPLEMENT else None
        run = () if agent else (GateCommand(f"make {phase.lower()}"),)
        return Gate(run=run, agent=agent, on_failure=self.on_failure.get(phase))


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The outcome of one attempt."""

    verdict: Verdict = Verdict.PASSED
    reason: str = ""
    executed_nothing: bool = False
    impossible: bool = False
    missing: str = ""
    usd: float = 0.0
    """The usage of its agent."""
    overspent: str = ""
    artifacts: tuple[str, ...] = ()
    changes: str | None = None
    """The attempt changes the tree to this digest."""
    files: tuple[str, ...] = ()
    """The files in which the tree differs from the one that TEST passed on."""

    def result(self, tree: str) -> AttemptResult:
        step = StepEvidence(name="step", kind="run", verdict=self.verdict, reason=self.reason)
        return AttemptResult(
            verdict=self.verdict,
            reason=self.reason,
            steps=(step,),
            artifacts=self.artifacts,
            executed_nothing=self.executed_nothing,
            impossible=self.impossible,
            missing=self.missing,
            usage=Usage(usd=self.usd),
            overspent=self.overspent,
            tree=tree,
            changed=self.files,
        )


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that happens to the workflow: a person's command, a crash, an edit of the tree."""

    do: str
    """pause, resume, cancel, feedback, approve, retry, crash (the engine dies, another takes over), edit."""
    during: int | None = None
    """While the attempt with this number runs; it does not end before the act."""
    landing: int | None = None
    """While the landing with this number runs; it does not end before the act."""
    at: str | None = None
    """When nothing runs in this status; WAITING: RUNNING, but between two attempts."""
    after: float = 0.0
    """Seconds to let pass first."""
    now: bool = False
    start_from: WorkflowPhase | None = msgspec.field(default=None, name="from")
    text: str = ""
    budget: dict[str, float] = {}
    by: str = "Ann"
    tree: str = ""
    survivors: tuple[int, ...] = ()
    """Processes of the attempt that survive its cancellation."""


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The expected outcome; unset fields are not checked."""

    trace: tuple[str, ...]
    status: WorkflowStatus
    phase: WorkflowPhase
    reason: str | None = None
    """Text in the reason; empty: there is no reason."""
    advice: str | None = None
    """Text in the next command; empty: there is none."""
    artifacts: tuple[str, ...] | None = None
    feedback: tuple[str, ...] | None = None
    """Feedback that is still queued."""
    seconds: float | None = None
    """Seconds that passed; attempts take none."""


class Situation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state of a workflow in which every command is tried."""

    during: int | None = None
    at: str | None = None
    task: Setup = Setup()
    outcomes: dict[WorkflowPhase, tuple[Verdict | Outcome, ...]] = {}
    acts: tuple[Act, ...] = ()


class Matrix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every command in every state."""

    situations: dict[str, Situation]
    commands: dict[str, Act]
    table: dict[str, dict[str, str]]
    """By state and command: `refused`, `same` (no change), or the status afterwards."""

    def cases(self) -> list[tuple[str, Scenario, str]]:
        """Name, scenario whose last act is the command, and outcome."""
        found = []
        for place, situation in self.situations.items():
            assert set(self.table[place]) == set(self.commands), f"{place} leaves a command out"
            for command, act in self.commands.items():
                last = msgspec.structs.replace(act, during=situation.during, at=situation.at)
                name = f"{command}, {place}"
                nothing = Expect((), WorkflowStatus.PENDING, WorkflowPhase.PENDING)
                scenario = Scenario(name, nothing, situation.task, situation.outcomes, acts=(*situation.acts, last))
                found.append((name, scenario, self.table[place][command]))
        return found


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row or corner case of the contract."""

    name: str
    expect: Expect
    task: Setup = Setup()
    outcomes: dict[WorkflowPhase, tuple[Verdict | Outcome, ...]] = {}
    """The outcomes of each phase, attempt by attempt; further attempts pass."""
    landings: tuple[LandingOutcome, ...] = ()
    """The outcomes of the tries to land; further ones land."""
    acts: tuple[Act, ...] = ()


def load(pattern: str = "*.yaml") -> list[Scenario]:
    """Return every scenario of every file. Their names are unique."""
    found = [scenario for path in sorted(FOLDER.glob(pattern)) for scenario in _read(path)]
    names = [scenario.name for scenario in found]
    assert len(names) == len(set(names)), "two scenarios have the same name"
    return found


def load_matrix() -> Matrix:
    return msgspec.convert(yaml.safe_load((FOLDER / "matrix" / "commands.yaml").read_text()), Matrix)


def _read(path: Path) -> list[Scenario]:
    try:
        return msgspec.convert(yaml.safe_load(path.read_text()), list[Scenario])
    except msgspec.ValidationError as error:
        raise ValueError(f"{path.name}: {error}") from error


def trace(story: Iterable[ev.Event | str]) -> list[str]:
    """Return a history as lines, without times and without claims of engines; notes are unchanged. An attempt is one
    line if nothing happens during it; otherwise `>` marks its start.
    """
    lines: list[str] = []
    texts: dict[str, str] = {}
    for event in story:
        if isinstance(event, str):
            lines.append(event)
            continue
        if isinstance(event, ev.Started):
            texts |= {advice.id: advice.text for advice in event.feedback}
        if isinstance(event, ev.FeedbackQueued):
            texts[event.advice.id] = event.advice.text
        line = _line(event, texts)
        if isinstance(event, ev.AttemptEnded) and lines and lines[-1].startswith(f"> {event.phase} {event.attempt}"):
            line = lines.pop().removeprefix("> ") + f" {event.result.verdict}"
        if line:
            lines.append(line)
    return lines


def _line(event: ev.Event, texts: dict[str, str]) -> str:
    match event:
        case ev.AttemptStarted():
            with_advice = "".join(f" with {texts[id]!r}" for id in event.delivered)
            return f"> {event.phase} {event.attempt}{' again' if event.again else ''}{with_advice}"
        case ev.AttemptEnded():
            return f"{event.phase} {event.attempt} {event.result.verdict}"
        case ev.Interrupted():
            return f"{event.phase} {event.attempt} INTERRUPTED by {event.cause}"
        case ev.Passed():
            return f"{event.phase} approved by {event.by}" if event.by else ""
        case ev.BackedOff():
            return f"{event.phase} in {event.until - event.at:g} s"
        case ev.Started() | ev.Resumed() | ev.Paused() | ev.Blocked() | ev.FeedbackQueued():
            return _steered(event)
        case ev.Claimed():
            return ""
        case ev.LandingBegan():
            return f"LandingBegan {event.number}"
        case ev.LandingDone():
            return f"LandingDone on {event.branch}" if event.commit else "LandingDone, nothing to land"
        case _:
            return f"{type(event).__name__}{f' {event.phase}' if isinstance(event, ev.Skipped) else ''}"


def _steered(event: ev.Started | ev.Resumed | ev.Paused | ev.Blocked | ev.FeedbackQueued) -> str:
    match event:
        case ev.Started():
            kept = ", ".join(p.phase for p in event.passes)
            return f"Started at {event.phase}{f', keeps {kept}' if kept else ''}"
        case ev.Resumed():
            return f"Resumed{f' at {event.phase}' if event.phase else ''}"
        case ev.Paused():
            return f"Paused{' now' if event.now else ''}"
        case ev.Blocked():
            return f"Blocked{', may be approved' if event.unverified else ''}"
        case ev.FeedbackQueued():
            return f"Feedback {event.advice.text!r}"
