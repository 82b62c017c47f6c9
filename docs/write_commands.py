"""Writes commands.md, beside this file, from the table of commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from penguin.orchestration.backend import WorkflowStatus
from penguin_commands.errors import EXIT_CODE_MEANINGS
from penguin_commands.grammar.spec import Command, ValueKind
from penguin_commands.grammar.table import NOUNS, TABLE
from penguin_repl.cli.spec import PROGRAM, SUBCOMMANDS

HEAD = """\
# Commands

Written from the table of commands by `write_commands.py`; `/help` and `penguin help` show the same.

In the shell, in a script, or as `penguin -c "COMMAND"`. Quotes and backslashes are as in `sh`, and so are `#` comments
in scripts. Flags may stand anywhere; what follows `--` is none. An ID is a workflow's id, a task's for its newest
workflow, or `@last` for the one started last in this session. SECONDS may be `90`, `1.5m`, `2h` or `30d`.

Where nothing is changed, the beginning of an id will do, and so will that of a command, as long as no other begins so:
`penguin -c "/wo ls"` is `/workflow list`. What changes something is written out. Of a line that is not understood the
word at fault is marked, and the nearest that would be understood is named.
"""
LINE = """\
## The command line

`penguin` alone is a shell; `penguin SCRIPT`, `penguin < SCRIPT` and `penguin -c COMMAND` run commands. Beside these:
"""
SCRIPTS = """\
A script has one command a line. It stops at its first error, says `file:line:`, and exits with that error's code; with
`--keep-going` it runs to its end and exits with the first error's code. `/source FILE` runs the lines of another file
in place, also in a shell; the error of such a line says where its file was sourced. A file can't source itself. At its
end a script waits until all that it started, resumed or retried is settled. [json.md](json.md) says what `-o json` and
`-o jsonl` print.
"""
CHECK = """\
`penguin check` also lists what crashes left behind, which `/workflow prune` removes. It changes nothing, and engines
may go on meanwhile.
"""
COMPLETION = """\
The scripts of `penguin completion` complete subcommands, options and their values, folders and scripts. Put one line
into the file that your shell reads when it starts:

| shell | file | line |
|---|---|---|
| bash | `~/.bashrc` | `eval "$(penguin completion bash)"` |
| zsh | `~/.zshrc`, behind `compinit` | `source <(penguin completion zsh)` |
| fish | `~/.config/fish/config.fish` | `penguin completion fish \\| source` |
"""


def text() -> str:
    """The whole document."""
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
    # What an ID is stands at the top.
    described = [(it.usage.strip("[]"), it.help) for it in command.arguments if it.kind is not ValueKind.WORKFLOW]
    described += [(flag.long_usage, flag.help) for flag in command.flags]
    if described:
        yield _bullets(described)
    if command.applies_to and len(command.applies_to) < len(WorkflowStatus):
        yield f"For workflows that are {', '.join(command.applies_to)}.\n"
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
