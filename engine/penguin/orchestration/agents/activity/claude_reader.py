"""The activities in the events of Claude Code."""

from __future__ import annotations

import re
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
    Started,
    Subagent,
    Thinking,
    ToolCall,
    UsageSoFar,
    Use,
)
from penguin.orchestration.agents.activity.tool_uses import OpenToolUses
from penguin.orchestration.agents.claude_events import (
    SYNTHETIC,
    content_blocks,
    result_usage,
    used_tokens,
)
from penguin.orchestration.agents.json_values import items, mapping, number
from penguin.orchestration.core.usage import UsageTotals

MOST_RESPONSES = 1000
"""Responses of the model whose tokens are remembered: it reports those of one response several times."""
EDITS = {"Edit": "edit", "MultiEdit": "edit", "NotebookEdit": "edit", "Write": "write"}
LOOKUPS = {"Read": "read", "Glob": "search", "Grep": "search", "LS": "list", "WebFetch": "fetch", "WebSearch": "search"}
MOST_ERRORS = 5
"""Errors of a result that are shown."""
_EXIT_CODE = re.compile(r"Exit code (\d{1,9})\n?")

Event = Mapping[str, Any]


class ClaudeReader:
    """See ActivityReader."""

    prints_only_events = True

    def __init__(self, context: RunContext) -> None:
        self._folder = context.folder
        self._uses = OpenToolUses()
        self._tokens: dict[str, int] = {}
        """Tokens by response of the model."""
        self._spoke = False
        self._turns = 0
        self._sum = 0
        self._results = UsageTotals()

    def read(self, event: Event) -> list[Activity]:
        """Return the activities that an event reports."""
        found = list(self._read(event))
        if event.get("parent_tool_use_id") is None:
            return found
        return [activity if isinstance(activity, UsageSoFar | Subagent) else Subagent(activity) for activity in found]

    def _read(self, event: Event) -> Iterator[Activity]:
        match event.get("type"):
            case "system":
                yield from self._system(event)
            case "assistant":
                yield from self._assistant(mapping(event.get("message")))
            case "user":
                for block in content_blocks(mapping(event.get("message"))):
                    if block.get("type") == "tool_result":
                        yield from self._tool_result(block)
            case "result":
                yield from self._result(event)
            case "rate_limit_event" if mapping(event.get("rate_limit_info")).get("status") == "rejected":
                yield Problem("the account's rate limit is reached")

    def _system(self, event: Event) -> Iterator[Activity]:
        match event.get("subtype"):
            case "init":
                self._folder = values.string(event.get("cwd")) or self._folder
                version = values.phrase(event.get("claude_code_version"))
                yield Started(f"claude {version}".rstrip(), values.phrase(event.get("model")))
            case "api_retry":
                status = event.get("error_status")
                shown = f" (HTTP {status})" if isinstance(status, int) else ""
                wait = number(event.get("retry_delay_ms")) / 1000
                yield Problem(f"{values.phrase(event.get('error')) or 'error'}{shown}: retrying in {wait:.1f} s")
            case "permission_denied":
                yield Problem(f"denied: {values.phrase(event.get('message'))}")

    def _assistant(self, message: Event) -> Iterator[Activity]:
        if message.get("model") == SYNTHETIC:
            # The result repeats this error.
            return
        is_new_turn = self._count(message)
        for block in content_blocks(message):
            match block.get("type"):
                case "text":
                    self._spoke = True
                    yield from values.message(block.get("text"))
                case "thinking" if words := values.phrase(block.get("thinking")):
                    yield Thinking(words)
                case "tool_use":
                    use = self._use(values.string(block.get("name")), mapping(block.get("input")))
                    self._uses.start(values.string(block.get("id")), use)
                    yield use
        if is_new_turn:
            yield UsageSoFar(values.usage(self._turns, self._sum))

    def _count(self, message: Event) -> bool:
        """Add the tokens of a response, and return whether it is a new one."""
        response, tokens = values.string(message.get("id")), used_tokens(mapping(message.get("usage")))
        before = self._tokens.pop(response, None)
        self._sum += tokens - (before or 0)
        self._turns += before is None
        if len(self._tokens) >= MOST_RESPONSES:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[response] = tokens
        return before is None

    def _use(self, tool: str, arguments: Event) -> Use:
        if tool in EDITS:
            path = arguments.get("file_path") or arguments.get("notebook_path")
            return Edit(values.relative_path(path, self._folder), EDITS[tool])
        if tool in LOOKUPS:
            subject = values.main_argument(arguments)
            return Lookup(LOOKUPS[tool], values.relative_path(subject, self._folder))
        if tool == "Bash":
            return Command(values.phrase(arguments.get("command")))
        if tool == "TodoWrite":
            steps = items(arguments.get("todos"))
            return ToolCall("plan", values.plan_detail(steps, sum(s.get("status") == "completed" for s in steps)))
        return ToolCall(values.phrase(tool) or "a tool", values.main_argument(arguments))

    def _tool_result(self, block: Event) -> Iterator[Outcome]:
        use = self._uses.end(values.string(block.get("tool_use_id")))
        if use is None:
            return
        output, code = _output(block.get("content")), None
        failed = block.get("is_error") is True
        if failed and isinstance(use, Command) and (match := _EXIT_CODE.match(output)):
            output, code = output[match.end() :], int(match[1])
        yield values.outcome(use, output, failed=failed, exit_code=code)

    def _result(self, event: Event) -> Iterator[Activity]:
        failed = event.get("is_error") is not False
        if not failed and not self._spoke:
            # The output of some runs has only the result.
            yield from values.message(event.get("result"))
        if denied := {values.phrase(item.get("tool_name")) for item in items(event.get("permission_denials"))}:
            yield Problem(f"denied: {', '.join(sorted(denied)[:MOST_ERRORS])}")
        used = result_usage(event)
        self._results = self._results.plus(values.usage(used.turns, used.tokens, used.usd))
        total = self._results._replace(turns=self._turns or self._results.turns)
        yield Finished(failed, _reason(event) if failed else "", total)


def _output(content: object) -> str:
    """Return a tool's output, given as text or as a list of text blocks."""
    return "\n".join(map(values.string, (block.get("text") for block in content_blocks({"content": content}))))


def _reason(result: Event) -> str:
    errors = result.get("errors")
    words = [values.phrase(error) for error in (errors if isinstance(errors, list) else [])[:MOST_ERRORS]]
    words += [values.phrase(result.get("result"))]
    return values.phrase(" ".join(filter(None, words))) or values.phrase(result.get("subtype")) or "an error"
