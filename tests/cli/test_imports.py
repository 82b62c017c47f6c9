"""The modules that short commands import."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.program import Program

HEAVY = {
    "prompt_toolkit",
    "rich",
    "wcwidth",
    "networkx",
    "sqlite_utils",
    "httpx",
    "temporalio",
    "asyncio",
    "msgspec",
    "yaml",
    "markdown_it",
}
LISTING = {
    "penguin",
    "penguin.orchestration",
    "penguin.orchestration.backend",
    "penguin.orchestration.core.landing_stage",
    "penguin.orchestration.core.usage",
    "penguin.orchestration.errors",
    "penguin.orchestration.store",
    "penguin.orchestration.store.connection",
    "penguin.orchestration.store.database_file",
    "penguin.orchestration.store.list_queries",
    "penguin.orchestration.store.queries",
    "penguin.orchestration.workflow_status",
    "penguin.orchestration.files.workspace",
    "penguin.orchestration.files.safe_open",
    "penguin.orchestration.files.text_lines",
    "penguin.orchestration.files.workspace_key",
    "penguin_commands",
    "penguin_commands.grammar",
    "penguin_commands.handlers",
    "penguin.orchestration.core",
    "penguin.orchestration.files",
    "penguin_repl.cli",
    "penguin_repl.scripts",
    "penguin_repl.output",
    "penguin_repl.text",
    "penguin_commands.errors",
    "penguin_commands.execute",
    "penguin_commands.grammar.tokens",
    "penguin_commands.grammar.resolve",
    "penguin_commands.grammar.parse",
    "penguin_commands.results",
    "penguin_commands.results.workflows",
    "penguin_commands.session",
    "penguin_commands.grammar.declarations",
    "penguin_commands.grammar.table",
    "penguin_commands.grammar.values",
    "penguin_commands.handlers.workflow_status",
    "penguin_commands.grammar.workflow_table",
    "penguin_repl",
    "penguin_repl.output.print_result",
    "penguin_repl.main",
    "penguin_repl.cli.terminal_style",
    "penguin_repl.cli.options",
    "penguin_repl.cli.subcommands",
    "penguin_repl.render",
    "penguin_repl.render.registry",
    "penguin_repl.text.width",
    "penguin_repl.render.parts",
    "penguin_repl.render.words",
    "penguin_repl.text.escape",
    "penguin_repl.render.format",
    "penguin_repl.render.workflows",
    "penguin_repl.output.screen",
    "penguin_repl.scripts.runner",
    "penguin_repl.scripts.lines",
}
"""Penguin's modules that a list needs. Each more module makes every short command about 0.1 ms slower."""
LOSS_CHECK = "penguin_commands.loss_check"
INDEX = "penguin.orchestration.files.workflow_index"
"""What a list needs to notice lost workflows."""
PLAIN = "penguin_repl.render.plain"
PROGRESS = {"penguin.orchestration.core.priority", "penguin.orchestration.store.progress"}
DRAWING = {
    "penguin_repl.terminal",
    "penguin_repl.terminal.draw",
    "penguin_repl.terminal.lines",
    "penguin_repl.terminal.table",
    "penguin_repl.terminal.theme",
    "penguin_repl.terminal.views",
}
"""What a list needs on a terminal."""
SLOW = {
    *("argparse", "copy", "difflib", "hashlib", "json", "locale", "logging", "pwd", "random", "shlex", "shutil"),
    *("socket", "subprocess", "tempfile", "threading", "traceback", "unicodedata", "weakref"),
    *("dataclasses", "inspect", "ast", "dis", "tokenize", "linecache"),
    *("pathlib", "urllib.parse", "ipaddress"),
}
"""Modules of the standard library that a list does not need, and that are slow to import."""
SHOW = """
import sys
bare = set(sys.modules)
from penguin_repl.main import main
code = main({!r})
print(code, *(set(sys.modules) - bare), file=sys.stderr)
"""


def modules(program: Program, *arguments: str, script: str = "") -> set[str]:
    """Return the modules that a command imports in a fresh interpreter, beyond the initial ones."""
    code, *names = run(program, SHOW.format(list(arguments)), script).split()
    assert code == "0"
    return set(names)


