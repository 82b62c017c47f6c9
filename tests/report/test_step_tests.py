"""The tests of a step by name, and the limits on text."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from penguin.orchestration.files.workspace import Workspace
from penguin_commands.handlers.report.bounds import LINE, TEXT, bounded, bounded_lines
from penguin_commands.handlers.report.step_tests import named_tests, stated_reports
from penguin_commands.results.report import NamedTest, StepTests
from penguin_commands.session import Session

REPORT = """\
<testsuite>
<testcase classname="a.B" name="passes" time="0.25"/>
<testcase classname="a.B" name="fails" time="x"><failure message="assert 1 == 2">a long traceback</failure></testcase>
</testsuite>
"""
COUNTS = {"run": 2, "failed": 1, "errors": 0, "skipped": 0, "passed": 1, "xfailed": 0, "xpassed": 0}
OUTPUT = ".penguin/runs/w/1-test/01-pytest.1.log"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """In a workspace with the report of a step."""
    folder = tmp_path / ".penguin" / "runs" / "w" / "1-test"
    folder.mkdir(parents=True)
    (folder / "01-pytest.1.junit.xml").write_text(REPORT)
    (tmp_path / "penguin.yaml").write_text("")
    return Session(tmp_path)


def test_tests_are_named_from_the_report_beside_the_output(session: Session) -> None:
    found = named_tests(session, {"tests": COUNTS, "output": OUTPUT})
    assert found == StepTests(
        {"failed": 1, "passed": 1},
        (NamedTest("a.B::fails", "failed", 0.0, "assert 1 == 2"), NamedTest("a.B::passes", "passed", 0.25)),
    )


def test_a_report_with_other_counts_is_of_another_run(session: Session) -> None:
    found = named_tests(session, {"tests": {**COUNTS, "passed": 7}, "output": OUTPUT})
    assert found == StepTests({"failed": 1, "passed": 7})


def test_evidence_of_an_earlier_version_has_fewer_counts(session: Session) -> None:
    found = named_tests(session, {"tests": {"run": 3, "failed": 1}, "output": None})
    assert found == StepTests({"failed": 1, "passed": 2})


@pytest.mark.parametrize("output", ["/etc/x.log", "../x.log", ".penguin/runs/../../x.log", ".penguin/runs/x", ""])
def test_only_files_of_runs_are_read(session: Session, output: str) -> None:
    outside = cast(Workspace, session.workspace).root / "x.junit.xml"
    outside.write_text(REPORT)
    assert named_tests(session, {"tests": COUNTS, "output": output}) == StepTests({"failed": 1, "passed": 1})


def test_a_link_in_the_runs_is_not_followed(session: Session, tmp_path: Path) -> None:
    report = tmp_path / ".penguin" / "runs" / "w" / "1-test" / "01-pytest.1.junit.xml"
    report.rename(tmp_path / "elsewhere.xml")
    report.symlink_to(tmp_path / "elsewhere.xml")
    assert named_tests(session, {"tests": COUNTS, "output": OUTPUT}) == StepTests({"failed": 1, "passed": 1})


def test_the_report_that_a_command_writes_is_read_if_it_is_of_this_step(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "build" / "junit.xml"
    path.parent.mkdir()
    path.write_text(REPORT)
    step = {"tests": COUNTS, "output": OUTPUT, "started_at": path.stat().st_mtime - 5, "duration": 6.0}
    found = named_tests(session, step, "build/junit.xml")
    assert found is not None
    assert [case.name for case in found.cases] == ["a.B::fails", "a.B::passes"]
    redacted = named_tests(session, step, "build/junit.xml", lambda text: text.replace("1 == 2", "[redacted]"))
    assert redacted is not None
    assert redacted.cases[0].message == "assert [redacted]"
    earlier = {**step, "started_at": path.stat().st_mtime - 100}
    assert named_tests(session, earlier, "build/junit.xml") == StepTests({"failed": 1, "passed": 1})
    outside = tmp_path.parent / "outside.xml"
    outside.write_text(REPORT)
    for name in ("../outside.xml", str(outside), "missing.xml"):
        assert named_tests(session, step, name) == StepTests({"failed": 1, "passed": 1})


def test_the_reports_of_a_gate_in_the_order_of_its_commands() -> None:
    commands = [{"run": "make"}, {"run": "npm test", "report": "a.xml"}, {"run": "pytest -q --junitxml=b.xml"}]
    assert stated_reports({"run": commands}) == ["", "a.xml", "b.xml"]
    assert stated_reports({}) == []


def test_a_step_without_tests(session: Session) -> None:
    assert named_tests(session, {"tests": None, "output": OUTPUT}) is None


def test_bounded_text_says_what_is_missing() -> None:
    assert bounded("abc", 3) == "abc"
    assert bounded("abcd", 3, "/help") == "abc … (1 more character; the whole text: /help)"
    assert bounded_lines("a\nb") == "a\nb"
    long = bounded_lines("x" * 5_000_000, "/task show a")
    assert len(long) < 2 * LINE
    assert "more characters" in long
    many = bounded_lines("ab\n" * 100_000, "/task show a")
    assert len(many) < TEXT + 200
    assert many.endswith(f"({300_000 - TEXT:,} more characters; the whole text: /task show a)")
