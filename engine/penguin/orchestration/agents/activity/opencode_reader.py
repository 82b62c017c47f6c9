"""The activities in the events of opencode."""

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
    Problem,
    RunContext,
    Thinking,
    ToolCall,
    UsageSoFar,
    Use,
)
from penguin.orchestration.agents.json_values import items, mapping, number

EDITS = {"edit": "edit", "patch": "edit", "multiedit": "edit", "write": "write"}
LOOKUPS = {
    "read": "read",
    "glob": "search",
    "grep": "search",
    "list": "list",
    "webfetch": "fetch",
    "websearch": "search",
    "codesearch": "search",
}


class OpenCodeReader:
    """See ActivityReader. opencode reports a tool when it has ended."""

    prints_only_events = True

    def __init__(self, context: RunContext) -> None:
        self._folder = context.folder
        self._turns = 0
        self._tokens = 0.0
        self._usd = 0.0

    def read(self, event: Mapping[str, Any]) -> list[Activity]:
        """Return the activities that an event reports."""
        return list(self._read(event))

    def _read(self, event: Mapping[str, Any]) -> Iterator[Activity]:
        part = mapping(event.get("part"))
        match event.get("type"):
            case "text":
                yield from values.message(part.get("text"))
            case "reasoning" if words := values.phrase(part.get("text")):
                yield Thinking(words)
            case "tool_use":
                yield from self._tool(part)
            case "step_finish":
                yield self._step_finished(part)
            case "error":
                yield Problem(_error_text(mapping(event.get("error"))))

    def _tool(self, part: Mapping[str, Any]) -> Iterator[Activity]:
        state = mapping(part.get("state"))
        use = self._use(values.string(part.get("tool")), state)
        yield use
        code = values.exit_code(mapping(state.get("metadata")).get("exit"))
        failed = state.get("status") == "error" or bool(code)
        output = values.string(state.get("output")) or state.get("error")
        yield values.outcome(use, output, failed=failed, exit_code=code)

    def _use(self, tool: str, state: Mapping[str, Any]) -> Use:
        arguments = mapping(state.get("input"))
        if tool in EDITS:
            path = arguments.get("filePath") or state.get("title")
            return Edit(values.relative_path(path, self._folder), EDITS[tool])
        if tool in LOOKUPS:
            return Lookup(LOOKUPS[tool], values.relative_path(values.main_argument(arguments), self._folder))
        if tool == "bash":
            return Command(values.phrase(arguments.get("command")))
        if tool == "todowrite":
            steps = items(arguments.get("todos"))
            return ToolCall("plan", values.plan_detail(steps, sum(s.get("status") == "completed" for s in steps)))
        return ToolCall(values.phrase(tool) or "a tool", values.main_argument(arguments))

    def _step_finished(self, part: Mapping[str, Any]) -> UsageSoFar | Finished:
        self._turns += 1
        self._tokens += used_tokens(mapping(part.get("tokens")))
        self._usd += number(part.get("cost"))
        used = values.usage(self._turns, self._tokens, self._usd)
        return Finished(False, "", used) if part.get("reason") == "stop" else UsageSoFar(used)


def used_tokens(counts: Mapping[str, Any]) -> float:
    """Return the tokens of one response."""
    cache = mapping(counts.get("cache"))
    parts = (counts.get("input"), counts.get("output"), counts.get("reasoning"), cache.get("read"), cache.get("write"))
    return number(counts.get("total")) or sum(map(number, parts))


def _error_text(error: Mapping[str, Any]) -> str:
    data = mapping(error.get("data"))
    words = values.error_phrase(data.get("message") or error.get("message")) or values.phrase(error.get("name"))
    status = int(number(data.get("statusCode")))
    return (words or "an error") + (f" (HTTP {status})" if status else "")
