"""The formatted output of agents: any output is accepted, and nothing is dropped silently."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from penguin_commands.handlers.agent_output import AgentOutputFormatter


def describe(event: Mapping[str, Any]) -> list[str]:
    return [f"event: {event.get('said')}"]


def test_an_unterminated_line_is_shown_at_the_end() -> None:
    formatter = AgentOutputFormatter(describe)
    assert formatter.feed(b'{"said": "one"}\n{"said"') == b"event: one\n"
    assert formatter.feed(b': "two"}') == b""
    assert formatter.end() == b"event: two\n"
    assert formatter.end() == b""


def test_an_overlong_line_is_reported() -> None:
    formatter = AgentOutputFormatter(describe)
    shown = b"".join(formatter.feed(b"x" * 1_000_000) for _ in range(100)) + formatter.feed(b'\n{"said": "two"}\n')
    assert shown == b"[penguin: skipped a line of 100000000 bytes]\nevent: two\n"


@pytest.mark.parametrize("line", ['{"a":' * 100_000, "[" * 100_000, '{"a":' * 101 + "1" + "}" * 101])
def test_a_deeply_nested_line_is_shown_unchanged(line: str) -> None:
    assert AgentOutputFormatter(describe).feed(line.encode() + b"\n") == line.encode() + b"\n"


def test_half_a_character_is_shown_as_a_question_mark() -> None:
    assert AgentOutputFormatter(describe).feed(json.dumps({"said": "\ud800"}).encode() + b"\n") == b"event: ?\n"
