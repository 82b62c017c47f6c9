"""A program that writes commands.md from the table of commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from penguin.orchestration.backend import WorkflowStatus
from penguin_commands.errors import EXIT_CODE_MEANINGS
from penguin_commands.grammar.declarations import Command, ValueKind
from penguin_commands.grammar.table import NOUNS, TABLE
from penguin_repl.cli.subcommands import PROGRAM, SUBCOMMANDS

HEAD = """\
# Commands

Written from the table of commands by `write_commands.py`; `/help` and `penguin help` show the same.

Type commands in the shell or in a script. On the command line, type them without the slash: `penguin workflow list`
is `/workflow list`. Quotes and backslashes work as in `sh`, and so do `#` comments in scripts. Flags may be anywhere
on the line; after `--` nothing is a flag. ID is a workflow id, a task id (its newest workflow), or `@last` (this
session's newest workflow). SECONDS is `90`, `1.5m`, `2h` or `30d`.

Commands that only read accept an unambiguous prefix of an id or of a command:
`penguin -c "/wo ls"` is `/workflow list`. Type commands that change something in full.
An error marks the wrong word and suggests the nearest valid one.
In the shell, `help`, `?`, `exit` and `quit` need no slash.
"""
LINE = """\
## The command line

`penguin` starts a shell. `penguin workflow list`, and every other command without its slash, runs one command: each
argument is one word of it, and the options below may stand before or behind it. `penguin -c "/workflow list"` is the
same, with the whole command as one argument; it may be repeated. `penguin SCRIPT` and `penguin < SCRIPT` run scripts.
A file that is named like a command is a script as `penguin ./workflow`. Other subcommands:
"""
SCRIPTS = """\
A script has one command per line. It stops at its first error, prints `file:line:`, and exits with the code of that
error. With `--keep-going` it continues to its end and exits with the code of the first error.
`/source FILE` runs the lines of
another file in place, also in a shell; an error in such a line names the line that sourced the file. A file can't
source itself. At its end, a script waits until all workflows that it started, resumed or retried are settled.
[json.md](json.md) describes the output of `-o json` and `-o jsonl`.
"""
INIT = """\
`penguin init` asks on a terminal for what the options leave open; elsewhere, and with `--yes`, it takes what it
finds:

- the agent: the first of claude, codex and opencode that is installed; without one, IMPLEMENT is skipped, and you
  make the changes before you start a task
- the test command: the first that the files of the project show, as pytest, unittest, the test script of
  `package.json` (with npm, pnpm, yarn or bun), `go test`, `cargo test`, `make test`, `tox` or `nox`; Python's run
  with `uv run`, `poetry run`, `pdm run` or `pipenv run` where there is such a lock file, or in `.venv`; the others
  that it finds are named
- the tasks: the blueprints in `blueprints/`, or such as `TASKS.md`; else a backlog that `penguin import` recognises,
  at the place that its tool keeps it, or such as `TODO.md`; else a small example

It overwrites no file. If there is a `penguin.yaml`, it only writes the example where there are no tasks.
"""
CHECK = """\
`penguin check` also names workflows that were lost, and the backups that hold them; see
[security.md](security.md#records-that-are-lost). It lists files that crashes left behind; `/workflow prune` removes
them. It changes nothing, and engines may run at the same time. With `--accept`, Penguin continues without the
workflows that were lost.
"""
COMPLETION = """\
The scripts of `penguin completion` complete commands, subcommands, options and their values, folders and scripts.
Add one line to the file that your shell reads when it starts:

| shell | file | line |
|---|---|---|
| bash | `~/.bashrc` | `eval "$(penguin completion bash)"` |
| zsh | `~/.zshrc`, after `compinit` | `source <(penguin completion zsh)` |
| fish | `~/.config/fish/config.fish` | `penguin completion fish \\| source` |
"""


def text() -> str:
    """Return the text of the page."""
    return "\n".join([HEAD, *(line for noun in NOUNS for line in _noun(noun)), *_command_line()])


def _noun(noun: str) -> Iterator[str]:
    yield f"## /{noun}\n"
    for command in TABLE.verbs(noun):
        yield from _command(command)


def _command(command: Command) -> Iterator[str]:
    if command.verb:
        yield f"### {command.name}\n"
    yield f"{command.help}.\n"
    yield f"    {command.usage}\n"
    # The top of the page explains ID.
    described = [(it.usage.strip("[]"), it.help) for it in command.arguments if it.kind is not ValueKind.WORKFLOW]
    described += [(flag.long_usage, flag.help) for flag in command.flags]
    if described:
        yield _bullets(described)
    if command.applies_to and len(command.applies_to) < len(WorkflowStatus):
        yield f"Applies to workflows that are {', '.join(command.applies_to)}.\n"
    if command.aliases:
        yield f"Also: {', '.join(f'`{name}`' for name in command.alias_names)}\n"
    yield f"For example: `{command.example}`\n"


def _command_line() -> Iterator[str]:
    yield LINE
    yield _bullets([(f"penguin {it.name} {it.usage}".rstrip(), it.help) for it in SUBCOMMANDS])
    yield INIT
    yield CHECK
    yield COMPLETION
    yield "Options:\n"
    yield _bullets([(flag.long_usage, flag.help) for flag in PROGRAM.flags])
    yield SCRIPTS
    yield "Exit codes:\n"
    yield "| code | meaning |\n|---|---|\n" + "\n".join(
        f"| {code.value} | {text} |" for code, text in EXIT_CODE_MEANINGS.items()
    )
    yield ""


def _bullets(described: list[tuple[str, str]]) -> str:
    return "\n".join(f"- `{usage}`: {text}" for usage, text in described) + "\n"


def main() -> None:
    (Path(__file__).parent / "commands.md").write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
