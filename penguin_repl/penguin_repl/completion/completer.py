"""Completion: commands, verbs, flags and values, all from the table of commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prompt_toolkit.completion import Completer, Completion

from penguin_commands.errors import UsageError
from penguin_commands.grammar.resolve import command_of, noun_of
from penguin_commands.grammar.spec import Argument, Command, Flag, Kind
from penguin_commands.grammar.table import TABLE
from penguin_commands.grammar.tokens import Word, split
from penguin_repl.completion.candidates import Offer, nouns, tail, values, verbs_of
from penguin_repl.completion.match import ranked
from penguin_repl.completion.workspace_index import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from penguin_repl.completion.workspace_index import Known

Found = tuple[Iterable[Offer], str]
"""What may come, and the part of what is typed that it must fit."""
UNIQUE = "bold underline"
"""How the part of an id stands out that no other has: to be seen without colours, too."""


class Ranked(Completion):
    """A completion that knows how well it fits: BEGINS, INSIDE or FUZZY."""

    def __init__(self, text: str, start: int, display: StyleAndTextTuples, meta: str, tier: int) -> None:
        super().__init__(text, start, display=display, display_meta=meta)
        self.tier = tier


class CommandCompleter(Completer):
    """Completes a line up to the cursor, the best first. May be asked from any thread."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """See Completer."""
        before = document.text_before_cursor
        try:
            words = split(before)
        except UsageError:
            return
        typed = Word("", len(before), len(before))
        if words and words[-1].end == len(before):
            typed = words.pop()
        offers, part = self._offers(words, typed.text)
        found = ranked(offers, _names, part, MOST)
        own = self._known.unique_lengths([offer.text for _, offer in found if offer.is_id])
        for rank, offer in found:
            text = offer.text + (" " if offer.goes_on else "")
            display = _display(offer.text, own.get(offer.text, 0))
            yield Ranked(text, typed.start - len(before), display, offer.meta, rank.tier)

    def _offers(self, words: Sequence[Word], typed: str) -> Found:
        if not words:
            return nouns(), typed
        try:
            command, rest = command_of(TABLE, words)
        except UsageError:
            return verbs_of(_fitting(words)), typed
        return _Place(command, rest, typed).offers(self._known)


def _names(offer: Offer) -> tuple[str, ...]:
    return offer.names or (offer.text,)


def _display(text: str, own: int) -> StyleAndTextTuples:
    return [(UNIQUE, text[:own]), ("", text[own:])] if own else [("", text)]


def _fitting(words: Sequence[Word]) -> Iterable[Command]:
    """The commands whose verb may come next: all of a noun, or those that have the flags which are there already."""
    try:
        commands = TABLE.verbs(noun_of(TABLE, words[0]))
    except UsageError:
        return ()
    return [command for command in commands if command.verb and _Place(command, words[1:], "").begins]


class _Place:
    """The place in a command where the next word goes."""

    def __init__(self, command: Command, words: Sequence[Word], typed: str) -> None:
        self.command = command
        self.typed = typed
        self.used: set[str] = set()
        """Flags that are there already."""
        self.unknown = False
        """A flag is there that the command does not have."""
        self.given: list[str] = []
        """Arguments that are there already."""
        self.flag: Flag | None = None
        """The flag whose value comes next."""
        self.literal = False
        for word in words:
            self._pass(word.text)

    @property
    def begins(self) -> bool:
        """Whether there is nothing but flags, with their values."""
        return not (self.given or self.flag or self.literal or self.unknown)

    def _pass(self, word: str) -> None:
        if self.flag is not None:
            self.flag = None
        elif word == "--" and not self.literal:
            self.literal = True
        elif word.startswith("-") and word != "-" and not self.literal and not self._in_text():
            name, equals, _ = word.partition("=")
            flag = self.command.flag(name)
            if flag is None:
                self.unknown = True
            else:
                self.used.add(flag.name)
                self.flag = flag if flag.kind and not equals else None
        else:
            self.given.append(word)

    def offers(self, known: Known) -> Found:
        if self.flag is not None:
            return self._values(self.flag, known, self.typed)
        name, equals, value = self.typed.partition("=")
        if equals and (flag := self.command.flag(name)) is not None:
            found, part = self._values(flag, known, value)
            return [_behind(f"{name}=", offer) for offer in found], part
        if self.typed.startswith("-") and not self.literal:
            return self._flags(), self.typed
        argument = self._argument()
        if argument is None:
            return (() if self.typed else self._flags()), self.typed
        found, part = self._values(argument, known, self.typed)
        # Where nothing need come, flags may.
        return (found if argument.required or self.typed else [*found, *self._flags()]), part

    def _values(self, spec: Argument | Flag, known: Known, typed: str) -> Found:
        return values(spec, known, self.command, self.given, typed), tail(spec.kind, typed)

    def _argument(self) -> Argument | None:
        """The one that comes next."""
        arguments = self.command.arguments
        if len(self.given) < len(arguments):
            return arguments[len(self.given)]
        last = arguments[-1] if arguments else None
        if last is None or not (last.many or last.kind is Kind.TEXT):
            return None
        return last._replace(required=last.kind is Kind.TEXT)

    def _in_text(self) -> bool:
        """Whether the text has begun to which the rest of the line belongs."""
        arguments = self.command.arguments
        return bool(arguments) and arguments[-1].kind is Kind.TEXT and len(self.given) >= len(arguments)

    def _flags(self) -> Iterator[Offer]:
        if self._in_text() or self.literal:
            return
        for flag in self.command.flags:
            if flag.many or flag.name not in self.used:
                names = (f"--{flag.name}", *([f"-{flag.short}"] if flag.short else []))
                yield Offer(f"--{flag.name}", flag.help, names, goes_on=flag.kind is not None)


def _behind(flag: str, offer: Offer) -> Offer:
    """An offer that takes the place of a flag and its value in one word."""
    return offer._replace(text=f"{flag}{offer.text}", names=_names(offer), is_id=False)
