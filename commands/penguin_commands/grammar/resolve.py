"""Resolution of the first words of a line to a command.

An exact name always wins. A command that changes nothing also accepts an unambiguous prefix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.errors import UsageError
from penguin_commands.grammar.tokens import Word, quote
from penguin_commands.grammar.values import nearest_match, quote_for_error, unknown_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_commands.grammar.declarations import Command, CommandTable

PROGRAM = "penguin"
"""The word before commands on the command line."""


def resolve_command(table: CommandTable, words: Sequence[Word]) -> tuple[Command, list[Word]]:
    """Return the command that the first words name, and the remaining words. Raises UsageError."""
    first, rest = words[0], list(words[1:])
    noun = resolve_noun(table, first, rest)
    alone = table.lookup(noun, "")
    if alone:
        return _check_prefix(alone, [first], exact=first.text[1:] in (alone.noun, *alone.aliases)), rest
    index = _verb_index(table, noun, rest)
    if index is None:
        names = ", ".join(command.verb for command in table.verbs(noun))
        raise UsageError(f"/{noun} needs a verb: {names}", f"/help {noun} explains them", first.start, first.end)
    verb = rest.pop(index)
    command = resolve_verb(table, noun, verb)
    exact = first.text[1:] == noun and verb.text in (command.verb, *command.aliases)
    return _check_prefix(command, [first, verb], exact=exact), rest


def resolve_noun(table: CommandTable, word: Word, rest: Sequence[Word] = ()) -> str:
    """Return the noun that a word with a slash names. For a standalone command's alias, return its primary name.

    Raises UsageError, which suggests a command. `rest` are the words after it.
    """
    name = word.text.removeprefix("/")
    if not word.text.startswith("/"):
        raise _missing_slash_error(table, word, rest)
    if name in table.nouns:
        return name
    alone = table.lookup(name, "")
    if alone:
        return alone.noun
    found = {
        command.noun: None for command in table.commands for it in _noun_names(command) if name and it.startswith(name)
    }
    if len(found) > 1:
        raise _ambiguous_error(word, [f"/{noun}" for noun in found])
    if not found:
        raise _unknown_noun_error(table, word, rest)
    return next(iter(found))


def resolve_verb(table: CommandTable, noun: str, word: Word) -> Command:
    """Return the command that a verb of this noun names."""
    exact = table.lookup(noun, word.text)
    if exact:
        return exact
    known = table.verbs(noun)
    found = [
        command
        for command in known
        if word.text and any(it.startswith(word.text) for it in (command.verb, *command.aliases))
    ]
    if len(found) > 1:
        raise _ambiguous_error(word, [command.verb for command in found])
    if not found:
        raise _unknown_verb_error(table, noun, word)
    return found[0]


def _noun_names(command: Command) -> tuple[str, ...]:
    return (command.noun,) if command.verb else (command.noun, *command.aliases)


def _verb_index(table: CommandTable, noun: str, rest: Sequence[Word]) -> int | None:
    """Return the position of the verb: first, or after flags and their values."""
    if not rest or not rest[0].text.startswith("-"):
        return 0 if rest else None
    indexes = [index for index, word in enumerate(rest) if table.lookup(noun, word.text)]
    # The same word may be the value of a flag or a verb. If no flag fits, the first verb decides the error.
    fitting = (index for index in indexes if _are_flags(table.lookup(noun, rest[index].text), rest[:index]))
    return next(fitting, indexes[0] if indexes else 0)


def _are_flags(command: Command | None, words: Sequence[Word]) -> bool:
    """Return whether the words are only flags of a command, with their values."""
    if command is None:
        return False
    value_follows = False
    for word in words:
        name, equals, _ = word.text.partition("=")
        flag = None if value_follows else command.find_flag(name)
        if not value_follows and flag is None:
            return False
        value_follows = flag is not None and flag.kind is not None and not equals
    return not value_follows


def _check_prefix(command: Command, words: Sequence[Word], *, exact: bool) -> Command:
    """Return the command, but reject a mere prefix of its name if it changes something."""
    if exact or command.read_only:
        return command
    typed = " ".join(word.text for word in words)
    message = f"{quote_for_error(typed)} abbreviates {command.name}, which changes something"
    raise UsageError(message, f"write it out: {command.usage}", words[0].start, words[-1].end)


def _missing_slash_error(table: CommandTable, word: Word, rest: Sequence[Word]) -> UsageError:
    if word.text == PROGRAM and rest:
        suggested = _suggested_lines(table, rest[0], rest[1:])
        message = f"here, commands have a slash, and no 'penguin' before them{f': {suggested[0]}' if suggested else ''}"
        return UsageError(message, _hint_of(suggested), word.start, word.end)
    suggested = _suggested_lines(table, word, rest)
    if word.text in table.nouns or table.lookup(word.text, ""):
        message = f"commands begin with a slash: {(suggested or [f'/{word.text}'])[0]}"
    elif suggested:
        message = f"{quote_for_error(word.text)} is not a command; did you mean {suggested[0]}?"
    else:
        message = f"{quote_for_error(word.text)} is not a command; commands begin with a slash"
    return UsageError(message, _hint_of(suggested), word.start, word.end)


def _suggested_lines(table: CommandTable, word: Word, rest: Sequence[Word]) -> list[str]:
    # Most lines contain no error.
    from penguin_commands.grammar.suggest import suggested_commands

    found = suggested_commands(table, [word.text, *(other.text for other in rest)])
    return [f"/{' '.join(map(quote, words))}" for words in found]


def _hint_of(suggested: Sequence[str]) -> str:
    others = ", ".join(suggested[1:])
    return f"or {others}; /help lists the commands" if others else "/help lists the commands"


def _ambiguous_error(word: Word, names: Sequence[str]) -> UsageError:
    message = f"{quote_for_error(word.text)} is ambiguous: {', '.join(names[:-1])} or {names[-1]}"
    return UsageError(message, "type more letters", word.start, word.end)


def _unknown_noun_error(table: CommandTable, word: Word, rest: Sequence[Word]) -> UsageError:
    """Return the error for an unknown command, with the usage of the most similar one, or with commands of its verb."""
    names = {f"/{noun}": noun for noun in table.nouns}
    verb = word.text.removeprefix("/")
    is_verb = any(command.verb and verb in (command.verb, *command.aliases) for command in table.commands)
    meant = () if is_verb else table.verbs(names.get(nearest_match(word.text, names), ""))
    if not meant and (suggested := _suggested_lines(table, word, rest)):
        message = f"unknown command {quote_for_error(word.text)}; did you mean {suggested[0]}?"
        return UsageError(message, _hint_of(suggested), word.start, word.end)
    if len(meant) > 1:
        hint = f"usage: /{meant[0].noun} {'|'.join(command.verb for command in meant)}"
    else:
        hint = f"usage: {meant[0].usage}" if meant else "/help lists the commands"
    return UsageError(unknown_message("command", word.text, names), hint, word.start, word.end)


def _unknown_verb_error(table: CommandTable, noun: str, verb: Word) -> UsageError:
    """Return the error for a verb that its noun does not have, with the usage of the most similar one."""
    names = [command.verb for command in table.verbs(noun)]
    meant = table.lookup(noun, nearest_match(verb.text, names))
    hint = f"usage: {meant.usage}" if meant else f"/help {noun} explains them"
    return UsageError(unknown_message(f"/{noun} verb", verb.text, names), hint, verb.start, verb.end)
