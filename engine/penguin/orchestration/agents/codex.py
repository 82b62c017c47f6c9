"""OpenAI's Codex: `codex exec --json`.

Codex runs commands in its own sandbox. They can write to the workspace and to the folders for temporary files, and have
no network. A command that the sandbox stops is not reported as an event: the model sees the error and continues.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penguin.orchestration.agents.activity.activities import ActivityReader, RunContext
from penguin.orchestration.agents.activity.codex_reader import CodexReader
from penguin.orchestration.agents.adapter import (
    AgentCommand,
    AgentOutcome,
    AgentRequest,
    AgentTranscript,
    Message,
    ProcessExit,
)
from penguin.orchestration.agents.json_lines import lines_of, read_json
from penguin.orchestration.agents.json_values import (
    error_text,
    failed_outcome,
    first_line,
    items,
    killed_outcome,
    last_line,
    mapping,
    number,
    text,
)
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.results import Usage
from penguin.orchestration.files.permissions import make_private_folder, write_private

SANDBOX = "workspace-write"
READ_ONLY = "read-only"
SCHEMA = "answer.schema.json"
QUIET = ("check_for_update_on_startup=false", "analytics.enabled=false")
_ROLLOUT = re.compile(r"rollout-(\d{4})-(\d\d)-(\d\d)T[\w.-]+\.jsonl")
_DECLINED = "declined"


@dataclass(slots=True)
class _CodexTranscript:
    """What the events reported up to now."""

    session: str = ""
    answer: str = ""
    problem: str = ""
    """The newest error; Codex may have recovered from it."""
    failure: str = ""
    """Why the turn failed."""
    denied: str = ""
    completed: bool = False
    tokens: int = 0
    messages: list[Message] = field(default_factory=list)
    running: dict[str, Message] = field(default_factory=dict)
    """Tools that have started and not ended."""


class Codex:
    """The adapter; see Adapter."""

    program = "codex"
    install = "npm install -g @openai/codex"
    reports_running_total = True
    can_resume = True
    accepts_session_id = False

    def command(self, call: AgentRequest) -> AgentCommand:
        """Return the command. Write the schema of the answer, if any, to the attempt's folder."""
        spec = call.spec
        sandbox = READ_ONLY if call.read_only else spec.permissions or SANDBOX
        # `resume` has no option -s. The setting has the same effect for both.
        settings = (*QUIET, 'approval_policy="never"', f"sandbox_mode={json.dumps(sandbox)}")
        argv = ["codex", "exec", *(["resume"] if call.session else []), "--json", "--skip-git-repo-check"]
        argv += [word for setting in settings for word in ("-c", setting)]
        argv += ["-m", spec.model] if spec.model else []
        if call.schema is not None:
            schema = call.run_dir / SCHEMA
            make_private_folder(schema.parent)
            write_private(schema, json.dumps(call.schema).encode())
            argv += ["--output-schema", str(schema)]
        argv += [*spec.args, *([call.session] if call.session else []), "-"]
        if call.home is not None:
            # Codex refuses to start if its folder is missing.
            make_private_folder(call.home)
        env = {} if call.home is None else {"CODEX_HOME": str(call.home)}
        return AgentCommand(tuple(argv), env, call.prompt)

    def read_transcript(self, events: Iterable[Mapping[str, Any]], finish: ProcessExit) -> AgentTranscript:
        """Parse the output. Tokens are those of the whole conversation; Codex reports no price."""
        transcript = _CodexTranscript()
        for event in events:
            _apply_event(transcript, event)
        for message in transcript.running.values():
            transcript.messages.append({**message, "failed": True})
        turns = sum(message["role"] == "tool" for message in transcript.messages) + transcript.completed
        totals = Usage(turns=turns, tokens=transcript.tokens)
        return AgentTranscript(
            transcript.session, tuple(transcript.messages), totals, _outcome(transcript, finish), transcript.answer
        )

    def activity_reader(self, context: RunContext) -> ActivityReader:
        """Return a new reader of the activities of one run."""
        return CodexReader(context)

    def session_files(self, call: AgentRequest, session: str) -> list[Path]:
        """Return the file that records the conversation."""
        return (
            sorted(_sessions_folder(call).glob(f"*/*/*/rollout-*-{session}.jsonl")) if _is_session_id(session) else []
        )

    def restore(self, call: AgentRequest, session: str, files: Mapping[str, bytes]) -> None:
        """Write the file that records the conversation, unless one exists."""
        if self.session_files(call, session):
            return
        for name, data in files.items():
            if (day := _ROLLOUT.fullmatch(name)) is not None:
                folder = _sessions_folder(call) / day[1] / day[2] / day[3]
                make_private_folder(folder)
                write_private(folder / name, data)

    def recorded_usage(self, call: AgentRequest, session: str) -> Usage | None:
        """Return the recorded usage of the whole conversation, also during a run and after it was killed."""
        found = [_read_usage(path) for path in self.session_files(call, session)]
        return found[-1] if found else None


