"""From words to an Invocation: which command, and the values of its arguments and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin_commands.errors import UsageError
from penguin_commands.line import Word, split
from penguin_commands.spec import Argument, Command, Flag, Invocation, Kind
from penguin_commands.table import NOUNS, lookup, verbs
from penguin_commands.values import convert, nearest, shown, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse(line: str, *, comments: bool = False) -> Invocation | None:
    """What a line asks for; None where it asks for nothing (blank, or a comment where these are allowed).

    Raises UsageError.
    """
    words = split(line, comments=comments)
    if not words:
        return None
    command, rest = _command(words)
    try:
        return Invocation(command, values(command, rest))
    except UsageError as error:
        usage = f"usage: {command.usage}"
        error.hint = f"{error.hint}; {usage}" if error.hint else usage
        raise


def _command(words: list[Word]) -> tuple[Command, list[Word]]:
    """The command that the first words name, and the words after it."""
    first = words[0]
    if not first.text.startswith("/"):
        raise UsageError(_no_slash(first.text), "/help lists the commands", first.start, first.end)
    noun = first.text[1:]
    alone = lookup(noun, "")
    if alone:
        return alone, words[1:]
    if noun not in NOUNS:
        raise _unknown_noun(first)
    if len(words) == 1:
        names = [command.verb for command in verbs(noun)]
        raise UsageError(f"/{noun} needs a verb: {', '.join(names)}", f"/help {noun} explains them", 0, first.end)
    verb = words[1]
    command = lookup(noun, verb.text)
    if command is None:
        raise _unknown_verb(noun, verb)
    return command, words[2:]


def _no_slash(word: str) -> str:
    if word in NOUNS or lookup(word, ""):
        return f"commands begin with a slash: /{word}"
    return f"{shown(word)} is no command; commands begin with a slash"


def _unknown_noun(word: Word) -> UsageError:
    """The error for a command that does not exist, with the usage of the one that was probably meant."""
    names = {f"/{noun}": noun for noun in NOUNS}
    meant = verbs(names.get(nearest(word.text, names), ""))
    if len(meant) > 1:
        hint = f"usage: /{meant[0].noun} {'|'.join(command.verb for command in meant)}"
    else:
        hint = f"usage: {meant[0].usage}" if meant else "/help lists the commands"
    return UsageError(unknown("command", word.text, names), hint, word.start, word.end)


def _unknown_verb(noun: str, verb: Word) -> UsageError:
    """The error for a verb that its noun does not have, with the usage of the one that was probably meant."""
    names = [command.verb for command in verbs(noun)]
    meant = lookup(noun, nearest(verb.text, names))
    hint = f"usage: {meant.usage}" if meant else f"/help {noun} explains them"
    return UsageError(unknown(f"/{noun} verb", verb.text, names), hint, verb.start, verb.end)


def values(command: Command, words: Sequence[Word]) -> dict[str, Any]:
    """The values of a command's arguments and flags, by the names of its handler's parameters. Raises UsageError."""
    return _Values(command).read(words)


class _Values:
    """The values of one line, as they are read."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.values: dict[str, Any] = {}
        self.waiting = list(command.arguments)
        self.literal = False

    def read(self, words: Sequence[Word]) -> dict[str, Any]:
        """The values of these words. Raises UsageError."""
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if self.literal or not word.text.startswith("-") or word.text == "-":
                self._argument(word, rest)
            elif word.text == "--":
                self.literal = True
            else:
                self._flag(word, rest)
        self._check_complete()
        return self.values

    def _argument(self, word: Word, rest: list[Word]) -> None:
        if not self.waiting:
            raise UsageError(f"{shown(word.text)} is one word too many", "", word.start, word.end)
        argument = self.waiting[0]
        if argument.kind is Kind.TEXT:
            # Advice may well speak of flags: from its first word on, all is text.
            self.values[argument.name] = " ".join([word.text, *(other.text for other in rest)])
            rest.clear()
        elif argument.many:
            self.values[argument.name] = (*self.values.get(argument.name, ()), _value(argument, word, word.text))
            return
        else:
            self.values[argument.name] = _value(argument, word, word.text)
        self.waiting.pop(0)

    def _flag(self, word: Word, rest: list[Word]) -> None:
        name, equals, text = word.text.partition("=")
        glued = self.command.flag(word.text[:2])
        if glued and glued.kind and not name.startswith("--") and len(word.text) > 2:
            name, equals, text = word.text[:2], "glued", word.text[2:]
        flag = self.command.flag(name)
        if flag is None:
            known = [f"--{flag.name}" for flag in self.command.flags]
            raise UsageError(unknown("flag", name, known), "", word.start, word.end)
        if flag.key in self.values and not flag.many:
            raise UsageError(f"--{flag.name} is there twice", "", word.start, word.end)
        if flag.kind is None:
            if equals:
                raise UsageError(f"--{flag.name} takes no value", "", word.start, word.end)
            self.values[flag.key] = True
            return
        if not equals:
            if not rest:
                raise UsageError(f"{name} needs a value", "", word.start, word.end)
            word = rest.pop(0)
            text = word.text
        value = _value(flag, word, text)
        self.values[flag.key] = (*self.values.get(flag.key, ()), value) if flag.many else value

    def _check_complete(self) -> None:
        for argument in self.waiting:
            if argument.required and argument.name not in self.values:
                raise UsageError(f"{argument.usage} is missing")
        for flag in self.command.flags:
            if flag.required and flag.key not in self.values:
                raise UsageError(f"{flag.usage} is missing")


def _value(spec: Argument | Flag, word: Word, text: str) -> Any:
    flag = spec if isinstance(spec, Flag) else None
    try:
        return convert(spec.kind or Kind.NAME, text, flag.choices if flag else ())
    except UsageError as error:
        where = f"--{flag.name}: " if flag else ""
        raise UsageError(f"{where}{error.message}", error.hint, word.start, word.end) from None
