"""The activities in the output of a custom agent: plain text, or JSON objects with roles or tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penguin.orchestration.agents.activity import values
from penguin.orchestration.agents.activity.activities import (
    Activity,
    Command,
    OtherEvent,
    Problem,
    RunContext,
    ToolCall,
    Use,
)
from penguin.orchestration.agents.activity.tool_uses import OpenToolUses
from penguin.orchestration.agents.json_values import mapping

TOOL_NAMES = ("tool", "tool_name", "name")
TOOL_IDS = ("tool_id", "tool_use_id", "tool_call_id", "id")
ARGUMENTS = ("input", "parameters", "arguments", "args")


class CustomReader:
    """See ActivityReader. It reads what programs commonly print, and names other events."""

    prints_only_events = False

    def __init__(self, context: RunContext) -> None:
        self._uses = OpenToolUses()

    def read(self, event: Mapping[str, Any]) -> list[Activity]:
        """Return the activities that an event reports."""
        return list(self._read(event))

    def _read(self, event: Mapping[str, Any]) -> Iterator[Activity]:
        kind = values.string(event.get("type"))
        if event.get("role") == "user":
            return
        if event.get("role") == "assistant":
            yield from values.message(_first(event, "text", "content"))
        elif event.get("role") == "tool" or kind in ("tool_use", "tool_call"):
            yield from self._tool(event)
        elif kind == "tool_result":
            yield from self._result(event)
        elif kind == "error" or "error" in event:
            error = event.get("error")
            yield Problem(
                values.error_phrase(mapping(error).get("message") or event.get("message") or error) or "an error"
            )
        else:
            yield OtherEvent(values.phrase(kind) or "without a type")

    def _tool(self, event: Mapping[str, Any]) -> Iterator[Activity]:
        arguments = _first(event, *ARGUMENTS)
        tool = values.phrase(_first(event, *TOOL_NAMES)) or "a tool"
        command = values.phrase(mapping(arguments).get("command"))
        detail = values.phrase(arguments) or values.main_argument(mapping(arguments))
        use: Use = Command(command) if command else ToolCall(tool, detail)
        yield use
        if "output" in event:
            yield values.outcome(use, event.get("output"), failed=event.get("failed") is True)
        else:
            self._uses.start(values.string(_first(event, *TOOL_IDS)), use)

    def _result(self, event: Mapping[str, Any]) -> Iterator[Activity]:
        use = self._uses.end(values.string(_first(event, *TOOL_IDS)))
        if use is not None:
            failed = event.get("is_error") is True or event.get("status") in ("error", "failed")
            yield values.outcome(use, _first(event, "output", "content"), failed=failed)


def _first(event: Mapping[str, Any], *names: str) -> object:
    """Return the first of these values that the event has."""
    return next((event[name] for name in names if event.get(name) is not None), None)
