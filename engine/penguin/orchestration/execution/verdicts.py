"""The verdicts of steps and attempts. A gate fails closed.

Whether the gate then passes is decided in core/rules/gates.py.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, field

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import Expectation
from penguin.orchestration.core.regex import pattern_of
from penguin.orchestration.core.results import StepEvidence, TestCounts
from penguin.orchestration.core.test_detection.failed_names import failed_tests
from penguin.orchestration.core.test_detection.failed_tests import FailedTests, failure_sentence
from penguin.orchestration.core.test_detection.runners import pytest_run
from penguin.orchestration.core.test_detection.summaries import count_summaries
from penguin.orchestration.execution import junit
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.attempt_plan import PlannedStep
from penguin.orchestration.execution.check_process.regex_search import WINDOW
from penguin.orchestration.execution.check_process.request import Answer, Request
from penguin.orchestration.execution.check_process.resource_limits import NOT_JUDGED
from penguin.orchestration.execution.output_matching import file_contains
from penguin.orchestration.execution.step_files import ExitRecord
from penguin.orchestration.execution.step_output import last_line, last_lines

WORST_FIRST = (Verdict.ERROR, Verdict.FAILED, Verdict.UNVERIFIED)
LONGEST_REASON = 300


class Judgement(Struct, frozen=True):
    """A verdict and its reason."""

    verdict: Verdict
    reason: str = ""
    tests: TestCounts | None = None
    executed_nothing: bool = False


class JUnitReport(Struct, frozen=True):
    """The path of a step's JUnit report."""

    path: str
    before: tuple[int, ...] = ()
    """Signature of the file before the step started: an unchanged report doesn't count."""
    backup: str = field(default="", name="aside")
    """Path of the earlier report, which is moved there while the step runs."""
    earlier: str = ""
    """Digest of the earlier report; empty if there was none."""
    since: int = 0
    """Time of the file system at the step's start, in nanoseconds; 0 if unknown."""
    optional: bool = False
    """The step is not known to run tests: without this report, its exit code decides."""

    @property
    def written(self) -> bool:
        """Return whether there is a report, unless none is needed."""
        return not self.optional or Path(self.path).exists()


def request_for(step: PlannedStep, exit_: ExitRecord, report: JUnitReport | None) -> Request | None:
    """Return what has to be checked in a process before `judge_step`; None if nothing that could take long."""
    if _not_ended(step, exit_, 0.0) is not None or step.kind == "http":
        return None
    if step.expect is not None:
        pattern = pattern_of(step.expect.stdout or "")
        if pattern is None or not _ended_as_expected(step, step.expect, exit_):
            return None
        return Request(file=exit_.id + records.LOG, pattern=pattern)
    if report is not None and _is_large(report):
        return Request(file=report.path)
    return None


def _is_large(report: JUnitReport) -> bool:
    signature = junit.file_signature(Path(report.path))
    return bool(signature) and signature != list(report.before) and junit.SMALL < signature[1] <= junit.LARGEST


def judge_step(
    step: PlannedStep, exit_: ExitRecord, limit: float, report: JUnitReport | None, answer: Answer | None = None
) -> Judgement:
    """Return the verdict on a step that ended.

    Args:
        limit: The time it had, in seconds.
        answer: What was answered to the request of `request_for`, if there is one.
    """
    if (ended := _not_ended(step, exit_, limit)) is not None:
        return ended
    if step.kind == "http":
        return _judge_http(exit_)
    if step.expect is not None:
        judgement = _judge_expected(step, step.expect, exit_, answer)
        if report is None or not report.written or judgement.verdict is not Verdict.PASSED:
            return judgement
    if report is not None and report.written:
        return _judge_tests(step, exit_, report, answer)
    return _judge_output(exit_) if step.reads_summary else _judge_exit(exit_)


def _not_ended(step: PlannedStep, exit_: ExitRecord, limit: float) -> Judgement | None:
    """Return the verdict on a step that did not finish; None: it did."""
    if exit_.why == records.TIMEOUT:
        return Judgement(Verdict.ERROR, f"timed out after {limit:g} s")
    if exit_.error:
        return Judgement(Verdict.ERROR, f"could not be started: {exit_.error}")
    if exit_.code is None:
        return Judgement(Verdict.ERROR, "its exit code is unknown")
    if step.background and exit_.why != records.ENDED:
        return _ended_early(exit_)
    return None


