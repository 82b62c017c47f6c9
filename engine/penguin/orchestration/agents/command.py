"""Any other program: its command line is in the settings, it reads the prompt, and its exit code says how it ended.

`{session}` in its words is the name of the conversation, which Penguin chooses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from penguin.orchestration.agents.adapter import (
    AgentCommand,
    AgentOutcome,
    AgentRequest,
    AgentTranscript,
    Message,
    ProcessExit,
)
from penguin.orchestration.agents.event_stream import read_json
from penguin.orchestration.agents.json_values import items, killed_outcome, last_line, mapping, retry_after, text
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import AgentSpec
from penguin.orchestration.core.results import Usage
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.files.text_lines import split_lines

LONGEST = 50_000_000
"""Bytes of a transcript that are read: its end."""
_SESSION = "{session}"
_ROLES = ("user", "assistant", "tool")


class CommandAgent:
    """See the module; one for each agent of the settings."""

    reports_running_total = False

    def __init__(self, spec: AgentSpec, workspace: Path) -> None:
        self.program = spec.command[0]
        self.install = f"agents.{spec.name}.command of penguin.yaml names it"
        self.can_resume = self.accepts_session_id = bool(spec.resume)
        self._spec = spec
        self._transcript = None if spec.transcript is None else workspace / spec.transcript

    def command(self, call: AgentRequest) -> AgentCommand:
        """How to start it."""
        words = self._spec.resume if call.session and self._spec.resume else self._spec.command
        session = call.session or call.new_session
        argv = tuple(word.replace(_SESSION, session) for word in (*words, *self._spec.args))
        return AgentCommand(argv, {}, call.prompt)

    def read_transcript(self, events: Iterable[Mapping[str, Any]], finish: ProcessExit) -> AgentTranscript:
        """What it printed, or wrote to its transcript."""
        printed = "\n".join(_output_line(event) for event in events).strip()
        messages = self._written() if self._transcript is not None else _messages(printed)
        answer = next((text(it.get("text")) for it in reversed(messages) if it["role"] == "assistant"), printed)
        return AgentTranscript("", tuple(messages), Usage(), self._ending(finish, printed), answer)

    def describe(self, event: Mapping[str, Any]) -> list[str]:
        """Each line as it is."""
        return split_lines(_output_line(event))

    def session_files(self, call: AgentRequest, session: str) -> list[Path]:
        """The transcript: what it goes on from."""
        there = self.can_resume and self._transcript is not None and self._transcript.is_file()
        return [self._transcript] if there and self._transcript is not None else []

    def restore(self, call: AgentRequest, session: str, files: Mapping[str, bytes]) -> None:
        """Put the transcript back where it is gone."""
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
        said = last_line(finish.stderr) or last_line(printed)
        reason = f"{name} ended with exit code {code}" + (f": {said}" if said else "")
        wait = retry_after(f"{finish.stderr}\n{printed[-2000:]}")
        match self._spec.exit_codes.get(code, "failed" if code else "passed"):
            case "passed":
                return AgentOutcome(Verdict.PASSED)
            case "failed":
                return AgentOutcome(Verdict.FAILED, reason, retry_after=wait)
            case "budget":
                return AgentOutcome(
                    Verdict.ERROR, reason, overspent=f"{name} used up a limit of its own (exit code {code})"
                )
            case "denied":
                return AgentOutcome(Verdict.ERROR, f"{name} was denied a tool (exit code {code})")
        return AgentOutcome(Verdict.ERROR, reason, retry_after=wait)


def _output_line(event: Mapping[str, Any]) -> str:
    """A line as it was; what Penguin's readers found to be JSON is JSON again."""
    if set(event) == {"text"} and isinstance(event["text"], str):
        return event["text"]
    return json.dumps(event, ensure_ascii=False, default=str)


def _messages(written: str) -> list[Message]:
    """A conversation: JSON, or a JSON object a line, of messages that have roles; else as it is, as one message."""
    found = [_message(it) for it in _objects(written) if it.get("role") in _ROLES]
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
