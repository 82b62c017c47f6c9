"""The details of one workflow: its phases, steps and output, and how to draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.utils import get_cwidth

from penguin.orchestration.backend import Verdict, WorkflowError, WorkflowInfo
from penguin.orchestration.execution.step_files import LOG, read_exit
from penguin.orchestration.files.run_files import attempt_logs
from penguin_repl.live.recent_output import attempt_folder, newest_outputs, tail_lines
from penguin_repl.live.styles import STATUS_STYLES
from penguin_repl.live.table import ASCII, DIM, clip_line, format_remaining, truncate
from penguin_repl.render.format import format_duration
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin.orchestration.store.current_attempt import CurrentAttempt
    from penguin.orchestration.store.history import PhaseResult
    from penguin_commands.session import Session
    from penguin_repl.live.table import Glyphs, Line

OUTPUT_BYTES = 64 * 1024
"""Bytes to show from the end of an output; `/workflow logs` shows all."""
MARKS = {
    Verdict.PASSED: ("✓", "+", "fg:ansigreen"),
    Verdict.FAILED: ("✗", "x", "fg:ansired"),
    Verdict.ERROR: ("✗", "x", "fg:ansired"),
    Verdict.UNVERIFIED: ("?", "?", "fg:ansiyellow"),
    Verdict.INTERRUPTED: ("↺", "~", "fg:ansiyellow"),
    Verdict.SKIPPED: ("-", "-", DIM),
    None: ("▸", ">", "fg:ansicyan"),
}
"""Sign, ASCII sign and style by verdict."""


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
    output: Sequence[str]
    """The last lines of the most recent output."""
    explanation: str = ""
    """Why it does not continue."""
    next_command: str = ""
    """What to type next."""
    error: str = ""
    """Why its steps are not available."""


class WorkflowDetailReader:
    """A reader of workflow details. Runs on the session's reader thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cache: tuple[object, Sequence[PhaseResult], str] = (None, (), "")
        """The data from its history, and the workflow and state that it is valid for."""

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
        output: Sequence[str] = ()
        if attempt is not None:
            runs = self._session.workspace.runs
            if attempt.running:
                steps += _running_steps(step_log_paths(self._session, workflow_id, attempt))
            newest = newest_outputs(attempt_folder(runs, workflow_id, attempt))
            output = tail_lines(newest[0], OUTPUT_BYTES) if newest else ()
        return WorkflowDetail(
            info, attempt, steps, output, reader.explain(workflow_id), reader.next_command(workflow_id), trouble
        )

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


# --- drawing --------------------------------------------------------------------------------------------------------


def draw_head(detail: WorkflowDetail, columns: int, now: float) -> list[Line]:
    """Return the lines with the workflow's id, status and explanation."""
    info, attempt = detail.info, detail.attempt
    stands = f"{info.status}" if info.status.final else f"{info.status} at {info.phase}"
    title: Line = [("bold", f" {clean(info.workflow_id)}"), ("", "  "), (STATUS_STYLES[info.status].toolkit, stands)]
    if attempt is not None and attempt.until is not None:
        title.append(("", f", {format_remaining(attempt.until - now)} left"))
    found = [clip_line(title, columns)]
    why = detail.explanation or info.error_message or ""
    for style, text in ((DIM, why), ("bold", detail.next_command), (DIM, detail.error)):
        if text:
            found.append(clip_line([(style, f"   {clean(text)}")], columns))
    return found


def draw_steps(steps: Sequence[StepLine], columns: int, glyphs: Glyphs) -> list[Line]:
    """Return one line per step."""
    return [_draw_step(step, columns, glyphs) for step in steps]


def _draw_step(step: StepLine, columns: int, glyphs: Glyphs) -> Line:
    sign, plain, style = MARKS[step.verdict]
    taken = "" if step.seconds is None else f"  {format_duration(step.seconds)}"
    text = clean(step.text)
    text_columns = columns - step.indent - 2 - get_cwidth(taken)
    text = truncate(text, max(0, text_columns), glyphs.ellipsis)
    mark = plain if glyphs is ASCII else sign
    return clip_line([(style, " " * step.indent + mark + " "), ("", text), (DIM, taken)], columns)
