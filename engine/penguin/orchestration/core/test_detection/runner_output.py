"""The failed tests in the output of test runners that write no JUnit report."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from penguin.orchestration.core.test_detection.failed_tests import FailedTests

LONGEST_LINE = 500
"""Characters of a line that are read."""


class _Format(NamedTuple):
    """The lines of one test runner. Each pattern matches a whole line."""

    name: re.Pattern[str]
    """Its group is the name of a failed test."""
    failed: re.Pattern[str] | None = None
    """Its groups are numbers of failed tests; None: the names are counted."""
    run: re.Pattern[str] | None = None
    """Its groups are numbers of tests that ran; None: the runner does not print it."""


def _format(name: str, failed: str = "", run: str = "") -> _Format:
    return _Format(re.compile(name), re.compile(failed) if failed else None, re.compile(run) if run else None)


_FORMATS = {
    "pytest": _format(
        r"(?:FAILED|ERROR) (?:[^\s\[]*::)?([^\s:\[]+(?:\[.*?\])?)(?: - .*)?",
        r"(?:=+ )?(?:(\d+) failed)?(?:, )?(?:\d+ (?:passed|skipped|xfailed|xpassed|deselected|warnings?), )*"
        r"(?:(\d+) errors?)?.* in \d[\d.]*s.*",
        r"(?:=+ )?(?:(\d+) failed)?(?:, )?(?:(\d+) passed)?.* in \d[\d.]*s.*",
    ),
    "unittest": _format(
        r"(?:FAIL|ERROR): (\S+) \(.*\).*",
        r"FAILED \((?:failures=(\d+))?(?:, )?(?:errors=(\d+))?.*\)",
        r"Ran (\d+) tests? in .*",
    ),
    "go": _format(r"--- FAIL: (\S+) \(.*\)"),
    "cargo": _format(
        r"test (\S+)(?: - should panic)? \.\.\. FAILED",
        r"test result: FAILED\. \d+ passed; (\d+) failed; .*",
        r"test result: \w+\. (\d+) passed; (\d+) failed; .*",
    ),
    "jest": _format(r"\s+● (?:.* › )?(.+)", r"Tests:\s+(\d+) failed.*", r"Tests:.* (\d+) total"),
    "vitest": _format(
        r"\s*(?:FAIL|×)\s+\S+(?: \[.*\])? > (?:.* > )?(.+)",
        r"\s*Tests\s+(\d+) failed.*",
        r"\s*Tests\s+.*\((\d+)\)",
    ),
    "node": _format(r"\s*✖ (.+) \(\d[\d.]*ms\)", r"ℹ fail (\d+)", r"ℹ tests (\d+)"),
    "tap": _format(r"\s*not ok \d+ (?:- )?(.+)", r"# fail\s+(\d+)", r"# tests\s+(\d+)"),
    "mocha": _format(r"\s+\d+\) (.+?):?", r"\s+(\d+) failing", r"\s+(\d+) (?:passing|failing).*"),
    "rspec": _format(r"rspec \./\S+ # (.+)", r"\d+ examples?, (\d+) failures?.*", r"(\d+) examples?, \d+ failures?.*"),
    "ctest": _format(
        r"\s*\d+ - (\S+) \(.*\)",
        r"\d+% tests passed, (\d+) tests? failed out of \d+",
        r"\d+% tests passed, \d+ tests? failed out of (\d+)",
    ),
}


def read_failed_tests(lines: Iterable[str]) -> FailedTests | None:
    """Return the failed tests that an output names and counts.

    Args:
        lines: The last lines of the output. They are untrusted.

    Returns:
        The failed tests, or None if the output has none in the format of a known runner.
    """
    kept = [line[:LONGEST_LINE].rstrip() for line in lines]
    found = (_read(kept, known) for known in _FORMATS.values())
    return next((tests for tests in found if tests is not None), None)


def _read(lines: list[str], known: _Format) -> FailedTests | None:
    names = dict.fromkeys(match[1] for line in lines if (match := known.name.fullmatch(line)))
    if not names:
        return None
    failed = len(names) if known.failed is None else _sum(lines, known.failed)
    if not failed:
        return None
    run = _sum(lines, known.run) if known.run else 0
    return FailedTests(failed=failed, run=run if run >= failed else None, first_failed=next(iter(names)))


def _sum(lines: list[str], pattern: re.Pattern[str]) -> int:
    """Return the sum of the numbers that the pattern finds. Several runs print several lines."""
    matches = filter(None, map(pattern.fullmatch, lines))
    # No runner counts billions of tests: a longer number is not a count.
    return sum(int(number) for match in matches for number in match.groups() if number and len(number) < 10)