def _judge_exit(exit_: ExitRecord, expected: int = 0) -> Judgement:
    code = exit_.code or 0
    if code == expected:
        return Judgement(Verdict.PASSED)
    detail = _last_output(exit_)
    if code in (126, 127):
        return Judgement(Verdict.ERROR, f"could not be run (exit {code}){detail}")
    if name := _signal_of(code):
        cause = " (out of memory, or killed by another process)" if name == signal.SIGKILL.name else ""
        return Judgement(Verdict.ERROR, f"ended by {name}{cause}{detail}")
    expectation = f", expected {expected}" if expected else ""
    return Judgement(Verdict.FAILED, f"exit {code}{expectation}{detail}")


def _signal_of(code: int) -> str:
    """Return the signal that ended a process, or the child of a shell, which reports 128 plus its number."""
    number = -code if code < 0 else code - 128
    names = {int(names): names.name for names in signal.Signals}
    return names.get(number, f"signal {number}" if code < 0 else "")


def _last_output(exit_: ExitRecord) -> str:
    line = exit_.errors and last_line(Path(exit_.id + records.ERRORS))
    line = line or last_line(Path(exit_.id + records.LOG))
    return f": {line}" if line else ""


def _ended_early(exit_: ExitRecord) -> Judgement:
    ended = _judge_exit(exit_)
    if ended.verdict is Verdict.PASSED:
        return Judgement(Verdict.FAILED, "ended before its recipe (exit 0)")
    return Judgement(ended.verdict, f"ended before its recipe: {ended.reason}")


def _judge_http(exit_: ExitRecord) -> Judgement:
    if exit_.code == 0:
        return Judgement(Verdict.PASSED)
    problem = last_line(Path(exit_.id + records.ERRORS))
    if exit_.code in (1, NOT_JUDGED) and problem:
        return Judgement(Verdict.FAILED if exit_.code == 1 else Verdict.ERROR, problem)
    return _judge_exit(exit_)


def _ended_as_expected(step: PlannedStep, expect: Expectation, exit_: ExitRecord) -> bool:
    return step.background or _judge_exit(exit_, expect.exit or 0).verdict is Verdict.PASSED


def _judge_expected(step: PlannedStep, expect: Expectation, exit_: ExitRecord, answer: Answer | None) -> Judgement:
    if not _ended_as_expected(step, expect, exit_):
        return _judge_exit(exit_, expect.exit or 0)
    if expect.stdout is None:
        return Judgement(Verdict.PASSED)
    log, where = Path(exit_.id + records.LOG), ""
    if pattern_of(expect.stdout) is None:
        found = file_contains(log, expect.stdout)
    else:
        answer = answer or Answer(limit="was not checked")
        if answer.limit:
            problem = f"the pattern {expect.stdout} {answer.limit}, searching standard output"
            return Judgement(Verdict.ERROR, problem)
        found = answer.found
        where = f" (its first and last {WINDOW} bytes were searched)" if exit_.output.kept > 2 * WINDOW else ""
    if not found:
        return Judgement(
            Verdict.FAILED, f"standard output does not contain {expect.stdout}{where}{_last_output(exit_)}"
        )
    return Judgement(Verdict.PASSED)


def _read_report(report: JUnitReport, answer: Answer | None) -> junit.TestReport:
    """Return the tests of a report. Raises UnreadableReport."""
    path = Path(report.path)
    if junit.file_signature(path) == list(report.before):
        raise junit.UnreadableReport("was not written")
    if junit.is_older(path, report.since):
        raise junit.UnreadableReport("is older than this run")
    if report.earlier and junit.digest(path) == report.earlier:
        raise junit.UnreadableReport("is byte for byte the one from before this run, without a new time in it")
    if answer is None:
        return junit.read_report(path)
    if answer.report is None:
        raise junit.UnreadableReport(answer.unreadable)
    return answer.report


