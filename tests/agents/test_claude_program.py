"""The real Claude Code with the scripted model."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.agents.model_scripts import OUTSIDE, RIGHT, WRONG, Answer, in_order
from tests.agents.model_server import ModelServer
from tests.support.waiting import wait_until

from penguin.orchestration.agents.adapter import AgentRequest, AgentTranscript, ProcessExit
from penguin.orchestration.agents.claude import Claude
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import AgentSpec, Budget

FAILURE = "E       assert -1 == 5"
LIMIT = 60
"""Seconds that a run may take here."""


@dataclass
class Running:
    """An agent that was started."""

    process: subprocess.Popen[str]
    call: AgentRequest
    lines: list[str] = field(default_factory=list)

    def transcript(self) -> AgentTranscript:
        """Once it ended."""
        output, errors = self.process.communicate(timeout=LIMIT)
        self.lines += output.splitlines()
        events = [json.loads(line) for line in self.lines]
        return Claude().read_transcript(events, ProcessExit(self.process.returncode, None, errors))


class Bench:
    """A workspace, and the real agent in it."""

    def __init__(self, folder: Path, program: Path, model: ModelServer) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.model = model
        self._program = program
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "person"),
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }

    def call(self, prompt: str, session: str = "", *, home: str = "home", budget: Budget | None = None) -> AgentRequest:
        return AgentRequest(
            spec=AgentSpec(name="claude", kind="claude", home=home),
            workspace=self.workspace,
            run_dir=self.workspace,
            env=self._env,
            prompt=prompt,
            session=session,
            new_session=str(uuid.uuid4()),
            budget=budget or Budget(),
        )

    @contextmanager
    def started(self, call: AgentRequest) -> Iterator[Running]:
        launch = Claude().command(call)
        process = subprocess.Popen(
            [str(self._program), *launch.argv[1:]],
            cwd=self.workspace,
            env={**call.env, **launch.env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            process.stdin.write(launch.stdin)
            process.stdin.close()
            process.stdin = None
            yield Running(process, call)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def run(self, call: AgentRequest) -> AgentTranscript:
        with self.started(call) as running:
            return running.transcript()

    def recorded(self, session: str) -> str:
        """Return what claude wrote to disk of a conversation."""
        return "".join(path.read_text() for path in self.workspace.parent.rglob(f"{session}.jsonl"))

    def text(self, name: str = "calc.py") -> str:
        return (self.workspace / name).read_text()


@pytest.fixture
def bench(tmp_path: Path, claude: Path, model: ModelServer) -> Bench:
    return Bench(tmp_path, claude, model)


def test_a_failure_is_fixed_in_the_same_conversation(bench: Bench) -> None:
    first = bench.call("Write add. SCRIPT:fix-add")
    run = bench.run(first)
    assert (run.outcome.verdict, run.session) == (Verdict.PASSED, first.new_session)
    assert (run.totals.turns, run.totals.tokens) == (2, 2100)
    assert bench.text() == WRONG

    again = bench.run(bench.call(f"It fails:\n{FAILURE}\nSCRIPT:fix-add", run.session))
    assert (again.outcome.verdict, again.session) == (Verdict.PASSED, run.session)
    assert bench.text() == RIGHT
    assert again.totals.tokens == 2100  # of this run alone
    request = bench.model.requests[-1]
    assert request.carries("Write add. SCRIPT:fix-add")
    assert request.carries("Implemented add in calc.py.")
    assert request.carries(FAILURE)


def test_a_conversation_continues_in_a_new_home(bench: Bench) -> None:
    first = bench.call("Write add. SCRIPT:fix-add")
    run = bench.run(first)
    files = {path.name: path.read_bytes() for path in Claude().session_files(first, run.session)}
    assert list(files) == [f"{run.session}.jsonl"]

    elsewhere = bench.call(f"{FAILURE} SCRIPT:fix-add", run.session, home="fresh")
    Claude().restore(elsewhere, run.session, files)
    assert bench.run(elsewhere).outcome.verdict is Verdict.PASSED
    assert bench.text() == RIGHT
    assert bench.model.requests[-1].carries("Implemented add in calc.py.")


def test_a_killed_conversation_continues(bench: Bench) -> None:
    first = bench.call("Write add. SCRIPT:wait")
    with bench.started(first) as running:
        bench.model.await_request("wait", step=1)
        # claude writes its conversation to disk while it waits for the answer.
        wait_until(lambda: "tool_result" in bench.recorded(first.new_session))
        running.process.kill()
        cut = running.transcript()
    assert cut.outcome.verdict is Verdict.ERROR
    assert cut.session == first.new_session
    assert [message["tool"] for message in cut.messages] == ["Write"]
    assert cut.totals.turns == 1

    bench.model.release("go")
    run = bench.run(bench.call("Go on. SCRIPT:wait", cut.session))
    assert (run.outcome.verdict, run.session) == (Verdict.PASSED, cut.session)
    assert bench.text() == RIGHT
    assert bench.model.requests[-1].carries("Write add. SCRIPT:wait")


def test_a_run_killed_before_its_first_write_starts_again(bench: Bench) -> None:
    first = bench.call("SCRIPT:write-add")
    with bench.started(first) as running:
        assert running.process.stdout is not None
        running.process.stdout.readline()
        running.process.kill()
    run = bench.run(bench.call("SCRIPT:write-add", first.new_session))
    assert (run.outcome.verdict, run.session) == (Verdict.PASSED, first.new_session)


def test_commands_are_allowed(bench: Bench) -> None:
    run = bench.run(bench.call("SCRIPT:long(2,100)"))
    assert run.outcome.verdict is Verdict.PASSED
    assert [message["output"] for message in run.messages if message["role"] == "tool"] == ["step 0", "step 1"]


def test_a_denied_tool_is_an_error(bench: Bench) -> None:
    run = bench.run(bench.call("SCRIPT:denied"))
    assert (run.outcome.verdict, run.outcome.reason) == (Verdict.ERROR, "claude was denied Write")
    assert not Path(OUTSIDE).exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("400", r"claude failed: Prompt is too long .*"),
        ("401", r"claude failed: Invalid API key .* \(HTTP 401\)"),
        ("500", r"claude failed: API Error: 500 .*"),
        ("cut-always", r"claude failed: API Error: Connection dropped .*"),
    ],
)
def test_a_refused_request_is_an_error(bench: Bench, script: str, reason: str) -> None:
    ending = bench.run(bench.call(f"SCRIPT:{script}")).outcome
    assert ending.verdict is Verdict.ERROR
    assert re.fullmatch(reason, ending.reason), ending.reason
    assert ending.retry_after == 0


@pytest.mark.parametrize(("seconds", "least"), [(1, 1), (3600, 60)])
def test_a_rate_limit_delays_the_next_attempt(bench: Bench, seconds: int, least: int) -> None:
    ending = bench.run(bench.call(f"SCRIPT:429({seconds})")).outcome
    assert ending.verdict is Verdict.ERROR
    assert least <= ending.retry_after < least + 5


def test_a_broken_response_is_requested_again(bench: Bench) -> None:
    run = bench.run(bench.call("SCRIPT:cut"))
    assert (run.outcome.verdict, run.answer) == (Verdict.PASSED, "Plainly said.")


def test_a_hang_ends_when_its_process_is_terminated(bench: Bench) -> None:
    with bench.started(bench.call("SCRIPT:hang")) as running:
        bench.model.await_request("hang")
        running.process.terminate()
        run = running.transcript()
    assert run.outcome.verdict is Verdict.ERROR
    assert run.messages == []


@pytest.mark.parametrize(
    ("budget", "cap"),
    [(Budget(turns=2), "maximum number of turns (2)"), (Budget(usd=0.75), "maximum budget ($0.75)")],
)
def test_its_own_limits_apply(bench: Bench, budget: Budget, cap: str) -> None:
    run = bench.run(bench.call("SCRIPT:burn", budget=budget))
    assert run.outcome.overspent == f"claude ended: Reached {cap}"
    assert run.totals.turns == 2
    assert run.totals.usd > 0.5


def test_a_resumed_run_has_its_own_limit(bench: Bench) -> None:
    run = bench.run(bench.call("SCRIPT:burn", budget=Budget(usd=0.75)))
    assert bench.run(bench.call("SCRIPT:nothing", run.session, budget=Budget(usd=0.75))).outcome.overspent == ""


@pytest.mark.parametrize("script", ["write-add", "burn"])
def test_a_judge_changes_nothing(bench: Bench, script: str) -> None:
    looking = replace(bench.call(f"SCRIPT:{script}", budget=Budget(turns=3)), read_only=True)
    bench.run(looking)
    assert not (bench.workspace / "calc.py").exists()
    outputs = [entry.text for entry in bench.model.requests[-1].conversation if entry.role == "tool"]
    assert outputs
    assert all("No such tool available" in output for output in outputs)


def test_a_judge_answers_in_the_requested_schema(bench: Bench) -> None:
    judgement = {"verdicts": [{"criterion": 1, "verdict": "PASSED"}]}
    bench.model.scripts["judge"] = in_order(Answer(judgement))
    schema = {"type": "object", "properties": {"verdicts": {"type": "array"}}, "required": ["verdicts"]}
    run = bench.run(replace(bench.call("SCRIPT:judge"), read_only=True, schema=schema))
    assert run.outcome.verdict is Verdict.PASSED
    assert json.loads(run.answer) == judgement


def test_a_large_prompt_is_accepted(bench: Bench) -> None:
    bench.run(bench.call("SCRIPT:nothing " + "word " * 60_000))
    assert len(bench.model.requests[-1].prompt) > 300_000
