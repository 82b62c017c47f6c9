"""The details of one workflow: its phases, steps and output, and the lines that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import Verdict, WorkflowError, WorkflowInfo
from penguin.orchestration.execution.step_files import LOG, read_exit
from penguin.orchestration.files.run_files import attempt_logs
from penguin_repl.live.agent_work import AgentWorkReader
from penguin_repl.live.last_failure import last_failure
from penguin_repl.live.recent_output import attempt_folder, newest_outputs, tail_lines
from penguin_repl.live.table import format_remaining
from penguin_repl.render.costs import usage_text
from penguin_repl.render.format import format_duration
from penguin_repl.render.parts import Span, line
from penguin_repl.render.words import status_meaning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin.orchestration.config.theme import Meaning
    from penguin.orchestration.store.current_attempt import CurrentAttempt
    from penguin.orchestration.store.history import PhaseResult
    from penguin.orchestration.store.progress import WorkflowProgress
    from penguin_commands.session import Session
    from penguin_repl.live.last_failure import LastFailure
    from penguin_repl.render.parts import Line

OUTPUT_BYTES = 64 * 1024
"""Bytes to show from the end of an output; `/workflow logs` shows all."""
MARKS: dict[Verdict | None, tuple[str, Meaning]] = {
    Verdict.PASSED: ("✓", "verdict.passed"),
    Verdict.FAILED: ("✗", "verdict.failed"),
    Verdict.ERROR: ("✗", "verdict.error"),
    Verdict.UNVERIFIED: ("?", "verdict.unverified"),
    Verdict.INTERRUPTED: ("↺", "verdict.interrupted"),
    Verdict.SKIPPED: ("-", "verdict.skipped"),
    None: ("▸", "status.running"),
}
"""Sign and meaning by verdict."""


class StepLine(NamedTuple):
    """A step, or an attempt with its steps below it."""

    text: str
    verdict: Verdict | None
    """None: it still runs."""
    seconds: float | None = None
    indent: int = 1


class WorkflowDetail(NamedTuple):
    """The details of a workflow."""

    info: WorkflowInfo
    attempt: CurrentAttempt | None
    steps: Sequence[StepLine]
    output: Sequence[str | Line]
    """The last lines of the most recent output, or of the last failure if no attempt runs."""
    explanation: str = ""
    """Why it does not continue."""
    next_command: str = ""
    """What to type next."""
    error: str = ""
    """Why its steps are not available."""
    output_title: str = "output"
    progress: WorkflowProgress | None = None
    """Its title and its attempt."""


class WorkflowDetailReader:
    """A reader of workflow details. Runs on the session's reader thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cache: tuple[object, Sequence[PhaseResult], str] = (None, (), "")
        """The data from its history, and the workflow and state that it is valid for."""
        self._failure_cache: tuple[Sequence[PhaseResult], LastFailure | None] = ((), None)
        """The last failure, and the results that it was read from."""
        self._agents = AgentWorkReader()

    def read(self, workflow_id: str) -> WorkflowDetail | None:
        """Return the details, or None for an unknown workflow.

        Raises WorkflowError if the history is not available.
        """
        reader = self._session.reader
        info = reader.info(workflow_id)
        if info is None:
            return None
        attempt = reader.current_attempt(workflow_id)
        results, trouble = self._results(info)
        steps = [step for result in results for step in _steps(result)]
        if attempt is not None and attempt.running:
            steps += _running_steps(step_log_paths(self._session, workflow_id, attempt))
        title, output = self._output(workflow_id, attempt, results)
        why, command = reader.explain(workflow_id), reader.next_command(workflow_id)
        progress = reader.progress_of([workflow_id]).get(workflow_id)
        return WorkflowDetail(info, attempt, steps, output, why, command, trouble, title, progress)

    def _output(
        self, workflow_id: str, attempt: CurrentAttempt | None, results: Sequence[PhaseResult]
    ) -> tuple[str, Sequence[str | Line]]:
        """Return a title and the last lines of what runs; or of the last failure if nothing runs."""
        if attempt is None:
            return "output", ()
        if not attempt.running:
            failure = self._last_failure(results)
            if failure is not None:
                return f"last failure: {failure.attempt}", failure.lines
        newest = newest_outputs(attempt_folder(self._session.workspace.runs, workflow_id, attempt))
        agent = self._agents.newest(newest)
        if agent is not None:
            return ", ".join(filter(None, ("output", usage_text(agent.usage)))), tuple(agent.lines)
        return "output", tail_lines(newest[0], OUTPUT_BYTES) if newest else ()

    def _last_failure(self, results: Sequence[PhaseResult]) -> LastFailure | None:
        if self._failure_cache[0] is not results:
            self._failure_cache = (results, last_failure(results, self._session.workspace.root, OUTPUT_BYTES))
        return self._failure_cache[1]

    def _results(self, info: WorkflowInfo) -> tuple[Sequence[PhaseResult], str]:
        state = (info.workflow_id, info.updated_at)
        if self._cache[0] != state:
            try:
                self._cache = (state, self._session.reader.results(info.workflow_id), "")
            except WorkflowError as error:
                self._cache = (state, (), error.message)
        return self._cache[1:]


