"""A workflow from near: its phases and steps, and what it prints. What it consists of, and how it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.utils import get_cwidth

from penguin.orchestration.backend import Verdict, WorkflowError, WorkflowInfo
from penguin.orchestration.execution.step_files import LOG, read_exit
from penguin.orchestration.files.run_files import attempt_logs
from penguin_repl.live.recent_output import attempt_folder, lines, newest_outputs
from penguin_repl.live.table import ASCII, DIM, clipped, cut, remaining
from penguin_repl.render.format import duration
from penguin_repl.render.styles import STATUS_STYLES
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin.orchestration.store.current_attempt import UnderWay
    from penguin.orchestration.store.history import PhaseResult
    from penguin_commands.session import Session
    from penguin_repl.live.table import Glyphs, Line

OUTPUT = 64 * 1024
"""Bytes at the end of an output that can be looked at; `/workflow logs` shows all."""
MARKS = {
    Verdict.PASSED: ("✓", "+", "fg:ansigreen"),
    Verdict.FAILED: ("✗", "x", "fg:ansired"),
    Verdict.ERROR: ("✗", "x", "fg:ansired"),
    Verdict.UNVERIFIED: ("?", "?", "fg:ansiyellow"),
    Verdict.INTERRUPTED: ("↺", "~", "fg:ansiyellow"),
    Verdict.SKIPPED: ("-", "-", DIM),
    None: ("▸", ">", "fg:ansicyan"),
}
"""By verdict: its sign, the same in ASCII, and its style."""


class Step(NamedTuple):
    """A step, or an attempt with its steps below it."""

    text: str
    verdict: Verdict | None
    """None: under way."""
    seconds: float | None = None
    indent: int = 1


class Portrait(NamedTuple):
    """What is known of a workflow."""

    info: WorkflowInfo
    attempt: UnderWay | None
    steps: Sequence[Step]
    output: Sequence[str]
    """The last lines of what was printed last."""
    why: str = ""
    """Why it does not go on."""
    advice: str = ""
    """What to type next."""
    trouble: str = ""
    """Why nobody can tell its steps."""


class Portraitist:
    """Makes portraits, one after the other; on the thread of the session that reads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: tuple[object, Sequence[PhaseResult], str] = (None, (), "")
        """What its history said, and for which state of which workflow that holds."""

    def portrait(self, workflow_id: str) -> Portrait | None:
        """None where it is unknown. Raises WorkflowError where nobody can tell."""
        reader = self._session.reader
        info = reader.info(workflow_id)
        if info is None:
            return None
        attempt = reader.under_way(workflow_id)
        results, trouble = self._results(info)
        steps = [step for result in results for step in _steps(result)]
        output: Sequence[str] = ()
        if attempt is not None:
            runs = self._session.workspace.runs
            if attempt.running:
                steps += _under_way(runs_logs(self._session, workflow_id, attempt))
            newest = newest_outputs(attempt_folder(runs, workflow_id, attempt))
            output = lines(newest[0], OUTPUT) if newest else ()
        return Portrait(info, attempt, steps, output, reader.explain(workflow_id), reader.advice(workflow_id), trouble)

    def _results(self, info: WorkflowInfo) -> tuple[Sequence[PhaseResult], str]:
        state = (info.workflow_id, info.updated_at)
        if self._known[0] != state:
            try:
                self._known = (state, self._session.reader.results(info.workflow_id), "")
            except WorkflowError as error:
                self._known = (state, (), error.message)
        return self._known[1:]


def runs_logs(session: Session, workflow_id: str, attempt: UnderWay) -> list[str]:
    """The outputs of an attempt's steps, in their order; standard errors that are kept apart are none of them."""
    found = attempt_logs(session.workspace.runs, workflow_id, attempt.phase, attempt.attempt)
    return [str(log.path) for log in found if not log.errors]


def _steps(result: PhaseResult) -> Iterator[Step]:
    """An attempt, and its steps as far as their verdicts are known."""
    taken = (result.ended_at - result.started_at).total_seconds() if result.attempt and result.ended_at else None
    number = f" #{result.attempt}" if result.attempt else ""
    reason = str(result.evidence.get("reason") or "") if result.verdict is not Verdict.PASSED else ""
    yield Step(f"{result.phase}{number}" + (f": {reason}" if reason else ""), result.verdict, taken, 1)
    for step in result.evidence.get("steps") or ():
        yield Step(str(step.get("name") or ""), Verdict(step["verdict"]), step.get("duration"), 3)


def _under_way(logs: Sequence[str]) -> Iterator[Step]:
    """The steps of an attempt under way, by what they left until now."""
    for path in logs:
        ended = read_exit(path.removesuffix(LOG))
        name = path.rpartition("/")[2].removesuffix(LOG).partition("-")[2].rpartition(".")[0]
        if ended is None:
            yield Step(name, None, indent=3)
        elif ended.counts:
            yield Step(name, Verdict.PASSED if ended.code == 0 else Verdict.FAILED, ended.duration, 3)


# --- drawing --------------------------------------------------------------------------------------------------------


def head(portrait: Portrait, columns: int, now: float) -> list[Line]:
    """What it is and where it stands."""
    info, attempt = portrait.info, portrait.attempt
    stands = f"{info.status}" if info.status.final else f"{info.status} at {info.phase}"
    told: Line = [("bold", f" {clean(info.workflow_id)}"), ("", "  "), (STATUS_STYLES[info.status].toolkit, stands)]
    if attempt is not None and attempt.until is not None:
        told.append(("", f", {remaining(attempt.until - now)} left"))
    found = [clipped(told, columns)]
    why = portrait.why or info.error_message or ""
    for style, text in ((DIM, why), ("bold", portrait.advice), (DIM, portrait.trouble)):
        if text:
            found.append(clipped([(style, f"   {clean(text)}")], columns))
    return found


def drawn_steps(steps: Sequence[Step], columns: int, glyphs: Glyphs) -> list[Line]:
    """A line for each."""
    return [_drawn(step, columns, glyphs) for step in steps]


def _drawn(step: Step, columns: int, glyphs: Glyphs) -> Line:
    sign, plain, style = MARKS[step.verdict]
    taken = "" if step.seconds is None else f"  {duration(step.seconds)}"
    text = clean(step.text)
    room = columns - step.indent - 2 - get_cwidth(taken)
    text = cut(text, max(0, room), glyphs.more)
    mark = plain if glyphs is ASCII else sign
    return clipped([(style, " " * step.indent + mark + " "), ("", text), (DIM, taken)], columns)
