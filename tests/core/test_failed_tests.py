"""The names of failed tests: the sentence about them, and the output of test runners."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.core.test_detection.failed_names import failed_tests
from penguin.orchestration.core.test_detection.failed_tests import FailedTests, failure_sentence, short_name
from penguin.orchestration.core.test_detection.summaries import count_summaries


@pytest.mark.parametrize(
    ("tests", "sentence"),
    [
        (FailedTests(2, 0, 457, "test_kebabize[A b-c]"), "test_kebabize[…] and 1 more of 457 failed"),
        (FailedTests(1, 0, 457, "test_kebabize[A b-c]"), "test_kebabize[…] failed, 1 of 457"),
        (FailedTests(1, 2, 9, "test_a", "test_b"), "test_a failed, 1 of 9; 2 had errors"),
        (FailedTests(0, 1, 9, "", "test_b"), "test_b had an error, 1 of 9"),
        (FailedTests(0, 3, 9, "", "test_b"), "test_b and 2 more of 9 had errors"),
        (FailedTests(3, 0, None, "TestX"), "TestX and 2 more failed"),
        (FailedTests(1, 0, None, "TestX"), "TestX failed"),
        (FailedTests(2, 0, 9), "2 of 9 tests failed"),
        (FailedTests(2, 0, 9, " \n"), "2 of 9 tests failed"),
    ],
)
def test_the_sentence(tests: FailedTests, sentence: str) -> None:
    assert failure_sentence(tests) == sentence


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("test_a[x]y]", "test_a[…]"),
        ("test_a[never closed", "test_a[…]"),
        ("[all in brackets]", "[all in brackets]"),
        ("adds\n numbers\x1b[31m\u202e", "adds numbers?[…]"),
        ("x" * 200, "x" * 79 + "…"),
        ("test_a[" + "x" * 100_000 + "]", "test_a[…]"),
    ],
)
def test_a_name_is_short_and_harmless(name: str, short: str) -> None:
    assert short_name(name) == short


@given(st.text(), st.integers(0, 3), st.integers(0, 3), st.integers(0, 9) | st.none())
def test_any_name_is_harmless(name: str, failed: int, errors: int, run: int | None) -> None:
    sentence = failure_sentence(FailedTests(failed, errors, run, name, name))
    assert sentence.isprintable()
    assert len(sentence) < 200


RUNNERS = {
    "pytest": (
        "FAILED tests/test_a.py::TestA::test_kebabize[a::b - c] - AssertionError: no\n"
        "ERROR tests/test_b.py - ModuleNotFoundError\n"
        "=========== 1 failed, 7 passed, 1 skipped, 1 error in 0.12s ===========\n",
        FailedTests(2, 0, 9, "test_kebabize[a::b - c]"),
    ),
    "pytest -q": (
        "FAILED test_a.py::test_b - assert 0\nFAILED test_a.py::test_c\n2 failed in 0.12s\n",
        FailedTests(2, 0, 2, "test_b"),
    ),
    "unittest": (
        "ERROR: test_a (tests.test_it.T.test_a)\nFAIL: test_b (tests.test_it.T)\n"
        "Ran 9 tests in 0.010s\n\nFAILED (failures=1, errors=1, skipped=2)\n",
        FailedTests(2, 0, 7, "test_a"),
    ),
    "go": (
        "--- FAIL: TestKebab (0.00s)\n    --- FAIL: TestKebab/empty (0.00s)\n    kebab_test.go:9: no\nFAIL\n"
        "FAIL\texample.com/kebab\t0.003s\n",
        FailedTests(1, 0, None, "TestKebab"),
    ),
    "cargo": (
        "test tests::adds ... ok\ntest tests::subtracts ... FAILED\n\nfailures:\n    tests::subtracts\n\n"
        "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        FailedTests(1, 0, 4, "tests::subtracts"),
    ),
    "jest": (
        "FAIL src/kebab.test.js\n  ● kebab › keeps digits\n\n    expect(received).toBe(expected)\n\n"
        "Tests:       1 failed, 8 passed, 9 total\n",
        FailedTests(1, 0, 9, "keeps digits"),
    ),
    "vitest": (
        " FAIL  src/kebab.test.ts > kebab > keeps digits\nAssertionError: no\n\n"
        " Test Files  1 failed (1)\n      Tests  1 failed | 8 passed (9)\n",
        FailedTests(1, 0, 9, "keeps digits"),
    ),
    "node": (
        "✔ adds (0.5ms)\n✖ keeps digits (1.2ms)\nℹ tests 9\nℹ pass 8\nℹ fail 1\n\n"
        "✖ failing tests:\n\n✖ keeps digits (1.2ms)\n",
        FailedTests(1, 0, 9, "keeps digits"),
    ),
    "tap": (
        "ok 1 - adds\nnot ok 2 - keeps digits\n1..2\n# tests 2\n# pass 1\n# fail 1\n",
        FailedTests(1, 0, 2, "keeps digits"),
    ),
    "mocha": (
        "  kebab\n    ✔ adds\n    1) keeps digits\n\n  8 passing (5ms)\n  1 failing\n\n"
        "  1) kebab\n       keeps digits:\n",
        FailedTests(1, 0, 9, "keeps digits"),
    ),
    "rspec": (
        "9 examples, 1 failure\n\nFailed examples:\n\nrspec ./spec/kebab_spec.rb:3 # Kebab keeps digits\n",
        FailedTests(1, 0, 9, "Kebab keeps digits"),
    ),
    "ctest": (
        "89% tests passed, 1 tests failed out of 9\n\nThe following tests FAILED:\n\t  2 - keeps_digits (Failed)\n",
        FailedTests(1, 0, 9, "keeps_digits"),
    ),
}


def read_failed_tests(lines: list[str]) -> FailedTests | None:
    counts = count_summaries(lines)
    return None if counts is None else failed_tests(lines, counts)


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_known_runner(runner: str) -> None:
    output, expected = RUNNERS[runner]
    assert read_failed_tests(output.split("\n")) == expected


@pytest.mark.parametrize(
    "output",
    [
        "",
        "no test at all\n1) first\n2) second",
        "Ran 9 tests in 0.1s\n\nOK",
        "test tests::adds ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored;",
        "FAILED to connect",
        "not ok 1 - x\n# fail 99999999999999999999",
    ],
)
def test_output_without_failed_tests(output: str) -> None:
    assert read_failed_tests(output.split("\n")) is None


@given(st.lists(st.text() | st.sampled_from([line for text, _ in RUNNERS.values() for line in text.split("\n")])))
def test_any_output_is_read(lines: list[str]) -> None:
    found = read_failed_tests(lines)
    assert found is None or (found.failed > 0 and (found.run is None or found.run >= found.failed))
