"""Claude Code: `claude -p` with a stream of JSON events."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from penguin.orchestration.agents import claude_events
from penguin.orchestration.agents.activity.activities import ActivityReader, RunContext
from penguin.orchestration.agents.activity.claude_reader import ClaudeReader
from penguin.orchestration.agents.adapter import AgentCommand, AgentRequest, AgentTranscript, ProcessExit
from penguin.orchestration.core.definition import Budget
from penguin.orchestration.files.permissions import make_private_folder, write_private

QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    # Claude Code retries failed requests for 90 seconds by default. Penguin retries whole attempts and reports it.
    "CLAUDE_CODE_MAX_RETRIES": "5",
}
WORKING = ("Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "Skill", "Task", "TaskStop", "TodoWrite", "Write")
"""The built-in tools that work on local files without asking. A tool that is offered and not allowed would fail the
attempt."""
LOOKING = ("Read", "Glob", "Grep")
LONGEST_SLUG = 200
"""Characters in the name of a project's folder. Claude Code also finds a conversation in a folder of another name."""


class Claude:
    """The adapter; see Adapter."""

    program = "claude"
    install = "npm install -g @anthropic-ai/claude-code"
    reports_running_total = False
    can_resume = True
    accepts_session_id = True

    def command(self, call: AgentRequest) -> AgentCommand:
        """Return the command. By default the agent may edit files and run commands without asking."""
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
        """Parse the output."""
        return claude_events.read_transcript(events, finish)

    def activity_reader(self, context: RunContext) -> ActivityReader:
        """Return a new reader of the activities of one run."""
        return ClaudeReader(context)

    def session_files(self, call: AgentRequest, session: str) -> list[Path]:
        """Return the file of a conversation, if it exists."""
        return sorted(_session_file(call, session))

    def restore(self, call: AgentRequest, session: str, files: Mapping[str, bytes]) -> None:
        """Write the file of a conversation, unless it exists. Raises OSError."""
        name = f"{session}.jsonl"
        if name not in files or any(_session_file(call, session)):
            return
        folder = _projects_folder(call) / _project_folder_name(call.workspace)
        make_private_folder(folder)
        # Write the whole file or nothing.
        draft = folder / f".{name}.{os.getpid()}"
        write_private(draft, files[name])
        draft.replace(folder / name)


def _permission_options(call: AgentRequest) -> Iterator[str]:
    """Yield the options for permissions. Lists of tools come first, because they consume the arguments that follow."""
    if call.read_only:
        # No tool that writes or runs anything, and no MCP server of the user.
        yield from ("--tools", ",".join(LOOKING), "--permission-mode", "dontAsk", "--strict-mcp-config")
    elif call.spec.permissions is not None:
        yield from ("--permission-mode", call.spec.permissions)
    else:
        yield from ("--tools", ",".join(WORKING), "--allowedTools", "Bash", "--permission-mode", "acceptEdits")


def _session_options(call: AgentRequest) -> tuple[str, str]:
    """Return the option that resumes a conversation, or starts it if the earlier run was killed before writing it."""
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
    """Yield the file of a conversation. Its folder is named after the folder in which the conversation started."""
    if re.fullmatch(r"[A-Za-z0-9-]+", session):
        yield from _projects_folder(call).glob(f"*/{session}.jsonl")


def _project_folder_name(workspace: Path) -> str:
    return re.sub(r"[^A-Za-z0-9]", "-", str(workspace.resolve()))[:LONGEST_SLUG]
