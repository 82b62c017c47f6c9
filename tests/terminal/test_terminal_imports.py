"""Nothing is paid for that is not used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.terminal.program import Program

HEAVY = {
    "prompt_toolkit",
    "rich",
    "networkx",
    "sqlite_utils",
    "httpx",
    "temporalio",
    "asyncio",
    "msgspec",
    "yaml",
    "markdown_it",
}
SHOW = "import sys; from penguin_repl.main import main; code = main({!r}); print(code, *sys.modules, file=sys.stderr)"


def modules(program: Program, *arguments: str, script: str = "") -> set[str]:
    """What is imported when this has run, in a fresh interpreter."""
    command = [sys.executable, "-c", SHOW.format(list(arguments))]
    done = subprocess.run(
        command, cwd=program.folder, input=script, capture_output=True, text=True, timeout=60, check=True
    )
    code, *names = done.stderr.split("\n")[-2].split()
    assert code == "0"
    return set(names)


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
def test_reading_loads_nothing_heavy(penguin: Program, arguments: list[str]) -> None:
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
    assert not found & {"asyncio", "prompt_toolkit", "rich", "networkx", "sqlite_utils", "httpx"}


def test_the_version_loads_no_command(penguin: Program) -> None:
    assert not [
        name for name in modules(penguin, "--version") if name.startswith(("penguin_commands", "penguin.", "argparse"))
    ]
