"""Summaries of test runners, as the programs print them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.core.results import TestCounts
from penguin.orchestration.core.test_detection.summaries import count_summaries

SUMMARIES = [
    ("3 passed, 2 skipped in 0.12s", TestCounts(run=3, passed=3, skipped=2)),
    (
        "====== 1 failed, 1 xfailed, 2 errors, 1 warning in 61.00s (0:01:01) ======",
        TestCounts(run=3, failed=1, errors=2, xfailed=1),
    ),
    ("2 skipped in 0.01s", TestCounts(skipped=2)),
    ("============ no tests ran in 0.00s ============", TestCounts()),
    ("Ran 3 tests in 0.001s\n\nOK (skipped=3)", TestCounts(skipped=3)),
    (
        "Ran 4 tests in 0.001s\n\nFAILED (failures=1, errors=1, expected failures=1)",
        TestCounts(run=3, passed=1, failed=1, errors=1, xfailed=1),
    ),
    ("Ran 2 tests in 0.001s\n\nOK", TestCounts(run=2, passed=2)),
    ("Ran 0 tests in 0.000s\n\nNO TESTS RAN", TestCounts()),
    (
        "test result: ok. 0 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        TestCounts(skipped=3),
    ),
    (
        "test result: ok. 2 passed; 0 failed; 0 ignored; x\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; x",
        TestCounts(run=2, passed=2),
    ),
    (
        "Test Suites: 1 skipped, 0 of 1 total\nTests:       3 skipped, 3 total\nSnapshots:   0 total\nTime: 0.3 s",
        TestCounts(skipped=3),
    ),
    ("Tests:       1 failed, 1 todo, 2 passed, 4 total", TestCounts(run=3, passed=2, failed=1, skipped=1)),
    (" Test Files  1 passed (1)\n      Tests  2 passed | 1 skipped (3)", TestCounts(run=2, passed=2, skipped=1)),
    ("      Tests  3 skipped (3)", TestCounts(skipped=3)),
    ("# tests 2\n# suites 0\n# pass 0\n# fail 0\n# cancelled 0\n# skipped 2\n# todo 0", TestCounts(skipped=2)),
    ("ℹ tests 2\nℹ pass 1\nℹ fail 0\nℹ skipped 1", TestCounts(run=1, passed=1, skipped=1)),
    ("3 examples, 1 failure, 2 pending", TestCounts(run=1, failed=1, skipped=2)),
    ("  2 passing (4ms)\n  1 pending", TestCounts(run=2, passed=2, skipped=1)),
    ("  0 passing (2ms)", TestCounts()),
    (
        "100% tests passed, 0 tests failed out of 2\n\nThese did not run:\n\t  1 - a (Skipped)\n\t  2 - b (Skipped)",
        TestCounts(skipped=2),
    ),
    ("     Summary [   0.005s] 2 tests run: 2 passed, 3 skipped", TestCounts(run=2, passed=2, skipped=3)),
    ("No tests were found!!!", TestCounts()),
    ("OK (3 tests, 5 assertions)", TestCounts(run=3, passed=3)),
    ("Tests: 3, Assertions: 0, Skipped: 3.", TestCounts(skipped=3)),
    ("[WARNING] Tests run: 2, Failures: 0, Errors: 0, Skipped: 2", TestCounts(skipped=2)),
    (
        "Passed!  - Failed:     0, Passed:     3, Skipped:     1, Total:     4, Duration: 9 ms - x.dll",
        TestCounts(run=3, passed=3, skipped=1),
    ),
    ("ok | 0 passed | 0 failed | 2 ignored (3ms)", TestCounts(skipped=2)),
    ("--- SKIP: TestA (0.00s)\nPASS\nok  \texample.com/x\t0.002s", None),
    ("?   \texample.com/x\t[no test files]", TestCounts()),
    ("ok  \texample.com/x\t0.001s [no tests to run]", TestCounts()),
    ("ok  \texample.com/x\t0.002s\n?   \texample.com/y\t[no test files]", None),
    ("\x1b[32m\x1b[1m2 passed\x1b[0m\x1b[32m in 0.01s\x1b[0m", TestCounts(run=2, passed=2)),
    # The runner that wrote last counts.
    ("3 passed in 1.0s\nRan 1 test in 0.1s\nOK (skipped=1)", TestCounts(skipped=1)),
    ("built 3 files in 0.1s", None),
    ("3 files in 0.1s", None),
    ("0 errors in 0.1s", None),
    ("all done", None),
    ("", None),
]


@pytest.mark.parametrize(("output", "counts"), SUMMARIES)
def test_a_summary_is_counted(output: str, counts: TestCounts | None) -> None:
    assert count_summaries(output.split("\n")) == counts


@given(st.lists(st.text(alphabet=" =|,.()#ℹ0123456789abcdefiknoprstxyOKTests:\x1b[m")))
def test_any_output_is_read(lines: list[str]) -> None:
    count_summaries(lines)


def test_a_long_output_takes_no_time() -> None:
    started = time.process_time()
    count_summaries(["1 passed, " * 39, "Tests:" + " " * 390, "=" * 400, "x" * 1_000_000] * 200)
    assert time.process_time() - started < 2