def step_log_paths(session: Session, workflow_id: str, attempt: CurrentAttempt) -> list[str]:
    """Return the outputs of an attempt's steps, in order, without separately stored standard errors."""
    found = attempt_logs(session.workspace.runs, workflow_id, attempt.phase, attempt.attempt)
    return [str(log.path) for log in found if not log.errors]


def _steps(result: PhaseResult) -> Iterator[StepLine]:
    """Return an attempt, and its steps as far as their verdicts are known."""
    taken = (result.ended_at - result.started_at).total_seconds() if result.attempt and result.ended_at else None
    number = f" #{result.attempt}" if result.attempt else ""
    reason = str(result.evidence.get("reason") or "") if result.verdict is not Verdict.PASSED else ""
    yield StepLine(f"{result.phase}{number}" + (f": {reason}" if reason else ""), result.verdict, taken, 1)
    for step in result.evidence.get("steps") or ():
        yield StepLine(str(step.get("name") or ""), Verdict(step["verdict"]), step.get("duration"), 3)


def _running_steps(logs: Sequence[str]) -> Iterator[StepLine]:
    """Return the steps of a running attempt, based on the files they have written so far."""
    for path in logs:
        ended = read_exit(path.removesuffix(LOG))
        name = path.rpartition("/")[2].removesuffix(LOG).partition("-")[2].rpartition(".")[0]
        if ended is None:
            yield StepLine(name, None, indent=3)
        elif ended.is_result:
            yield StepLine(name, Verdict.PASSED if ended.code == 0 else Verdict.FAILED, ended.duration, 3)


# --- parts ----------------------------------------------------------------------------------------------------------


def head_lines(detail: WorkflowDetail, now: float) -> list[Line]:
    """Return the lines with the workflow's id, status, attempt, title and explanation."""
    info, attempt = detail.info, detail.attempt
    title, tried = _title(detail), _attempt(detail)
    stands = info.status.value if info.status.final else f"{info.status} at {info.phase}{tried}"
    left = attempt is not None and attempt.until is not None and f", {format_remaining(attempt.until - now)} left"
    found = [line(" ", Span(info.workflow_id, "heading"), "  ", Span(stands, status_meaning(info.status)), left or "")]
    reason = detail.explanation or info.error_message or ""
    about: tuple[tuple[str, Meaning], ...] = (
        (title, "heading"),
        (reason, "warning" if info.status.rests else "dim"),
        (detail.next_command, "command"),
        (detail.error, "error"),
    )
    return [*found, *(line("   ", Span(text, meaning)) for text, meaning in about if text)]


def _title(detail: WorkflowDetail) -> str:
    """Return the title of the task; empty if that is its id, which is part of the workflow's."""
    title = detail.progress.title if detail.progress else ""
    return "" if title == detail.info.task_id else title


def _attempt(detail: WorkflowDetail) -> str:
    progress = detail.progress
    if progress is None or not progress.attempt:
        return ""
    return f", attempt {progress.attempt}" + (f" of {progress.max_attempts}" if progress.max_attempts else "")


def step_line(step: StepLine) -> Line:
    """Return the line of a step."""
    sign, meaning = MARKS[step.verdict]
    taken = "" if step.seconds is None else f"  {format_duration(step.seconds)}"
    return line(" " * step.indent, Span(f"{sign} ", meaning), step.text, Span(taken, "time"))
