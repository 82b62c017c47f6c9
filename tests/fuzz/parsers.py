"""Targets that read the output of other programs: agents' streams, test reports, judges' answers, shell commands."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from tests.fuzz import documents
from tests.fuzz.mutation import as_bytes
from tests.fuzz.sandbox import Problem, Sandbox
from tests.fuzz.targets import Target

from penguin.orchestration.agents.activity.activities import RunContext
from penguin.orchestration.agents.activity.stream import ActivityStream
from penguin.orchestration.agents.adapter import ProcessExit
from penguin.orchestration.agents.json_lines import EventFile
from penguin.orchestration.agents.judge import parse_opinions
from penguin.orchestration.agents.registry import adapter_of
from penguin.orchestration.core.definition import AgentSpec
from penguin.orchestration.core.test_detection.failed_names import failed_tests
from penguin.orchestration.core.test_detection.failed_tests import FailedTests, failure_sentence
from penguin.orchestration.core.test_detection.runners import pytest_run, uncounted_test_run
from penguin.orchestration.core.test_detection.summaries import count_summaries
from penguin.orchestration.execution.junit import UnreadableReport, read_report
from penguin.orchestration.execution.output_matching import json_difference
from penguin.orchestration.execution.step_output import excerpt, last_line, last_lines
from penguin_repl.text.activity_lines import log_lines

FINISHES = (
    ProcessExit(0, None),
    ProcessExit(1, None, "error: no\n"),
    ProcessExit(None, "timeout"),
    ProcessExit(-9, None),
)


def _file(sandbox: Sandbox, data: bytes) -> Path:
    path = sandbox.root / "tmp" / "output"
    path.write_bytes(data)
    return path


def _check_stream(sandbox: Sandbox, printed: tuple[str, str]) -> None:
    """Read a stream with the agent's adapter: the transcript can be stored, and every event can be described."""
    name, text = (*printed, "", "")[:2]
    if name not in documents.AGENTS:
        return
    data = as_bytes(text)
    path = _file(sandbox, data)
    adapter = adapter_of(AgentSpec(name=name, kind=name), sandbox.folder)
    with sandbox.watch():
        events = EventFile(path)
        transcript = adapter.read_transcript(events, FINISHES[len(text) % len(FINISHES)])
        json.dumps(list(transcript.messages))
        stream = ActivityStream(adapter.activity_reader(RunContext()))
        pieces = (data[: len(data) // 2], data[len(data) // 2 :])
        activities = [*(activity for piece in pieces for activity in stream.feed(piece)), *stream.end()]
        lines = [line.text for line in log_lines(activities)]
    if any("\n" in line for line in lines):
        raise Problem("a line of an activity contains a line end")
    if not transcript.outcome.verdict.opens_gate and not transcript.outcome.reason:
        raise Problem("a failed run has no reason")


def _check_custom_stream(sandbox: Sandbox, output: bytes) -> None:
    """Read the output and the transcript of an agent that the settings define."""
    path = _file(sandbox, output)
    spec = AgentSpec(name="mine", kind="command", command=("mine",), transcript=str(path))
    for one in (spec, AgentSpec(name="mine", kind="command", command=("mine",))):
        with sandbox.watch():
            adapter = adapter_of(one, sandbox.folder)
            transcript = adapter.read_transcript(EventFile(path), FINISHES[len(output) % len(FINISHES)])
            json.dumps(list(transcript.messages))


def _custom_output(dice: Random) -> bytes:
    if dice.random() < 0.5:
        return documents.output(dice)
    return documents.stream(dice)[1].encode("utf-8", "replace")


def _check_junit(sandbox: Sandbox, report: bytes) -> None:
    path = _file(sandbox, report)
    with sandbox.watch():
        try:
            found = read_report(path)
        except UnreadableReport:
            return
        counts = found.counts
        sentence = failure_sentence(
            FailedTests(counts.failed, counts.errors, counts.run, found.first_failed, found.first_error)
        )
    if not sentence.isprintable() or len(sentence) > 200:
        raise Problem(f"a bad sentence about failed tests: {sentence!r}")
    if counts.run < 0 or counts.run > report.count(b"testcase"):
        raise Problem(f"{counts.run} tests are counted")


def _check_output(sandbox: Sandbox, output: bytes) -> None:
    path = _file(sandbox, output)
    with sandbox.watch():
        shown = excerpt(path)
        last_line(path)
        lines = last_lines(path)
        if counts := count_summaries(lines):
            failed_tests(lines, counts)
    if len(shown.encode()) > 4_096 or any(character < " " and character not in "\n\t" for character in shown):
        raise Problem("the excerpt is too long, or has control characters")


def _check_judgement(sandbox: Sandbox, answer: str) -> None:
    with sandbox.watch():
        opinions = parse_opinions(answer, 2, [], sandbox.folder)
    if len(opinions) != 2:
        raise Problem(f"{len(opinions)} opinions on 2 criteria")


def _check_json(sandbox: Sandbox, answer: str) -> None:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return
    with sandbox.watch():
        json_difference(documents.JUDGED, value)


def _check_shell_command(sandbox: Sandbox, command: str) -> None:
    with sandbox.watch():
        pytest_run(command)
        uncounted_test_run(command)


TARGETS = (
    Target("agent stream", documents.stream, _check_stream, 20),
    Target("custom agent", _custom_output, _check_custom_stream, 8),
    Target("JUnit report", documents.junit, _check_junit, 20),
    Target("test output", documents.output, _check_output, 10),
    Target("judge's answer", documents.judgement, _check_judgement, 10),
    Target("JSON answer", documents.judgement, _check_json, 3),
    Target("shell command", documents.shell_command, _check_shell_command, 20),
)
