"""opencode: `opencode run --format json`.

opencode keeps all conversations of a user in one database, next to credentials. Penguin gives each attempt a database
of its own, which can be copied and restored as a file. opencode has no sandbox: it checks the paths that a tool call
names, and a command can access any other path.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penguin.orchestration.agents.activity.activities import ActivityReader, RunContext
from penguin.orchestration.agents.activity.opencode_reader import OpenCodeReader, used_tokens
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
"""The write-ahead log: it holds all data after a short run or a kill."""
AUTO = "auto"
RIGHTS = {"external_directory": "ask", "doom_loop": "ask"}
"""There is no user to ask, so the answer is no and the run ends. Other permissions stay as the user has set them."""
LOOKING = {"*": "deny", "read": "allow", "glob": "allow", "grep": "allow", "list": "allow"}
QUIET = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
HOMES = {"XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state"}
"""The folders inside a configuration folder of its own. The cache stays shared."""
DENIALS = ("rejected permission to use", "specified a rule which prevents you")
_SCHEMA = "Answer with one JSON value, and nothing before or after it, that has this JSON Schema:"


@dataclass(slots=True)
class _OpenCodeTranscript:
    """What the events reported up to now."""

    session: str = ""
    words: list[str] = field(default_factory=list)
    """The messages since the newest use of a tool."""
    failure: str = ""
    wait: float = 0.0
    denied: str = ""
    finish: str = ""
    """Why the newest response of the model ended."""
    turns: int = 0
    tokens: float = 0.0
    usd: float = 0.0
    messages: list[Message] = field(default_factory=list)


class OpenCode:
    """The adapter; see Adapter."""

    program = "opencode"
    install = "npm install -g opencode-ai"
    reports_running_total = False
    can_resume = True
    accepts_session_id = False

    def command(self, call: AgentRequest) -> AgentCommand:
        """Return the command. Create the attempt's database. Raises ConfigError for invalid permissions."""
        spec = call.spec
        # A given title saves a request to the model. Only the log tells why opencode waits.
        argv = ["opencode", "run", "--format", "json", "--title", "Penguin", "--print-logs", "--log-level", "ERROR"]
        argv += ["-m", spec.model] if spec.model else []
        argv += ["-s", call.session] if call.session else []
        rights = _permissions(call)
        argv += ["--auto"] if rights is None else []
        database = call.run_dir / DATABASE
        _prepare_database(database)
        # opencode works in the folder that PWD names, not in the current one.
        env = {**QUIET, "OPENCODE_DB": str(database), "PWD": str(call.workspace)}
        if rights is not None:
            env["OPENCODE_PERMISSION"] = json.dumps(rights)
        if call.home is not None:
            env |= {name: str(call.home / folder) for name, folder in HOMES.items()}
        schema = "" if call.schema is None else f"\n\n{_SCHEMA}\n{json.dumps(call.schema)}\n"
        return AgentCommand((*argv, *spec.args), env, call.prompt + schema)

    def read_transcript(self, events: Iterable[Mapping[str, Any]], finish: ProcessExit) -> AgentTranscript:
        """Parse the output. Usage is that of this run."""
        transcript = _OpenCodeTranscript()
        for event in events:
            _apply_event(transcript, event)
        totals = Usage(transcript.turns, int(transcript.tokens), round(transcript.usd, 6))
        answer = "\n".join(transcript.words)
        return AgentTranscript(
            transcript.session, tuple(transcript.messages), totals, _outcome(transcript, finish), answer
        )

    def activity_reader(self, context: RunContext) -> ActivityReader:
        """Return a new reader of the activities of one run."""
        return OpenCodeReader(context)

    def session_files(self, call: AgentRequest, session: str) -> list[Path]:
        """Return the files of the attempt's database."""
        paths = (call.run_dir / DATABASE, call.run_dir / LOG)
        return [path for path in paths if path.is_file() and path.stat().st_size]

    def restore(self, call: AgentRequest, session: str, files: Mapping[str, bytes]) -> None:
        """Restore the database of an earlier attempt, unless this attempt has one. Raises OSError, WorkflowError."""
        if DATABASE not in files or self.session_files(call, session):
            return
        make_private_folder(call.run_dir)
        for name in (LOG, DATABASE):
            if name in files:
                write_private(call.run_dir / name, files[name])
        _move_session(call.run_dir / DATABASE, session, call.workspace)


