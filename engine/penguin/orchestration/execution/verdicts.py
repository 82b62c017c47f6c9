"""From what was seen of a step to its verdict, and from the steps to the attempt's. A gate fails closed."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import Expect
from penguin.orchestration.core.results import StepEvidence, TestCounts
from penguin.orchestration.execution import junit
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.expectations import file_holds
from penguin.orchestration.execution.plan import PlannedStep
from penguin.orchestration.execution.step_files import Exit
from penguin.orchestration.execution.step_output import last_line

WORST_FIRST = (Verdict.ERROR, Verdict.FAILED, Verdict.UNVERIFIED)
LONGEST_REASON = 300


class Judgement(Struct, frozen=True):
    """A verdict and what it rests on."""

    verdict: Verdict
    reason: str = ""
    tests: TestCounts | None = None
    executed_nothing: bool = False


class Report(Struct, frozen=True):
    """Where a step's JUnit report is to be."""

    path: str
    before: tuple[int, ...] = ()
    """Signature of what was there before the step started: that one doesn't count."""


def judge(step: PlannedStep, exit_: Exit, limit: float, report: Report | None) -> Judgement:
    """The verdict on a step that ended; `limit` is the time it had, in seconds."""
    if exit_.why == records.TIMEOUT:
        return Judgement(Verdict.ERROR, f"timed out after {limit:g} s")
    if exit_.error:
        return Judgement(Verdict.ERROR, f"could not be run: {exit_.error}")
    if exit_.code is None:
        return Judgement(Verdict.ERROR, "its exit code is unknown")
    if step.background and exit_.why != records.ENDED:
        return _ended_early(exit_)
    if step.kind == "http":
        return _judge_http(exit_)
    if step.expect is not None:
        return _judge_expected(step, step.expect, exit_)
    if report is not None:
        return _judge_tests(step, exit_, report)
    return _judge_exit(exit_)


def _judge_exit(exit_: Exit, wanted: int = 0) -> Judgement:
    code = exit_.code or 0
    if code == wanted:
        return Judgement(Verdict.PASSED)
    said = _said(exit_)
    if code in (126, 127):
        return Judgement(Verdict.ERROR, f"could not be run (exit {code}){said}")
    if name := _signal_of(code):
        return Judgement(Verdict.ERROR, f"ended by {name}{said}")
    instead = f", not {wanted}" if wanted else ""
    return Judgement(Verdict.FAILED, f"exit {code}{instead}{said}")


def _signal_of(code: int) -> str:
    """The signal that ended a process, or a child of its shell, which tells it as 128 and more."""
    number = -code if code < 0 else code - 128
    known = {int(known): known.name for known in signal.Signals}
    return known.get(number, f"signal {number}" if code < 0 else "")


def _said(exit_: Exit) -> str:
    line = exit_.errors and last_line(Path(exit_.id + records.ERRORS))
    line = line or last_line(Path(exit_.id + records.LOG))
    return f": {line}" if line else ""


def _ended_early(exit_: Exit) -> Judgement:
    ended = _judge_exit(exit_)
    if ended.verdict is Verdict.PASSED:
        return Judgement(Verdict.FAILED, "ended before its recipe did (exit 0)")
    return Judgement(ended.verdict, f"ended before its recipe did: {ended.reason}")


def _judge_http(exit_: Exit) -> Judgement:
    if exit_.code == 0:
        return Judgement(Verdict.PASSED)
    problem = last_line(Path(exit_.id + records.ERRORS))
    if exit_.code == 1 and problem:
        return Judgement(Verdict.FAILED, problem)
    return _judge_exit(exit_)


def _judge_expected(step: PlannedStep, expect: Expect, exit_: Exit) -> Judgement:
    if not step.background:
        ended = _judge_exit(exit_, expect.exit or 0)
        if ended.verdict is not Verdict.PASSED:
            return ended
    log = Path(exit_.id + records.LOG)
    if expect.stdout is not None and not file_holds(log, expect.stdout):
        return Judgement(Verdict.FAILED, f"standard output does not contain {expect.stdout}{_said(exit_)}")
    return Judgement(Verdict.PASSED)


def _judge_tests(step: PlannedStep, exit_: Exit, report: Report) -> Judgement:
    ended = _judge_exit(exit_)
    if ended.verdict is Verdict.ERROR:
        return ended
    try:
        if junit.signature(Path(report.path)) == list(report.before):
            raise junit.UnreadableReport("was not written")
        tests = junit.count(Path(report.path))
    except junit.UnreadableReport as error:
        return _without_report(step, exit_, ended, f"its JUnit report {error}")
    nothing = tests.run == 0 and exit_.code in (0, junit.NO_TESTS)
    if nothing:
        why = f"all {tests.skipped} were skipped" if tests.skipped else "none was collected, or none was left to run"
        return Judgement(Verdict.UNVERIFIED, f"no test was executed: {why}", tests, executed_nothing=True)
    if tests.failed or tests.errors:
        return Judgement(Verdict.FAILED, _failures(tests), tests)
    if ended.verdict is not Verdict.PASSED and tests.run:
        return Judgement(Verdict.FAILED, f"{ended.reason} (all {tests.run} tests passed)", tests)
    return Judgement(ended.verdict, ended.reason, tests)


def _without_report(step: PlannedStep, exit_: Exit, ended: Judgement, problem: str) -> Judgement:
    if exit_.code == junit.NO_TESTS and junit.is_pytest(step.source):
        reason = "no test was executed: none was collected, or none was left to run"
        return Judgement(Verdict.UNVERIFIED, reason, executed_nothing=True)
    if ended.verdict is Verdict.PASSED:
        return Judgement(Verdict.UNVERIFIED, f"{problem}, so nobody knows what was tested")
    return ended


def _failures(tests: TestCounts) -> str:
    if not tests.failed:
        return f"{tests.errors} of {tests.run} tests ended in an error"
    more = f", {tests.errors} ended in an error" if tests.errors else ""
    return f"{tests.failed} of {tests.run} tests failed{more}"


def worst(steps: Sequence[StepEvidence]) -> tuple[Verdict, str]:
    """The verdict of an attempt, and why: the first of its worst steps speaks."""
    for verdict in WORST_FIRST:
        if bad := [step for step in steps if step.verdict is verdict]:
            more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            return verdict, _sentence(bad[0]) + more
    return Verdict.PASSED, ""


def _sentence(step: StepEvidence) -> str:
    sentence = step.reason if f'"{step.name}"' in step.reason else f"{step.name}: {step.reason}"
    return sentence if len(sentence) <= LONGEST_REASON else sentence[: LONGEST_REASON - 1] + "…"
