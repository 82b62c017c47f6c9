"""The activities in the events of Codex."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penguin.orchestration.agents.activity import values
from penguin.orchestration.agents.activity.activities import (
    Activity,
    Command,
    Edit,
    Finished,
    Lookup,
    Outcome,
    Problem,
    RunContext,
    Thinking,
    ToolCall,
    UsageSoFar,
)
from penguin.orchestration.agents.activity.tool_uses import OpenToolUses
from penguin.orchestration.agents.json_values import items, mapping, number
from penguin.orchestration.core.usage import UsageTotals

EDITS = {"add": "write", "update": "edit", "delete": "delete"}
MOST_CHANGES = 100
"""Changed files that are shown of one edit."""

Item = Mapping[str, Any]


class CodexReader:
    """See ActivityReader.

    Codex reports tokens at the end of a turn, as those of the whole conversation. While it runs, its uses of tools are
    counted as turns, as in the transcript.
    """

    prints_only_events = True

    def __init__(self, context: RunContext) -> None:
        self._folder = context.folder
        self._used_before = context.used_before
        self._running = OpenToolUses()
        self._turns = 0

    def read(self, event: Mapping[str, Any]) -> list[Activity]:
        """Return the activities that an event reports."""
        return list(self._read(event))

    def _read(self, event: Mapping[str, Any]) -> Iterator[Activity]:
        item = mapping(event.get("item"))
        match event.get("type"):
            case "item.started" | "item.updated" if item.get("type") == "command_execution":
                yield from self._command_started(item)
            case "item.completed":
                yield from self._completed(item)
            case "error":
                yield Problem(values.error_phrase(event.get("message")) or "an error")
            case "turn.failed":
                reason = values.error_phrase(mapping(event.get("error")).get("message"))
                yield Finished(True, reason or "the turn failed", UsageTotals(turns=self._turns))
            case "turn.completed":
                yield Finished(False, "", self._usage(mapping(event.get("usage"))))

    def _usage(self, usage: Mapping[str, Any]) -> UsageTotals:
        tokens = number(usage.get("input_tokens")) + number(usage.get("output_tokens"))
        return values.usage(self._turns + 1, max(0, tokens - self._used_before.tokens))

    def _command_started(self, item: Item) -> Iterator[Command]:
        if values.string(item.get("id")) not in self._running:
            command = Command(values.shell_script(item.get("command")))
            self._running.start(values.string(item.get("id")), command)
            yield command

    def _completed(self, item: Item) -> Iterator[Activity]:
        match item.get("type"):
            case "agent_message":
                yield from values.message(item.get("text"))
            case "reasoning" if words := values.phrase(item.get("text")):
                yield Thinking(words)
            case "error" if words := values.error_phrase(item.get("message")):
                yield Problem(words)
            case "todo_list":
                steps = items(item.get("items"))
                yield ToolCall("plan", values.plan_detail(steps, sum(step.get("completed") is True for step in steps)))
            case "command_execution" | "file_change" | "mcp_tool_call" | "web_search":
                yield from self._tool_ended(item)
                self._turns += 1
                yield UsageSoFar(values.usage(self._turns, 0))

    def _tool_ended(self, item: Item) -> Iterator[Activity]:
        failed = item.get("status") in ("failed", "declined")
        match item.get("type"):
            case "command_execution":
                yield from self._command_started(item)
                use = self._running.end(values.string(item.get("id")))
                code = values.exit_code(item.get("exit_code"))
                yield values.outcome(use, item.get("aggregated_output"), failed=failed or bool(code), exit_code=code)
            case "file_change":
                for change in items(item.get("changes"))[:MOST_CHANGES]:
                    path = values.relative_path(change.get("path"), self._folder)
                    edit = Edit(path, EDITS.get(values.string(change.get("kind")), "edit"))
                    yield from (edit, Outcome(edit, failed))
            case "web_search":
                yield Lookup("search", values.phrase(item.get("query")))
            case _:
                names = (values.phrase(item.get("server")), values.phrase(item.get("tool")))
                call = ToolCall(".".join(filter(None, names)) or "a tool", _arguments(item.get("arguments")))
                error = mapping(item.get("error")).get("message")
                yield from (call, values.outcome(call, error, failed=failed))


def _arguments(arguments: object) -> str:
    return values.phrase(arguments) if isinstance(arguments, str) else values.main_argument(mapping(arguments))
