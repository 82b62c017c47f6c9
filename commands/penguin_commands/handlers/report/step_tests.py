"""The tests of a step by name, from the JUnit report that it wrote."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penguin_commands.handlers.report.bounds import LINE, bounded
from penguin_commands.results.report import NamedTest, StepTests

if TYPE_CHECKING:
    from penguin_commands.session import Session

MAX_TESTS = 2_000
"""Tests that passed, and tests that did not, which a report names."""
LARGEST_REPORT = 10_000_000
"""Bytes of a JUnit report above which tests are only counted: reading it would take seconds."""
OUTCOMES = ("failed", "errors", "xpassed", "passed", "skipped", "xfailed")
"""Outcomes of tests, in the order of a report."""
LOG = re.compile(r"\.log\Z")


def tests_of(session: Session, step: dict[str, Any]) -> StepTests | None:
    """Return the tests of a step; None if it ran none that were counted."""
    if not step.get("tests"):
        return None
    counts = _counts(step["tests"])
    return _named(session, str(step.get("output") or ""), counts) or StepTests(counts)


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


def _named(session: Session, output: str, counts: dict[str, int]) -> StepTests | None:
    """Return the tests by name from the report beside the output, if it is the one that was counted."""
    from penguin.orchestration.execution.junit import UnreadableReport, read_tests
    from penguin.orchestration.execution.step_files import REPORT
    from penguin.orchestration.files.safe_open import UnsafePath, refuse_links

    path = Path(LOG.sub(REPORT, local_file(session, output)))
    if path.name == "":
        return None
    try:
        refuse_links(path)
        if path.stat().st_size > LARGEST_REPORT:
            return None
        cases, found = read_tests(path, MAX_TESTS)
    except (OSError, UnreadableReport, UnsafePath):
        return None
    if {outcome: getattr(found, outcome) for outcome in counts} != counts:
        return None
    ordered = sorted(cases, key=lambda case: OUTCOMES.index(case.outcome))
    named = tuple(
        NamedTest(bounded(case.name, LINE), case.outcome, case.seconds, bounded(case.message, LINE)) for case in ordered
    )
    return StepTests(counts, named, sum(counts.values()) - len(named))
