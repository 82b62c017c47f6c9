"""Rendering of saved conversations as lines and tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from penguin_commands.results import agent_snapshots as s
from penguin_repl.render.costs import cost_columns, cost_lines
from penguin_repl.render.format import format_size, format_time
from penguin_repl.render.registry import Renderers
from penguin_repl.render.table import Grid, Part
from penguin_repl.text.escape import clean, clean_block

RENDERERS = Renderers()

KNOWN_KEYS = {"role", "text", "content", "tool", "input", "output", "failed"}


@RENDERERS.shows(s.SnapshotTable)
def _snapshots(result: s.SnapshotTable) -> Iterator[Part]:
    if not result.snapshots:
        yield "No snapshots."
        return
    heads, costs = cost_columns([row.spent for row in result.snapshots], ("tokens", "usd"))
    rows = tuple(
        (row.snapshot_id, row.agent, str(row.messages), format_size(row.bytes), *cost, format_time(row.created_at))
        for row, cost in zip(result.snapshots, costs, strict=True)
    )
    columns = ("SNAPSHOT", "AGENT", "MESSAGES", "SIZE", *heads, "CREATED")
    yield Grid(columns, rows, right_aligned=(2, 3, *range(4, 4 + len(heads))))


@RENDERERS.shows(s.ConversationResult)
def _conversation(result: s.ConversationResult) -> Iterator[Part]:
    row = result.row
    yield f"Snapshot {clean(row.snapshot_id)}"
    where = f" ({row.phase} attempt {row.attempt})" if row.phase and row.attempt else ""
    yield f"Workflow: {clean(row.workflow_id)}{where}"
    if row.task_id:
        yield f"Task: {clean(row.task_id)}"
    if row.agent:
        yield f"Agent: {clean(row.agent)}" + (f" (session {clean(row.session_id)})" if row.session_id else "")
    yield f"Created: {format_time(row.created_at)}"
    yield f"Messages: {row.messages} ({format_size(row.bytes)})"
    if result.files:
        named = ", ".join(f"{clean(name)} ({format_size(count)})" for name, count in result.files.items())
        yield f"Session files: {named}"
    yield from cost_lines(row.spent)
    for message in result.messages:
        yield ""
        yield from _message(message)


def _message(message: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one message: its author, and its text below."""
    who = " ".join(str(message[key]) for key in ("role", "tool") if message.get(key)) or "message"
    yield f"{clean(who)}{' (failed)' if message.get('failed') else ''}:"
    for key in ("text", "content"):
        yield from _block(_message_text(message.get(key)))
    yield from _block(_tool_input(message.get("input")), "> ")
    yield from _block(_message_text(message.get("output")))
    rest = {key: value for key, value in message.items() if key not in KNOWN_KEYS}
    if rest:
        yield from _block(json.dumps(rest, ensure_ascii=False))


def _block(text: str, mark: str = "") -> Iterator[str]:
    if text.strip():
        for line in clean_block(text.strip("\n")).split("\n"):
            yield f"  {mark}{line}".rstrip()


def _message_text(value: object) -> str:
    """Return the text of a message in any format that agents use."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(_message_text(part) for part in value)
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return str(value["text"])
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _tool_input(value: object) -> str:
    """Return the input of a tool. A single value, such as a command line, is returned alone."""
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    return _message_text(value)


@RENDERERS.shows(s.RawConversationResult)
def _raw_conversation(result: s.RawConversationResult) -> Iterator[Part]:
    for data in result.text():
        yield clean_block(data.decode("utf-8", "replace"))
