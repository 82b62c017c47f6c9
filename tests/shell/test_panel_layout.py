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
from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.store.current_attempt import CurrentAttempt
from penguin.orchestration.store.progress import GateState, WorkflowProgress
from penguin_repl.live.drawing import LiveDrawer
from penguin_repl.live.poller import PollResult, WorkflowCounts, WorkflowRow
from penguin_repl.live.table import format_remaining, panel_height, panel_parts
from penguin_repl.live.view_layout import ViewState, compose
from penguin_repl.live.workflow_detail import StepLine, WorkflowDetail
from penguin_repl.output.screen import Style
from penguin_repl.render.parts import Part, line

NOW = 1_800_000_000.0
BEGAN = datetime.fromtimestamp(NOW - 100, UTC)


def row(task: str, status: str, phase: str, **more: object) -> WorkflowRow:
    where = WorkflowPhase(phase)
    info = WorkflowInfo(
        f"ituv-{task}-000000", task, "b", "p", WorkflowStatus(status), where, where.progress, BEGAN, BEGAN
    )
    return WorkflowRow(info, **more)  # type: ignore[arg-type]


def progress(title: str, gates: str, attempt: int, elapsed: float) -> WorkflowProgress:
    states = {state[0]: state for state in GateState}
    return WorkflowProgress(
        title, tuple(states[gate] for gate in gates), attempt, 3, True, elapsed, 0.0, (False, (1, 0.0, 0, 0), 0.0)
    )


ROWS = [
    row(
        "漢字-pay",
        "BLOCKED",
        "VERIFY",
        progress=progress("Pay", "PPPB", 1, 4000),
        reason="nothing can check: reads well",
        next_command="/workflow approve ituv-漢字-pay-000000 --by NAME",
    ),
    row(
        "auth-user-model",
        "RUNNING",
        "TEST",
        executing=True,
        progress=progress("Store users with their passwords", "PRWW", 2, 245),
        activity="collected 12 items 漢字",
        usage=UsageTotals(3, 45_678, 0.42),
    ),
    row(
        "mail",
        "RUNNING",
        "IMPLEMENT",
        progress=progress("mail", "FWWW", 2, 59),
        reason="retrying at 14:32 with IMPLEMENT (no changes)",
    ),
    row("search", "PENDING", "PENDING", reason="waits for mail (not started)"),
]


def drawn(parts: Sequence[Part], columns: int, *, ascii: bool = False) -> list[str]:
    """Return the lines as prompt_toolkit shows them, without their styles."""
    lines = LiveDrawer(Style(terminal=True, color=True, ascii=ascii)).draw(parts, columns)
    text = fragment_list_to_text(lines.text)
    assert len(text.split("\n")) == max(1, lines.height)
    return [line.rstrip() for line in text.split("\n")] if lines.height else []


def test_a_wide_window_shows_all_columns() -> None:
    assert drawn(panel_parts(ROWS, 4, 9, 110), 110) == [
        " TASK             I T U V  STATE    ATTEMPT   TIME   COST  ACTIVITY",
        " 漢字-pay         ✓ ✓ ✓ !  blocked      1/3  1h06m         /workflow approve 漢字-pay --by NAME  nothing can…",
        " auth-user-model  ✓ ● ○ ○  TEST         2/3  4m05s  $0.42  collected 12 items 漢字",
        " mail             ✗ ○ ○ ○  waiting      2/3    59s         retrying at 14:32 with IMPLEMENT (no changes)",
        " search                    waiting                         waits for mail (not started)",
    ]


def test_a_window_of_forty_columns() -> None:
    assert drawn(panel_parts(ROWS, 4, 9, 40), 40, ascii=True) == [
        " TASK             I T U V  STATE",
        " 漢字-pay         + + + !  blocked",
        " auth-user-model  + o . .  TEST",
        " mail             x . . .  waiting",
        " search                    waiting",
        " > /workflow approve 漢字-pay --by NAME",
    ]


STEPS = "/workflow feedback ituv-漢字-pay-000000 TEXT, then /workflow resume ituv-漢字-pay-000000"


@pytest.mark.parametrize(
    ("columns", "below"),
    [
        (110, [" → /workflow feedback 漢字-pay TEXT, then /workflow resume 漢字-pay"]),
        (60, [" → /workflow feedback 漢字-pay TEXT,", "   then /workflow resume 漢字-pay"]),
    ],
)
def test_a_command_that_its_row_would_cut_is_below_the_rows(columns: int, below: list[str]) -> None:
    rows = [ROWS[0]._replace(reason="exit code 1", next_command=STEPS), *ROWS[1:]]
    lines = drawn(panel_parts(rows, 4, 9, columns), columns)
    assert lines[1].endswith("exit code 1")
    assert lines[5:] == below
    assert "/workflow feedback" in drawn(panel_parts(rows, 4, 5, columns), columns)[1]


