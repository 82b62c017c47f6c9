"""The layout of the panel and the view."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.formatted_text import fragment_list_to_text
from prompt_toolkit.utils import get_cwidth

from penguin.orchestration.backend import Verdict, WorkflowInfo, WorkflowPhase, WorkflowStatus
from penguin.orchestration.store.current_attempt import CurrentAttempt
from penguin_repl.live.drawing import LiveDrawer
from penguin_repl.live.poller import PollResult, WorkflowRow
from penguin_repl.live.table import format_remaining, panel_height, panel_parts
from penguin_repl.live.view_layout import ViewState, compose
from penguin_repl.live.workflow_detail import StepLine, WorkflowDetail
from penguin_repl.output.screen import Style
from penguin_repl.render.parts import Part

NOW = 1_800_000_000.0
BEGAN = datetime.fromtimestamp(NOW - 100, UTC)


def row(task: str, status: str, phase: str, **more: object) -> WorkflowRow:
    where = WorkflowPhase(phase)
    info = WorkflowInfo(
        f"ituv-{task}-000000", task, "b", "p", WorkflowStatus(status), where, where.progress, BEGAN, BEGAN
    )
    return WorkflowRow(info, **more)  # type: ignore[arg-type]


ROWS = [
    row("auth-user-model", "RUNNING", "TEST", attempt=2, deadline=NOW + 245, last_line="collected 12 items 漢字"),
    row("mail", "RUNNING", "IMPLEMENT", attempt=1, deadline=NOW + 3700, last_line="writing src/mail.py"),
    row("漢字-pay", "BLOCKED", "VERIFY", attempt=14, last_line="nothing can check: reads well"),
    row("search", "PENDING", "PENDING"),
]


def drawn(parts: Sequence[Part], columns: int, *, ascii: bool = False) -> list[str]:
    """Return the lines as prompt_toolkit shows them, without their styles."""
    lines = LiveDrawer(Style(terminal=True, color=True, ascii=ascii)).draw(parts, columns)
    text = fragment_list_to_text(lines.text)
    assert len(text.split("\n")) == max(1, lines.height)
    return [line.rstrip() for line in text.split("\n")] if lines.height else []


def test_a_wide_window_shows_all_columns() -> None:
    assert drawn(panel_parts(ROWS, 4, 9, NOW), 90) == [
        " auth-user-model  TEST            ━━━━────  50%   #2  4m05s  collected 12 items 漢字",
        " mail             IMPLEMENT       ━━──────  25%   #1  1h01m  writing src/mail.py",
        " 漢字-pay         VERIFY blocked  ━━━━━━━─  90%  #14         nothing can check: reads well",
        " search           waiting         ────────   0%",
    ]


def test_a_window_of_forty_columns() -> None:
    assert drawn(panel_parts(ROWS, 4, 9, NOW), 40, ascii=True) == [
        " auth-user-model  TEST            4m05s",
        " mail             IMPLEMENT       1h01m",
        " 漢字-pay         VERIFY blocked",
        " search           waiting",
    ]


@pytest.mark.parametrize(("most", "shown"), [(4, 4), (3, 2), (2, 1), (1, 0), (0, None)])
def test_omitted_workflows_are_counted(most: int, shown: int | None) -> None:
    lines = drawn(panel_parts(ROWS, 4, most, NOW), 80)
    if shown is None:
        assert lines == []
    elif shown < 4:
        assert len(lines) == most
        assert lines[-1].strip() == f"and {4 - shown} more"
    else:
        assert len(lines) == 4


def test_unloaded_workflows_are_counted() -> None:
    assert drawn(panel_parts(ROWS, 1000, 9, NOW), 80)[-1] == " and 996 more"


@pytest.mark.parametrize(("rows", "lines"), [(60, 20), (24, 8), (6, 2), (5, 0), (1, 0)])
def test_the_panel_takes_at_most_a_third(rows: int, lines: int) -> None:
    assert panel_height(rows) == lines


@pytest.mark.parametrize(("seconds", "expected"), [(59.9, "59s"), (60, "1m00s"), (3600, "1h00m"), (-5, "0s")])
def test_remaining_time(seconds: float, expected: str) -> None:
    assert format_remaining(seconds) == expected


WORDS = st.text(st.sampled_from("ab -漢字🐧é👨\u200d👩\u200d👧🇩🇪👍🏽❤\ufe0f\x1b\n\t"), max_size=60)


@given(WORDS, WORDS, st.integers(1, 130), st.integers(0, 12))
def test_no_line_exceeds_the_window(name: str, last: str, columns: int, most: int) -> None:
    wide = row(name, "RUNNING", "TEST", attempt=1, deadline=NOW + 9, last_line=last)
    lines = drawn(panel_parts([wide, *ROWS], 7, most, NOW), columns)
    assert len(lines) <= most
    assert all(get_cwidth(line) <= columns for line in lines)
    assert all("\x1b" not in line for line in lines)


@given(WORDS, st.integers(1, 130), st.integers(1, 50), st.booleans(), st.booleans(), st.integers(0, 300))
def test_the_view_fills_its_window(words: str, columns: int, rows: int, listed: bool, logs: bool, printed: int) -> None:
    steps = [StepLine(f"TEST #{number}: {words}", verdict, 1.5) for number, verdict in enumerate(Verdict)]
    attempt = CurrentAttempt(WorkflowPhase.TEST, 2, True, NOW - 10, 300)
    portrait = WorkflowDetail(
        ROWS[0].info, attempt, steps, [words.replace("\n", " ").replace("\x1b", "")] * printed, words
    )
    poll = PollResult({WorkflowStatus.RUNNING: 2}, [item.info for item in ROWS], ROWS)
    lines = drawn(compose(ViewState(poll, 1, 0, listed, portrait, logs), columns, rows, NOW), columns)
    assert len(lines) == rows
    assert all(get_cwidth(line) <= columns for line in lines)


def test_the_view_of_several_workflows() -> None:
    steps = [
        StepLine("IMPLEMENT #1", Verdict.PASSED, 2.0),
        StepLine("make all", Verdict.PASSED, 2.0, 3),
        StepLine("TEST #2", None),
        StepLine("pytest-q", None, indent=3),
    ]
    attempt = CurrentAttempt(WorkflowPhase.TEST, 2, True, NOW - 55, 300)
    portrait = WorkflowDetail(ROWS[0].info, attempt, steps, ["collected 12 items", "....."])
    poll = PollResult(
        {WorkflowStatus.RUNNING: 2, WorkflowStatus.BLOCKED: 1}, [item.info for item in ROWS[:3]], ROWS[:2]
    )
    assert drawn(compose(ViewState(poll, 0, 0, True, portrait), 60, 14, NOW), 60) == [
        " 2 running: auth-user-model TEST, … · 1 blocked: 漢字-pay",
        "▸ auth-user-model  TEST       4m05s  collected 12 items 漢字",
        "  mail             IMPLEMENT  1h01m  writing src/mail.py",
        "─" * 60,
        " ituv-auth-user-model-000000  RUNNING at TEST, 4m05s left",
        " ✓ IMPLEMENT #1  2.0s",
        "   ✓ make all  2.0s",
        " ▸ TEST #2",
        "   ▸ pytest-q",
        "── output " + "─" * 50,
        "collected 12 items",
        ".....",
        "",
        " ↑↓ choose · p pause · c cancel · l logs · q back",
    ]