def _judge_output(exit_: ExitRecord) -> Judgement:
    """Judge a command without a report. A test run whose summary says that nothing ran does not pass.

    If tests failed, the reason names them as far as the output does.
    """
    ended = _judge_exit(exit_)
    if ended.verdict is Verdict.ERROR:
        return ended
    suffixes = (records.ERRORS, records.LOG) if exit_.errors else (records.LOG,)
    lines = [line for suffix in suffixes for line in last_lines(Path(exit_.id + suffix))]
    tests = count_summaries(lines)
    if ended.verdict is Verdict.PASSED:
        if tests is not None and not tests.run:
            return Judgement(Verdict.UNVERIFIED, _nothing_executed(tests), tests, executed_nothing=True)
        return Judgement(ended.verdict, ended.reason, tests)
    failed = None if tests is None else failed_tests(lines, tests)
    return Judgement(ended.verdict, ended.reason if failed is None else failure_sentence(failed), tests)


def _judge_tests(step: PlannedStep, exit_: ExitRecord, report: JUnitReport, answer: Answer | None) -> Judgement:
    ended = _judge_exit(exit_)
    if ended.verdict is Verdict.ERROR:
        return ended
    if answer is not None and answer.limit:
        return Judgement(Verdict.ERROR, f"its JUnit report {Path(report.path).name} {answer.limit}")
    try:
        found = _read_report(report, answer)
    except junit.UnreadableReport as error:
        return _without_report(step, exit_, ended, f"its JUnit report {error}")
    tests = found.counts
    nothing = tests.run == 0 and exit_.code in (0, junit.NO_TESTS)
    if nothing:
        return Judgement(Verdict.UNVERIFIED, _nothing_executed(tests), tests, executed_nothing=True)
    if tests.failed or tests.errors:
        return Judgement(Verdict.FAILED, _failures(found), tests)
    if ended.verdict is not Verdict.PASSED and tests.run:
        return Judgement(Verdict.FAILED, f"{ended.reason} (all {tests.run} tests passed)", tests)
    return Judgement(ended.verdict, ended.reason, tests)


def _without_report(step: PlannedStep, exit_: ExitRecord, ended: Judgement, problem: str) -> Judgement:
    if exit_.code == junit.NO_TESTS and pytest_run(step.source) is not None:
        return Judgement(Verdict.UNVERIFIED, _nothing_executed(TestCounts()), executed_nothing=True)
    if ended.verdict is Verdict.PASSED:
        hint = "have the command write a new one, and name it with report: FILE"
        return Judgement(Verdict.UNVERIFIED, f"{problem}, so the tests are unknown; {hint}")
    return _judge_output(exit_)


def _nothing_executed(tests: TestCounts) -> str:
    counts = ((tests.skipped, "skipped"), (tests.xfailed, "xfailed"))
    why = ", ".join(f"{count} {outcome}" for count, outcome in counts if count)
    return f"no test was executed: {why or 'none was collected, or all were deselected'}"


def _failures(report: junit.TestReport) -> str:
    counts = report.counts
    return failure_sentence(
        FailedTests(counts.failed, counts.errors, counts.run, report.first_failed, report.first_error)
    )


def attempt_verdict(steps: Sequence[StepEvidence]) -> tuple[Verdict, str]:
    """Return the verdict of an attempt and its reason, that of the first of its worst steps."""
    for verdict in WORST_FIRST:
        if bad := [step for step in steps if step.verdict is verdict]:
            more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            return verdict, _shortened(_sentence(bad[0])) + more
    return Verdict.PASSED, ""


def _sentence(step: StepEvidence) -> str:
    if f'"{step.name}"' in step.reason:
        return step.reason
    if step.tests is not None and (step.tests.failed or step.tests.errors):
        # The failed test says more than the command, and narrow screens cut the end.
        return f"{step.reason} ({step.name})"
    return f"{step.name}: {step.reason}"


def _shortened(sentence: str) -> str:
    if len(sentence) <= LONGEST_REASON:
        return sentence
    # Cut between words, unless a word is very long.
    cut = sentence[: LONGEST_REASON - 1]
    words, _, _ = cut.rpartition(" ")
    return (words if len(words) > LONGEST_REASON // 2 else cut) + "…"