def run(program: Program, code: str, script: str = "") -> str:
    """The last line that some Python writes to standard error, where a user is named as usual."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=program.folder,
        env={**os.environ, "LOGNAME": "ada", "TERM": "xterm-256color"},
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr.split("\n")[-2]


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["-c", "/workflow list"], {INDEX, LOSS_CHECK, PLAIN}),
        (
            ["-c", "/workflow list", "--color", "always"],
            {INDEX, LOSS_CHECK, "penguin_commands.execution_order", *PROGRESS, *DRAWING},
        ),
        (
            ["-c", "/workflow status quick"],
            {
                INDEX,
                LOSS_CHECK,
                PLAIN,
                "penguin.orchestration.core.tree_isolation",
                "penguin.orchestration.store.explain",
                "penguin.orchestration.store.sentence_format",
            },
        ),
    ],
    ids=["list", "list drawn", "status"],
)
def test_a_list_loads_exactly_these_modules(penguin: Program, arguments: list[str], more: set[str]) -> None:
    assert penguin("-c", "/workflow start quick").code == 0
    found = modules(penguin, *arguments)
    assert {name for name in found if name.startswith("penguin")} == LISTING | more
    assert (not found & SLOW) or more & DRAWING


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["-c", "/workflow list"],
        ["-c", "/workflow list --status active", "-o", "json"],
        ["-c", "/workflow status quick"],
        ["-c", "/workflow status"],
        ["-c", "/snapshot list"],
        ["-c", "/help"],
    ],
    ids=" ".join,
)
def test_reading_commands_load_no_heavy_module(penguin: Program, arguments: list[str]) -> None:
    penguin("-c", "/workflow start quick")
    assert not modules(penguin, *arguments) & HEAVY


def test_a_personal_file_is_not_read_for_a_pipe(
    penguin: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xdg" / "penguin").mkdir(parents=True)
    (tmp_path / "xdg" / "penguin" / "config.yaml").write_text("ui: {panel: true, color: never}\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(tmp_path / "xdg"))
    assert not modules(penguin, "-c", "/workflow list") & HEAVY


def test_a_script_that_only_reads_has_no_event_loop(penguin: Program) -> None:
    found = modules(penguin, script="/workflow list\n/task list\n/workflow status\n/config\n")
    assert not found & {"asyncio", "prompt_toolkit", "networkx", "sqlite_utils", "httpx"}


def test_the_version_loads_no_command(penguin: Program) -> None:
    found = modules(penguin, "--version")
    assert {name for name in found if name.startswith("penguin")} == {"penguin_repl", "penguin_repl.main"}
    assert not found & {"typing", "argparse"}


def test_a_drawn_list_needs_no_console_of_rich(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    found = modules(penguin, "-c", "/workflow list", "--color", "always")
    assert "rich.style" in found
    assert not found & {"rich.console", "rich.text", "rich.table", "dataclasses", "msgspec", "yaml", "asyncio"}


def test_a_list_on_a_terminal_has_no_event_loop(penguin: Program, tmp_path: Path) -> None:
    penguin("-c", "/workflow start quick")
    found = tmp_path / "modules"
    code = f"""
import sys
from penguin_repl.main import main
code = main(["-c", "/workflow list"])
open({os.fspath(found)!r}, "w").write(" ".join(sys.modules))
sys.exit(code)
"""
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=penguin.folder, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    with contextlib.suppress(OSError):
        while os.read(master, 1 << 16):
            pass
    os.close(master)
    assert process.wait(60) == 0
    modules = set(found.read_text().split())
    assert "rich.style" in modules
    assert not modules & {"asyncio", "prompt_toolkit", "msgspec", "yaml", "rich.console"}


def test_the_shell_shows_its_prompt_before_it_loads_rich_and_the_engine(penguin: Program) -> None:
    code = "import sys, penguin_repl.shell.shell\nprint(*sys.modules, file=sys.stderr)"
    found = set(run(penguin, code).split())
    assert "prompt_toolkit" in found
    assert not found & {"rich", "msgspec", "yaml", "httpx", "sqlite3", "penguin.orchestration.core.state"}


def test_only_text_of_unknown_width_is_measured_by_a_library(penguin: Program) -> None:
    blueprint = penguin.folder / "tasks.md"
    blueprint.write_text(blueprint.read_text().replace("### 1. Quick", "### 1. Schnell → Привет, é"))
    assert "wcwidth" not in modules(penguin, "-c", "/task list")
    blueprint.write_text(blueprint.read_text().replace("Schnell", "漢字"))
    assert "wcwidth" in modules(penguin, "-c", "/task list")


def test_a_report_has_no_event_loop(penguin: Program) -> None:
    penguin("-c", "/workflow start quick --wait")
    for output in ("/workflow report quick", "/workflow report quick --html -"):
        assert not modules(penguin, "-c", output) & {"asyncio", "prompt_toolkit", "networkx", "sqlite_utils", "httpx"}


def test_a_list_collects_no_garbage(penguin: Program) -> None:
    assert penguin("-c", "/workflow start quick").code == 0
    # The number of collections when the process ends, less those before the command.
    show = """
import atexit, gc, sys
from penguin_repl.main import main
def collections():
    return sum(generation["collections"] for generation in gc.get_stats())
sys.argv = ["penguin", "-c", "/workflow list"]
gc.collect()
before = collections()
atexit.register(lambda: print(collections() - before, file=sys.stderr))
main()
"""
    assert run(penguin, show) == "0"
