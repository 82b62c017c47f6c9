"""The tests of a step by name, from the JUnit report that it wrote."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penguin_commands.handlers.report.bounds import LINE, bounded
from penguin_commands.results.report import NamedTest, StepTests

if TYPE_CHECKING:
    from collections.abc import Callable

    from penguin_commands.session import Session

MAX_TESTS = 2_000
"""Tests that passed, and tests that did not, which a report names."""
LARGEST_REPORT = 10_000_000
"""Bytes of a JUnit report above which tests are only counted: reading it would take seconds."""
OUTCOMES = ("failed", "errors", "xpassed", "passed", "skipped", "xfailed")
"""Outcomes of tests, in the order of a report."""
REPORT = ".junit.xml"
"""The suffix of the report that Penguin asks for, in place of that of the output."""
CLOCK_STEP = 1.0
"""Seconds by which the times of a file and of a step may differ."""
LOG = re.compile(r"\.log\Z")


def named_tests(
    session: Session, step: dict[str, Any], report: str = "", redact: Callable[[str], str] = str
) -> StepTests | None:
    """Return the tests of a step; None if it ran none that were counted.

    Args:
        session: The session.
        step: The evidence of the step.
        report: The report that its command writes, relative to the workspace; '' if Penguin asks for one.
        redact: Replaces secrets. Unlike the report that Penguin asks for, those of commands may contain some.
    """
    if not step.get("tests"):
        return None
    counts = _counts(step["tests"])
    path = _workspace_report(session, step, report) if report else _own_report(session, step)
    return (_named(path, counts, redact) if path else None) or StepTests(counts)


def stated_reports(gate: dict[str, Any]) -> list[str]:
    """Return the reports that the commands of a gate write, one for each command; '' if it names none."""
    from penguin.orchestration.core.test_detection.runners import pytest_run

    found = []
    for command in gate.get("run") or ():
        tests = pytest_run(str(command.get("run") or ""))
        found.append(str(command.get("report") or (tests.report if tests else "") or ""))
    return found


def _own_report(session: Session, step: dict[str, Any]) -> Path | None:
    """Return the report that Penguin asked for, beside the output."""
    from penguin.orchestration.files.safe_open import UnsafePath, refuse_links

    output = local_file(session, str(step.get("output") or ""))
    path = Path(LOG.sub(REPORT, output))
    try:
        refuse_links(path)
    except UnsafePath:
        return None
    return path if output else None


def _workspace_report(session: Session, step: dict[str, Any], report: str) -> Path | None:
    """Return a report in the workspace, if it is from the time of this step: later runs replace it."""
    root = session.workspace.root.resolve()
    path = (root / report).resolve()
    started = float(step.get("started_at") or 0.0)
    try:
        written = path.stat().st_mtime
    except OSError:
        return None
    is_of_step = started - CLOCK_STEP <= written <= started + float(step.get("duration") or 0.0) + CLOCK_STEP
    return path if path.is_relative_to(root) and is_of_step else None


def local_file(session: Session, output: str) -> str:
    """Return the path of a step's output; '' if it is not among the files of runs, as evidence of others may say."""
    runs = os.fspath(session.workspace.runs)
    path = os.path.normpath(session.workspace.root / output)
    return path if path.startswith(f"{runs}/") and LOG.search(path) else ""


def _counts(stored: dict[str, int]) -> dict[str, int]:
    if "passed" not in stored:
        # Evidence of an earlier version.
        stored = {**stored, "passed": stored.get("run", 0) - stored.get("failed", 0) - stored.get("errors", 0)}
    return {outcome: stored[outcome] for outcome in OUTCOMES if stored.get(outcome)}


def _named(path: Path, counts: dict[str, int], redact: Callable[[str], str]) -> StepTests | None:
    """Return the tests of a report by name, if it is the one that was counted."""
    from penguin.orchestration.execution.junit import UnreadableReport, read_tests

    try:
        if path.stat().st_size > LARGEST_REPORT:
            return None
        cases, found = read_tests(path, MAX_TESTS)
    except (OSError, UnreadableReport):
        return None
    if {outcome: getattr(found, outcome) for outcome in counts} != counts:
        return None
    ordered = sorted(cases, key=lambda case: OUTCOMES.index(case.outcome))
    named = tuple(
        NamedTest(bounded(redact(case.name), LINE), case.outcome, case.seconds, bounded(redact(case.message), LINE))
        for case in ordered
    )
    return StepTests(counts, named, sum(counts.values()) - len(named))
