"""opencode: `opencode run --format json`.

It keeps all conversations of a person in one database, with credentials beside them. Penguin gives each attempt a
database of its own: that is what an exact copy of the conversation can be taken of, and put back, as a file.
opencode has no sandbox: it looks at the paths that a tool names, and a command may do anything it does not name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
from penguin.orchestration.agents.json_values import (
    error_text,
    failed_outcome,
    first_line,
    killed_outcome,
    last_line,
    mapping,
    number,
    text,
)
from penguin.orchestration.backend import ConfigError, Verdict, WorkflowError
from penguin.orchestration.core.results import Usage
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.files.text_lines import split_lines

DATABASE = "opencode.db"
LOG = f"{DATABASE}-wal"
"""What the database has not taken in yet: all of it, after a short run or a kill."""
AUTO = "auto"
RIGHTS = {"external_directory": "ask", "doom_loop": "ask"}
"""Nobody is there to be asked, so it is no, and the run ends; more than that stays as the person has set it."""
LOOKING = {"*": "deny", "read": "allow", "glob": "allow", "grep": "allow", "list": "allow"}
QUIET = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
HOMES = {"XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state"}
"""Folders of a home of its own. What it caches stays shared."""
DENIALS = ("rejected permission to use", "specified a rule which prevents you")
_SCHEMA = "Answer with one JSON value, and nothing before or after it, that has this JSON Schema:"


@dataclass(slots=True)
class _OpenCodeTranscript:
    """What the events told so far."""

    session: str = ""
    words: list[str] = field(default_factory=list)
    """What was said since the newest use of a tool."""
    failure: str = ""
    wait: float = 0.0
    denied: str = ""
    finish: str = ""
    """Why the newest answer of the model ended."""
    turns: int = 0
    tokens: float = 0.0
    usd: float = 0.0
    messages: list[Message] = field(default_factory=list)


class OpenCode:
    """See the module."""

    program = "opencode"
    install = "npm install -g opencode-ai"
    reports_running_total = False
    can_resume = True
    accepts_session_id = False

    def command(self, call: AgentRequest) -> AgentCommand:
        """How to start it. Makes the file of the attempt's database. Raises ConfigError for odd permissions."""
        spec = call.spec
        # A title of its own saves it from asking the model for one; the log tells why it waits, which no event does.
        argv = ["opencode", "run", "--format", "json", "--title", "Penguin", "--print-logs", "--log-level", "ERROR"]
        argv += ["-m", spec.model] if spec.model else []
        argv += ["-s", call.session] if call.session else []
        rights = _permissions(call)
        argv += ["--auto"] if rights is None else []
        database = call.run_dir / DATABASE
        _prepare_database(database)
        # It works where PWD says, wherever it was started.
        env = {**QUIET, "OPENCODE_DB": str(database), "PWD": str(call.workspace)}
        if rights is not None:
            env["OPENCODE_PERMISSION"] = json.dumps(rights)
        if call.home is not None:
            env |= {name: str(call.home / folder) for name, folder in HOMES.items()}
        schema = "" if call.schema is None else f"\n\n{_SCHEMA}\n{json.dumps(call.schema)}\n"
        return AgentCommand((*argv, *spec.args), env, call.prompt + schema)

    def read_transcript(self, events: Iterable[Mapping[str, Any]], finish: ProcessExit) -> AgentTranscript:
        """What it printed; usage is of this run."""
        story = _OpenCodeTranscript()
        for event in events:
            _apply_event(story, event)
        totals = Usage(story.turns, int(story.tokens), round(story.usd, 6))
        answer = "\n".join(story.words)
        return AgentTranscript(story.session, tuple(story.messages), totals, _outcome(story, finish), answer)

    def describe(self, event: Mapping[str, Any]) -> list[str]:
        """An event as lines that people read."""
        part = mapping(event.get("part"))
        match event.get("type"):
            case "text":
                return split_lines(text(part.get("text")))
            case "tool_use":
                message = _tool_message(part)
                failed_too = ["  failed"] if message.get("failed") else []
                output = [f"  {shown}" for shown in split_lines(message["output"])]
                return [f"{message['tool']}: {_tool_summary(part)}", *output, *failed_too]
            case "error":
                return [f"failed: {_error_message(event)}"]
            case None if "text" in event:
                return [text(event["text"])]
        return []

    def session_files(self, call: AgentRequest, session: str) -> list[Path]:
        """The attempt's database, in its parts."""
        paths = (call.run_dir / DATABASE, call.run_dir / LOG)
        return [path for path in paths if path.is_file() and path.stat().st_size]

    def restore(self, call: AgentRequest, session: str, files: Mapping[str, bytes]) -> None:
        """Give the attempt the database of an earlier one, unless it has one. Raises OSError, WorkflowError."""
        if DATABASE not in files or self.session_files(call, session):
            return
        make_private_folder(call.run_dir)
        for name in (LOG, DATABASE):
            if name in files:
                write_private(call.run_dir / name, files[name])
        _move_session(call.run_dir / DATABASE, session, call.workspace)


