"""Codex: recorded runs, and the real program with the scripted model."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.model_scripts import Answer, Say, Shell, in_order
from tests.agents.model_server import ModelServer
from tests.agents.run_agent import call_of, recorded, run_agent

from penguin.orchestration.agents.activity.activities import RunContext
from penguin.orchestration.agents.adapter import AgentRequest, AgentTranscript, ProcessExit
from penguin.orchestration.agents.codex import Codex
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import AgentSpec
from penguin.orchestration.core.results import Usage
from penguin_repl.text.activity_lines import activity_lines

CODEX = Codex()
ENDED = ProcessExit(0, None)
SPEC = AgentSpec(name="codex", kind="codex", home="own")
CONFIG = """\
model = "gpt-scripted"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
env_key = "SCRIPTED_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""
Start = Callable[..., AgentRequest]


def parsed(name: str, finish: ProcessExit = ENDED) -> AgentTranscript:
    return CODEX.read_transcript(recorded(f"codex-{name}"), finish)


def test_a_successful_run_passes() -> None:
    transcript = parsed("ok")
    assert transcript.session == "01a2038a-2276-7a62-8bd3-e5b94463a5c6"
    assert transcript.outcome.verdict is Verdict.PASSED
    assert transcript.answer == "Implemented add in calc.py."
    assert transcript.totals == Usage(turns=3, tokens=3150)
    assert [message["role"] for message in transcript.messages] == ["tool", "tool", "assistant"]
    assert "AssertionError" in transcript.messages[1]["output"]


def test_usage_is_the_total_of_the_conversation() -> None:
    assert parsed("resumed").session == parsed("ok").session
    assert parsed("resumed").totals.tokens == 5250


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("http-401", "codex: unexpected status 401 Unauthorized: invalid x-api-key"),
        ("http-500", "codex: We’re currently experiencing high demand"),
    ],
)
def test_a_failed_turn_is_an_error(name: str, reason: str) -> None:
    ending = parsed(name, ProcessExit(1, None)).outcome
    assert ending.verdict is Verdict.ERROR
    assert ending.reason.startswith(reason)
    # Even if a later version exits with 0.
    assert parsed(name).outcome.verdict is Verdict.ERROR


def test_a_killed_run_names_the_running_tool() -> None:
    transcript = parsed("sigterm", ProcessExit(None, "idle"))
    assert transcript.session == "01a2038c-9e35-7b22-8420-64a6ba852683"
    assert transcript.outcome.verdict is Verdict.ERROR
    assert transcript.messages[-1]["failed"]
    assert "time.sleep(63)" in transcript.messages[-1]["input"]


def test_exit_0_alone_is_not_success() -> None:
    assert parsed("sigterm").outcome.reason == "codex ended without completing its turn"


def test_a_blocking_sandbox_is_reported() -> None:
    assert "Read-only file system" in parsed("sandboxed").messages[0]["output"]


def test_a_declined_tool_is_an_error() -> None:
    item = {"id": "1", "type": "command_execution", "command": "rm -r /", "status": "declined"}
    events = [{"type": "item.completed", "item": item}, {"type": "turn.completed", "usage": {}}]
    assert CODEX.read_transcript(events, ENDED).outcome.reason == "codex was denied a tool: shell: rm -r /"


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Rate limit reached. Please try again in 11.5s.", 11.5),
        ("You've hit your usage limit. Try again in 2 hours 5 minutes.", 7500),
        ("Please try again in 250ms", 0.25),
        ("exceeded retry limit, last status: 429 Too Many Requests", 0),
    ],
)
def test_it_waits_for_the_given_time(words: str, seconds: float) -> None:
    events = [{"type": "turn.failed", "error": {"message": words}}]
    assert CODEX.read_transcript(events, ProcessExit(1, None)).outcome.retry_after == seconds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["thread.started", "item.started", "item.completed", "item.updated", "turn.completed", "turn.failed", "error"]
)
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["command_execution", "file_change", "mcp_tool_call", "agent_message"]) | JSON},
    optional=dict.fromkeys(
        ["id", "text", "command", "changes", "status", "exit_code", "aggregated_output", "arguments", "server"], JSON
    ),
)
ODD = st.fixed_dictionaries(
    {"type": KINDS | JSON},
    optional={"item": ITEMS | JSON, **dict.fromkeys(["usage", "error", "message", "thread_id", "text"], JSON)},
)


