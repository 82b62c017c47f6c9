"""Parsing of a line into a command and the values of its arguments and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin_commands.errors import UsageError
from penguin_commands.grammar.declarations import Argument, Command, Flag, Invocation, ValueKind
from penguin_commands.grammar.resolve import resolve_command
from penguin_commands.grammar.table import TABLE
from penguin_commands.grammar.tokens import Word, split_words
from penguin_commands.grammar.values import convert_value, quote_for_error, unknown_message

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse(line: str, *, comments: bool = False) -> Invocation | None:
    """Return the command in a line, or None if it has none (a blank line, or a comment where these are allowed).

    Raises UsageError.
    """
    try:
        words = split_words(line, comments=comments)
        return _parse_invocation(words) if words else None
    except UsageError as error:
        error.line = line
        raise


def _parse_invocation(words: Sequence[Word]) -> Invocation:
    command, rest = resolve_command(TABLE, words)
    try:
        return Invocation(command, parse_values(command, rest))
    except UsageError as error:
        usage = f"usage: {command.usage}"
        error.hint = f"{error.hint}; {usage}" if error.hint else usage
        if error.start is None:
            # No word is wrong: one is missing, and would begin here.
            error.start = error.end = words[-1].end + 1
        raise


def parse_values(command: Command, words: Sequence[Word]) -> dict[str, Any]:
    """Return the values of a command's arguments and flags by parameter name of its handler. Raises UsageError."""
    return _ValueParser(command).read(words)


class _ValueParser:
    """A parser for the arguments and flags of one line."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.values: dict[str, Any] = {}
        self.remaining_arguments = list(command.arguments)
        self.literal = False

    def read(self, words: Sequence[Word]) -> dict[str, Any]:
        """Parse the words. Raises UsageError."""
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if self.literal or not word.text.startswith("-") or word.text == "-":
                self._read_argument(word, rest)
            elif word.text == "--":
                self.literal = True
            else:
                self._read_flag(word, rest)
        self._check_complete()
        return self.values

    def _read_argument(self, word: Word, rest: list[Word]) -> None:
        if not self.remaining_arguments:
            raise UsageError(f"unexpected argument {quote_for_error(word.text)}", "", word.start, word.end)
        argument = self.remaining_arguments[0]
        if argument.kind is ValueKind.TEXT:
            # Feedback may contain flags: everything from its first word on is text.
            self.values[argument.name] = " ".join([word.text, *(other.text for other in rest)])
            rest.clear()
        elif argument.many:
            self.values[argument.name] = (
                *self.values.get(argument.name, ()),
                _convert_value(argument, word, word.text),
            )
            return
        else:
            self.values[argument.name] = _convert_value(argument, word, word.text)
        self.remaining_arguments.pop(0)

    def _read_flag(self, word: Word, rest: list[Word]) -> None:
        name, equals, text = word.text.partition("=")
        glued = self.command.find_flag(word.text[:2])
        if glued and glued.kind and not name.startswith("--") and len(word.text) > 2:
            name, equals, text = word.text[:2], "glued", word.text[2:]
        flag = self.command.find_flag(name)
        if flag is None:
            known = [f"--{flag.name}" for flag in self.command.flags]
            raise UsageError(unknown_message("flag", name, known), "", word.start, word.end)
        if flag.parameter_name in self.values and not flag.many:
            raise UsageError(f"--{flag.name} was given more than once", "", word.start, word.end)
        if flag.kind is None:
            if equals:
                raise UsageError(f"--{flag.name} takes no value", "", word.start, word.end)
            self.values[flag.parameter_name] = True
            return
        if not equals:
            if not rest:
                raise UsageError(f"{name} needs a value", "", word.start, word.end)
            word = rest.pop(0)
            text = word.text
        value = _convert_value(flag, word, text)
        self.values[flag.parameter_name] = (*self.values.get(flag.parameter_name, ()), value) if flag.many else value

    def _check_complete(self) -> None:
        for argument in self.remaining_arguments:
            if argument.required and argument.name not in self.values:
                raise UsageError(f"{argument.usage} is missing")
        for flag in self.command.flags:
            if flag.required and flag.parameter_name not in self.values:
                raise UsageError(f"{flag.usage} is missing")


def _convert_value(spec: Argument | Flag, word: Word, text: str) -> Any:
    flag = spec if isinstance(spec, Flag) else None
    try:
        return convert_value(spec.kind or ValueKind.NAME, text, spec.choices)
    except UsageError as error:
        where = f"--{flag.name}: " if flag else ""
        raise UsageError(f"{where}{error.message}", error.hint, word.start, word.end) from None
