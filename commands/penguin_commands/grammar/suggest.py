"""Suggestions of the command that words without a known one may mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.grammar.values import MAX_LENGTH, nearest_match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_commands.grammar.declarations import Command, CommandTable

DEFAULT_VERB = "list"
"""The verb to suggest for a noun alone."""


def suggested_commands(table: CommandTable, words: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the commands that these words may mean, each as its words without the slash; most likely first.

    The first word may be a verb, a misspelled verb or noun, or a noun without its slash.
    """
    first, rest = words[0].removeprefix("/"), list(words[1:])
    exact = table.lookup(first, "")
    named = [_words(exact, rest)] if exact else []
    named += _with_verb(table, first, rest)
    if named:
        return named
    noun = _nearest_noun(table, first, is_alone=not rest)
    if not noun:
        return _with_verb(table, nearest_match(first, all_verbs(table)), rest)
    alone = table.lookup(noun, "")
    if alone:
        return [_words(alone, rest)]
    verb = rest.pop(0) if rest else DEFAULT_VERB
    verbs = [command.verb for command in table.verbs(noun)]
    found = table.lookup(noun, verb) or table.lookup(noun, nearest_match(verb, verbs))
    return [_words(found, rest)] if found else []


def all_verbs(table: CommandTable) -> list[str]:
    """Return the verbs of all nouns, and their aliases."""
    return [name for command in table.commands for name in _verb_names(command)]


def all_nouns(table: CommandTable) -> list[str]:
    """Return the nouns, and the aliases of commands that are a noun alone."""
    return [*table.nouns, *(alias for command in table.commands if not command.verb for alias in command.aliases)]


def _verb_names(command: Command) -> tuple[str, ...]:
    return (command.verb, *command.aliases) if command.verb else ()


def _with_verb(table: CommandTable, verb: str, rest: Sequence[str]) -> list[tuple[str, ...]]:
    return [_words(command, rest) for command in table.commands if verb in _verb_names(command)]


def _nearest_noun(table: CommandTable, word: str, *, is_alone: bool) -> str:
    """Return the noun that a word abbreviates, or is more similar to than to any verb; '' if there is none.

    Before another word, a noun is more likely than a verb.
    """
    nouns = all_nouns(table)
    abbreviated = [noun for noun in nouns if word and noun.startswith(word)]
    if len(abbreviated) == 1:
        return abbreviated[0]
    nearest = nearest_match(word, [*nouns, *all_verbs(table)] if is_alone else nouns)
    return nearest if nearest in nouns else ""


def _words(command: Command, rest: Sequence[str]) -> tuple[str, ...]:
    names = (command.noun, command.verb) if command.verb else (command.noun,)
    # A long text, such as a feedback, would hide the suggestion.
    return (*names, *rest) if sum(map(len, rest)) <= MAX_LENGTH else names