@given(
    st.lists(ODD, max_size=6), st.sampled_from([ENDED, ProcessExit(1, None, "\x1b[1mno"), ProcessExit(None, "timeout")])
)
def test_any_output_is_parsed(events: list[dict[str, object]], finish: ProcessExit) -> None:
    transcript = CODEX.read_transcript(events, finish)
    assert transcript.outcome.verdict is Verdict.PASSED or transcript.outcome.reason
    reader = CODEX.activity_reader(RunContext())
    assert all(activity_lines(activity) is not None for event in events for activity in reader.read(event))


# --- the real one ---


@pytest.fixture
def start(tmp_path: Path, model: ModelServer) -> Start:
    """Return a function that makes requests to a codex with its own home and the scripted model."""

    def make(script: str, folder: Path = tmp_path, **more: object) -> AgentRequest:
        spec = more.pop("spec", SPEC)
        assert isinstance(spec, AgentSpec)
        call = call_of(spec, folder, {"SCRIPTED_KEY": "sk-scripted"}, f'Do "it".\nSCRIPT:{script}', **more)
        assert call.home is not None
        call.home.mkdir(exist_ok=True)
        (call.home / "config.toml").write_text(CONFIG.format(url=model.url))
        return call

    return make


def test_it_writes_files_and_continues_the_conversation(
    codex: Path, start: Start, model: ModelServer, tmp_path: Path
) -> None:
    call = start("write-add")
    first = run_agent(CODEX, call, codex)
    assert first.transcript.outcome.verdict is Verdict.PASSED, first
    assert "return a + b" in (call.workspace / "calc.py").read_text()
    assert model.requests[0].prompt == call.prompt
    assert CODEX.recorded_usage(call, first.transcript.session) == Usage(turns=2, tokens=2100)

    second = run_agent(CODEX, start("nothing", session=first.transcript.session), codex)
    assert second.transcript.outcome.verdict is Verdict.PASSED, second
    assert second.transcript.session == first.transcript.session
    assert model.requests[-1].carries("Implemented add in calc.py.")
    assert second.transcript.totals.tokens == 3150
    assert CODEX.recorded_usage(call, first.transcript.session) == Usage(turns=3, tokens=3150)


def test_a_conversation_continues_in_a_new_home(codex: Path, start: Start, model: ModelServer, tmp_path: Path) -> None:
    call = start("write-add")
    session = run_agent(CODEX, call, codex).transcript.session
    files = {path.name: path.read_bytes() for path in CODEX.session_files(call, session)}
    assert len(files) == 1

    there = start("nothing", tmp_path / "elsewhere", session=session)
    assert run_agent(CODEX, there, codex).transcript.outcome.reason.startswith(
        "codex ended with exit code 1: Error: thread/resume: thread/resume failed: no rollout found"
    )
    CODEX.restore(there, session, files)
    [restored] = CODEX.session_files(there, session)
    assert restored.stat().st_mode & 0o077 == 0
    again = run_agent(CODEX, there, codex)
    assert again.transcript.outcome.verdict is Verdict.PASSED, again
    assert model.requests[-1].carries("Implemented add in calc.py.")
    longer = restored.read_bytes()
    CODEX.restore(there, session, files)
    assert restored.read_bytes() == longer


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("400", "codex: prompt is too long"),
        ("401", "codex: unexpected status 401 Unauthorized: invalid x-api-key"),
        ("429", "codex: exceeded retry limit, last status: 429 Too Many Requests"),
        ("500", "codex: "),
        ("cut-always", "codex: stream disconnected"),
    ],
)
def test_a_failing_model_is_an_error(codex: Path, start: Start, script: str, reason: str) -> None:
    played = run_agent(CODEX, start(script), codex)
    assert played.transcript.outcome.verdict is Verdict.ERROR
    assert played.transcript.outcome.reason.startswith(reason)
    assert played.transcript.session


