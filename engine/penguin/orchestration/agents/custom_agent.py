"""A custom agent: a command line in the settings that reads the prompt and reports its result by exit code.

`{session}` in an argument is replaced by the name of the conversation, which Penguin chooses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from penguin.orchestration.agents.activity.activities import ActivityReader, RunContext
from penguin.orchestration.agents.activity.custom_reader import CustomReader
from penguin.orchestration.agents.adapter import (
    AgentCommand,
    AgentOutcome,
    AgentRequest,
    AgentTranscript,
    Message,
    ProcessExit,
)
from penguin.orchestration.agents.json_lines import read_json
from penguin.orchestration.agents.json_values import items, killed_outcome, last_line, mapping, retry_after, text
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import AgentSpec
from penguin.orchestration.core.results import Usage
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.files.text_lines import split_lines

LONGEST = 50_000_000
"""Bytes at the end of a transcript that are read."""
_SESSION = "{session}"
_ROLES = ("user", "assistant", "tool")


class CommandAgent:
    """The adapter of one agent of the settings."""

    reports_running_total = False

    def __init__(self, spec: AgentSpec, workspace: Path) -> None:
        self.program = spec.command[0]
        self.install = f"agents.{spec.name}.command in penguin.yaml"
        self.can_resume = self.accepts_session_id = bool(spec.resume)
        self._spec = spec
        self._transcript = None if spec.transcript is None else workspace / spec.transcript

    def command(self, call: AgentRequest) -> AgentCommand:
        """Return the command."""
        words = self._spec.resume if call.session and self._spec.resume else self._spec.command
        session = call.session or call.new_session
        argv = tuple(word.replace(_SESSION, session) for word in (*words, *self._spec.args))
        return AgentCommand(argv, {}, call.prompt)

    def read_transcript(self, events: Iterable[Mapping[str, Any]], finish: ProcessExit) -> AgentTranscript:
        """Parse the output, or the transcript that the agent wrote."""
        printed = "\n".join(_output_line(event) for event in events).strip()
        messages = self._written() if self._transcript is not None else _messages(printed)
        answer = next(
            (text(entry.get("text")) for entry in reversed(messages) if entry["role"] == "assistant"), printed
        )
        return AgentTranscript("", tuple(messages), Usage(), self._ending(finish, printed), answer)

    def activity_reader(self, context: RunContext) -> ActivityReader:
        """Return a new reader of the activities of one run."""
        return CustomReader(context)

    def session_files(self, call: AgentRequest, session: str) -> list[Path]:
        """Return the transcript, from which the agent continues."""
        exists = self.can_resume and self._transcript is not None and self._transcript.is_file()
        return [self._transcript] if exists and self._transcript is not None else []

    def restore(self, call: AgentRequest, session: str, files: Mapping[str, bytes]) -> None:
        """Write the transcript, unless it exists."""
        path = self._transcript
        if path is not None and path.name in files and not path.exists():
            make_private_folder(path.parent)
            write_private(path, files[path.name])

    def _written(self) -> list[Message]:
        assert self._transcript is not None
        try:
            with self._transcript.open("rb") as file:
                file.seek(max(0, self._transcript.stat().st_size - LONGEST))
                return _messages(file.read().decode("utf-8", "replace").strip())
        except FileNotFoundError:
            return []

    def _ending(self, finish: ProcessExit, printed: str) -> AgentOutcome:
        name = self._spec.name
        if (cut := killed_outcome(name, finish, "")) is not None:
            return cut
        code = finish.code or 0
        detail = last_line(finish.stderr) or last_line(printed)
        reason = f"{name} ended with exit code {code}" + (f": {detail}" if detail else "")
        wait = retry_after(f"{finish.stderr}\n{printed[-2000:]}")
        match self._spec.exit_codes.get(code, "failed" if code else "passed"):
            case "passed":
                return AgentOutcome(Verdict.PASSED)
            case "failed":
                return AgentOutcome(Verdict.FAILED, reason, retry_after=wait)
            case "budget":
                return AgentOutcome(Verdict.ERROR, reason, overspent=f"{name} reached its own limit (exit code {code})")
            case "denied":
                return AgentOutcome(Verdict.ERROR, f"{name} was denied a tool (exit code {code})")
        return AgentOutcome(Verdict.ERROR, reason, retry_after=wait)


def _output_line(event: Mapping[str, Any]) -> str:
    """Return the printed line; an event that was parsed from JSON is JSON again."""
    if set(event) == {"text"} and isinstance(event["text"], str):
        return event["text"]
    return json.dumps(event, ensure_ascii=False, default=str)


def _messages(written: str) -> list[Message]:
    """Parse a conversation: a JSON document or one JSON object a line, with roles. Other text is one message."""
    found = [_message(entry) for entry in _objects(written) if entry.get("role") in _ROLES]
    if found or not written:
        return found
    return [{"role": "assistant", "text": written}]


def _objects(written: str) -> Iterator[Mapping[str, Any]]:
    try:
        whole = read_json(written)
    except ValueError:
        yield from _lines(written)
        return
    yield from items(whole) or items(mapping(whole).get("messages")) or items([whole])


def _lines(written: str) -> Iterator[Mapping[str, Any]]:
    for raw in split_lines(written):
        try:
            yield mapping(read_json(raw))
        except ValueError:
            continue


def _message(entry: Mapping[str, Any]) -> Message:
    words = text(entry.get("text") or entry.get("content"))
    if entry["role"] != "tool":
        return {"role": entry["role"], "text": words}
    used: Message = {"role": "tool", "text": "", "tool": text(entry.get("tool") or entry.get("name"))}
    used |= {"input": text(entry.get("input")), "output": text(entry.get("output")) or words}
    return used | ({"failed": True} if entry.get("failed") else {})
