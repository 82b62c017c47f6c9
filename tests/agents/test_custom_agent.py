"""Custom agents."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.run_agent import call_of, run_agent

from penguin.orchestration.agents.activity.activities import OtherEvent, RunContext
from penguin.orchestration.agents.adapter import ProcessExit
from penguin.orchestration.agents.custom_agent import CommandAgent
from penguin.orchestration.agents.registry import AGENTS, COMMAND, UnknownAgent, adapter_of
from penguin.orchestration.backend import Verdict
from penguin.orchestration.config import load_settings
from penguin.orchestration.core.definition import AgentSpec

AGENT = """\
import json, pathlib, sys
session, first = sys.argv[1:3]
record = pathlib.Path(f"talk-{session}.jsonl")
with record.open("a") as file:
    for role, words in (("user", sys.stdin.read()), ("assistant", f"Heard it, {first}.")):
        print(json.dumps({"role": role, "content": words}), file=file)
print("working")
"""


def spec(**changes: object) -> AgentSpec:
    fields = {"name": "mine", "kind": "command", "command": ("mine", "-"), **changes}
    return AgentSpec(**fields)  # type: ignore[arg-type]


def test_its_conversation_is_resumed_and_parsed(tmp_path: Path) -> None:
    name = "11111111-2222-4333-8444-555555555555"
    words = (sys.executable, "-c", AGENT, "{session}")
    mine = spec(command=(*words, "first"), resume=(*words, "again"), transcript=f"talk-{name}.jsonl")
    call = call_of(mine, tmp_path, {}, "Do it.\n", new_session=name)
    agent = adapter_of(mine, call.workspace)
    assert agent.can_resume
    assert agent.accepts_session_id
    played = run_agent(agent, call)
    assert played.transcript.outcome.verdict is Verdict.PASSED
    assert played.transcript.messages == (
        {"role": "user", "text": "Do it.\n"},
        {"role": "assistant", "text": "Heard it, first."},
    )

    files = {path.name: path.read_bytes() for path in agent.session_files(call, name)}
    there = call_of(mine, tmp_path / "elsewhere", {}, "Go on.\n", session=name)
    restored = adapter_of(mine, there.workspace)
    restored.restore(there, name, files)
    transcript = run_agent(restored, there).transcript
    assert [message["text"] for message in transcript.messages[1:]] == [
        "Heard it, first.",
        "Go on.\n",
        "Heard it, again.",
    ]
    assert transcript.answer == "Heard it, again."


def test_its_output_is_the_conversation_without_a_transcript(tmp_path: Path) -> None:
    agent = CommandAgent(spec(), tmp_path)
    assert not agent.can_resume
    transcript = agent.read_transcript([{"text": "I looked,"}, {"text": "and changed it."}], ProcessExit(0, None))
    assert transcript.messages == ({"role": "assistant", "text": "I looked,\nand changed it."},)
    assert transcript.answer == "I looked,\nand changed it."


@pytest.mark.parametrize(
    "written",
    [
        [{"role": "system", "content": "Be good."}, {"role": "assistant", "content": "Done."}],
        {"messages": [{"role": "assistant", "content": [{"text": "Done."}]}]},
    ],
)
def test_a_transcript_of_json(tmp_path: Path, written: object) -> None:
    (tmp_path / "t.json").write_text(json.dumps(written))
    [message] = CommandAgent(spec(transcript="t.json"), tmp_path).read_transcript([], ProcessExit(0, None)).messages
    assert "Done." in message["text"]


def test_a_missing_transcript_is_no_conversation(tmp_path: Path) -> None:
    assert CommandAgent(spec(transcript="none"), tmp_path).read_transcript([], ProcessExit(0, None)).messages == ()


@pytest.mark.parametrize(
    ("code", "verdict", "reason", "overspent"),
    [
        (0, Verdict.PASSED, "", ""),
        (1, Verdict.FAILED, "mine ended with exit code 1: no idea", ""),
        (2, Verdict.ERROR, "mine ended with exit code 2: no idea", ""),
        (3, Verdict.PASSED, "", ""),
        (4, Verdict.ERROR, "mine ended with exit code 4: no idea", "mine reached its own limit (exit code 4)"),
        (5, Verdict.ERROR, "mine was denied a tool (exit code 5)", ""),
    ],
)
def test_exit_codes_follow_the_settings(
    tmp_path: Path, code: int, verdict: Verdict, reason: str, overspent: str
) -> None:
    codes = {2: "error", 3: "passed", 4: "budget", 5: "denied"}
    ending = (
        CommandAgent(spec(exit_codes=codes), tmp_path)
        .read_transcript([], ProcessExit(code, None, "so\nno idea\n"))
        .outcome
    )
    assert (ending.verdict, ending.reason, ending.overspent) == (verdict, reason, overspent)


def test_a_rate_limit_delays_the_next_attempt(tmp_path: Path) -> None:
    finish = ProcessExit(1, None, "RateLimitError: please try again in 20s")
    assert CommandAgent(spec(), tmp_path).read_transcript([], finish).outcome.retry_after == 20


def test_a_kill_is_an_error_with_any_exit_code(tmp_path: Path) -> None:
    assert CommandAgent(spec(), tmp_path).read_transcript([], ProcessExit(0, "idle")).outcome.verdict is Verdict.ERROR
    assert CommandAgent(spec(), tmp_path).read_transcript([], ProcessExit(-9, None)).outcome.verdict is Verdict.ERROR


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_any_transcript_is_parsed(tmp_path_factory: pytest.TempPathFactory, written: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "t").write_bytes(written)
    transcript = CommandAgent(spec(transcript="t"), folder).read_transcript([], ProcessExit(0, None))
    assert all(message["role"] for message in transcript.messages)


@pytest.mark.parametrize("kind", [*AGENTS, COMMAND])
def test_every_kind_has_an_adapter(kind: str, tmp_path: Path) -> None:
    agent = adapter_of(spec(kind=kind), tmp_path)
    assert agent.program
    assert agent.install
    assert agent.activity_reader(RunContext()).read({"type": "unknown"}) in ([], [OtherEvent("unknown")])


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_is_documented(name: str) -> None:
    assert f"`{name}`" in (Path(__file__).parents[2] / "docs" / "agents.md").read_text()


def test_every_agent_is_a_valid_setting(tmp_path: Path) -> None:
    text = "".join(f"  careful-{name}: {{kind: {name}}}\n  {name}: {{args: [-v]}}\n" for name in AGENTS)
    (tmp_path / "penguin.yaml").write_text(f"project: {{id: shop}}\nagents:\n{text}")
    agents = load_settings(tmp_path).agents
    assert {agent["kind"] for agent in agents.values()} == set(AGENTS)


def test_an_unknown_kind_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UnknownAgent, match=r"agents\.mine: unknown kind of agent 'telepathy'"):
        adapter_of(spec(kind="telepathy"), tmp_path)
    with pytest.raises(UnknownAgent, match="has no command"):
        adapter_of(spec(command=()), tmp_path)
