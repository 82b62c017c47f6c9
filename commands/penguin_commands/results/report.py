"""Reports on workflows and blueprints, for a renderer that writes them as a page or as Markdown."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.core.usage import UsageTotals

if TYPE_CHECKING:
    from penguin.orchestration.agents.activity.activities import Activity
    from penguin.orchestration.backend import Verdict, WorkflowInfo, WorkflowPhase
    from penguin_commands.results.tasks import BlueprintRow

HTML, MARKDOWN = "html", "markdown"
STANDARD_OUTPUT = "-"
"""The file name that stands for standard output."""


class Destination(NamedTuple):
    """Where a report goes, and in which format."""

    format: str = MARKDOWN
    """HTML or MARKDOWN."""
    file: str = STANDARD_OUTPUT
    force: bool = False
    """Replace a file that is not a report."""


class CriterionReport(NamedTuple):
    """An acceptance criterion, and the verdict of its newest check."""

    text: str
    check: str
    """A command line; '' if a person or a judge decides."""
    verdict: Verdict | None = None
    """None: it was not checked."""
    approved_by: str = ""
    """The person who approved VERIFY, if no check decides."""
    judge: str = ""
    """The agent that gave the verdict; '' if a check did."""
    reason: str = ""
    """Why it has its verdict; '' if a check passed."""
    evidence: tuple[str, ...] = ()
    """What the judge cites: files, and steps of other gates."""


class DependencyReport(NamedTuple):
    """A task that must be completed before."""

    task_id: str
    status: str
    """The status of its newest workflow; '' if it has none."""


class NamedTest(NamedTuple):
    """One test of a JUnit report."""

    name: str
    outcome: str
    """passed, failed, errors, skipped, xfailed or xpassed."""
    seconds: float
    message: str = ""
    """The beginning of its message, unless it passed."""


class StepTests(NamedTuple):
    """The tests of a step."""

    counts: dict[str, int]
    """The number of tests by outcome; without those that are 0."""
    cases: tuple[NamedTest, ...] = ()
    """The tests by name, those that did not pass first; empty if there is no report with names."""
    left_out: int = 0
    """Tests with names that `cases` leaves out."""


class StepReport(NamedTuple):
    """One step of an attempt."""

    name: str
    kind: str
    verdict: Verdict
    reason: str
    command: str
    exit_code: int | None
    seconds: float
    output_path: str
    output_bytes: int
    excerpt: str
    """The head and tail of its output; for agents, what the agent said."""
    tests: StepTests | None = None
    activities: tuple[Activity, ...] = ()
    """For agents: what the agent did; empty if that is not known."""


class AttemptReport(NamedTuple):
    """One attempt of a phase, or the reason why the phase needed none."""

    phase: WorkflowPhase
    number: int
    """0: without an attempt: skipped, approved, or kept from an earlier workflow."""
    verdict: Verdict | None
    """None while it runs."""
    started_at: datetime
    ended_at: datetime | None
    reason: str
    steps: tuple[StepReport, ...]
    usage: UsageTotals
    host: str
    checkpoint: str
    """The commit that keeps the files at its end; '' if there is none."""
    findings: tuple[str, ...]
    """What Penguin noticed about the working tree."""
    summary: str
    """What was seen, in one line."""

    @property
    def seconds(self) -> float | None:
        """Return how long it took; None while it runs."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


class GateReport(NamedTuple):
    """Where one of the four gates stands."""

    phase: WorkflowPhase
    verdict: Verdict | None
    """The newest verdict; None: it has none yet, or it runs, or it must run again."""
    running: bool
    attempts: int
    seconds: float
    summary: str
    """What Penguin saw, in one line."""


class Span(NamedTuple):
    """A part of the timeline: a run of an attempt, or a wait."""

    phase: str
    """The phase of the attempt that runs, or that the wait precedes; '' for a wait that nothing followed."""
    attempt: int
    started_at: datetime
    ended_at: datetime
    verdict: Verdict | None = None
    """Of a run; None while it runs."""
    waiting: str = ""
    """What it waited for; '' for a run."""


class FileReport(NamedTuple):
    """The changes of one file."""

    path: str
    change: str
    """added, deleted, renamed or changed."""
    added: int
    removed: int
    binary: bool = False
    old_path: str = ""
    """The former path of a renamed file."""
    diff: tuple[str, ...] = ()
    """The lines of its diff from the first hunk on."""
    left_out: int = 0
    """Lines that `diff` leaves out."""


