"""Claude Code: `claude -p`, with its stream of JSON events."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from penguin.orchestration.agents import claude_events
from penguin.orchestration.agents.adapter import AgentCommand, AgentRequest, AgentTranscript, ProcessExit
from penguin.orchestration.core.definition import Budget
from penguin.orchestration.files.permissions import make_private_folder, write_private

QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    # It tries failed requests again for a minute and a half; Penguin tries attempts again, and says so.
    "CLAUDE_CODE_MAX_RETRIES": "5",
}
WORKING = ("Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "Skill", "Task", "TaskStop", "TodoWrite", "Write")
"""Its own tools that work unattended on the files here. A tool that it sees and may not use would fail the attempt."""
LOOKING = ("Read", "Glob", "Grep")
LONGEST_SLUG = 200
"""Characters of a project's folder; it finds a conversation in a folder of any other name too."""


class Claude:
    """The adapter; see Adapter."""

    program = "claude"
    install = "npm install -g @anthropic-ai/claude-code"
    reports_running_total = False
    can_resume = True
    accepts_session_id = True

    def command(self, call: AgentRequest) -> AgentCommand:
        """How to start it: unless the agent's settings say otherwise, it edits files and runs commands unasked."""
        spec = call.spec
        argv = [self.program, "-p", "--output-format", "stream-json", "--verbose", *_permission_options(call)]
        argv += _session_options(call)
        argv += _budget_options(call.budget)
        if spec.model is not None:
            argv += ["--model", spec.model]
        if call.schema is not None:
            argv += ["--json-schema", json.dumps(call.schema)]
        env = {name: value for name, value in QUIET.items() if name not in call.env}
        if call.home is not None:
            env["CLAUDE_CONFIG_DIR"] = str(call.home)
        return AgentCommand((*argv, *spec.args), env, call.prompt)

    def read_transcript(self, events: Iterable[Mapping[str, Any]], finish: ProcessExit) -> AgentTranscript:
        """What it printed."""
        return claude_events.read_transcript(events, finish)

    def describe(self, event: Mapping[str, Any]) -> list[str]:
        """An event as lines that people read."""
        return claude_events.describe(event)

    def session_files(self, call: AgentRequest, session: str) -> list[Path]:
        """The one file of a conversation, once it was written."""
        return sorted(_session_file(call, session))

    def restore(self, call: AgentRequest, session: str, files: Mapping[str, bytes]) -> None:
        """Put it where it looks for it, unless it is there. Raises OSError."""
        name = f"{session}.jsonl"
        if name not in files or any(_session_file(call, session)):
            return
        folder = _projects_folder(call) / _project_folder_name(call.workspace)
        make_private_folder(folder)
        # Whole or not at all.
        draft = folder / f".{name}.{os.getpid()}"
        write_private(draft, files[name])
        draft.replace(folder / name)


def _permission_options(call: AgentRequest) -> Iterator[str]:
    """The options that say what it may do. Lists of tools come before other options: they swallow what follows."""
    if call.read_only:
        # No tool that writes or runs anything, nor those of servers that the person has set up.
        yield from ("--tools", ",".join(LOOKING), "--permission-mode", "dontAsk", "--strict-mcp-config")
    elif call.spec.permissions is not None:
        yield from ("--permission-mode", call.spec.permissions)
    else:
        yield from ("--tools", ",".join(WORKING), "--allowedTools", "Bash", "--permission-mode", "acceptEdits")


def _session_options(call: AgentRequest) -> tuple[str, str]:
    """Killed right after it began, it has not written the conversation yet: that begins again under its name."""
    if call.session and any(_session_file(call, call.session)):
        return "--resume", call.session
    return "--session-id", call.session or call.new_session


def _budget_options(budget: Budget) -> Iterator[str]:
    if budget.turns is not None:
        yield from ("--max-turns", str(budget.turns))
    if budget.usd is not None:
        yield from ("--max-budget-usd", f"{budget.usd:.6f}")


def _projects_folder(call: AgentRequest) -> Path:
    chosen = call.home or call.env.get("CLAUDE_CONFIG_DIR")
    return Path(chosen or Path(call.env.get("HOME") or Path.home()) / ".claude") / "projects"


def _session_file(call: AgentRequest, session: str) -> Iterator[Path]:
    """Its file, whichever folder it is in: that has the name of the folder that it was begun in."""
    if re.fullmatch(r"[A-Za-z0-9-]+", session):
        yield from _projects_folder(call).glob(f"*/{session}.jsonl")


def _project_folder_name(workspace: Path) -> str:
    return re.sub(r"[^A-Za-z0-9]", "-", str(workspace.resolve()))[:LONGEST_SLUG]
