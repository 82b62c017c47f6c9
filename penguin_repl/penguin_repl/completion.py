"""Completion: commands, verbs, flags and values, all from the table of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.completion import Completer, Completion

from penguin.orchestration.backend import GATES, WorkflowStatus
from penguin_commands.errors import UsageError
from penguin_commands.line import Word, quote, split
from penguin_commands.session import LAST
from penguin_commands.spec import Argument, Command, Flag, Kind
from penguin_commands.table import NOUNS, lookup, verbs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    from penguin_repl.known import Known

MOST = 300
"""So many are offered."""


class Offer(NamedTuple):
    """One way to go on."""

    text: str
    """What is put in place of the word that is being typed."""
    meta: str = ""
    also: str = ""
    """Another name that finds it."""
    goes_on: bool = False
    """Something must follow: a blank is put behind it."""


class CommandCompleter(Completer):
    """Completes a line up to the cursor."""

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
        for offer in _best(self._offers(words, typed.text), typed.text):
            text = offer.text + (" " if offer.goes_on else "")
            yield Completion(text, typed.start - len(before), display=offer.text, display_meta=offer.meta)

    def _offers(self, words: Sequence[Word], typed: str) -> Iterable[Offer]:
        if not words:
            return _nouns()
        noun = words[0].text.removeprefix("/") if words[0].text.startswith("/") else ""
        command, rest = lookup(noun, ""), words[1:]
        if command is None and noun in NOUNS:
            if len(words) == 1:
                return _verbs(noun)
            command, rest = lookup(noun, words[1].text), words[2:]
        if command is None:
            return ()
        return _Place(command, rest, typed).offers(self._known)


def _best(offers: Iterable[Offer], typed: str) -> Sequence[Offer]:
    """Those that begin with what is typed, then those that have it inside; in the order given."""
    wanted = typed.lower()
    begins: list[Offer] = []
    inside: list[Offer] = []
    for offer in offers:
        names = [name.lower() for name in (offer.text, offer.also) if name]
        if any(name.startswith(wanted) for name in names):
            begins.append(offer)
        elif any(wanted in name for name in names):
            inside.append(offer)
    return (begins + inside)[:MOST]


def _nouns() -> Iterator[Offer]:
    for noun in NOUNS:
        alone = lookup(noun, "")
        names = ", ".join(command.verb for command in verbs(noun))
        yield Offer(f"/{noun}", alone.help if alone else names, goes_on=alone is None)


def _verbs(noun: str) -> Iterator[Offer]:
    for command in verbs(noun):
        needs = any(argument.required for argument in command.arguments)
        yield Offer(command.verb, command.help, goes_on=needs)


class _Place:
    """The place in a command where the next word goes."""

    def __init__(self, command: Command, words: Sequence[Word], typed: str) -> None:
        self.command = command
        self.typed = typed
        self.used: set[str] = set()
        """Flags that are there already."""
        self.given: list[str] = []
        """Arguments that are there already."""
        self.flag: Flag | None = None
        """The flag whose value comes next."""
        self.literal = False
        for word in words:
            self._pass(word.text)

    def _pass(self, word: str) -> None:
        if self.flag is not None:
            self.flag = None
        elif word == "--" and not self.literal:
            self.literal = True
        elif word.startswith("-") and word != "-" and not self.literal and not self._in_text():
            name, equals, _ = word.partition("=")
            flag = self.command.flag(name)
            if flag is not None:
                self.used.add(flag.name)
                self.flag = flag if flag.kind and not equals else None
        else:
            self.given.append(word)

    def offers(self, known: Known) -> Iterable[Offer]:
        if self.flag is not None:
            return _values(self.flag, known, self)
        name, equals, _ = self.typed.partition("=")
        if equals and (flag := self.command.flag(name)) is not None:
            return [offer._replace(text=f"{name}={offer.text}") for offer in _values(flag, known, self)]
        if self.typed.startswith("-") and not self.literal:
            return self._flags()
        argument = self._argument()
        if argument is None or (not argument.required and not self.typed):
            values = () if argument is None else _values(argument, known, self)
            return [*values, *self._flags()]
        return _values(argument, known, self)

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
                yield Offer(f"--{flag.name}", flag.help, goes_on=flag.kind is not None)


def _values(spec: Argument | Flag, known: Known, place: _Place) -> Iterable[Offer]:
    """What may stand at a place."""
    match spec.kind:
        case Kind.WORKFLOW:
            return _workflows(known, place)
        case Kind.TASK:
            tasks = known.tasks(startable=not place.command.reads)
            return [Offer(quote(task.id), task.title) for task in tasks]
        case Kind.BLUEPRINT:
            return [Offer(quote(it.id), it.title) for it in known.blueprints()]
        case Kind.PROJECT:
            return [Offer(quote(project)) for project in known.projects()]
        case Kind.PHASE:
            return [Offer(phase.lower()) for phase in GATES]
        case Kind.STATUS:
            return [Offer(status.lower()) for status in WorkflowStatus]
        case Kind.STATUSES:
            return _statuses(place.typed)
        case Kind.COMMAND:
            return _help_words(place.given)
    return [Offer(choice) for choice in spec.choices] if isinstance(spec, Flag) else ()


def _workflows(known: Known, place: _Place) -> Iterator[Offer]:
    """Those on which the verb is legal."""
    statuses = place.command.statuses
    everything = len(statuses) == len(WorkflowStatus)
    infos = known.workflows(() if everything else statuses)
    for info in infos:
        if info.workflow_id not in place.given:
            gate = f" at {info.phase}" if info.phase in GATES else ""
            yield Offer(info.workflow_id, f"{info.task_id}: {info.status}{gate}", info.task_id)
    if known.last in {info.workflow_id for info in infos}:
        yield Offer(LAST, f"{known.last}")


def _statuses(typed: str) -> Iterator[Offer]:
    """Several may stand in one word, with commas between."""
    _, equals, value = typed.rpartition("=")
    before, comma, _ = (value if equals else typed).rpartition(",")
    there = before.lower().split(",")
    for name in ("active", *(status.lower() for status in WorkflowStatus)):
        if name not in there:
            yield Offer(before + comma + name)


def _help_words(given: Sequence[str]) -> Iterator[Offer]:
    if not given:
        for offer in _nouns():
            yield offer._replace(text=offer.text.removeprefix("/"), goes_on=False)
    elif len(given) == 1:
        for offer in _verbs(given[0].removeprefix("/")):
            yield offer._replace(goes_on=False)