class ChangesReport(NamedTuple):
    """The changes of a workflow in the files."""

    files: tuple[FileReport, ...] = ()
    note: str = ""
    """Why there is no diff, or what it does not cover."""
    more_files: int = 0
    """Changed files that `files` leaves out."""

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        return sum(file.removed for file in self.files)


class ApprovalReport(NamedTuple):
    """A gate that a person approved."""

    phase: WorkflowPhase
    by: str
    at: datetime
    note: str


class FeedbackReport(NamedTuple):
    """A person's feedback."""

    by: str
    at: datetime
    text: str
    attempt: int | None
    """The attempt that it was delivered with; None if it is queued."""


class WorkflowReport(NamedTuple):
    """All that a report says about one workflow."""

    made_at: datetime
    info: WorkflowInfo
    title: str
    description: str
    criteria: tuple[CriterionReport, ...]
    dependencies: tuple[DependencyReport, ...]
    started_by: str
    retry_of: str
    explanation: str
    """Why it does not run now; '' if it runs or is over."""
    next_command: str
    gates: tuple[GateReport, ...]
    attempts: tuple[AttemptReport, ...]
    timeline: tuple[Span, ...]
    changes: ChangesReport
    approvals: tuple[ApprovalReport, ...]
    feedback: tuple[FeedbackReport, ...]
    agents: str
    """The agents' names, separated by commas."""
    usage: UsageTotals

    @property
    def seconds(self) -> float:
        """Return the time from the start to the end, or until now."""
        end = self.info.updated_at if self.info.status.final else self.made_at
        return max(0.0, (end - self.info.started_at).total_seconds())

    @property
    def attempt_seconds(self) -> float:
        """Return the time that its attempts took."""
        return sum(gate.seconds for gate in self.gates)

    @property
    def newest_tests(self) -> list[tuple[AttemptReport, StepReport, StepTests]]:
        """Return the tests of the newest attempt of each phase that ran any, with attempt and step."""
        found = [(attempt, step, step.tests) for attempt in self.attempts for step in attempt.steps if step.tests]
        newest = {attempt.phase: attempt.number for attempt, _, _ in found}
        return [entry for entry in found if newest[entry[0].phase] == entry[0].number]


class ReportResult(NamedTuple):
    """A report on one workflow."""

    report: WorkflowReport
    destination: Destination = Destination()

    def data(self) -> dict[str, Any]:
        return {"report": {**plain_data(self.report), "seconds": self.report.seconds}}


class TaskReport(NamedTuple):
    """A task of a blueprint, and the report on its newest workflow."""

    task_id: str
    title: str
    state: str
    """`ready`, `waiting`, or the status of its newest workflow."""
    blueprint_id: str
    unmet: tuple[str, ...]
    """The dependencies that are not met."""
    workflow: WorkflowReport | None
    """None: no workflow was started."""


class BlueprintReport(NamedTuple):
    """All that a report says about blueprints."""

    made_at: datetime
    title: str
    blueprints: tuple[BlueprintRow, ...]
    tasks: tuple[TaskReport, ...]

    @property
    def workflows(self) -> list[WorkflowReport]:
        return [task.workflow for task in self.tasks if task.workflow]

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of tasks by state, in the order of their first task."""
        found: dict[str, int] = {}
        for task in self.tasks:
            found[task.state] = found.get(task.state, 0) + 1
        return found

    @property
    def usage(self) -> UsageTotals:
        total = UsageTotals()
        for workflow in self.workflows:
            total = total.plus(workflow.usage)
        return total

    @property
    def seconds(self) -> float:
        """Return the sum of the time that attempts took."""
        return sum(workflow.attempt_seconds for workflow in self.workflows)


class BlueprintReportResult(NamedTuple):
    """A report on the tasks of blueprints."""

    report: BlueprintReport
    destination: Destination = Destination()

    def data(self) -> dict[str, Any]:
        report = self.report
        totals = {"counts": report.counts, "seconds": report.seconds, "usage": report.usage._asdict()}
        return {"report": {**plain_data(report), **totals}}


class ReportFileResult(NamedTuple):
    """A report that was written to a file."""

    path: str
    format: str
    bytes: int

    def data(self) -> dict[str, Any]:
        return {"message": f"Wrote {self.path}", **self._asdict()}


def plain_data(value: Any) -> Any:
    """Return a record of a report as plain data, ready for JSON."""
    if isinstance(value, tuple | list):
        if hasattr(value, "_asdict"):
            fields = value._asdict()
            # The work of an agent is drawn from its activities; programs get what it said, as the excerpt.
            fields.pop("activities", None)
            return {name: plain_data(item) for name, item in fields.items()}
        return [plain_data(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return value
