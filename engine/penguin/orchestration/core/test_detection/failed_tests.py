"""The sentence about a test run that failed: the name of one failed test, and how many there are."""

from __future__ import annotations

import re

from msgspec import Struct

LONGEST_NAME = 80
"""Characters of a test's name in the sentence."""
_PARAMETERS = re.compile(r"\[.*\]?$", re.DOTALL)
"""The parameters of a test of pytest. They can be of any length."""


class FailedTests(Struct, frozen=True):
    """The failed tests of a run."""

    failed: int = 0
    errors: int = 0
    run: int | None = None
    """All tests that ran; None: unknown."""
    first_failed: str = ""
    """The name of the first test that failed; empty: unknown."""
    first_error: str = ""
    """The name of the first test that had an error; empty: unknown."""


def failure_sentence(tests: FailedTests) -> str:
    """Return which tests failed, and how many."""
    if not tests.failed:
        return _sentence(tests.first_error, tests.errors, tests.run, "had an error", "had errors")
    more = f"; {tests.errors} had errors" if tests.errors else ""
    return _sentence(tests.first_failed, tests.failed, tests.run, "failed", "failed") + more


def _sentence(name: str, count: int, run: int | None, one: str, several: str) -> str:
    name = short_name(name)
    of_run = "" if run is None else f" of {run}"
    if not name:
        return f"{count}{of_run} test{'' if run == 1 else 's'} {several}"
    if count == 1:
        return f"{name} {one}" + (f", 1{of_run}" if of_run else "")
    return f"{name} and {count - 1} more{of_run} {several}"


def short_name(name: str) -> str:
    """Return a test's name as one short line without its parameters. The name is untrusted text."""
    line = " ".join(name[: 10 * LONGEST_NAME].split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    line = _PARAMETERS.sub("[…]", line, count=1) if not line.startswith("[") else line
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"
