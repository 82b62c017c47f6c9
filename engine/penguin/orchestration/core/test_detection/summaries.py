"""Summaries of test runners: the lines at the end of their output that say how many tests ran."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from penguin.orchestration.core.results import TestCounts

LONGEST_LINE = 400
"""Characters. Longer lines are not read."""

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER = re.compile(r"(\d{1,9}) ([a-z]+)")
_NAMED_NUMBER = re.compile(r"([A-Za-z][a-z ]*)[:=] *(\d{1,9})")
_FIELDS: Mapping[str, str] = (
    dict.fromkeys(("pass", "passed", "passing", "successful"), "passed")
    | dict.fromkeys(("fail", "failed", "failing", "failure", "failures"), "failed")
    | dict.fromkeys(("error", "errors", "cancelled"), "errors")
    | dict.fromkeys(("skip", "skipped", "ignored", "pending", "todo", "incomplete", "disabled"), "skipped")
    | dict.fromkeys(("xfailed", "expected failures"), "xfailed")
    | dict.fromkeys(("xpassed", "unexpected successes"), "xpassed")
    | dict.fromkeys(("total", "tests", "test", "tests run", "examples", "example"), "total")
)
"""Fields of a count, by the words of the runners."""
Numbers = Mapping[str, int]
"""Numbers of one summary line, by field."""


class _Runner(NamedTuple):
    """The summary lines of one runner."""

    line: re.Pattern[str]
    numbers: Callable[[re.Match[str]], Numbers]


def count_summaries(lines: Iterable[str]) -> TestCounts | None:
    """Return the counts in the summaries of the last runner that wrote one; None if no line is a summary."""
    found: dict[str, Counter[str]] = {}
    last = ""
    for line in lines:
        if len(line) > LONGEST_LINE:
            continue
        plain = _ESCAPE.sub("", line).rstrip()
        for name, runner in RUNNERS:
            if match := runner.line.fullmatch(plain):
                last = name
                found.setdefault(name, Counter()).update(runner.numbers(match))
                break
    return _counts(found[last]) if last and "unknown" not in found[last] else None


def _counts(numbers: Numbers) -> TestCounts:
    fields = {name: numbers.get(name, 0) for name in ("passed", "failed", "errors", "skipped", "xfailed", "xpassed")}
    if "total" in numbers:
        fields["passed"] = max(0, numbers["total"] - sum(fields.values()) + fields["passed"])
    run = sum(fields[name] for name in ("passed", "failed", "errors", "xpassed"))
    return TestCounts(run=run, **fields)


def _listed(match: re.Match[str]) -> Numbers:
    """Return numbers before their words, such as `1 failed, 2 passed`."""
    return _fields((word, number) for number, word in _NUMBER.findall(match[0].lower()))


def _listed_results(match: re.Match[str]) -> Numbers:
    """Return the numbers of `5 tests run: 3 passed, 2 skipped`, where the total leaves out the skipped ones."""
    return {field: number for field, number in _listed(match).items() if field != "total"}


def _named(match: re.Match[str]) -> Numbers:
    """Return numbers behind their words, such as `Failures: 1, Skipped: 2`."""
    return _fields((word.strip().lower(), number) for word, number in _NAMED_NUMBER.findall(match[0]))


def _fields(pairs: Iterable[tuple[str, str]]) -> Numbers:
    found: Counter[str] = Counter()
    for word, number in pairs:
        if field := _FIELDS.get(word):
            found[field] += int(number)
    return found


def _nothing(_: re.Match[str]) -> Numbers:
    return {}


def _unknown(_: re.Match[str]) -> Numbers:
    return {"unknown": 1}


def _one(match: re.Match[str]) -> Numbers:
    return _fields([(match[1].lower(), "1")])


def _runner(pattern: str, numbers: Callable[[re.Match[str]], Numbers]) -> _Runner:
    return _Runner(re.compile(pattern), numbers)


_PYTEST_WORD = "(?:passed|failed|skipped|deselected|xfailed|xpassed)"
_LIST = r"\d+ [a-z]+(?:(?:, | \| )\d+ [a-z]+)*"
RUNNERS: tuple[tuple[str, _Runner], ...] = (
    ("pytest", _runner(rf"=*\s?(?=.*\b{_PYTEST_WORD}\b){_LIST} in \d.*", _listed)),
    ("pytest", _runner(r"=*\s?no tests ran in \d.*", _nothing)),
    ("unittest", _runner(r"Ran \d+ tests? in \d.*", _listed)),
    ("unittest", _runner(r"(?:OK|FAILED) \([a-z]+(?: [a-z]+)?=\d+.*\)", _named)),
    ("cargo", _runner(r"test result: \w+\. \d+ passed; \d+ failed; \d+ ignored; .*", _listed)),
    ("nextest", _runner(r" *Summary \[.*\] \d+ tests? run: \d+ passed.*", _listed_results)),
    ("jest", _runner(rf"Tests: +{_LIST}", _listed)),
    ("vitest", _runner(rf" *Tests  +{_LIST} \(\d+\)", _listed)),
    ("vitest", _runner(r" *Tests  +no tests", _nothing)),
    (
        "node",
        _runner(
            r"(?:#|ℹ) (?P<word>pass|fail|cancelled|skipped|todo) (?P<number>\d{1,9})",
            lambda found: _fields([(found["word"], found["number"])]),
        ),
    ),
    ("rspec", _runner(r"\d+ examples?, \d+ failures?(?:, \d+ pending)?(?:, .*)?", _listed)),
    ("mocha", _runner(r"  +\d+ (?:passing|pending|failing)(?: \(.*\))?", _listed)),
    (
        "ctest",
        _runner(
            r"\d+% tests passed, (?P<failed>\d{1,9}) tests? failed out of (?P<total>\d{1,9})",
            lambda found: {"failed": int(found["failed"]), "total": int(found["total"])},
        ),
    ),
    ("ctest", _runner(r"\s+\d+ - \S+ \((Skipped)\)", _one)),
    ("ctest", _runner(r"No tests were found!!!", _nothing)),
    ("phpunit", _runner(r"OK \(\d+ tests?, \d+ assertions?\)", _listed)),
    ("phpunit", _runner(r"Tests: \d+, Assertions: \d+.*\.", _named)),
    ("phpunit", _runner(r"No tests executed!", _nothing)),
    ("maven", _runner(r"(?:\[\w+\] *)?Tests run: \d+, Failures: \d+, Errors: \d+, Skipped: \d+", _named)),
    ("dotnet", _runner(r".*Failed: +\d+, Passed: +\d+, Skipped: +\d+, Total: +\d+.*", _named)),
    ("deno", _runner(r"(?:ok|FAILED) \| \d+ passed.*", _listed)),
    ("go", _runner(r"--- (PASS|FAIL|SKIP): .*", _one)),
    ("go", _runner(r"(?:ok|\?)\s+\S+\s+.*\[no test(?:s to run| files)\]", _nothing)),
    ("go", _runner(r"ok\s+\S+\s+(?:\d[\d.]*s|\(cached\)).*", _unknown)),
)
"""The summary lines of each runner, by its name."""
