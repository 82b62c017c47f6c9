"""The activities of agents: what people read of recorded runs, and of output that is broken or hostile."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penguin.orchestration.agents.activity.activities import (
    LONGEST_TEXT,
    Activity,
    Command,
    Edit,
    Finished,
    Lookup,
    Message,
    OtherEvent,
    Outcome,
    PlainOutput,
    Problem,
    RunContext,
    StructuredAnswer,
    Subagent,
    Thinking,
    ToolCall,
    Unreadable,
    UsageSoFar,
)
from penguin.orchestration.agents.activity.stream import ActivityStream
from penguin.orchestration.agents.json_lines import LONGEST_LINE
from penguin.orchestration.agents.registry import AGENTS, activity_reader
from penguin.orchestration.core.usage import UsageTotals
from penguin_repl.text.activity_lines import log_lines

RECORDED = Path(__file__).parent / "recorded"
WORKSPACE = RunContext("/workspace")
KINDS = [*AGENTS, "command"]
GEMINI = (RECORDED / "gemini-ok.jsonl").read_bytes()


def activities(kind: str, output: bytes, context: RunContext = WORKSPACE) -> list[Activity]:
    stream = ActivityStream(activity_reader(kind, context))
    return [*stream.feed(output), *stream.end()]


def events(kind: str, *found: object) -> list[Activity]:
    return activities(kind, b"".join(json.dumps(event).encode() + b"\n" for event in found))


def lines(kind: str, output: bytes) -> list[str]:
    return [line.text for line in log_lines(activities(kind, output))]


def recorded(name: str) -> list[str]:
    return lines(name.partition("-")[0], (RECORDED / f"{name}.jsonl").read_bytes())


# --- recorded runs ---


def test_a_run_of_claude() -> None:
    assert recorded("claude-ok") == [
        "claude 2.1.328, model claude-stub-1",
        "write calc.py",
        "$ python3 -c 'import calc; assert calc.add(2,3)==5' ; echo rc=$?",
        "  … 1 more line",
        '    File "<string>", line 1, in <module>',
        "  AssertionError",
        "  rc=1",
        "  ok",
        "Implemented add in calc.py.",
        "done (3 turns, 3150 tokens, $0.01)",
    ]


def test_a_run_of_codex() -> None:
    assert recorded("codex-ok")[1:] == [
        "$ mkdir -p $(dirname calc.py); cat > calc.py <<'STUB_EOF' …",
        "  exit 0",
        "$ python3 -c 'import calc; assert calc.add(2,3)==5' ; echo rc=$?",
        "  … 1 more line",
        '    File "<string>", line 1, in <module>',
        "  AssertionError",
        "  rc=1",
        "  exit 0",
        "Implemented add in calc.py.",
        "done (3 turns, 3150 tokens)",
    ]


def test_a_run_of_opencode() -> None:
    shown = recorded("opencode-ok")
    assert shown[:2] == ["write calc.py", "$ python3 -c 'import calc; assert calc.add(2,3)==5' ; echo rc=$?"]
    assert shown[-2:] == ["Implemented add in calc.py.", "done (3 turns, 3150 tokens, $0.01)"]


def test_a_run_of_a_custom_agent_that_prints_events() -> None:
    assert lines("command", GEMINI) == [
        "(event: init)",
        "write_file calc.py",
        "$ python3 -c 'import calc; assert calc.add(2,3)==5' ; echo rc=$?",
        "  … 1 more line",
        '    File "<string>", line 1, in <module>',
        "  AssertionError",
        "  rc=1",
        "  ok",
        "Implemented add in calc.py.",
        "(event: result)",
    ]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("claude-max-turns", "failed: Reached maximum number of turns (2) (2 turns, 210k tokens, $1.00)"),
        ("claude-http-401", "failed: Invalid API key · Fix external API key"),
        ("claude-sigterm", "  exit 137"),
        ("claude-tool-denied", "done (3 turns, 3150 tokens, $0.01)"),
        ("codex-sigterm", '$ python3 -c "import time; time.sleep(63)"'),
        (
            "codex-http-401",
            "failed: unexpected status 401 Unauthorized: invalid x-api-key, url: http://127.0.0.1:9/v1/responses",
        ),
        ("opencode-http-401", "! invalid x-api-key (HTTP 401)"),
    ],
)
def test_the_end_of_a_run(name: str, last: str) -> None:
    assert recorded(name)[-1] == last


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.jsonl")), ids=lambda path: path.stem)
def test_no_recorded_run_shows_its_protocol(path: Path) -> None:
    shown = "\n".join(recorded(path.stem))
    assert not any(word in shown for word in ('"type"', "session_id", "sessionID", "toolu_", "item_", "{}", '":'))


# --- single events ---


def assistant(*blocks: object, **more: object) -> dict[str, object]:
    return {"type": "assistant", "message": {"id": "m1", "content": blocks, "usage": {"input_tokens": 7}}, **more}


def tool_use(name: str, **arguments: object) -> dict[str, object]:
    return {"type": "tool_use", "id": "t1", "name": name, "input": arguments}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (tool_use("Edit", file_path="/workspace/src/a.py", old_string="x", new_string="y"), Edit("src/a.py")),
        (tool_use("Write", file_path="/elsewhere/a.py"), Edit("/elsewhere/a.py", "write")),
        (tool_use("Bash", command="make\nmake test", description="Build"), Command("make …")),
        (tool_use("Grep", pattern="def add", path="/workspace"), Lookup("search", "def add")),
        (tool_use("Read", file_path="/workspace/a.py", limit=10), Lookup("read", "a.py")),
        (tool_use("TodoWrite", todos=[{"status": "completed"}, {}]), ToolCall("plan", "1 of 2 steps done")),
        (tool_use("mcp__github__create_issue", repo="a/b", labels=["x"]), ToolCall("mcp__github__create_issue", "a/b")),
        ({"type": "thinking", "thinking": "Let me see.\nFirst,"}, Thinking("Let me see. …")),
        ({"type": "text", "text": '{"criteria": []}'}, StructuredAnswer(("criteria",))),
    ],
)
def test_what_claude_does(block: object, expected: Activity) -> None:
    first, usage = events("claude", assistant(block))
    assert first == expected
    assert usage == UsageSoFar(UsageTotals(1, 7))


def test_how_a_tool_of_claude_ended() -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": "Exit code 2\nno such file"}
    found = events(
        "claude", assistant(tool_use("Bash", command="ls x")), {"type": "user", "message": {"content": [result]}}
    )
    assert found[-1] == Outcome(Command("ls x"), failed=True, exit_code=2, output=("no such file",))


def test_the_tokens_of_a_response_count_once() -> None:
    found = events("claude", assistant(), assistant(), assistant(parent_tool_use_id="t0"))
    assert [item.usage for item in found if isinstance(item, UsageSoFar)] == [UsageTotals(1, 7)]


def test_a_subagent_is_indented() -> None:
    found = events("claude", assistant({"type": "text", "text": "Hello"}, parent_tool_use_id="t0"))
    assert found[0] == Subagent(Message("Hello"))
    assert next(log_lines(found)).text == "  Hello"


def codex_item(kind: str, state: str = "completed", **more: object) -> dict[str, object]:
    return {"type": f"item.{state}", "item": {"id": "i1", "type": kind, **more}}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            codex_item("file_change", changes=[{"path": "/workspace/a.py", "kind": "update"}], status="completed"),
            [Edit("a.py"), Outcome(Edit("a.py"))],
        ),
        (codex_item("reasoning", text="**Looking**"), [Thinking("**Looking**")]),
        (codex_item("todo_list", items=[{"text": "a", "completed": True}]), [ToolCall("plan", "1 of 1 steps done")]),
        (codex_item("web_search", query="pytest"), [Lookup("search", "pytest")]),
        (
            codex_item("command_execution", command="sh -c 'pytest'", exit_code=1, aggregated_output="1 failed\n"),
            [Command("pytest"), Outcome(Command("pytest"), True, 1, ("1 failed",))],
        ),
    ],
)
def test_what_codex_does(event: object, expected: list[Activity]) -> None:
    assert [found for found in events("codex", event) if not isinstance(found, UsageSoFar)] == expected


def test_a_command_of_codex_is_shown_once() -> None:
    running = codex_item("command_execution", "started", command="make")
    ended = codex_item("command_execution", command="make", exit_code=0)
    found = events("codex", running, running, ended)
    assert found[:2] == [Command("make"), Outcome(Command("make"), False, 0)]


def test_tokens_of_a_resumed_conversation_are_those_of_the_run() -> None:
    output = b'{"type": "turn.completed", "usage": {"input_tokens": 100, "output_tokens": 20}}\n'
    context = RunContext(used_before=UsageTotals(tokens=70))
    assert activities("codex", output, context) == [Finished(False, "", UsageTotals(1, 50))]


def test_an_error_in_json_is_shown_as_its_message() -> None:
    inner = json.dumps({"error": {"message": "too long"}})
    assert events("codex", {"type": "error", "message": f"[API Error: {inner}]"}) == [Problem("[API Error: too long]")]


def test_a_custom_agent_prints_text_or_messages() -> None:
    output = b'plain\n  }\n{"role": "assistant", "content": "Hello"}\n{"type": "odd"}\n'
    assert activities("command", output) == [
        PlainOutput("plain"),
        PlainOutput("  }"),
        Message("Hello"),
        OtherEvent("odd"),
    ]


# --- broken and hostile output ---


def test_unreadable_lines_are_counted_and_not_shown() -> None:
    output = b'{"type": "assist\nnt","x":1}]}\nWarning: proxy\n{"type": "result", "is_error"'
    assert activities("claude", output) == [Unreadable(2, 28), PlainOutput("Warning: proxy"), Unreadable(1, 29)]
    assert lines("claude", output)[0] == "[penguin: 2 lines of 28 bytes can't be read; --raw shows them]"


def test_an_overlong_line_is_reported() -> None:
    stream = ActivityStream(activity_reader("claude", RunContext()))
    for _ in range(100):
        assert list(stream.feed(b"x" * 1_000_000)) == []
    assert list(stream.feed(b"\n")) == [PlainOutput("[penguin: skipped a line of 100000000 bytes]")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("line", ['{"a":' * 100_000, '{"a":' * 101 + "1" + "}" * 101])
def test_a_deeply_nested_line_is_not_shown(kind: str, line: str) -> None:
    assert activities(kind, line.encode()) == [Unreadable(1, len(line))]


def test_a_huge_event_is_read_in_bounded_time_and_memory() -> None:
    text = "line\\n" * (LONGEST_LINE // 6 - 100)
    blocks = {
        "claude": f'{{"type":"assistant","message":{{"content":"{text}"}}}}',
        "codex": f'{{"type":"item.completed","item":{{"type":"command_execution","aggregated_output":"{text}"}}}}',
        "opencode": f'{{"type":"tool_use","part":{{"tool":"bash","state":{{"output":"{text}"}}}}}}',
        "command": f'{{"role":"assistant","text":"{text}"}}',
    }
    for kind, line in blocks.items():
        assert len(line) <= LONGEST_LINE
        started = time.process_time()
        tracemalloc.start()
        shown = lines(kind, line.encode())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sum(map(len, shown)) < 3 * LONGEST_TEXT
        assert time.process_time() - started < 5
        assert peak < 20 * LONGEST_LINE


def test_the_state_of_a_reader_is_bounded() -> None:
    reader = activity_reader("claude", RunContext())
    tracemalloc.start()
    for number in range(20_000):
        reader.read(
            assistant({"type": "tool_use", "id": f"tool-{number}", "name": "Bash", "input": {"command": "x" * 500}})
        )
        reader.read({"type": "assistant", "message": {"id": f"message-{number}"}})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
RECORDED_LINES = [line for path in sorted(RECORDED.glob("*.jsonl")) for line in path.read_bytes().splitlines()]
STREAMS = st.lists(
    st.binary(max_size=60)
    | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.sampled_from(RECORDED_LINES)
    | st.tuples(st.sampled_from(RECORDED_LINES), st.integers(0, 3000)).map(lambda cut: cut[0][: cut[1]])
    | st.tuples(st.sampled_from(RECORDED_LINES), st.integers(0, 3000)).map(lambda cut: cut[0][cut[1] :]),
    max_size=6,
).map(b"\n".join)


@settings(deadline=None)
@given(st.sampled_from(KINDS), STREAMS, st.integers(1, 5000))
@example("claude", b'{"type": "assistant", "message": {"content": [{"type": "text", "text": {"a": 1}}]}}', 10)
@example("codex", b'{"type": "error", "message": {"a": 1}}', 10)
@example("command", b'{"role": "tool", "input": [{"a": 1}], "output": {"b": 2}}', 10)
def test_any_output_is_shown_without_its_protocol(kind: str, output: bytes, size: int) -> None:
    stream = ActivityStream(activity_reader(kind, RunContext()))
    pieces = [output[start : start + size] for start in range(0, len(output), size)]
    found = [*(activity for piece in pieces for activity in stream.feed(piece)), *stream.end()]
    shown = [line.text for line in log_lines(found)]
    assert repr(found) == repr(activities(kind, output, RunContext()))
    assert all(_is_one_harmless_line(line) for line in shown)
    assert not any(_is_object(line) for line in shown)
    assert sum(map(len, shown)) <= 8 * len(output) + 500


def _is_one_harmless_line(line: str) -> bool:
    return not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in line)


def _is_object(line: str) -> bool:
    """Return whether a line is an event."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and bool(value)
