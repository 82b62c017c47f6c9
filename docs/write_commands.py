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

Type commands in the shell, in a script, or as `penguin -c "COMMAND"`. Quotes and backslashes work as in `sh`, and so do
`#` comments in scripts. Flags may be anywhere on the line; after `--` nothing is a flag. ID is a workflow id, a task id
(its newest workflow), or `@last` (this session's newest workflow). SECONDS is `90`, `1.5m`, `2h` or `30d`.

Commands that only read accept an unambiguous prefix of an id or of a command:
`penguin -c "/wo ls"` is `/workflow list`. Type commands that change something in full.
An error marks the wrong word and suggests the nearest valid one.
"""
LINE = """\
## The command line

`penguin` starts a shell; `penguin SCRIPT`, `penguin < SCRIPT` and `penguin -c COMMAND` run commands. Other subcommands:
"""
SCRIPTS = """\
A script has one command per line. It stops at its first error, prints `file:line:`, and exits with the code of that
error. With `--keep-going` it continues to its end and exits with the code of the first error.
`/source FILE` runs the lines of
another file in place, also in a shell; an error in such a line names the line that sourced the file. A file can't
source itself. At its end, a script waits until all workflows that it started, resumed or retried are settled.
[json.md](json.md) describes the output of `-o json` and `-o jsonl`.
"""
CHECK = """\
`penguin check` also names workflows that were lost, and the backups that hold them; see
[security.md](security.md#records-that-are-lost). It lists files that crashes left behind; `/workflow prune` removes
them. It changes nothing, and engines may run at the same time. With `--accept`, Penguin continues without the
workflows that were lost.
"""
COMPLETION = """\
The scripts of `penguin completion` complete subcommands, options and their values, folders and scripts. Add one line
to the file that your shell reads when it starts:

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
