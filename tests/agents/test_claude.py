"""The adapter of Claude Code: its command, and the parsing of recorded output."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penguin.orchestration.agents.activity.activities import RunContext
from penguin.orchestration.agents.adapter import AgentRequest, AgentTranscript, ProcessExit
from penguin.orchestration.agents.claude import Claude
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import AgentSpec, Budget
from penguin.orchestration.core.results import Usage
from penguin_repl.text.activity_lines import activity_lines

RECORDED = Path(__file__).parent / "recorded"
SESSION = "11111111-1111-4111-8111-111111111111"
NEW = "22222222-2222-4222-8222-222222222222"

Event = dict[str, Any]


def recorded(name: str) -> list[Event]:
    return [json.loads(line) for line in (RECORDED / f"claude-{name}.jsonl").read_text().splitlines()]


def parsed(name: str, code: int | None = 0, why: str | None = None, stderr: str = "") -> AgentTranscript:
    return Claude().read_transcript(recorded(name), ProcessExit(code, why, stderr))


def call(workspace: Path, **changes: Any) -> AgentRequest:
    settings: dict[str, Any] = {
        "spec": AgentSpec(name="claude", kind="claude"),
        "workspace": workspace,
        "run_dir": workspace,
        "env": {"HOME": str(workspace / "home")},
        "prompt": "Do it.",
        "new_session": NEW,
    }
    return AgentRequest(**(settings | changes))


def spec(**settings: Any) -> AgentSpec:
    return AgentSpec(name="claude", kind="claude", **settings)


def option(argv: tuple[str, ...], name: str) -> str | None:
    return argv[argv.index(name) + 1] if name in argv else None


# --- what was recorded ---


def test_a_successful_run_passes() -> None:
    run = parsed("ok")
    assert run.outcome.verdict is Verdict.PASSED
    assert run.session == "30c1bffc-9b2d-454b-a6a5-bb58474fd8a5"
    assert run.totals == Usage(turns=3, tokens=3150, usd=0.015)
    assert run.answer == "Implemented add in calc.py."
    write, test, words = run.messages
    assert write["tool"] == "Write"
    assert write["input"] == {"file_path": "/workspace/calc.py", "content": "def add(a, b):\n    return a - b\n"}
    assert write["output"].startswith("File created successfully")
    assert test["output"].endswith("AssertionError\nrc=1")
    assert "failed" not in test
    assert words == {"role": "assistant", "text": "Implemented add in calc.py."}


@pytest.mark.parametrize("name", ["resumed", "resumed-after-sigkill", "stream-cut"])
def test_a_resumed_run_continues_its_session(name: str) -> None:
    run = parsed(name)
    assert run.outcome.verdict is Verdict.PASSED
    assert run.session
    assert run.answer


def test_after_a_kill_usage_is_that_of_the_new_run_alone() -> None:
    assert parsed("resumed-after-sigkill").totals == Usage(turns=3, tokens=3150, usd=0.015)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("http-400", r"claude failed: Prompt is too long .* \(HTTP 400\)"),
        ("http-401", r"claude failed: Invalid API key .* \(HTTP 401\)"),
        ("http-429", r"claude failed: API Error: Request rejected \(429\) · Too many requests"),
        ("http-500", r"claude failed: API Error: 500 Internal server error\..*"),
        ("connection-lost", r"claude failed: API Error: Connection dropped .*"),
        ("resume-unknown", r"claude failed: No conversation found with session ID: .*"),
        ("tool-denied", r"claude was denied Write, Bash"),
    ],
)
def test_exit_0_is_not_success(name: str, reason: str) -> None:
    ending = parsed(name, code=0).outcome
    assert ending.verdict is Verdict.ERROR
    assert re.fullmatch(reason, ending.reason), ending.reason
    assert not ending.overspent


@pytest.mark.parametrize(
    ("name", "cap"),
    [("budget", "Reached maximum budget ($0.02)"), ("max-turns", "Reached maximum number of turns (2)")],
)
def test_a_spending_limit_is_reported(name: str, cap: str) -> None:
    ending = parsed(name, code=1).outcome
    assert ending.verdict is Verdict.ERROR
    assert ending.overspent == f"claude ended: {cap}"


def test_turns_count_responses() -> None:
    assert parsed("max-turns", code=1).totals == Usage(turns=2, tokens=210_000, usd=1.0)


def test_a_failed_resume_reports_no_session() -> None:
    assert parsed("resume-unknown", code=1).session == ""


def test_a_rate_limit_waits_for_the_given_time() -> None:
    assert parsed("http-429", code=1).outcome.retry_after == pytest.approx(2, abs=1)


def test_a_rate_limit_without_a_time_uses_the_default_wait() -> None:
    events = [event for event in recorded("http-429") if event.get("subtype") != "api_retry"]
    assert Claude().read_transcript(events, ProcessExit(1, None)).outcome.retry_after == 60


def test_an_account_limit_ends_at_the_reported_time() -> None:
    limit = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": time.time() + 1800}}
    events = [limit, recorded("http-429")[-1]]
    assert Claude().read_transcript(events, ProcessExit(1, None)).outcome.retry_after == pytest.approx(1800, abs=60)


def test_a_killed_run_keeps_its_conversation() -> None:
    run = parsed("sigterm", code=143, why="timeout")
    assert run.outcome.verdict is Verdict.ERROR
    assert run.session == "4d1a9ca4-1710-4208-be31-3de289002455"
    assert run.totals == Usage(turns=1, tokens=1001)
    assert run.messages[0]["failed"] is True
    assert run.messages[0]["output"] == "Exit code 137"


@pytest.mark.parametrize(
    ("code", "stderr", "reason"),
    [
        (0, "", "claude ended with exit code 0 without a result"),
        (-9, "", "claude ended by signal 9 without a result"),
        (1, "Starting.\nInvalid settings\n", "claude ended with exit code 1: Invalid settings"),
    ],
)
def test_no_result_is_an_error(code: int, stderr: str, reason: str) -> None:
    ending = Claude().read_transcript([], ProcessExit(code, None, stderr)).outcome
    assert (ending.verdict, ending.reason) == (Verdict.ERROR, reason)


def test_a_failed_exit_after_a_good_result_is_an_error() -> None:
    assert parsed("ok", code=3).outcome.verdict is Verdict.ERROR


def test_a_structured_answer_is_json() -> None:
    result = recorded("structured")[-1] | {"structured_output": {"verdicts": []}}
    assert Claude().read_transcript([result], ProcessExit(0, None)).answer == '{"verdicts": []}'


# --- unexpected events ---

# A busy machine is slow, and so is the first example.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = sorted({"uuid"}.union(*(event for path in RECORDED.glob("claude-*") for event in recorded(path.stem[7:]))))
kinds = st.sampled_from(["system", "assistant", "user", "result", "rate_limit_event"])
odd_events = st.dictionaries(st.sampled_from(names), json_values, max_size=8).flatmap(
    lambda event: kinds.map(lambda kind: event | {"type": kind})
)


@unhurried
@given(st.lists(odd_events | st.dictionaries(st.text(), json_values), max_size=6))
def test_any_event_is_parsed(events: list[Event]) -> None:
    run = Claude().read_transcript(events, ProcessExit(0, None))
    assert run.outcome.verdict in (Verdict.PASSED, Verdict.ERROR)
    _show(events)


@unhurried
@given(st.data())
def test_any_field_value_is_parsed(data: st.DataObject) -> None:
    """Return a recorded run with one value, at any depth, replaced by another."""
    name = data.draw(st.sampled_from(["ok", "tool-denied", "http-429", "sigterm", "max-turns"]))
    events = recorded(name)
    place: Any = events
    while isinstance(place, dict | list) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if place is not events and (not isinstance(inner, dict | list) or data.draw(st.booleans())):
            place[key] = data.draw(json_values)
            break
        place = inner
    Claude().read_transcript(events, ProcessExit(0, None))
    _show(events)


def _show(events: list[Event]) -> None:
    """Show the activities of a run, as a view does."""
    reader = Claude().activity_reader(RunContext())
    for event in events:
        for activity in reader.read(event):
            activity_lines(activity)


# --- how it is started ---


def test_default_permissions_allow_edits_and_commands(tmp_path: Path) -> None:
    launch = Claude().command(call(tmp_path))
    assert launch.argv[:2] == ("claude", "-p")
    assert option(launch.argv, "--permission-mode") == "acceptEdits"
    assert option(launch.argv, "--allowedTools") == "Bash"
    assert "WebFetch" not in (option(launch.argv, "--tools") or "")
    assert option(launch.argv, "--session-id") == NEW
    assert launch.stdin == "Do it."
    assert launch.env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == "1"
    assert "CLAUDE_CONFIG_DIR" not in launch.env


def test_arguments_of_the_settings_come_last(tmp_path: Path) -> None:
    agent = spec(permissions="plan", model="opus", args=("--effort", "high"), home=".penguin/claude")
    launch = Claude().command(call(tmp_path, spec=agent, env={"CLAUDE_CODE_MAX_RETRIES": "0"}))
    assert option(launch.argv, "--permission-mode") == "plan"
    assert option(launch.argv, "--model") == "opus"
    assert launch.argv[-2:] == ("--effort", "high")
    assert "--allowedTools" not in launch.argv
    assert launch.env["CLAUDE_CONFIG_DIR"] == str(tmp_path / ".penguin/claude")
    assert "CLAUDE_CODE_MAX_RETRIES" not in launch.env


def test_a_judge_has_only_reading_tools(tmp_path: Path) -> None:
    agent = spec(permissions="bypassPermissions")
    argv = Claude().command(call(tmp_path, spec=agent, read_only=True, schema={"type": "object"})).argv
    assert option(argv, "--tools") == "Read,Glob,Grep"
    assert option(argv, "--permission-mode") == "dontAsk"
    assert option(argv, "--json-schema") == '{"type": "object"}'


def test_its_limits_come_from_the_budget(tmp_path: Path) -> None:
    argv = Claude().command(call(tmp_path, budget=Budget(turns=7, usd=0.5, tokens=9))).argv
    assert option(argv, "--max-turns") == "7"
    assert option(argv, "--max-budget-usd") == "0.500000"
    plain = Claude().command(call(tmp_path)).argv
    assert not {"--max-turns", "--max-budget-usd"} & set(plain)


def test_an_unwritten_conversation_is_started_again(tmp_path: Path) -> None:
    argv = Claude().command(call(tmp_path, session=SESSION)).argv
    assert option(argv, "--session-id") == SESSION


@pytest.mark.parametrize("home", [None, ".penguin/claude"])
def test_a_conversation_is_restored_once(tmp_path: Path, home: str | None) -> None:
    (tmp_path / ".penguin").mkdir()
    wanted = call(tmp_path, spec=spec(home=home), session=SESSION)
    assert Claude().session_files(wanted, SESSION) == []
    Claude().restore(wanted, SESSION, {f"{SESSION}.jsonl": b"{}\n", "../other": b""})
    (path,) = Claude().session_files(wanted, SESSION)
    assert path.read_bytes() == b"{}\n"
    assert path.stat().st_mode & 0o077 == 0
    assert path.is_relative_to(tmp_path / (home or "home/.claude"))
    Claude().restore(wanted, SESSION, {f"{SESSION}.jsonl": b"older"})
    assert path.read_bytes() == b"{}\n"
    assert option(Claude().command(wanted).argv, "--resume") == SESSION


@pytest.mark.parametrize("session", ["", "..", "../../x", "*"])
def test_an_invalid_session_name_finds_no_file(tmp_path: Path, session: str) -> None:
    assert Claude().session_files(call(tmp_path), session) == []
