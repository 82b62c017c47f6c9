"""Targets that run the program: command lines, options, scripts, and the files that it reads first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from random import Random

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from tests.fuzz import documents, lines
from tests.fuzz.mutation import as_bytes
from tests.fuzz.sandbox import CODES, PATIENCE, Hang, Problem, Sandbox
from tests.fuzz.targets import Target

from penguin_commands.session import Session
from penguin_repl.completion.completer import CommandCompleter
from penguin_repl.completion.workspace_index import WorkspaceIndex

FORMATS = ("text", "json", "jsonl")
START_UP = 60.0
"""Seconds that the interpreter may take to start on a busy machine, in addition to PATIENCE."""


def _format_of(text: str | bytes) -> str:
    return FORMATS[len(text) % len(FORMATS)]


def _check_line(sandbox: Sandbox, line: str) -> None:
    """Run one line with `-c`, where NUL can't occur."""
    argument = line.replace("\0", "").encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    sandbox.run("--detach", "-o", _format_of(line), f"--command={argument}", may_start_git=True)


def _check_options(sandbox: Sandbox, words: Iterable[str]) -> None:
    words = tuple(words)
    if any(word in lines.SLOW_SUBCOMMANDS for word in words):
        words = (*words, "--nosuch")
    sandbox.run("--detach", *words, stdin=b"/help quit\n", may_start_git=True)


def _check_script(sandbox: Sandbox, script: bytes) -> None:
    """Run a script: from standard input, or from a file that may source itself."""
    if len(script) % 2:
        sandbox.run("--detach", "--keep-going", "-o", _format_of(script), stdin=script, may_start_git=True)
        return
    (sandbox.folder / "lines.pen").write_bytes(script)
    sandbox.dirty = True
    sandbox.run("--detach", "--keep-going", "lines.pen", script=script, may_start_git=True)


def _check_config(sandbox: Sandbox, config: bytes) -> None:
    (sandbox.folder / "penguin.yaml").write_bytes(config)
    sandbox.dirty = True
    for line in ("/config", "/blueprint lint", "/workflow list"):
        sandbox.run("-o", _format_of(config), "-c", line)
    sandbox.run("--detach", "-c", "/workflow start quick", may_start_git=True)


def _check_personal_config(sandbox: Sandbox, config: bytes) -> None:
    path = sandbox.home / "config" / "penguin" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(config)
    sandbox.dirty = True
    sandbox.run("-o", _format_of(config), "-c", "/config")


def _check_blueprint(sandbox: Sandbox, blueprint: tuple[str, str]) -> None:
    name, text = (*blueprint, "", "")[:2]
    if name not in ("tasks.md", "tasks.yaml", "tasks.json"):
        return
    (sandbox.folder / "tasks.md").unlink(missing_ok=True)
    (sandbox.folder / name).write_bytes(as_bytes(text))
    sandbox.dirty = True
    for line in ("/blueprint lint", "/task list", "/task graph --format dot", "/task show first"):
        sandbox.run("-o", _format_of(text), "-c", line)
    sandbox.run("--detach", "-c", "/workflow start first", may_start_git=True)


def _check_import(sandbox: Sandbox, backlog: tuple[str, str]) -> None:
    """Import a backlog of another tool, import it again, and read what was written."""
    name, text = (*backlog, "", "")[:2]
    if not name or "/" in name or "\0" in name:
        return
    (sandbox.folder / "source").mkdir(exist_ok=True)
    (sandbox.folder / "source" / name).write_bytes(as_bytes(text))
    sandbox.dirty = True
    sandbox.run("-o", _format_of(text), "import", f"source/{name}", may_start_git=True)
    sandbox.run("import", f"source/{name}", may_start_git=True)
    sandbox.run("-c", "/task list")


def _check_completion(sandbox: Sandbox, line: str) -> None:
    """Complete a line, with the cursor at its end and in the middle."""
    session = Session(sandbox.folder)
    index = WorkspaceIndex(session)
    completer = CommandCompleter(index)
    try:
        with sandbox.watch():
            for typed in (line, line[: len(line) // 2]):
                for found in completer.get_completions(Document(typed), CompleteEvent()):
                    str(found.display_text)
    finally:
        session.close()


def _check_process(sandbox: Sandbox, script: bytes) -> None:
    """Run a script in a process of its own."""
    command = [sys.executable, "-m", "penguin_repl", "--detach", "--keep-going"]
    sandbox.dirty = True
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=sandbox.folder
    ) as process:
        try:
            _, err = process.communicate(script, timeout=START_UP + PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Hang("the process does not end") from None
    if process.returncode not in CODES or b"Traceback" in err or b"--debug shows" in err:
        raise Problem(f"exit code {process.returncode}: {err.decode('utf-8', 'replace')}", "process")


def _script_without_waiting(dice: Random) -> bytes:
    words = (b"wait", b"follow", b"watch", b"-f", b"source")
    script = lines.script(dice)
    while any(word in script for word in words):
        script = lines.script(dice)
    return script


TARGETS = (
    Target("command line", lines.command_line, _check_line, 30),
    Target("options", lines.options, _check_options, 6),
    Target("script", lines.script, _check_script, 10),
    Target("completion", lines.command_line, _check_completion, 8),
    Target("penguin.yaml", documents.config, _check_config, 6),
    Target("personal settings", documents.personal_config, _check_personal_config, 3),
    Target("blueprint", documents.blueprint, _check_blueprint, 8),
    Target("import", documents.foreign_backlog, _check_import, 6),
    Target("process", _script_without_waiting, _check_process, 1, slow=True),
)