def _sessions_folder(call: AgentRequest) -> Path:
    home = call.home
    if home is None:
        own = call.env.get("CODEX_HOME")
        home = Path(own) if own else Path(call.env.get("HOME") or Path.home()) / ".codex"
    return home / "sessions"


def _is_session_id(session: str) -> bool:
    """Return whether a conversation can have this name. It becomes part of a glob pattern."""
    return re.fullmatch(r"[\w-]+", session) is not None


def _read_usage(path: Path) -> Usage:
    turns, tokens = 0, 0.0
    for record in _records(path):
        payload = mapping(record.get("payload"))
        if record.get("type") == "token_usage_record":
            turns += 1
        elif payload.get("type") == "token_count":
            total = mapping(mapping(payload.get("info")).get("total_token_usage"))
            tokens = number(total.get("input_tokens")) + number(total.get("output_tokens")) or tokens
    return Usage(turns=turns, tokens=int(tokens))


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for raw in lines_of(file):
            # Skip the other records: they can be megabytes of messages.
            if b'"token_usage_record"' not in raw and b'"token_count"' not in raw:
                continue
            try:
                yield mapping(read_json(raw))
            except ValueError:
                # The last line is incomplete during a run, and after one that was killed.
                continue


def _apply_event(transcript: _CodexTranscript, event: Mapping[str, Any]) -> None:
    match event.get("type"):
        case "thread.started":
            transcript.session = text(event.get("thread_id"))
        case "item.started" | "item.updated":
            _item_started(transcript, mapping(event.get("item")))
        case "item.completed":
            _item_completed(transcript, mapping(event.get("item")))
        case "error":
            transcript.problem = error_text(event.get("message"))
        case "turn.failed":
            transcript.failure = error_text(mapping(event.get("error")).get("message")) or "the turn failed"
        case "turn.completed":
            transcript.completed, transcript.failure = True, ""
            transcript.tokens = _tokens(event)


def _tokens(event: Mapping[str, Any]) -> int:
    usage = mapping(event.get("usage"))
    return int(number(usage.get("input_tokens")) + number(usage.get("output_tokens")))


def _item_started(transcript: _CodexTranscript, item: Mapping[str, Any]) -> None:
    message = _tool_message(item)
    if message is not None:
        transcript.running[text(item.get("id"))] = message


def _item_completed(transcript: _CodexTranscript, item: Mapping[str, Any]) -> None:
    transcript.running.pop(text(item.get("id")), None)
    if item.get("type") == "agent_message":
        transcript.answer = text(item.get("text"))
        transcript.messages.append({"role": "assistant", "text": transcript.answer})
    elif (message := _tool_message(item)) is not None:
        transcript.messages.append(message)
        if item.get("status") == _DECLINED:
            transcript.denied = f"{message['tool']}: {first_line(message['input'])}"


def _tool_message(item: Mapping[str, Any]) -> Message | None:
    """Return a use of a tool as an entry of the conversation; None: the item is not a tool."""
    output: object = ""
    match item.get("type"):
        case "command_execution":
            tool, arguments, output = "shell", text(item.get("command")), item.get("aggregated_output")
        case "file_change":
            tool = "edit"
            arguments = "\n".join(
                f"{text(change.get('kind'))} {text(change.get('path'))}" for change in items(item.get("changes"))
            )
        case "mcp_tool_call":
            tool = f"{text(item.get('server'))}.{text(item.get('tool'))}"
            arguments, output = text(item.get("arguments")), item.get("result") or item.get("error")
        case "web_search":
            tool, arguments = "web search", text(item.get("query"))
        case _:
            return None
    message: Message = {"role": "tool", "text": "", "tool": tool, "input": arguments, "output": text(output)}
    return message | ({"failed": True} if item.get("status") in ("failed", _DECLINED) else {})


def _outcome(transcript: _CodexTranscript, finish: ProcessExit) -> AgentOutcome:
    if (cut := killed_outcome("codex", finish, transcript.problem)) is not None:
        return cut
    if transcript.failure:
        return failed_outcome(f"codex: {transcript.failure}")
    if finish.code:
        detail = last_line(finish.stderr) or transcript.problem
        return failed_outcome(f"codex ended with exit code {finish.code}" + (f": {detail}" if detail else ""))
    if not transcript.completed:
        return failed_outcome(
            "codex ended without completing its turn" + (f": {transcript.problem}" if transcript.problem else "")
        )
    if transcript.denied:
        return failed_outcome(f"codex was denied a tool: {transcript.denied}")
    return AgentOutcome(Verdict.PASSED)
