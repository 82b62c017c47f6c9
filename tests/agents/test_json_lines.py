"""The limits on reading an agent's output, and the reports of skipped parts."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.agents import json_lines
from penguin.orchestration.agents.activity.activities import RunContext
from penguin.orchestration.agents.adapter import ProcessExit
from penguin.orchestration.agents.claude import Claude
from penguin.orchestration.agents.codex import Codex
from penguin.orchestration.agents.custom_agent import CommandAgent
from penguin.orchestration.agents.json_lines import DEEPEST, LONGEST_LINE, BeyondLimits, EventFile, Lines, read_json
from penguin.orchestration.agents.json_values import retry_after
from penguin.orchestration.agents.judge import parse_opinions
from penguin.orchestration.agents.opencode import OpenCode
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import AgentSpec
from penguin_repl.text.activity_lines import activity_lines

pytestmark = pytest.mark.timeout(60)


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def file(tmp_path: Path, *lines: bytes) -> Path:
    path = tmp_path / "out.log"
    path.write_bytes(b"\n".join(lines))
    return path


@given(st.lists(st.binary(max_size=5), max_size=5), st.integers(1, 7))
def test_lines_do_not_depend_on_chunk_borders(parts: list[bytes], size: int) -> None:
    data = b"\n".join(parts)
    lines = Lines()
    found = [line for at in range(0, len(data), size) for line in lines.feed(data[at : at + size])]
    assert b"\n".join([*found, lines.rest()]) == data
    assert not lines.too_long


def test_a_line_of_100_mb_is_skipped_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "out.log"
    with path.open("wb") as out:
        out.write(b'{"type": "a"}\n{"type": "')
        out.seek(60_000_000, 1)
        out.write(b'"}\n{"type": "b"}\n')
    printed = EventFile(path)
    before = time.monotonic()
    events = list(printed)
    assert time.monotonic() - before < 5
    assert (events[0], events[-1]) == ({"type": "a"}, {"type": "b"})
    assert "skipped a line" in events[1]["text"]
    assert printed.unread == "skipped in its output: 1 line longer than 4 MB"


@pytest.mark.parametrize("levels", [DEEPEST + 1, 800, 100_000])
def test_a_deeply_nested_line_is_text_and_reported(tmp_path: Path, levels: int) -> None:
    printed = EventFile(file(tmp_path, nested(levels).encode(), b'{"type": "b"}'))
    assert list(printed) == [{"text": nested(levels)}, {"type": "b"}]
    assert printed.unread == "skipped in its output: 1 line nested deeper than 100 levels"


def test_usual_output_is_read_completely(tmp_path: Path) -> None:
    printed = EventFile(
        file(tmp_path, nested(DEEPEST).encode(), json.dumps({"x": [[]] * 1000}).encode(), b"hello", b"")
    )
    assert len(list(printed)) == 3
    assert printed.unread == ""
    assert list(EventFile(tmp_path / "none")) == []


def test_a_huge_output_is_read_at_both_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "LARGEST", 100)
    printed = EventFile(file(tmp_path, b'{"type": "a"}', b"x" * 1000, b'{"type": "b"}'))
    events = list(printed)
    assert (events[0], events[-1]) == ({"type": "a"}, {"type": "b"})
    assert printed.unread == "skipped in its output: 928 bytes in the middle"


def test_only_the_first_of_too_many_lines_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "MOST_LINES", 3)
    printed = EventFile(file(tmp_path, *[b"x"] * 5))
    assert len(list(printed)) == 3
    assert printed.unread == "skipped in its output: everything after line 3"


def test_json_beyond_the_limits_is_refused() -> None:
    for text in ("[" * 100_000, nested(100_000), nested(101), '"' + "x" * LONGEST_LINE + '"', "[" + "[]," * 2_000_000):
        with pytest.raises(BeyondLimits):
            read_json(text)
    with pytest.raises(ValueError, match="Expecting"):
        read_json(b"nonsense")


@pytest.mark.parametrize("deep", [nested(99), nested(950), nested(100_000), "[" * 100_000, '{"text": "\\ud800"}'])
def test_no_adapter_fails_at_nested_values(tmp_path: Path, deep: str) -> None:
    spec = AgentSpec(name="mine", kind="command", command=("x",))
    lines = [
        deep,
        f'{{"type": "assistant", "message": {{"content": [{{"type": "tool_use", "input": {deep}}}]}}}}',
        f'{{"type": "item.completed", "item": {{"type": "mcp_tool_call", "result": {deep}}}}}',
        f'{{"type": "tool_use", "part": {{"tool": {deep}}}}}',
        f'{{"type": "error", "message": {json.dumps(deep)}}}',
    ]
    path = file(tmp_path, *(line.encode() for line in lines))
    for adapter in (Claude(), Codex(), OpenCode(), CommandAgent(spec, tmp_path)):
        adapter.read_transcript(EventFile(path), ProcessExit(0, None))
        reader = adapter.activity_reader(RunContext())
        for event in EventFile(path):
            for activity in reader.read(event):
                activity_lines(activity)


@pytest.mark.parametrize(
    "answer",
    [
        '{"a":' * 100_000,
        "{" * 1_000_000,
        '{"a":' * 500 + "[" + "1," * 400_000,
        '{"criteria": [{"criterion": [1], "verdict": ["met"], "evidence": {}, "reason": []}]}',
        '{"criteria": [{"criterion": 1, "verdict": "met", "evidence": ["' + "x" * 100_000 + '"]}]}',
        "x" * 2_000_000,
    ],
)
def test_an_unreadable_judgement_passes_nothing(tmp_path: Path, answer: str) -> None:
    before = time.monotonic()
    found = parse_opinions(answer, 2, (), tmp_path)
    assert time.monotonic() - before < 10
    assert [opinion.verdict for opinion in found] == [Verdict.UNVERIFIED] * 2


def test_an_overlong_answer_of_a_judge_is_reported(tmp_path: Path) -> None:
    assert "answer of 2000000 characters is longer" in parse_opinions("x" * 2_000_000, 1, (), tmp_path)[0].reason


def test_an_infinite_wait_is_limited() -> None:
    assert retry_after(f"try again in {'9' * 400} x") == 0.0
    assert retry_after(f"try again in {'9' * 400} h") > 0
