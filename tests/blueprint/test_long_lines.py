"""Long lines: the time to read a line grows with its length, not with the square or the cube of it.

Each line here takes minutes, or at least far longer than the limit, when a pattern tries each way to divide it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import pytest
from tests.importers.backlogs import plan_text

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint import parse_blueprint

LONG = 20_000
CPU_SECONDS = 10
"""Of processor time; each test needs much less than one second."""
SPEC_KIT = "## Phase 1: Setup\n\n- [ ] T001 First\n- [ ] T002 [P] Second (depends on T001)"
REQUIREMENTS = "# Requirements\n\n### Requirement 1: Numbers\n\n#### Acceptance Criteria\n\n1. WHEN a THEN b\n"

LINES = {
    "blanks in a heading": ("#### Acceptance Criteri", " ", "x"),
    "marks in a heading": ("### A-3 Build ", "#", " x"),
    "blanks and marks in a heading": ("### A-3 Build ", " #", " x"),
    "blanks after a number of a heading": ("## 1", " ", "x"),
    "blanks after a heading of criteria": ("### Acceptance criteria", " ", "x"),
    "blanks after a task of a heading": ("### Task 1", " ", "!"),
    "blanks after a label": ("  - _Requirements:", " ", "x!"),
    "digits after a label": ("  - _Requirements: 1", "1", "!"),
    "underscores after a label": ("  - _Requirements: 1", "_", "!"),
    "blanks in a title": ("- [ ] A-3 Build", " ", "x"),
    "blanks in a bracket": ("- [ ] A-3 Build (after ", " ", "x"),
    "blanks in an open bracket": ("- [ ] A-3 Build (depends on", " ", ""),
    "open brackets with a word": ("- [ ] A-3 Build ", "(after ", "x"),
    "blanks in a box": ("- [", " ", "x"),
    "equals signs in a brace": ("- [ ] A-3 Build {", "=", ""),
    "open braces": ("- [ ] A-3 Build ", "{a=", "}"),
    "an id of parts": ("- [ ] A", "-1", "! Build"),
    "a name of parts": ("  - Depends: A", "-1", "!"),
    "blanks in a list of names": ("  - Depends: A-1", " ", "x"),
    "blanks in a list of recipes": ("  - Recipe: a", " ", "b"),
    "signs behind a name": ("  - Depends: A-1", "✅ ", "x"),
    "blanks in a sentence": ("  - It depends on", " ", ". x"),
    "stars in a sentence": ("  - It depends on A-1 ", "*", "x"),
    "an arrow": ("  - A-1 ", "-", " x"),
    "a double arrow": ("  - A-1 needs ", "=", " x"),
    "a word with a blank": ("  - first ", "a", " "),
    "letters": ("  - it must be done first: ", "a", ""),
    "digits": ("  - it must be done first: ", "1", ""),
    "underscores": ("  - it must be done first: ", "_", "x"),
    "a denied word": ("  - kein", "a", " once A-1 is done"),
    "blanks before then": ("  - A-1", " ", "then x"),
    "many denials": ("  - ", "not once A-1 ", ""),
    "the rule of a table": ("| Task |\n|", "-", "x"),
    "items of HTML": ("", "<li ", "x"),
    "blanks before a remark": ("## Dependencies", " ", "x"),
    "addresses": ("  - see ", "http://a", " x"),
    "comments": ("  - ", "<!--", "x"),
    "backticks": ("  - works ", "`", " check: true"),
    "brackets": ("  - [ ] ", "[", "x"),
    "parentheses": ("  - needs A-1 ", "(", "x"),
    "pipes": ("  - a ", "|", " x"),
    "tildes": ("  - a ", "~", " x"),
    "bullets": ("", "- ", "x"),
    "names": ("  - Depends: ", "A-1, ", "A-1"),
    "key words": ("  - ", "needs A-1 ", "."),
}


@contextmanager
def limited_cpu() -> Iterator[None]:
    """Fail when the code takes longer than the limit of processor time."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"took more than {CPU_SECONDS} seconds of processor time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _text(name: str, tasks: str) -> str:
    start, repeated, end = LINES[name]
    line = f"{start}{repeated * (LONG // len(repeated))}{end}"
    return f"{tasks}\n{line}\n  - Acceptance: works\n"


@pytest.mark.parametrize("name", LINES)
def test_a_blueprint_with_a_long_line_is_read_in_time(name: str) -> None:
    text = _text(name, "## Tasks\n\n- [ ] A-1 First\n- [ ] A-2 Second\n  - Depends: A-1")
    with limited_cpu():
        parse_blueprint(text, "plan.md")


@pytest.mark.parametrize("name", LINES)
def test_a_backlog_with_a_long_line_is_imported_in_time(tmp_path: Path, name: str) -> None:
    _import(tmp_path, "plan.md", _text(name, "- [ ] A-1 First\n- [ ] A-2 Second (depends on A-1)"))


@pytest.mark.parametrize("name", [name for name in LINES if name.startswith("blanks")])
@pytest.mark.parametrize(("file", "tasks"), [("tasks.md", SPEC_KIT), ("requirements.md", REQUIREMENTS)])
def test_a_file_of_another_tool_with_many_blanks_is_imported_in_time(
    tmp_path: Path, name: str, file: str, tasks: str
) -> None:
    _import(tmp_path, file, _text(name, tasks))


def _import(root: Path, name: str, text: str) -> None:
    # A refusal is an answer as well.
    with limited_cpu(), suppress(BlueprintError):
        plan_text(root, name, text)
