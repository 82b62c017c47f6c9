"""Writes commands.md, beside this file, from the table of commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from penguin_commands.spec import Command, Kind
from penguin_commands.table import NOUNS, verbs

HEAD = """\
# Commands

Written from the table of commands by `write_commands.py`; `/help` shows the same.

In the shell, in a script, or as `penguin -c "COMMAND"`. Quotes and backslashes are as in `sh`, and so are `#` comments
in scripts. An ID is a workflow's id, a task's for its newest workflow, or `@last` for the one started last in this
session; where nothing is changed, the beginning of an id will do. SECONDS may be `90`, `1.5m`, `2h` or `30d`.

Beside these, `penguin check` holds the database against its own history, and exits with 1 where something does not
agree. It also lists what crashes left behind, which `/workflow prune` removes. It changes nothing, and engines may go
on meanwhile.
"""


def text() -> str:
    """The whole document."""
    return "\n".join([HEAD, *(line for noun in NOUNS for line in _noun(noun))])


def _noun(noun: str) -> Iterator[str]:
    yield f"## /{noun}\n"
    for command in verbs(noun):
        yield from _command(command)


def _command(command: Command) -> Iterator[str]:
    if command.verb:
        yield f"### {command.name}\n"
    yield f"{command.help}.\n"
    yield f"    {command.usage}\n"
    # What an ID is stands at the top.
    described = [
        (argument.usage, argument.help) for argument in command.arguments if argument.kind is not Kind.WORKFLOW
    ]
    described += [(flag.usage.strip("[]…").removesuffix("]"), flag.help) for flag in command.flags]
    bullets = [f"- `{usage}`: {text}" for usage, text in described if text]
    if bullets:
        yield "\n".join(bullets) + "\n"
    if command.aliases:
        names = [f"/{command.noun} {alias}" if command.verb else f"/{alias}" for alias in command.aliases]
        yield f"Also: {', '.join(f'`{name}`' for name in names)}\n"
    yield f"For example: `{command.example}`\n"


def main() -> None:
    (Path(__file__).parent / "commands.md").write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
