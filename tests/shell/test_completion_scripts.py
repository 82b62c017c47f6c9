"""`penguin completion` in bash, zsh and fish, if they are installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.terminal import Terminal, open_terminal

from penguin.orchestration.config.orchestration_keys import BACKENDS
from penguin_commands.errors import UsageError
from penguin_commands.grammar.table import COMMANDS, NOUNS
from penguin_repl.cli.completion_scripts import completion_script
from penguin_repl.cli.subcommands import PROGRAM, SHELLS, SUBCOMMANDS

pytestmark = pytest.mark.acceptance

CASES = [
    ("penguin w", "watch worker workflow"),
    ("penguin wor", "worker workflow"),
    ("penguin che", "check"),
    ("penguin mine", "mine.penguin"),
    ("penguin --color auto che", "check"),
    ("penguin --col", "--color"),
    ("penguin --color a", "always auto"),
    ("penguin --color=a", "always auto"),
    ("penguin --color=", "always auto never"),
    ("penguin -o j", "json jsonl"),
    ("penguin --backend ", "native temporal"),
    ("penguin --grace", ""),
    ("penguin worker --gr", "--grace"),
    ("penguin --max-parallel 3 worker --un", "--until-settled"),
    ("penguin worker --keep", ""),
    ("penguin worker m", ""),
    ("penguin completion ", "bash fish zsh"),
    ("penguin help workflow sta", "start status"),
    ("penguin --workspace fo", "folder"),
    ("penguin work", "worker workflow"),
    ("penguin workflow sta", "start status"),
    ("penguin -o json task r", "ready"),
    ("penguin workflow start --w", "--wait --with-deps --workspace"),
    ("penguin workflow start x --wi", "--with-deps"),
    ("penguin workflow list --sort ", "newest oldest updated"),
    ("penguin workflow list --status=b", "blocked"),
    ("penguin workflow list --sort oldest --li", "--limit"),
    ("penguin workflow retry x --from t", "test"),
    ("penguin workflow list -o j", "json jsonl"),
    ("penguin task graph --format d", "dot"),
    ("penguin import --format d", ""),
    ("penguin workflow start --keep", ""),
    ("penguin watch o", "off on"),
    ("penguin source mi", "mine.penguin"),
    ("penguin init --ag", "--agent"),
]
BASH = """
source "$0"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_penguin
printf '%s\\n' "${COMPREPLY[@]}"
"""
LOAD = {
    "bash": 'eval "$(penguin completion bash)"',
    "zsh": "autoload -Uz compinit; compinit -u -D; source <(penguin completion zsh)",
}


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a script, a folder and the completion of every shell in it."""
    (tmp_path / "mine.penguin").touch()
    (tmp_path / "folder").mkdir()
    for shell in SHELLS:
        (tmp_path / f"{shell}.script").write_text(completion_script([shell]))
    return tmp_path


def output(folder: Path, *argv: str) -> list[str]:
    environment = {**os.environ, "HOME": os.fspath(folder), "XDG_CONFIG_HOME": os.fspath(folder)}
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert not done.stderr
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(("line", "words"), CASES)
def test_completion_in_bash(folder: Path, line: str, words: str) -> None:
    # bash splits --color=auto into three words, and has no word after a = at the end.
    parts = line.replace("=", " = ").removesuffix(" " if line.endswith("=") else "").split(" ")
    assert sorted(output(folder, "bash", "--norc", "-c", BASH, "bash.script", *parts)) == words.split()


@needs("fish")
@pytest.mark.parametrize(("line", "words"), CASES)
def test_completion_in_fish(folder: Path, line: str, words: str) -> None:
    found = output(folder, "fish", "--no-config", "-c", f"source fish.script; complete -C '{line}'")
    names = [re.sub("^--[a-z]+=", "", name.partition("\t")[0]).rstrip("/") for name in found]
    assert sorted(names) == words.split()


@pytest.fixture(
    params=[
        pytest.param(["bash", "--norc", "-i"], marks=needs("bash"), id="bash"),
        pytest.param(["zsh", "-f", "-i"], marks=needs("zsh"), id="zsh"),
    ]
)
def terminal(request: pytest.FixtureRequest, folder: Path) -> Iterator[Terminal]:
    """Return a shell that loaded the completion as its first lines describe."""
    environment = {"TERM": "xterm", "PS1": "ready> ", "HOME": os.fspath(folder)}
    with open_terminal(folder, command=request.param, columns=120, **environment) as terminal:
        terminal.wait_until(lambda: terminal.lines)
        terminal.press(f'penguin() {{ {sys.executable} -m penguin_repl "$@"; }}\r')
        terminal.press(f"{LOAD[request.param[0]]}; clear; echo loa''ded\r")
        terminal.wait_until(lambda: terminal.lines[:1] == ["loaded"] and terminal.lines[-1].strip() == "ready>")
        yield terminal


def test_completion_at_a_real_prompt(terminal: Terminal) -> None:
    for typed, becomes in (
        ("penguin worke\t", "ready> penguin worker"),
        ("--un\t", "ready> penguin worker --until-settled"),
        ("--col\tne\t", "ready> penguin worker --until-settled --color"),
    ):
        terminal.press(typed)
        terminal.wait_until(lambda becomes=becomes: terminal.lines[-1].startswith(becomes))
    terminal.wait_until(lambda: terminal.lines[-1].endswith("never"))
    terminal.press("\x15penguin completion \t\t")
    terminal.wait_until(lambda: any(line.split() == sorted(SHELLS) for line in terminal.lines))
    terminal.press("\x15penguin workf\tstar\t--wit\t")
    terminal.wait_until(lambda: "penguin workflow start --with-deps" in terminal.lines[-1])
    terminal.press("\x15penguin --workspace=fol\t")
    terminal.wait_until(lambda: any("--workspace=folder/" in line for line in terminal.lines))


@pytest.mark.parametrize("shell", SHELLS)
def test_each_script_contains_all_declarations(shell: str) -> None:
    script = completion_script([shell])
    for flag in PROGRAM.flags:
        assert (f"-l {flag.name} " if shell == "fish" else f"--{flag.name}") in script
        assert " ".join(flag.choices) in script
    for name in (*(subcommand.name for subcommand in SUBCOMMANDS), *NOUNS):
        assert name in script
    assert "@" not in script.replace('"$@"', "").replace("COMP_WORDS[@]", "")


def test_an_option_takes_a_value_everywhere_or_nowhere() -> None:
    """The scripts must know it before they know the command."""
    takes: dict[str, set[bool]] = {}
    for flag in (*PROGRAM.flags, *(flag for command in COMMANDS for flag in command.flags)):
        takes.setdefault(flag.name, set()).add(flag.kind is not None)
    assert [name for name, found in takes.items() if len(found) > 1] == []


def test_the_backends_are_complete() -> None:
    flag = PROGRAM.find_flag("--backend")
    assert flag is not None
    assert flag.choices == BACKENDS


@pytest.mark.parametrize(
    ("words", "message"), [([], "needs the name"), (["bsh"], "did you mean bash?"), (["a", "b"], "one shell")]
)
def test_other_shells_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        completion_script(words)


def test_the_program_prints_it() -> None:
    done = subprocess.run([sys.executable, "-m", "penguin_repl", "completion", "bash"], capture_output=True, check=True)
    assert done.stdout.decode() == completion_script(["bash"])
