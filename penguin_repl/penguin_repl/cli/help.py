"""`penguin help`: the command line and all commands, as text and as data."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.files.text_lines import split_lines
from penguin_commands.errors import EXIT_CODE_MEANINGS, UsageError
from penguin_commands.grammar.json_export import JSON_VERSION, command_data, flag_data
from penguin_commands.grammar.table import COMMANDS, TABLE
from penguin_commands.handlers.system import help_for
from penguin_repl.cli.subcommands import PROGRAM, SUBCOMMANDS, Subcommand
from penguin_repl.render.parts import Span, field, heading, line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from penguin_commands.grammar.declarations import Flag
    from penguin_commands.results.help import HelpResult
    from penguin_repl.render.parts import Line

HEAD = """\
Penguin takes software tasks through four gates: Implement, Test, Use, Verify. It runs them in the background,
survives kill -9, and passes a gate only on what it ran itself."""
USAGE_FORMS = (
    ("", "start a shell; if standard input is a pipe, run it as a script"),
    ("COMMAND [ARGUMENT…]", "run one of the commands below, without its slash"),
    ("SCRIPT", "a script: one command per line, # for comments; - is standard input"),
    ("-c COMMAND", "run one command, with its slash; may be repeated"),
)
EXAMPLES = """\
Examples:
  penguin init
  penguin task ready
  penguin workflow start hello-script                waits until it is over
  printf '/workflow start hello-script\\n/workflow list\\n' | penguin -o json

Results go to standard output, everything else to standard error. At its end a script waits until all workflows
that it started, resumed or retried are settled.

NO_COLOR, ACCESSIBLE and TERM=dumb turn off all escape sequences; CLICOLOR_FORCE turns on colours in pipes.
Personal settings: ~/.config/penguin/config.yaml, or below XDG_CONFIG_HOME.
"""
WIDTH = 118
"""Columns of the text."""
INDENT = "  "
GAP = 2
"""Blanks between columns."""


class ProgramHelp(NamedTuple):
    """The help of the whole command line."""

    version: str

    def data(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "json_version": JSON_VERSION,
            "usage": [usage for usage, _ in _usage_forms()],
            "options": [flag_data(flag) for flag in PROGRAM.flags],
            "subcommands": [
                {
                    "name": subcommand.name,
                    "usage": _usage(subcommand),
                    "help": subcommand.help,
                    "example": subcommand.example,
                }
                for subcommand in SUBCOMMANDS
            ],
            "commands": [command_data(command) for command in COMMANDS],
            "exit_codes": [{"code": int(code), "meaning": meaning} for code, meaning in EXIT_CODE_MEANINGS.items()],
        }

    def lines(self) -> Iterator[Line]:
        """Return the whole help."""
        yield from map(line, split_lines(HEAD))
        yield line()
        first, *others = _wrap_aligned(_usage_forms(), WIDTH - len("Usage: "))
        yield line(Span("Usage: ", "heading"), *first.pieces)
        yield from (line("       ", *other.pieces) for other in others)
        yield from (line(), heading("Options:"), *_option_lines(PROGRAM.flags), line(), heading("Commands:"))
        yield from _aligned(((command.name, command.help) for command in COMMANDS), INDENT)
        title, *examples = split_lines(EXAMPLES)
        yield from (line(), heading(title), *map(line, examples), line())
        codes = ", ".join(f"{code.value} {meaning}" for code, meaning in EXIT_CODE_MEANINGS.items())
        yield from map(line, wrap(f"Exit codes: {codes}.", WIDTH))


class SubcommandHelp(NamedTuple):
    """The help of a subcommand."""

    subcommand: Subcommand

    def data(self) -> dict[str, Any]:
        subcommand = self.subcommand
        options = [flag_data(flag) for flag in self._flags()]
        return {
            "name": subcommand.name,
            "usage": _usage(subcommand),
            "help": subcommand.help,
            "example": subcommand.example,
            "options": options,
        }

    def lines(self) -> Iterator[Line]:
        """Return the help."""
        subcommand = self.subcommand
        yield line(f"{subcommand.help[0].upper()}{subcommand.help[1:]}.")
        yield line()
        yield field("Usage", Span(_usage(subcommand), "command"))
        yield from _option_lines(self._flags())
        yield field("Example", Span(subcommand.example, "command"))

    def _flags(self) -> tuple[Flag, ...]:
        """Return the flags that are specific to the subcommand."""
        return tuple(flag for flag in PROGRAM.flags if flag.name in self.subcommand.flags)


def program_help(words: Sequence[str], version: str) -> ProgramHelp | SubcommandHelp | HelpResult:
    """Return the help for the words after `penguin help`. Raises UsageError."""
    if not words:
        return ProgramHelp(version)
    known = {subcommand.name: subcommand for subcommand in SUBCOMMANDS}
    if len(words) == 1 and words[0] in known:
        return SubcommandHelp(known[words[0]])
    try:
        return help_for(TABLE, words)
    except UsageError as error:
        raise UsageError(error.message, "penguin help lists all commands") from None


def _usage(subcommand: Subcommand) -> str:
    return f"penguin [OPTIONS] {subcommand.name} {subcommand.usage}".rstrip()


def _usage_forms() -> Iterator[tuple[str, str]]:
    """Return the forms of the command line with their descriptions."""
    for form, text in USAGE_FORMS:
        yield f"penguin [OPTIONS] {form}".rstrip(), text
    for subcommand in SUBCOMMANDS:
        yield _usage(subcommand), subcommand.help


def _option_lines(flags: Sequence[Flag]) -> Iterator[Line]:
    return _wrap_aligned([(flag.long_usage, flag.help) for flag in flags], WIDTH, INDENT)


def _wrap_aligned(described: Iterable[tuple[str, str]], width: int, indent: str = "") -> Iterator[Line]:
    """Align names and wrapped descriptions in two columns."""
    pairs = list(described)
    used = len(indent) + max((len(name) for name, _ in pairs), default=0) + GAP
    rows = []
    for name, text in pairs:
        first, *more = wrap(text, width - used)
        rows += [(name, first), *(("", continued) for continued in more)]
    return _aligned(rows, indent)


def _aligned(rows: Iterable[tuple[str, str]], indent: str) -> Iterator[Line]:
    pairs = list(rows)
    width = max((len(name) for name, _ in pairs), default=0)
    return (line(indent, Span(name, "command"), " " * (width - len(name) + GAP), text) for name, text in pairs)
