"""JUnit reports: how to request one from pytest, and how to read one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar
from xml.parsers import expat

from msgspec import Struct

from penguin.orchestration.core.results import TestCounts

LARGEST = 100_000_000
"""Bytes of the largest report that is read."""
SMALL = 1 << 20
"""Bytes of a report that is counted within a fraction of a second."""
CHUNK = 1 << 16
TICK = 20_000_000
"""Nanoseconds by which the times of two files can differ although they were written at the same time."""
MESSAGE = 1_000
"""Characters of a test's name or message that are kept."""
NO_TESTS = 5
"""pytest's exit code when no test was collected, or all were deselected."""

OUTCOMES = ("errors", "failed", "xpassed", "skipped", "xfailed", "passed")
"""Fields of TestCounts. A test case with several outcomes counts as the first of them."""
_NOT_RUN = dict.fromkeys(("disabled", "ignored", "notrun", "pending", "skipped", "suppressed", "todo"), "skipped")
_OUTCOME_ELEMENTS = _NOT_RUN | {"error": "errors", "failure": "failed"}
"""Elements within a test case that report an outcome, in lower case without punctuation."""
_OUTCOME_WORDS = (
    _NOT_RUN
    | dict.fromkeys(("canceled", "cancelled", "inconclusive", "skip", "notexecuted"), "skipped")
    | dict.fromkeys(("broken", "crashed", "error", "timedout", "timeout"), "errors")
    | dict.fromkeys(("fail", "failed", "failure"), "failed")
)
"""Values of `status` and `result` of a test case, written the same way. GoogleTest, CTest and others write them."""
XPASSED = "xfail-marked test passes unexpectedly"
"""pytest's message where a test that is expected to fail passes. Newer versions seldom write it."""


LONGEST_NAME = 1000
"""Characters of a test's name that are kept."""


class UnreadableReport(Exception):
    """The report can't be read; the message says why."""


class ReportedTest(NamedTuple):
    """A test of a report."""

    name: str
    """Its class and name, as far as the report has them."""
    outcome: str
    """One of OUTCOMES."""
    seconds: float
    message: str
    """The beginning of its message; empty if it passed."""


class TestReport(Struct, frozen=True):
    """The tests of a report."""

    __test__ = False

    counts: TestCounts
    first_failed: str = ""
    """The name of the first test that failed, as the report has it."""
    first_error: str = ""
    """The name of the first test that had an error."""


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


def digest(path: Path) -> str:
    """Return a digest of the report; empty if there is none, or it is too large to be read."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                return ""
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def file_time(folder: Path, path: Path) -> int:
    """Return the time that a file written now in a folder gets, in nanoseconds, to compare with that of `path` later.

    The clock of a file system may differ from that of this machine. Return 0 if the time is not known, because `path`
    is on another file system or no file can be written.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            written = os.fstat(file.fileno())
            same = not path.parent.exists() or path.parent.stat().st_dev == written.st_dev
            return written.st_mtime_ns if same else 0
    except OSError:
        return 0


def is_older(path: Path, since: int) -> bool:
    """Return whether the report was last written before that time."""
    try:
        written = path.stat().st_mtime_ns
    except OSError:
        return False
    # Some file systems keep whole or even seconds.
    coarseness = 2 * 10**9 if written % 10**9 == 0 else TICK
    return written < since - coarseness


def read_report(path: Path) -> TestReport:
    """Count the test cases of a report. Raises UnreadableReport."""
    return _read(path, _Counter()).report


def read_tests(path: Path, most: int) -> tuple[list[ReportedTest], TestCounts]:
    """Return the test cases of a report and their counts. Raises UnreadableReport.

    Of more than `most` tests that passed, and of more than `most` others, only the first ones are returned.
    """
    reader = _read(path, _CaseReader(most))
    return reader.cases, reader.counts


C = TypeVar("C", bound="_Counter")


def _read(path: Path, counter: C) -> C:
    """Feed a report to a parser. Raises UnreadableReport."""
    try:
        # Open the file before checking its type, and without blocking: a step may replace it by a pipe at any time.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                raise UnreadableReport("is not a file, or is too large")
            left = found.st_size
            while left > 0 and (data := file.read(min(CHUNK, left))):
                counter.feed(data)
                left -= len(data)
            counter.close()
            return counter
    except OSError as error:
        raise UnreadableReport(error.strerror or str(error)) from error
    except (expat.ExpatError, LookupError, ValueError) as error:
        # Python raises the last two for an encoding that it does not know, or that expat can't use.
        raise UnreadableReport(f"is not XML: {error}") from error