def _permissions(call: AgentRequest) -> Mapping[str, Any] | None:
    """What it may do, in the words of opencode's settings; None: everything."""
    if call.read_only:
        return LOOKING
    permissions = call.spec.permissions
    if permissions is None or permissions == AUTO:
        return RIGHTS if permissions is None else None
    try:
        rights = json.loads(permissions)
    except ValueError:
        rights = None
    if not isinstance(rights, dict):
        raise ConfigError(
            f"agents.{call.spec.name}.permissions: opencode knows no {permissions!r}",
            "write auto, or a JSON object as `permission` of opencode's settings has it, or leave it out",
        )
    return rights


def _prepare_database(database: Path) -> None:
    """SQLite gives its other files the mode that it finds."""
    make_private_folder(database.parent)
    if not database.exists():
        write_private(database, b"")


def _move_session(database: Path, session: str, workspace: Path) -> None:
    """opencode works in the folder where a conversation began, which may be elsewhere by now."""
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE session SET directory = ? WHERE id = ?", (str(workspace), session))
    except sqlite3.Error as error:
        raise WorkflowError(f"the conversation {session} of opencode can't be put back: {error}") from error


def _apply_event(story: _OpenCodeTranscript, event: Mapping[str, Any]) -> None:
    story.session = text(event.get("sessionID")) or story.session
    part = mapping(event.get("part"))
    match event.get("type"):
        case "text":
            words = text(part.get("text"))
            story.words.append(words)
            story.messages.append({"role": "assistant", "text": words})
        case "tool_use":
            story.words.clear()
            story.messages.append(_tool_message(part))
            problem = text(mapping(part.get("state")).get("error"))
            if any(denial in problem for denial in DENIALS):
                story.denied = f"{text(part.get('tool'))}: {_tool_summary(part)}"
        case "step_finish":
            story.finish = text(part.get("reason"))
            story.turns += 1
            story.tokens += _tokens(mapping(part.get("tokens")))
            story.usd += number(part.get("cost"))
        case "error":
            story.failure = _error_message(event)
            story.wait = _retry_delay(event)


def _tokens(counts: Mapping[str, Any]) -> float:
    cache = mapping(counts.get("cache"))
    parts = (counts.get("input"), counts.get("output"), counts.get("reasoning"), cache.get("read"), cache.get("write"))
    return number(counts.get("total")) or sum(map(number, parts))


def _tool_message(part: Mapping[str, Any]) -> Message:
    state = mapping(part.get("state"))
    wrong = state.get("status") == "error" or number(mapping(state.get("metadata")).get("exit")) > 0
    output = text(state.get("output") or state.get("error"))
    message: Message = {"role": "tool", "text": "", "tool": text(part.get("tool")), "input": _input(state)}
    return message | {"output": output} | ({"failed": True} if wrong else {})


def _input(state: Mapping[str, Any]) -> str:
    given = state.get("input")
    command = mapping(given).get("command")
    return command if isinstance(command, str) else text(given)


def _tool_summary(part: Mapping[str, Any]) -> str:
    """What a tool was asked for, in a line."""
    state = mapping(part.get("state"))
    path = mapping(state.get("input")).get("filePath")
    return first_line(state.get("title") or path or _input(state))


def _error_message(event: Mapping[str, Any]) -> str:
    error = mapping(event.get("error"))
    data = mapping(error.get("data"))
    words = (
        error_text(data.get("message") or error.get("message")) or text(error.get("name")) or "an error without words"
    )
    status = int(number(data.get("statusCode")))
    return f"{words} (HTTP {status})" if status else words


def _retry_delay(event: Mapping[str, Any]) -> float:
    headers = mapping(mapping(mapping(event.get("error")).get("data")).get("responseHeaders"))
    try:
        return number(float(text(headers.get("retry-after")) or 0))
    except ValueError:
        # A date, which nobody sends with what fails for good.
        return 0.0


def _outcome(story: _OpenCodeTranscript, finish: ProcessExit) -> AgentOutcome:
    complaint = _last_error(finish.stderr)
    if (cut := killed_outcome("opencode", finish, story.failure or complaint)) is not None:
        return cut
    if story.failure:
        ending = failed_outcome(f"opencode: {story.failure}")
        return AgentOutcome(ending.verdict, ending.reason, retry_after=story.wait or ending.retry_after)
    if finish.code:
        said = complaint or last_line(finish.stderr)
        return failed_outcome(f"opencode ended with exit code {finish.code}" + (f": {said}" if said else ""))
    if story.denied:
        return failed_outcome(f"opencode was denied a tool: {story.denied}")
    if story.finish != "stop":
        how = f"its last answer ended as {story.finish!r}" if story.finish else "it said nothing"
        return failed_outcome(f"opencode did not come to its end: {how}")
    return AgentOutcome(Verdict.PASSED)


def _last_error(stderr: str) -> str:
    """The newest error of its log."""
    errors = [entry for entry in split_lines(stderr) if 'error.error="' in entry]
    return first_line(errors[-1].partition('error.error="')[2].partition('"')[0]) if errors else ""
