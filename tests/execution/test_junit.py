"""JUnit reports, valid and hostile."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.core.results import TestCounts
from penguin.orchestration.execution import junit

BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""

OUTCOMES = {
    "": "passed",
    "<failure/>": "failed",
    "<error/>": "errors",
    "<skipped/>": "skipped",
    '<skipped type="pytest.xfail"/>': "xfailed",
    # unittest-xml-reporting, and Django with it.
    '<skipped type="XFAIL" message="expected failure"/>': "xfailed",
    '<error type="UnexpectedSuccess"/>': "errors",
    # A strict xfail that passes, and the report of pytest before 3.0.
    '<failure message="[XPASS(strict)] slow"/>': "failed",
    '<skipped message="xfail-marked test passes unexpectedly"/>': "xpassed",
    '<skipped type="pytest.xfail"/><error/>': "errors",
    '<skipped type="pytest.skip" message="not here"/>': "skipped",
    "<failure/><error/>": "errors",
    # A subtest, and its test.
    "<failure/><failure/>": "failed",
    "<system-out>&lt;failure/&gt;</system-out>": "passed",
}


def count(tmp_path: Path, text: str) -> TestCounts:
    path = tmp_path / "report.xml"
    path.write_text(text)
    return junit.read_report(path).counts


@given(st.lists(st.sampled_from(sorted(OUTCOMES)), max_size=20))
def test_cases_are_counted(tmp_path_factory: pytest.TempPathFactory, cases: list[str]) -> None:
    body = "".join(f"<testcase>{case}</testcase>" for case in cases)
    counts = count(tmp_path_factory.mktemp("junit"), f"<testsuites><testsuite>{body}</testsuite></testsuites>")
    outcomes = [OUTCOMES[case] for case in cases]
    kinds = ("passed", "failed", "errors", "skipped", "xfailed", "xpassed")
    assert {kind: getattr(counts, kind) for kind in kinds} == {kind: outcomes.count(kind) for kind in kinds}
    assert counts.run == len(cases) - counts.skipped - counts.xfailed


NOT_RUN = [
    # GoogleTest, for a test whose name starts with DISABLED_.
    '<testcase name="a" status="notrun" result="suppressed" time="0."/>',
    '<testcase name="a" status="run" result="skipped"><skipped message=""/></testcase>',
    # CTest.
    '<testcase name="a" status="disabled"/>',
    '<testcase name="a" status="notrun"/>',
    '<testcase name="a" status="NotRun"/>',
    '<testcase name="a" status="skipped"/>',
    '<testcase name="a" status="ignored"/>',
    '<testcase name="a" status="pending"/>',
    '<testcase name="a" status="not run"/>',
    '<testcase name="a" result="Inconclusive"/>',
    '<testcase name="a" executed="False"/>',
    '<testcase name="a"><disabled/></testcase>',
    '<testcase name="a"><ignored/></testcase>',
    '<testcase name="a"><not-run/></testcase>',
]


@pytest.mark.parametrize("case", NOT_RUN)
def test_a_case_that_did_not_run_counts_as_skipped(tmp_path: Path, case: str) -> None:
    counts = count(tmp_path, f"<testsuite>{case}<testcase/></testsuite>")
    assert (counts.run, counts.passed, counts.skipped) == (1, 1, 1)


@pytest.mark.parametrize(
    ("attributes", "outcome"),
    [
        ('status="run" result="completed"', "passed"),
        ('status="PASS"', "passed"),
        ('status="failed"', "failed"),
        ('status="fail"', "failed"),
        ('result="Failure"', "failed"),
        ('status="error"', "errors"),
        ('status="broken"', "errors"),
    ],
)
def test_attributes_of_a_case_name_its_outcome(tmp_path: Path, attributes: str, outcome: str) -> None:
    counts = count(tmp_path, f"<testsuite><testcase {attributes}/></testsuite>")
    assert counts.run == getattr(counts, outcome) == 1


@pytest.mark.parametrize(
    ("suites", "expected"),
    [
        # pytest --setup-only reports the set-up of each test as a test case, but as no test.
        ('<testsuite tests="0"><testcase/><testcase/></testsuite>', (0, 2)),
        ('<testsuite tests="1"><testcase/><testcase><skipped/></testcase></testsuite>', (0, 2)),
        ('<testsuite tests="2"><testcase/><testcase><skipped/></testcase></testsuite>', (1, 1)),
        # A test that fails, and its teardown too: two test cases, but one test.
        ('<testsuite tests="1"><testcase><failure/></testcase><testcase><error/></testcase></testsuite>', (2, 0)),
        ('<testsuite tests="0"><testsuite tests="1"><testcase/></testsuite><testcase/></testsuite>', (1, 1)),
        ('<testsuite tests="many"><testcase/></testsuite>', (1, 0)),
        ("<testsuite><testcase/></testsuite>", (1, 0)),
    ],
)
def test_cases_of_a_suite_that_ran_no_test_count_as_skipped(
    tmp_path: Path, suites: str, expected: tuple[int, int]
) -> None:
    counts = count(tmp_path, f"<testsuites>{suites}</testsuites>")
    assert (counts.run, counts.skipped) == expected


def test_evidence_of_earlier_versions_is_read() -> None:
    stored = b'{"run": 3, "failed": 1, "errors": 0, "skipped": 2}'
    assert msgspec.json.decode(stored, type=TestCounts) == TestCounts(run=3, failed=1, skipped=2)


ODD_ENCODINGS = [f'<?xml version="1.0" encoding="{name}"?><testsuite/>' for name in ("nosuch", "utf-7", "hex", "idna")]


@pytest.mark.parametrize(
    "text", [BOMB, "", "<html/>", "<testsuite><testcase>", "nonsense", "<testsuite/>" * 2, *ODD_ENCODINGS]
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(junit.UnreadableReport):
        count(tmp_path, text)


def test_a_folder_a_missing_file_and_a_device_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", Path("/dev/zero")):
        with pytest.raises(junit.UnreadableReport):
            junit.read_report(path)


@given(st.binary(max_size=200))
def test_any_bytes_are_counted_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("junit") / "report.xml"
    path.write_bytes(b"<testsuite>" + data)
    with pytest.raises(junit.UnreadableReport):
        junit.read_report(path)


def test_tests_by_name(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    path.write_text(
        "<testsuites><testsuite>"
        '<testcase classname="t.A" name="one" time="0.5"/>'
        '<testcase name="two" time="-1"><failure>no message\nbut a text</failure></testcase>'
        '<testcase name="three"><error message="broken">and a text</error><system-out>noise</system-out></testcase>'
        '<testcase name="four"><skipped type="pytest.xfail" message="later"/></testcase>'
        '<testcase name="five"/>'
        "</testsuite></testsuites>"
    )
    cases, counts = junit.read_tests(path, 10)
    assert cases == [
        junit.ReportedTest("t.A::one", "passed", 0.5, ""),
        junit.ReportedTest("two", "failed", 0.0, "no message\nbut a text"),
        junit.ReportedTest("three", "errors", 0.0, "broken"),
        junit.ReportedTest("four", "xfailed", 0.0, "later"),
        junit.ReportedTest("five", "passed", 0.0, ""),
    ]
    assert counts == junit.read_report(path).counts
    fewer, all_counts = junit.read_tests(path, 1)
    assert [case.name for case in fewer] == ["t.A::one", "two"]
    assert all_counts == counts


def test_long_names_and_messages_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    case = f'<testcase name="{"n" * 9_000}"><failure>{"m" * 900_000}</failure></testcase>'
    path.write_text(f"<testsuite>{case}</testsuite>")
    ((found,), _) = junit.read_tests(path, 10)
    assert (len(found.name), len(found.message)) == (junit.MESSAGE, junit.MESSAGE)


def test_tests_of_a_suite_that_did_not_run_are_named_as_skipped(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    path.write_text(
        '<testsuites><testsuite tests="0"><testcase name="one"/></testsuite>'
        '<testsuite tests="1"><testcase name="two"/></testsuite></testsuites>'
    )
    cases, counts = junit.read_tests(path, 10)
    assert [(case.name, case.outcome) for case in cases] == [("one", "skipped"), ("two", "passed")]
    assert (counts.skipped, counts.passed) == (1, 1)