def test_tokens_stand_for_a_cost_that_is_not_known_yet() -> None:
    rows = [ROWS[1], ROWS[2]._replace(usage=UsageTotals(5, 47_000, 0))]
    lines = drawn(panel_parts(rows, 2, 9, 110), 110)
    assert "  $0.42  " in lines[1]
    assert "  47k tok  " in lines[2]


def test_a_very_wide_window_shows_the_titles_of_tasks() -> None:
    lines = drawn(panel_parts(ROWS, 4, 9, 140), 140)
    assert lines[2].startswith(" auth-user-model  Store users with their passwo…  ✓ ● ○ ○  TEST")
    assert lines[3].split()[:2] == ["mail", "✗"]


@pytest.mark.parametrize(("most", "shown"), [(5, 4), (4, 2), (3, 2), (2, 1), (1, 0), (0, None)])
def test_omitted_workflows_are_counted(most: int, shown: int | None) -> None:
    lines = drawn(panel_parts(ROWS, 4, most, 80), 80)
    if shown is None:
        assert lines == []
    elif shown < 4:
        assert len(lines) == most
        assert lines[-1].strip() == f"and {4 - shown} more"
    else:
        assert len(lines) == 4 + (most > 4)


def test_unloaded_workflows_are_counted() -> None:
    assert drawn(panel_parts(ROWS, 1000, 9, 80), 80)[-1] == " and 996 more"


@pytest.mark.parametrize(("rows", "lines"), [(60, 20), (24, 8), (6, 2), (5, 0), (1, 0)])
def test_the_panel_takes_at_most_a_third(rows: int, lines: int) -> None:
    assert panel_height(rows) == lines


@pytest.mark.parametrize(("seconds", "expected"), [(59.9, "59s"), (60, "1m00s"), (3600, "1h00m"), (-5, "0s")])
def test_remaining_time(seconds: float, expected: str) -> None:
    assert format_remaining(seconds) == expected


WORDS = st.text(st.sampled_from("ab -漢字🐧é👨\u200d👩\u200d👧🇩🇪👍🏽❤\ufe0f\x1b\n\t"), max_size=60)


@given(WORDS, WORDS, st.integers(1, 130), st.integers(0, 12))
def test_no_line_exceeds_the_window(name: str, last: str, columns: int, most: int) -> None:
    wide = row(name, "RUNNING", "TEST", progress=progress(last, "PRWW", 1, 9), activity=last)
    lines = drawn(panel_parts([wide, *ROWS], 7, most, columns), columns)
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
    poll = PollResult(WorkflowCounts(2), [item.info for item in ROWS], ROWS)
    lines = drawn(compose(ViewState(poll, 1, 0, listed, portrait, logs), columns, rows, NOW), columns)
    assert len(lines) == rows
    assert all(get_cwidth(line) <= columns for line in lines)


def test_the_view_wraps_what_an_agent_says() -> None:
    said = line("  The bucket is refilled before the check, so a burst is never refused.")
    portrait = WorkflowDetail(ROWS[1].info, None, [], [said, "a line of a program that is longer than the window"])
    lines = drawn(compose(ViewState(shows_list=False, detail=portrait), 40, 12, NOW), 40)
    start = lines.index("── output " + "─" * 30) + 1
    assert lines[start : start + 3] == [
        "  The bucket is refilled before the",
        "  check, so a burst is never refused.",
        "a line of a program that is longer than…",
    ]


def test_the_view_names_the_task_and_the_attempt() -> None:
    attempt = CurrentAttempt(WorkflowPhase.TEST, 2, True, NOW - 55, 300)
    portrait = WorkflowDetail(ROWS[1].info, attempt, [], [], progress=ROWS[1].progress)
    lines = drawn(compose(ViewState(shows_list=False, detail=portrait), 80, 8, NOW), 80)
    assert lines[1:3] == [
        " ituv-auth-user-model-000000  RUNNING at TEST, attempt 2 of 3, 4m05s left",
        "   Store users with their passwords",
    ]


def test_the_view_of_several_workflows() -> None:
    steps = [
        StepLine("IMPLEMENT #1", Verdict.PASSED, 2.0),
        StepLine("make all", Verdict.PASSED, 2.0, 3),
        StepLine("TEST #2", None),
        StepLine("pytest-q", None, indent=3),
    ]
    attempt = CurrentAttempt(WorkflowPhase.TEST, 2, True, NOW - 55, 300)
    portrait = WorkflowDetail(ROWS[1].info, attempt, steps, ["collected 12 items", "....."])
    poll = PollResult(WorkflowCounts(1, 1, 0, 2), [item.info for item in ROWS], {ROWS[1].info.workflow_id}, ROWS[:2])
    assert drawn(compose(ViewState(poll, 1, 0, True, portrait), 60, 15, NOW), 60) == [
        " 1 running · 1 blocked · 2 waiting",
        "  TASK             I T U V  STATE    ACTIVITY",
        "  漢字-pay         ✓ ✓ ✓ !  blocked  /workflow approve 漢字…",
        "▸ auth-user-model  ✓ ● ○ ○  TEST     collected 12 items 漢字",
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