def test_a_killed_conversation_continues(codex: Path, start: Start, model: ModelServer) -> None:
    call = start("wait")
    killed = run_agent(CODEX, call, codex, kill_at=lambda: model.await_request("wait", step=1))
    assert killed.transcript.outcome.verdict is Verdict.ERROR
    assert killed.transcript.totals.tokens == 0
    assert CODEX.recorded_usage(call, killed.transcript.session) == Usage(turns=1, tokens=1050)
    again = run_agent(CODEX, start("nothing", session=killed.transcript.session), codex)
    assert again.transcript.outcome.verdict is Verdict.PASSED, again
    assert model.requests[-1].carries("half.txt")


def test_a_hang_is_ended(codex: Path, start: Start, model: ModelServer) -> None:
    played = run_agent(CODEX, start("hang"), codex, kill_at=lambda: model.await_request("hang"))
    assert played.transcript.session
    assert played.transcript.outcome.verdict is Verdict.ERROR


def test_it_cannot_write_outside_the_workspace(codex: Path, start: Start, model: ModelServer) -> None:
    # The sandbox allows writes to folders for temporary files, where this test runs.
    outside = Path("/var/tmp") / f"penguin-{uuid.uuid4()}"
    model.scripts["reach"] = in_order(Shell(f"touch inside; touch {outside}"), Say("I tried."))
    call = start("reach")
    try:
        played = run_agent(CODEX, call, codex)
        assert (call.workspace / "inside").exists()
        assert not outside.exists()
        assert "Read-only file system" in "".join(entry.text for entry in model.requests[-1].conversation)
        assert played.transcript.answer == "I tried."
    finally:
        outside.unlink(missing_ok=True)


def test_a_judge_changes_nothing_and_answers_in_json(codex: Path, start: Start, model: ModelServer) -> None:
    model.scripts["judge"] = in_order(Shell("touch changed"), Answer({"met": True}))
    schema = {
        "type": "object",
        "properties": {"met": {"type": "boolean"}},
        "required": ["met"],
        "additionalProperties": False,
    }
    # A judge can't write to the folder for temporary files either.
    call = start("judge", read_only=True, schema=schema)
    played = run_agent(CODEX, call, codex)
    assert played.transcript.outcome.verdict is Verdict.PASSED, played
    assert json.loads(played.transcript.answer) == {"met": True}
    assert not (call.workspace / "changed").exists()
    assert model.requests[-1].body["text"]["format"]["schema"] == schema


def test_settings_are_passed(start: Start) -> None:
    spec = replace_spec(model="gpt-x", permissions="danger-full-access", args=("--ephemeral",))
    launch = CODEX.command(start("nothing", spec=spec, session="01a2"))
    assert launch.argv[:3] == ("codex", "exec", "resume")
    assert 'sandbox_mode="danger-full-access"' in launch.argv
    assert launch.argv[-3:] == ("--ephemeral", "01a2", "-")
    assert launch.argv[launch.argv.index("-m") + 1] == "gpt-x"


def test_the_users_home_is_the_default(start: Start, tmp_path: Path) -> None:
    call = replace(start("nothing"), spec=AgentSpec(name="codex", kind="codex"))
    assert CODEX.command(call).env == {}
    record = tmp_path / "person" / ".codex" / "sessions" / "2026" / "01" / "02"
    CODEX.restore(call, "01a2", {"rollout-2026-01-02T03-04-05-01a2.jsonl": b"{}"})
    assert [path.parent for path in CODEX.session_files(call, "01a2")] == [record]
    assert CODEX.session_files(call, "../*") == []


def replace_spec(**changes: object) -> AgentSpec:
    return AgentSpec(**{"name": "codex", "kind": "codex", "home": "own", **changes})  # type: ignore[arg-type]
