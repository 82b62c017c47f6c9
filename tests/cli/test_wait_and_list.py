"""Wait and list: exit codes, the progress bar, and limits."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.program import Program
from tests.support.terminal import open_terminal

from penguin.orchestration.backend import WorkflowInfo, WorkflowPhase, WorkflowStatus
from penguin_commands.results.changes import WaitProgress
from penguin_repl.output.screen import Screen, Style
from penguin_repl.render.progress import progress_line
from penguin_repl.text.ascii import to_ascii

BAR = re.compile(r"[━─=-]+ +\d+%")
NOW = datetime.now(UTC)


def info(status: WorkflowStatus, phase: WorkflowPhase, task: str = "auth") -> WorkflowInfo:
    return WorkflowInfo(
        workflow_id=f"ituv-{task}-000000",
        task_id=task,
        blueprint_id="b",
        project_id="p",
        status=status,
        phase=phase,
        progress=phase.progress,
        started_at=NOW,
        updated_at=NOW,
    )


# --- wait -----------------------------------------------------------------------------------------------------------


def test_any_reports_only_ended_workflows(penguin: Program) -> None:
    assert penguin("-c", "/workflow start quick").code == 0
    penguin("--detach", "-c", "/workflow start gated")
    ran = penguin("-o", "json", "-c", "/workflow wait gated quick --any")
    assert ran.code == 0
    assert [row["task_id"] for row in ran.documents[0]["workflows"]] == ["quick"]
    assert penguin("-c", "/workflow wait gated quick --timeout 0.1").code == 4


def test_any_fails_if_the_first_missed_the_status(penguin: Program) -> None:
    assert penguin("-c", "/workflow start wrong").code == 5
    penguin("--detach", "-c", "/workflow start gated")
    ran = penguin("-c", "/workflow wait gated wrong --any")
    assert ran.code == 5
    assert "ituv-wrong-" in ran.err
    assert "ituv-gated-" not in ran.err
    blocked = penguin("-c", "/workflow wait gated wrong --any --for blocked")
    assert (blocked.code, "BLOCKED" in blocked.out) == (0, True)


def test_any_times_out_like_all(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start gated", "-c", "/workflow start quick")
    ran = penguin("-c", "/workflow wait gated quick --any --timeout 0.2")
    assert ran.code == 4
    assert "none of them is settled after 0.2 s" in ran.err


# --- the bar --------------------------------------------------------------------------------------------------------


def test_the_progress_bar_is_removed_at_the_end(penguin: Program) -> None:
    with open_terminal(penguin.folder, "-c", "/workflow start gated") as terminal:
        terminal.wait_until(lambda: BAR.search(terminal.text))
        assert "gated VERIFY" in terminal.wait_until(lambda: "gated VERIFY" in terminal.text).text
        (penguin.folder / "go").touch()
        assert terminal.exit_code() == 0
        assert not BAR.search(terminal.text)
        assert terminal.text.splitlines()[-1].endswith("COMPLETED")


def test_ctrl_c_ends_a_wait_with_exit_code_130(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start gated")
    with open_terminal(penguin.folder, "-c", "/workflow wait gated") as terminal:
        terminal.wait_until(lambda: BAR.search(terminal.text))
        terminal.press("\x03")
        assert terminal.exit_code() == 130
        assert not BAR.search(terminal.text)
    assert "Status: PENDING" in penguin("-c", "/workflow status gated").out


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"ACCESSIBLE": "1"}], ids=str)
def test_plain_terminals_get_no_overwriting(penguin: Program, environment: dict[str, str]) -> None:
    with open_terminal(penguin.folder, "-c", "/workflow start gated", **environment) as terminal:
        terminal.see("RUNNING VERIFY")
        (penguin.folder / "go").touch()
        assert terminal.exit_code() == 0
        assert not BAR.search(terminal.text)


def test_a_pipe_gets_no_bar(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start gated")
    ran = penguin("-c", "/workflow wait gated --timeout 1.5", TERM="xterm")
    assert ran.code == 4
    assert not BAR.search(ran.out + ran.err)
    assert "\r" not in ran.out + ran.err


INFOS = st.lists(
    st.builds(
        info,
        st.sampled_from(WorkflowStatus),
        st.sampled_from(WorkflowPhase),
        st.text("abc-", min_size=1, max_size=100).map(lambda text: f"t{text}"),
    ),
    min_size=1,
    max_size=30,
)
SECONDS = st.floats(0, 1e6)


@given(INFOS, SECONDS, st.none() | SECONDS, st.integers(1, 300))
def test_a_bar_is_never_wider_than_its_terminal(
    infos: list[WorkflowInfo], elapsed: float, timeout: float | None, columns: int
) -> None:
    line = progress_line(WaitProgress(tuple(infos), elapsed, timeout), columns).text
    assert to_ascii(line).isascii()
    assert len(line) < columns
    assert BAR.match(line) or "%".startswith(line.lstrip("0123456789")[:1])


def test_the_text_of_a_bar() -> None:
    running, done = info(WorkflowStatus.RUNNING, WorkflowPhase.TEST), info(WorkflowStatus.COMPLETED, WorkflowPhase.DONE)
    assert (
        progress_line(WaitProgress((running,), 75.4, 600), 80).text
        == "━━━━━━━━━━──────────  50%  auth TEST  1m15s of 10m00s"
    )
    assert (
        progress_line(WaitProgress((running, done), 7.9), 80).text
        == "━━━━━━━━━━━━━━━─────  75%  1 of 2 ended  auth TEST  7s"
    )
    assert progress_line(WaitProgress((running, done), 7.9), 40).text == "━━━━━━━───  75%  1 of 2 ended  7s"


def test_messages_are_printed_above_the_progress_bar() -> None:
    err = io.StringIO()
    screen = Screen(Style(), io.StringIO(), err)
    screen.set_progress("[##--] one")
    screen.narrate("told")
    screen.set_progress("[###-]")
    screen.set_progress("")
    assert err.getvalue() == "\r[##--] one\r          \rtold\n\r[###-]\r      \r"


# --- lists ----------------------------------------------------------------------------------------------------------


def test_a_list_reports_its_limit(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start quick", "-c", "/workflow start gated")
    cut = penguin("-c", "/workflow list --limit 1")
    assert "ituv-gated-" in cut.out
    assert cut.err == "only the newest 1 are shown; --limit 2 shows more\n"
    assert penguin("-c", "/workflow list --limit 2").err == ""
    oldest = penguin("-o", "json", "-c", "/workflow list --limit 1 --sort oldest")
    assert [row["task_id"] for row in oldest.documents[0]["workflows"]] == ["quick"]
    assert oldest.err.startswith("only the oldest 1 are shown")
    penguin("-c", "/workflow pause quick")
    assert "ituv-quick-" in penguin("-c", "/workflow list --sort updated --limit 1").out


@pytest.mark.parametrize("since", ["1h", "2020-01-01", "2020-01-01T10:30:00+02:00"])
def test_a_list_since_a_time(penguin: Program, since: str) -> None:
    penguin("--detach", "-c", "/workflow start quick")
    assert "ituv-quick-" in penguin("-c", f"/workflow list --since {since}").out
    assert penguin("-c", "/workflow list --since 2999-01-01").out == "No workflows.\n"
    assert penguin("-c", "/workflow list --since soon").code == 2


def test_reading_commands_accept_a_prefix_of_a_task(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start quick")
    assert "Workflow ituv-quick-" in penguin("-c", "/workflow status qui").out
    assert "there is no workflow 'qui'" in penguin("-c", "/workflow pause qui").err


# --- feedback -------------------------------------------------------------------------------------------------------


def test_feedback_in_a_script_needs_its_text(penguin: Program, tmp_path: Path) -> None:
    penguin("--detach", "-c", "/workflow start quick")
    ran = penguin("-c", "/workflow feedback quick", EDITOR=f"touch {tmp_path / 'opened'}; true")
    assert ran.code == 2
    assert "TEXT… is missing; only a shell opens an editor" in ran.err
    assert not (tmp_path / "opened").exists()