class _Suite:
    """The test cases directly in one suite, by outcome."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.claimed = attributes.get("tests", "")
        self.counts = dict.fromkeys(OUTCOMES, 0)

    def close(self) -> dict[str, int]:
        """Return the counts. If the suite says itself that no test of it ran, its passes did not run.

        pytest --setup-only and --setup-plan write a test case without an outcome for each test.
        """
        counts = self.counts
        failed = any(counts[outcome] for outcome in ("errors", "failed", "xpassed"))
        if self.claimed.isdecimal() and not failed and int(self.claimed[:20]) <= counts["skipped"] + counts["xfailed"]:
            counts["skipped"] += counts["passed"]
            counts["passed"] = 0
        return counts


class _Counter:
    """A streaming parser. It rejects document types, because entities can expand without limit."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._root = ""
        self._outcomes: set[str] | None = None
        self._suites: list[_Suite] = [_Suite({})]
        self._counts = dict.fromkeys(OUTCOMES, 0)
        self._name = ""
        self._first: dict[str, str] = {}
        """The name of the first test of each outcome."""

    def feed(self, data: bytes) -> None:
        self._parser.Parse(data, False)

    def close(self) -> None:
        self._parser.Parse(b"", True)
        if self._root not in ("testsuites", "testsuite"):
            raise UnreadableReport("is not a JUnit report")
        self._close_suite()

    @property
    def counts(self) -> TestCounts:
        run = sum(self._counts[outcome] for outcome in ("passed", "failed", "errors", "xpassed"))
        return TestCounts(run=run, **self._counts)

    @property
    def report(self) -> TestReport:
        return TestReport(self.counts, self._first.get("failed", ""), self._first.get("errors", ""))

    def _refuse(self, *_: object) -> None:
        raise UnreadableReport("has a document type, which is not allowed")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._root = self._root or name
        if name == "testcase":
            self._outcomes = _attribute_outcomes(attributes)
            self._name = (attributes.get("name") or attributes.get("classname") or "")[:LONGEST_NAME]
        elif name == "testsuite":
            self._suites.append(_Suite(attributes))
        elif self._outcomes is not None:
            self._outcomes.add(_outcome(name, attributes))

    def _end(self, name: str) -> None:
        if name == "testsuite":
            self._close_suite()
        elif name == "testcase" and self._outcomes is not None:
            outcome = next((outcome for outcome in OUTCOMES if outcome in self._outcomes), "passed")
            self._outcomes = None
            self._suites[-1].counts[outcome] += 1
            self._first.setdefault(outcome, self._name)
            self._end_case(outcome)

    def _end_case(self, outcome: str) -> None:
        """Handle the end of a test case."""

    def _close_suite(self) -> None:
        for outcome, count in self._suites.pop().close().items():
            self._counts[outcome] += count


class _CaseReader(_Counter):
    """A parser that also keeps names and messages."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._parser.CharacterDataHandler = self._text
        self._most = most
        self._attributes: dict[str, str] = {}
        self._message = ""
        self._reads_text = False
        self._number_kept = {True: 0, False: 0}
        """The kept cases, by whether they passed."""
        self._places: dict[int, list[int]] = {}
        """The places of the kept cases, by the number of suites around them."""
        self.cases: list[ReportedTest] = []

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        super()._start(name, attributes)
        if name == "testcase":
            self._attributes, self._message = attributes, ""
        elif self._outcomes is not None:
            is_outcome = bool(_outcome(name, attributes))
            if is_outcome and not self._message:
                self._message = attributes.get("message", "")[:MESSAGE]
            # The text of an element is mostly a traceback: read it only if there is nothing shorter.
            self._reads_text = is_outcome and not self._message

    def _text(self, text: str) -> None:
        if self._reads_text and len(self._message) < MESSAGE:
            self._message += text

    def _end(self, name: str) -> None:
        self._reads_text = False
        super()._end(name)

    def _end_case(self, outcome: str) -> None:
        passed = outcome == "passed"
        self._number_kept[passed] += 1
        if self._number_kept[passed] <= self._most:
            names = (self._attributes.get("classname", ""), self._attributes.get("name", ""))
            label = "::".join(filter(None, names))[:MESSAGE]
            message = "" if passed else self._message.strip()[:MESSAGE]
            self._places.setdefault(len(self._suites), []).append(len(self.cases))
            self.cases.append(ReportedTest(label, outcome, _seconds(self._attributes.get("time", "")), message))

    def _close_suite(self) -> None:
        suite, places = self._suites[-1], self._places.pop(len(self._suites), [])
        super()._close_suite()
        for place in places if not suite.counts["passed"] else ():
            # The suite says that its tests did not run.
            if self.cases[place].outcome == "passed":
                self.cases[place] = self.cases[place]._replace(outcome="skipped")


def _seconds(text: str) -> float:
    """Return a duration of a report; 0 if it is no plain number."""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 1e9 else 0.0


def _attribute_outcomes(attributes: Mapping[str, str]) -> set[str]:
    """Return the outcomes that the attributes of a test case report; empty for none."""
    words = (_word(attributes.get(name, "")) for name in ("status", "result"))
    outcomes = {_OUTCOME_WORDS.get(word, "") for word in words}
    return outcomes | {"skipped"} if attributes.get("executed", "").lower() == "false" else outcomes


def _outcome(name: str, attributes: Mapping[str, str]) -> str:
    """Return the outcome that an element within a test case reports; empty for none."""
    if name != "skipped":
        return _OUTCOME_ELEMENTS.get(_word(name), "")
    # pytest.xfail, and XFAIL of unittest-xml-reporting.
    if attributes.get("type", "").lower() in ("pytest.xfail", "xfail"):
        return "xfailed"
    return "xpassed" if attributes.get("message") == XPASSED else "skipped"


def _word(text: str) -> str:
    return "".join(filter(str.isalpha, text.lower()))