def _permissions(call: AgentRequest) -> Mapping[str, Any] | None:
    """Return the permissions in the format of opencode's settings; None: everything is allowed."""
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
            f"agents.{call.spec.name}.permissions: invalid value {permissions!r}",
            "use auto, a JSON object as for `permission` in opencode's settings, or omit the setting",
        )
    return rights


def _prepare_database(database: Path) -> None:
    """Create the database with private permissions. SQLite gives the same mode to its other files."""
    make_private_folder(database.parent)
    if not database.exists():
        write_private(database, b"")


def _move_session(database: Path, session: str, workspace: Path) -> None:
    """Change the folder of a conversation.

    opencode works where the conversation started, which may be another folder.
    """
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE session SET directory = ? WHERE id = ?", (str(workspace), session))
    except sqlite3.Error as error:
        raise WorkflowError(f"can't restore the conversation {session} of opencode: {error}") from error


def _apply_event(transcript: _OpenCodeTranscript, event: Mapping[str, Any]) -> None:
    transcript.session = text(event.get("sessionID")) or transcript.session
    part = mapping(event.get("part"))
    match event.get("type"):
        case "text":
            words = text(part.get("text"))
            transcript.words.append(words)
            transcript.messages.append({"role": "assistant", "text": words})
        case "tool_use":
            transcript.words.clear()
            transcript.messages.append(_tool_message(part))
            problem = text(mapping(part.get("state")).get("error"))
            if any(denial in problem for denial in DENIALS):
                transcript.denied = f"{text(part.get('tool'))}: {_tool_summary(part)}"
        case "step_finish":
            transcript.finish = text(part.get("reason"))
            transcript.turns += 1
            transcript.tokens += used_tokens(mapping(part.get("tokens")))
            transcript.usd += number(part.get("cost"))
        case "error":
            transcript.failure = _error_message(event)
            transcript.wait = _retry_delay(event)


def _tool_message(part: Mapping[str, Any]) -> Message:
    state = mapping(part.get("state"))
    wrong = state.get("status") == "error" or number(mapping(state.get("metadata")).get("exit")) > 0
    output = text(state.get("output") or state.get("error"))
    message: Message = {"role": "tool", "text": "", "tool": text(part.get("tool")), "input": _input(state)}
    return message | {"output": output} | ({"failed": True} if wrong else {})


def _input(state: Mapping[str, Any]) -> str:
    arguments = state.get("input")
    command = mapping(arguments).get("command")
    return command if isinstance(command, str) else text(arguments)


def _tool_summary(part: Mapping[str, Any]) -> str:
    """Return the main argument of a tool as one line."""
    state = mapping(part.get("state"))
    path = mapping(state.get("input")).get("filePath")
    return first_line(state.get("title") or path or _input(state))


def _error_message(event: Mapping[str, Any]) -> str:
    error = mapping(event.get("error"))
    data = mapping(error.get("data"))
    words = error_text(data.get("message") or error.get("message")) or text(error.get("name")) or "unknown error"
    status = int(number(data.get("statusCode")))
    return f"{words} (HTTP {status})" if status else words


def _retry_delay(event: Mapping[str, Any]) -> float:
    headers = mapping(mapping(mapping(event.get("error")).get("data")).get("responseHeaders"))
    try:
        return number(float(text(headers.get("retry-after")) or 0))
    except ValueError:
        # The header is a date. Providers send none with an error that is final.
        return 0.0


def _outcome(transcript: _OpenCodeTranscript, finish: ProcessExit) -> AgentOutcome:
    complaint = _last_error(finish.stderr)
    if (cut := killed_outcome("opencode", finish, transcript.failure or complaint)) is not None:
        return cut
    if transcript.failure:
        ending = failed_outcome(f"opencode: {transcript.failure}")
        return AgentOutcome(ending.verdict, ending.reason, retry_after=transcript.wait or ending.retry_after)
    if finish.code:
        detail = complaint or last_line(finish.stderr)
        return failed_outcome(f"opencode ended with exit code {finish.code}" + (f": {detail}" if detail else ""))
    if transcript.denied:
        return failed_outcome(f"opencode was denied a tool: {transcript.denied}")
    if transcript.finish != "stop":
        how = f"its last answer ended as {transcript.finish!r}" if transcript.finish else "it printed no answer"
        return failed_outcome(f"opencode did not finish: {how}")
    return AgentOutcome(Verdict.PASSED)


def _last_error(stderr: str) -> str:
    """Return the newest error in the log."""
    errors = [entry for entry in split_lines(stderr) if 'error.error="' in entry]
    return first_line(errors[-1].partition('error.error="')[2].partition('"')[0]) if errors else ""
