"""A slash command as words of the command line: `penguin workflow list` is `/workflow list`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from penguin_commands.errors import UsageError
from penguin_commands.grammar.declarations import ValueKind
from penguin_commands.grammar.resolve import resolve_command
from penguin_commands.grammar.table import TABLE
from penguin_commands.grammar.tokens import Word, command_line, quote
from penguin_commands.grammar.values import nearest_match, quote_for_error
from penguin_repl.cli.subcommands import COMMAND_FLAGS, SUBCOMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_commands.grammar.declarations import Command, Flag

HELP = "penguin --help lists the commands"


class CommandWords(NamedTuple):
    """A command line with a slash command, in its two parts."""

    options: list[str]
    """The options of `penguin`, which may be before and behind the command."""
    command: list[str]
    """The words of the command, without its slash."""
    name: tuple[str, ...]
    """Its noun and verb, as far as they are known."""

    @property
    def line(self) -> str:
        """Return the command as a line, in which each word is one word again."""
        return "/" + " ".join(map(quote, self.command))


def find_command_words(words: Sequence[str], index: int) -> CommandWords | None:
    """Return the two parts of a command line with a slash command; None for a script or a subcommand.

    `index` is the position of its first argument. Raises UsageError if that is no command and no file.
    """
    name = words[index]
    if name == "-" or any(subcommand.name == name for subcommand in SUBCOMMANDS):
        return None
    if name not in TABLE.nouns and TABLE.lookup(name, "") is None:
        _refuse_unknown(words[index:])
        return None
    command = _find_command(words[index:])
    names = (name,) if command is None or not command.verb else (name, command.verb)
    options, own = _split_options(command, words[index + 1 :], len(names) - 1)
    return CommandWords([*words[:index], *options], [name, *own], names)


def _find_command(words: Sequence[str]) -> Command | None:
    """Return the command that the first words name; None if the line has an error, which its parser reports."""
    try:
        return resolve_command(TABLE, [Word(f"/{words[0]}", 0, 0), *(Word(word, 0, 0) for word in words[1:])])[0]
    except UsageError:
        return None


def _split_options(command: Command | None, words: Sequence[str], names: int) -> tuple[list[str], list[str]]:
    """Return the options of `penguin` among the words behind a noun, and the other words.

    A text, such as a feedback, takes all words from its first one on, and so does `--`. `names` is the number of the
    arguments that are part of the command's name.
    """
    options: list[str] = []
    own: list[str] = []
    rest = list(words)
    arguments = -names
    while rest:
        word = rest.pop(0)
        is_option = word.startswith("-") and word != "-"
        if word == "--" or (not is_option and _begins_text(command, arguments)):
            own += [word, *rest]
            break
        arguments += not is_option
        flag = _find_flag(command, word) if is_option else None
        found = options if flag in COMMAND_FLAGS else own
        found.append(word)
        if flag is not None and flag.kind is not None and word in (f"--{flag.name}", f"-{flag.short}"):
            found += rest[:1]
            del rest[:1]
    return options, own


def _begins_text(command: Command | None, index: int) -> bool:
    """Return whether the argument with this index is a text."""
    arguments = command.arguments if command else ()
    return 0 <= index < len(arguments) and arguments[index].kind is ValueKind.TEXT


def _find_flag(command: Command | None, word: str) -> Flag | None:
    """Return the flag of the command or of `penguin` in a word, which may hold its value: `--output=json`, `-ojson`."""
    name = word.partition("=")[0] if word.startswith("--") else word[:2]
    own = command.find_flag(name) if command else None
    return own or next((flag for flag in COMMAND_FLAGS if name in (f"--{flag.name}", f"-{flag.short}")), None)


def _refuse_unknown(words: Sequence[str]) -> None:
    """Raise UsageError, with a suggestion, if the first word is no file. A path is left to the reader of scripts."""
    name = words[0]
    is_path = os.sep in name.removeprefix("/") or "." in name
    if is_path or os.path.lexists(name):
        return
    meant = _suggestions(words)
    if meant:
        others = f"or {', '.join(meant[1:])}; " if meant[1:] else ""
        raise UsageError(f"unknown command {quote_for_error(name)}; did you mean {meant[0]}?", f"{others}{HELP}")
    raise UsageError(f"unknown command {quote_for_error(name)}, and there is no such script", HELP)


def _suggestions(words: Sequence[str]) -> list[str]:
    """Return the command lines that these words may mean, most likely first."""
    from penguin_commands.grammar.suggest import all_nouns, all_verbs, suggested_commands

    names = [subcommand.name for subcommand in SUBCOMMANDS]
    nearest = nearest_match(words[0], [*names, *all_nouns(TABLE), *all_verbs(TABLE)])
    if nearest in names:
        return [command_line(nearest, *words[1:])]
    return [command_line(*found) for found in suggested_commands(TABLE, words)]
