"""The names of failed tests in the output of test runners that write no JUnit report."""

from __future__ import annotations

import re
from collections.abc import Iterable

from penguin.orchestration.core.results import TestCounts
from penguin.orchestration.core.test_detection.failed_tests import FailedTests

LONGEST_LINE = 500
"""Characters of a line that are read."""
GO = "go"
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_PATTERNS = {
    name: re.compile(pattern)
    for name, pattern in (
        ("pytest", r"(?:FAILED|ERROR) (?:[^\s\[]*::)?([\w./-]+(?:\[.*?\])?)(?: - .*)?"),
        ("unittest", r"(?:FAIL|ERROR): (\S+) \(.*\).*"),
        (GO, r"--- FAIL: (\S+) \(.*\)"),
        ("cargo", r"test (\S+)(?: - should panic)? \.\.\. FAILED"),
        ("jest", r"\s+● (?:.* › )?(.+)"),
        ("vitest", r"\s*(?:FAIL|×)\s+\S+(?: \[.*\])? > (?:.* > )?(.+)"),
        ("node", r"\s*✖ (.+) \(\d[\d.]*ms\)"),
        ("tap", r"\s*not ok \d+ (?:- )?(.+)"),
        ("rspec", r"rspec \./\S+ # (.+)"),
        ("ctest", r"\s*\d+ - (\S+) \((?!Skipped|Disabled|Not Run).*\)"),
        ("mocha", r"\s+\d+\) (.+?):?"),
    )
}
"""The lines of each runner that name a failed test, the most telling patterns first. Each matches a whole line."""


def failed_tests(lines: Iterable[str], counts: TestCounts) -> FailedTests | None:
    """Return the failed tests of a run.

    Args:
        lines: The last lines of its output. They are untrusted.
        counts: The tests that its summary counts.

    Returns:
        The failed tests, or None if none failed, or if no line names one in the format of a known runner.
    """
    failed = counts.failed + counts.errors
    if not failed:
        return None
    kept = [_ESCAPE.sub("", line[:LONGEST_LINE]).rstrip() for line in lines]
    for runner, pattern in _PATTERNS.items():
        name = next((match[1] for line in kept if (match := pattern.fullmatch(line))), "")
        if name:
            # go names the tests that passed only with -v.
            run = None if runner == GO and counts.run == failed else counts.run
            return FailedTests(failed, 0, run, first_failed=name)
    return None
