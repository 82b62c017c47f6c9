"""Rendering of saved conversations as lines and tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from penguin_commands.results import agent_snapshots as s
from penguin_repl.render.costs import cost_columns, cost_lines
from penguin_repl.render.format import format_size, format_time
from penguin_repl.render.parts import Grid, Part, Span, field, line
from penguin_repl.render.registry import Renderers
from penguin_repl.text.escape import clean_block

RENDERERS = Renderers()

OPTIONAL_COLUMNS = ("CREATED", "TOKENS", "COST", "SIZE", "MESSAGES", "AGENT")
KNOWN_KEYS = {"role", "text", "content", "tool", "input", "output", "failed"}


@RENDERERS.shows(s.SnapshotTable)
def _snapshots(result: s.SnapshotTable) -> Iterator[Part]:
    if not result.snapshots:
        yield "No snapshots."
        return
    heads, costs = cost_columns([row.spent for row in result.snapshots], ("tokens", "usd"))
    rows = tuple(
        (
            Span(row.snapshot_id, "id"),
            row.agent,
            str(row.messages),
            format_size(row.bytes),
            *cost,
            Span(format_time(row.created_at), "time"),
        )
        for row, cost in zip(result.snapshots, costs, strict=True)
    )
    columns = ("SNAPSHOT", "AGENT", "MESSAGES", "SIZE", *heads, "CREATED")
    yield Grid(columns, rows, right_aligned=(2, 3, *range(4, 4 + len(heads))), optional=OPTIONAL_COLUMNS)


@RENDERERS.shows(s.ConversationResult)
def _conversation(result: s.ConversationResult) -> Iterator[Part]:
    row = result.row
    yield line(Span("Snapshot ", "heading"), Span(row.snapshot_id, "id"))
    where = f" ({row.phase} attempt {row.attempt})" if row.phase and row.attempt else ""
    yield field("Workflow", line(Span(row.workflow_id, "id"), where))
    if row.task_id:
        yield field("Task", Span(row.task_id, "id"))
    if row.agent:
        yield field("Agent", row.agent + (f" (session {row.session_id})" if row.session_id else ""))
    yield field("Created", Span(format_time(row.created_at), "time"))
    yield field("Messages", f"{row.messages} ({format_size(row.bytes)})")
    if result.files:
        named = ", ".join(f"{name} ({format_size(count)})" for name, count in result.files.items())
        yield field("Session files", named)
    yield from cost_lines(row.spent)
    for message in result.messages:
        yield ""
        yield from _message(message)


def _message(message: dict[str, Any]) -> Iterator[Part]:
    """Yield the lines of one message: its author, and its text below."""
    who = " ".join(str(message[key]) for key in ("role", "tool") if message.get(key)) or "message"
    yield line(Span(who, "heading"), *([Span(" (failed)", "error")] if message.get("failed") else []), ":")
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
