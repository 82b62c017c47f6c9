"""opencode: recorded runs, and the real program with the scripted model."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.agent_workspace import AgentWorkspace
from tests.agents.model_scripts import SCRIPTS, Action, Answer, Cut, Say, ScriptInput, Shell, in_order
from tests.agents.model_server import ModelServer
from tests.agents.run_agent import call_of, recorded, run_agent
from tests.support.waiting import wait_until

from penguin.orchestration import get_backend
from penguin.orchestration.agents.activity.activities import RunContext
from penguin.orchestration.agents.adapter import AgentRequest, AgentTranscript, ProcessExit
from penguin.orchestration.agents.opencode import DATABASE, OpenCode
from penguin.orchestration.backend import ConfigError, Verdict, WorkflowError
from penguin.orchestration.core.definition import AgentSpec
from penguin.orchestration.core.results import Usage
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.state import WorkflowStateStore
from penguin_repl.text.activity_lines import activity_lines

OPENCODE = OpenCode()
ENDED = ProcessExit(0, None)
MODEL = "scripted/model"
Start = Callable[..., AgentRequest]


def parsed(name: str, finish: ProcessExit = ENDED) -> AgentTranscript:
    return OPENCODE.read_transcript(recorded(f"opencode-{name}"), finish)


def test_a_successful_run_passes() -> None:
    transcript = parsed("ok")
    assert transcript.session == "ses_dfc72d3bbffe21VbN1Q0Cx2aZw"
    assert transcript.outcome.verdict is Verdict.PASSED
    assert transcript.answer == "Implemented add in calc.py."
    assert transcript.totals == Usage(turns=3, tokens=3150, usd=0.01125)
    assert [message.get("tool") for message in transcript.messages] == ["write", "bash", None]
    assert transcript.messages[1]["input"].startswith("python3 -c")
    assert "AssertionError" in transcript.messages[1]["output"]


@pytest.mark.parametrize("code", [0, 1])
def test_an_error_of_the_model(code: int) -> None:
    ending = parsed("http-401", ProcessExit(code, None)).outcome
    assert ending.verdict is Verdict.ERROR
    assert ending.reason == "opencode: invalid x-api-key (HTTP 401)"


def test_a_run_that_was_killed() -> None:
    assert parsed("sigterm", ProcessExit(None, "stopped")).outcome.verdict is Verdict.ERROR
    assert parsed("sigterm", ProcessExit(143, None)).outcome.verdict is Verdict.ERROR


def test_exit_0_alone_is_not_success() -> None:
    assert parsed("sigterm").outcome.reason == "opencode did not finish: it printed no answer"
    cut = [{"type": "step_finish", "part": {"reason": "unknown"}}]
    assert OPENCODE.read_transcript(cut, ENDED).outcome.reason.endswith("its last answer ended as 'unknown'")


def test_a_denied_tool_is_an_error() -> None:
    state = {
        "status": "error",
        "input": {"command": "touch /x"},
        "error": "The user rejected permission to use this specific tool call.",
    }
    events = [
        {"type": "tool_use", "part": {"tool": "bash", "state": state}},
        {"type": "step_finish", "part": {"reason": "tool-calls"}},
    ]
    assert OPENCODE.read_transcript(events, ENDED).outcome.reason == "opencode was denied a tool: bash: touch /x"


def test_it_waits_for_the_given_time() -> None:
    data = {"message": "slow down", "statusCode": 429, "responseHeaders": {"retry-after": "42"}}
    ending = OPENCODE.read_transcript([{"type": "error", "error": {"data": data}}], ProcessExit(1, None)).outcome
    assert (ending.reason, ending.retry_after) == ("opencode: slow down (HTTP 429)", 42)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
STATES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["status", "input", "output", "error", "title", "metadata"], JSON)
)
PARTS = st.fixed_dictionaries(
    {}, optional={"state": STATES | JSON, **dict.fromkeys(["text", "tool", "reason", "tokens", "cost"], JSON)}
)
ERRORS = st.fixed_dictionaries(
    {},
    optional={
        "data": st.fixed_dictionaries(
            {}, optional={"responseHeaders": st.dictionaries(st.just("retry-after"), JSON), "statusCode": JSON}
        )
        | JSON
    },
)
ODD = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_use", "step_start", "step_finish", "error"]) | JSON},
    optional={"part": PARTS | JSON, "error": ERRORS | JSON, "sessionID": JSON, "text": JSON},
)


@given(
    st.lists(ODD, max_size=6),
    st.sampled_from([ENDED, ProcessExit(1, None, 'error.error="'), ProcessExit(None, "timeout")]),
)
def test_any_output_is_parsed(events: list[dict[str, object]], finish: ProcessExit) -> None:
    transcript = OPENCODE.read_transcript(events, finish)
    assert transcript.outcome.verdict is Verdict.PASSED or transcript.outcome.reason
    reader = OPENCODE.activity_reader(RunContext())
    assert all(activity_lines(activity) is not None for event in events for activity in reader.read(event))


# --- how it is started ---


def spec(**changes: object) -> AgentSpec:
    return AgentSpec(**{"name": "opencode", "kind": "opencode", "model": MODEL, **changes})  # type: ignore[arg-type]


def test_permissions_by_setting(tmp_path: Path) -> None:
    def rights(read_only: bool = False, **changes: object) -> tuple[object, bool]:
        launch = OPENCODE.command(call_of(spec(**changes), tmp_path, {}, "x", read_only=read_only))
        permission = launch.env.get("OPENCODE_PERMISSION")
        return permission and json.loads(permission), "--auto" in launch.argv

    assert rights() == ({"external_directory": "ask", "doom_loop": "ask"}, False)
    assert rights(permissions="auto") == (None, True)
    assert rights(permissions='{"bash": "deny"}') == ({"bash": "deny"}, False)
    allowed, auto = rights(read_only=True, permissions="auto")
    assert isinstance(allowed, dict)
    assert allowed["*"] == "deny"
    assert not auto
    with pytest.raises(ConfigError, match="invalid value 'yolo'"):
        rights(permissions="yolo")


def test_a_separate_home_is_used(tmp_path: Path) -> None:
    launch = OPENCODE.command(call_of(spec(home="own"), tmp_path, {}, "x"))
    assert launch.env["XDG_DATA_HOME"] == str(tmp_path / "workspace" / "own" / "data")
    assert "XDG_DATA_HOME" not in OPENCODE.command(call_of(spec(), tmp_path, {}, "x")).env
    assert (tmp_path / "run" / DATABASE).stat().st_mode & 0o077 == 0


def test_a_restored_file_must_be_a_database(tmp_path: Path) -> None:
    call = call_of(spec(), tmp_path, {}, "x", session="ses_1")
    with pytest.raises(WorkflowError, match="can't restore the conversation ses_1 of opencode"):
        OPENCODE.restore(call, "ses_1", {DATABASE: b"no database" * 100})


# --- the real one ---


def environment(model: ModelServer) -> dict[str, str]:
    """Return the settings that add the scripted model."""
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{model.url}/v1"},
        "models": {
            "model": {
                "cost": {"input": 3, "output": 15},
                "limit": {"context": 100_000, "output": 4000},
                "tool_call": True,
            }
        },
    }
    return {
        "OPENCODE_CONFIG_CONTENT": json.dumps({"provider": {"scripted": provider}}),
        # Do not update plugins.
        "npm_config_registry": model.url,
        "npm_config_fetch_retries": "0",
    }


@pytest.fixture
def start(tmp_path: Path, model: ModelServer) -> Start:
    """Return a function that makes requests to an opencode with the scripted model; the key comes from the user's
    login."""

    def make(script: str, folder: Path = tmp_path, **more: object) -> AgentRequest:
        call = call_of(spec(), folder, environment(model), f'Do "it".\nSCRIPT:{script}', **more)
        login = folder / "person" / ".local" / "share" / "opencode" / "auth.json"
        login.parent.mkdir(parents=True, exist_ok=True)
        login.write_text(json.dumps({"scripted": {"type": "api", "key": "sk-of-the-person"}}))
        return call

    return make


def test_it_writes_files_and_continues_elsewhere(
    opencode: Path, start: Start, model: ModelServer, tmp_path: Path
) -> None:
    call = start("write-add")
    first = run_agent(OPENCODE, call, opencode)
    assert first.transcript.outcome.verdict is Verdict.PASSED, first
    assert "return a + b" in (call.workspace / "calc.py").read_text()
    assert first.transcript.totals == Usage(turns=2, tokens=2100, usd=0.0075)
    # These are its only requests: it requests no title. It uses the user's login.
    assert [received.prompt for received in model.requests] == [call.prompt, call.prompt]
    assert model.requests[0].headers["Authorization"] == "Bearer sk-of-the-person"

    session = first.transcript.session
    files = {path.name: path.read_bytes() for path in OPENCODE.session_files(call, session)}
    assert not any(b"sk-of-the-person" in data for data in files.values())
    there = start("nothing", tmp_path / "elsewhere", session=session)
    lost = run_agent(OPENCODE, there, opencode).transcript.outcome
    assert lost.reason == "opencode ended with exit code 1: Error: Session not found"

    (there.run_dir / DATABASE).unlink()
    for path in there.run_dir.glob(f"{DATABASE}-*"):
        path.unlink()
    OPENCODE.restore(there, session, files)
    assert (there.run_dir / DATABASE).stat().st_mode & 0o077 == 0
    model.scripts["nothing"] = in_order(Shell("pwd > where"), Say("Done."))
    again = run_agent(OPENCODE, there, opencode)
    assert again.transcript.outcome.verdict is Verdict.PASSED, again
    assert again.transcript.session == session
    assert again.transcript.totals.turns == 2
    assert model.requests[-1].carries("Implemented add in calc.py.")
    assert (there.workspace / "where").read_text().strip() == str(there.workspace)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("400", "opencode: prompt is too long: 250000 tokens > 200000 maximum"),
        ("401", "opencode: invalid x-api-key (HTTP 401)"),
    ],
)
def test_a_refusing_model_is_an_error(opencode: Path, start: Start, script: str, reason: str) -> None:
    transcript = run_agent(OPENCODE, start(script), opencode).transcript
    assert transcript.outcome.verdict is Verdict.ERROR
    assert transcript.outcome.reason == reason
    assert transcript.session


@pytest.mark.parametrize(("script", "why"), [("429", "Too many requests"), ("500", "Internal server error")])
def test_silent_retries_are_explained_by_the_log(
    opencode: Path, start: Start, model: ModelServer, script: str, why: str
) -> None:
    asked_again = threading.Event()

    def refuse(given: ScriptInput) -> Action:
        if given.requests > 1:
            asked_again.set()
        return SCRIPTS[script](given)

    model.scripts["again"] = refuse
    played = run_agent(OPENCODE, start("again"), opencode, kill_at=lambda: asked_again.wait(60))
    assert asked_again.is_set()
    assert played.transcript.outcome.verdict is Verdict.ERROR
    assert why in played.transcript.outcome.reason


def test_a_broken_stream_is_requested_again(opencode: Path, start: Start, model: ModelServer) -> None:
    model.scripts["broken"] = lambda given: Cut() if given.requests == 1 else Say("Done.")
    transcript = run_agent(OPENCODE, start("broken"), opencode).transcript
    assert (transcript.outcome.verdict, transcript.answer) == (Verdict.PASSED, "Done.")


def test_a_killed_conversation_continues(opencode: Path, start: Start, model: ModelServer) -> None:
    call = start("wait")

    def has_printed() -> None:
        # It sends the result of a tool before it prints the event.
        model.await_request("wait", step=1)
        wait_until(lambda: (call.run_dir / "out").stat().st_size > 0, "its first event")

    killed = run_agent(OPENCODE, call, opencode, kill_at=has_printed)
    assert killed.transcript.outcome.verdict is Verdict.ERROR
    assert killed.transcript.session
    again = run_agent(OPENCODE, start("nothing", session=killed.transcript.session), opencode)
    assert again.transcript.outcome.verdict is Verdict.PASSED, again
    assert model.requests[-1].carries("half.txt")


def test_a_path_outside_the_workspace_is_denied(opencode: Path, start: Start, model: ModelServer) -> None:
    outside = Path("/var/tmp") / f"penguin-{uuid.uuid4()}"
    model.scripts["reach"] = in_order(Shell(f"touch {outside}"), Say("I tried."))
    try:
        played = run_agent(OPENCODE, start("reach"), opencode)
        assert played.finish.code == 0
        assert played.transcript.outcome.reason == f"opencode was denied a tool: bash: touch {outside}"
        assert not outside.exists()
    finally:
        outside.unlink(missing_ok=True)


def test_a_judge_changes_nothing(opencode: Path, start: Start, model: ModelServer) -> None:
    model.scripts["judge"] = in_order(Shell("touch changed"), Answer({"met": True}))
    call = start("judge", read_only=True, schema={"type": "object"})
    played = run_agent(OPENCODE, call, opencode)
    assert played.transcript.outcome.verdict is Verdict.PASSED, played
    assert json.loads(played.transcript.answer) == {"met": True}
    assert not (call.workspace / "changed").exists()
    assert {tool["function"]["name"] for tool in model.requests[0].body["tools"]} == {"glob", "grep", "read"}


@pytest.mark.anyio
async def test_a_failure_is_fixed_in_the_same_conversation(opencode: Path, model: ModelServer, tmp_path: Path) -> None:
    env = environment(model) | {"PATH": f"{opencode.parent}:{os.environ['PATH']}"}
    agent = {"kind": "opencode", "model": MODEL, "home": ".penguin/agents/opencode", "env": env}
    root = AgentWorkspace(tmp_path, agent, "fix-add").root
    Workspace(root).ensure()
    login = root / ".penguin" / "agents" / "opencode" / "data" / "opencode" / "auth.json"
    login.parent.mkdir(parents=True)
    login.write_text(json.dumps({"scripted": {"type": "api", "key": "sk-of-nobody"}}))
    async with get_backend(workspace_path=root) as backend:
        workflow_id = await backend.start_workflow("add")
        info = await backend.wait_workflow(workflow_id, 120)
    assert info.status == "COMPLETED"
    last = model.of("fix-add")[-1]
    assert last.carries("Implemented add in calc.py.")
    assert last.carries("AssertionError")
    with WorkflowStateStore(root / ".penguin" / "penguin.db") as store:
        first, second = store.list_context_snapshots(workflow_id)
    assert first.session_id == second.session_id != ""
