"""The events of Claude Code, parsed into a transcript."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penguin.orchestration.agents.adapter import AgentOutcome, AgentTranscript, Message, ProcessExit
from penguin.orchestration.agents.json_values import LONGEST_WAIT, items, last_line, mapping, number, text
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.results import Usage

LIMITED = (429, 529)
"""HTTP statuses of a rate limit and of an overloaded service."""
AT_LEAST = 60.0
"""Seconds. Claude Code waits by itself for a shorter limit. For a longer one it fails at once and does not report the
length."""
CAPS = ("error_max_turns", "error_max_budget_usd")
SYNTHETIC = "<synthetic>"
"""The model of the messages that Claude Code writes itself to report an error."""

Event = Mapping[str, Any]


def read_transcript(events: Iterable[Event], finish: ProcessExit) -> AgentTranscript:
    """Parse the events of a run. Unknown events are ignored."""
    transcript = _ClaudeTranscript()
    for event in events:
        transcript.add(event)
    return AgentTranscript(
        transcript.session, transcript.messages, transcript.usage(), _outcome(transcript, finish), transcript.answer()
    )


@dataclass
class _ClaudeTranscript:
    """What the events reported up to now."""

    session: str = ""
    messages: list[Message] = field(default_factory=list)
    results: list[Event] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=dict)
    """Tokens by response of the model, used until there is a result."""
    retry_after: float = 0.0
    uses: dict[str, Message] = field(default_factory=dict)
    """Uses of tools by id."""

    def add(self, event: Event) -> None:
        kind = event.get("type")
        # Before its first response there is no conversation to resume. One that can't be resumed gets a new name.
        if kind in ("assistant", "user") or (kind == "result" and event.get("is_error") is False):
            self.session = self.session or text(event.get("session_id"))
        match kind:
            case "assistant":
                self._assistant(event)
            case "user":
                self._user(event)
            case "result":
                self.results.append(event)
            case "system" if event.get("subtype") == "api_retry" and event.get("error_status") in LIMITED:
                self.retry_after = number(event.get("retry_delay_ms")) / 1000
            case "rate_limit_event":
                self._limit(mapping(event.get("rate_limit_info")))

    def _assistant(self, event: Event) -> None:
        message = mapping(event.get("message"))
        if message.get("model") == SYNTHETIC:
            return
        self.retry_after = 0.0
        self.spent[text(message.get("id"))] = used_tokens(mapping(message.get("usage")))
        # Messages of subagents do not belong to this conversation.
        if event.get("parent_tool_use_id") is not None:
            return
        for block in content_blocks(message):
            if block.get("type") == "text":
                self.messages.append({"role": "assistant", "text": text(block.get("text"))})
            elif block.get("type") == "tool_use":
                use: Message = {"role": "tool", "text": "", "tool": text(block.get("name"))}
                use |= {"input": block.get("input"), "output": ""}
                self.uses[text(block.get("id"))] = use
                self.messages.append(use)

    def _user(self, event: Event) -> None:
        if event.get("parent_tool_use_id") is not None:
            return
        for block in content_blocks(mapping(event.get("message"))):
            if block.get("type") == "text":
                self.messages.append({"role": "user", "text": text(block.get("text"))})
            elif block.get("type") == "tool_result":
                use = self.uses.get(text(block.get("tool_use_id")))
                if use is not None:
                    use["output"] = _tool_output(block.get("content"))
                    if block.get("is_error") is True:
                        use["failed"] = True

    def _limit(self, info: Event) -> None:
        if info.get("status") == "rejected":
            self.retry_after = min(max(number(info.get("resetsAt")) - time.time(), 0.0), LONGEST_WAIT)

    def usage(self) -> Usage:
        """Return the usage of this run.

        Without a result, it is the sum of the responses: too low, and without a price.
        """
        if not self.results:
            return Usage(len(self.spent), sum(self.spent.values()))
        total = sum((result_usage(result) for result in self.results), Usage())
        # Claude Code counts one turn more if it stopped in the middle of one.
        return Usage(len(self.spent) or total.turns, total.tokens, total.usd)

    def answer(self) -> str:
        """Return the last message, as JSON if a schema was requested."""
        last = self.results[-1] if self.results else {}
        if last.get("structured_output") is not None:
            return json.dumps(last["structured_output"], ensure_ascii=False)
        if last.get("is_error") is False and text(last.get("result")):
            return text(last.get("result"))
        texts = (message["text"] for message in reversed(self.messages) if message["role"] == "assistant")
        return next(texts, "")


def result_usage(result: Event) -> Usage:
    """Return the usage of one result.

    Totals of a conversation are wrong after a kill, so prefer the increment if given.
    """
    turns = int(number(result.get("num_turns"))) if result.get("is_error") is False else 0
    new = result.get("model_usage_since_last_result")
    if not isinstance(new, Mapping):
        return Usage(turns, used_tokens(mapping(result.get("usage"))), number(result.get("total_cost_usd")))
    models = [mapping(model) for model in new.values()]
    names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    tokens = sum(int(number(model.get(name))) for model in models for name in names)
    return Usage(turns, tokens, round(sum(number(model.get("costUSD")) for model in models), 6))


def _outcome(transcript: _ClaudeTranscript, finish: ProcessExit) -> AgentOutcome:
    if finish.cause is not None or not transcript.results:
        return AgentOutcome(Verdict.ERROR, _missing_result_reason(finish))
    last = transcript.results[-1]
    if last.get("subtype") in CAPS:
        detail = _result_message(last) or text(last.get("subtype"))
        return AgentOutcome(Verdict.ERROR, f"claude ended: {detail}", overspent=f"claude ended: {detail}")
    if last.get("is_error") is not False:
        return _failed_outcome(last, transcript.retry_after)
    if denied := _denied_tools(transcript.results):
        return AgentOutcome(Verdict.ERROR, f"claude was denied {denied}")
    if finish.code != 0:
        return AgentOutcome(Verdict.ERROR, _missing_result_reason(finish))
    return AgentOutcome(Verdict.PASSED)


def _failed_outcome(result: Event, retry_after: float) -> AgentOutcome:
    status = result.get("api_error_status")
    detail = _result_message(result) or text(result.get("subtype")) or "an error"
    shown = f" (HTTP {status})" if isinstance(status, int) and str(status) not in detail else ""
    wait = (retry_after or AT_LEAST) if status in LIMITED else 0.0
    return AgentOutcome(Verdict.ERROR, f"claude failed: {detail}{shown}", retry_after=wait)


def _result_message(result: Event) -> str:
    """Return the error text of a result as one line."""
    errors = result.get("errors")
    words = [text(error) for error in errors] if isinstance(errors, list) else []
    return " ".join(" ".join([*words, text(result.get("result"))]).split())


def _denied_tools(results: list[Event]) -> str:
    """Return the tools that were denied, each once."""
    denials = [denial for result in results for denial in items(result.get("permission_denials"))]
    counts = Counter(text(denial.get("tool_name")) or "a tool" for denial in denials)
    return ", ".join(f"{name} ({count} times)" if count > 1 else name for name, count in counts.items())


def _missing_result_reason(finish: ProcessExit) -> str:
    if finish.cause is not None:
        return f"claude was stopped: {finish.cause}"
    code = finish.code
    how = "" if code is None else f" by signal {-code}" if code < 0 else f" with exit code {code}"
    detail = last_line(finish.stderr)
    return f"claude ended{how}" + (f": {detail}" if detail else " without a result")


def used_tokens(usage: Event) -> int:
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(int(number(usage.get(name))) for name in names)


def content_blocks(message: Event) -> list[Event]:
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else items(content)


def _tool_output(content: object) -> str:
    """Return a tool's output, given as text or as a list of text blocks."""
    return content if isinstance(content, str) else "\n".join(text(block.get("text")) for block in items(content))
