"""JUnit reports: how to request one from pytest, and how to count its tests."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import stat
from pathlib import Path
from xml.parsers import expat

from penguin.orchestration.core.results import TestCounts

LARGEST = 100_000_000
"""Bytes of the largest report that is read."""
SMALL = 1 << 20
"""Bytes of a report that is counted within a fraction of a second."""
CHUNK = 1 << 16
NO_TESTS = 5
"""pytest's exit code when no test was collected, or all were deselected."""

OUTCOMES = ("errors", "failed", "xpassed", "skipped", "xfailed", "passed")
"""Fields of TestCounts. A test case with several outcomes counts as the first of them."""
XPASSED = "xfail-marked test passes unexpectedly"
"""pytest's message where a test that is expected to fail passes. Newer versions seldom write it."""


class UnreadableReport(Exception):
    """The report can't be read; the message says why."""


def pytest_addopts(path: Path, options: str) -> str:
    """Return PYTEST_ADDOPTS: `options`, extended to write a report to `path`."""
    return f"{options} --junitxml={shlex.quote(str(path))}".strip()


def move_away(path: Path, backup: Path) -> None:
    """Move the report of an earlier run away, so that a report at the end is of this run."""
    if path.is_symlink() or not path.is_dir():
        # If it can't be moved, its signature distinguishes it from a new one.
        with contextlib.suppress(OSError):
            shutil.move(path, backup)


def restore(path: Path, backup: Path) -> None:
    """Move the report of an earlier run back if this run wrote none."""
    if not os.path.lexists(path):
        with contextlib.suppress(OSError):
            shutil.move(backup, path)


def file_signature(path: Path) -> list[int]:
    """Return a signature that changes when the report is replaced; empty if there is no report."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def count_tests(path: Path) -> TestCounts:
    """Count the test cases of a report. Raises UnreadableReport."""
    try:
        # Open the file before checking its type, and without blocking: a step may replace it by a pipe at any time.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                raise UnreadableReport("is not a file, or is too large")
            counter = _Counter()
            left = found.st_size
            while left > 0 and (data := file.read(min(CHUNK, left))):
                counter.feed(data)
                left -= len(data)
            return counter.close()
    except OSError as error:
        raise UnreadableReport(error.strerror or str(error)) from error
    except (expat.ExpatError, LookupError, ValueError) as error:
        # Python raises the last two for an encoding that it does not know, or that expat can't use.
        raise UnreadableReport(f"is not XML: {error}") from error


class _Counter:
    """A streaming parser. It rejects document types, because entities can expand without limit."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._root = ""
        self._outcomes: set[str] | None = None
        self._counts = dict.fromkeys(OUTCOMES, 0)

    def feed(self, data: bytes) -> None:
        self._parser.Parse(data, False)

    def close(self) -> TestCounts:
        self._parser.Parse(b"", True)
        if self._root not in ("testsuites", "testsuite"):
            raise UnreadableReport("is not a JUnit report")
        run = sum(self._counts[outcome] for outcome in ("passed", "failed", "errors", "xpassed"))
        return TestCounts(run=run, **self._counts)

    def _refuse(self, *_: object) -> None:
        raise UnreadableReport("has a document type, which is not allowed")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._root = self._root or name
        if name == "testcase":
            self._outcomes = set()
        elif self._outcomes is not None:
            self._outcomes.add(_outcome(name, attributes))

    def _end(self, name: str) -> None:
        if name != "testcase" or self._outcomes is None:
            return
        outcome = next((outcome for outcome in OUTCOMES if outcome in self._outcomes), "passed")
        self._outcomes = None
        self._counts[outcome] += 1


def _outcome(name: str, attributes: dict[str, str]) -> str:
    """Return the outcome that an element within a test case reports; empty for none."""
    if name != "skipped":
        return {"error": "errors", "failure": "failed"}.get(name, "")
    # pytest.xfail, and XFAIL of unittest-xml-reporting.
    if attributes.get("type", "").lower() in ("pytest.xfail", "xfail"):
        return "xfailed"
    return "xpassed" if attributes.get("message") == XPASSED else "skipped"
