"""Completion of commands, verbs, flags and values from the table of commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prompt_toolkit.completion import Completer, Completion

from penguin_commands.errors import UsageError
from penguin_commands.grammar.declarations import Argument, Command, Flag, ValueKind
from penguin_commands.grammar.resolve import resolve_command, resolve_noun
from penguin_commands.grammar.table import TABLE
from penguin_commands.grammar.tokens import Word, split_words
from penguin_repl.completion.candidates import (
    Candidate,
    is_expected,
    match_part,
    noun_candidates,
    value_candidates,
    verb_candidates,
)
from penguin_repl.completion.match import rank_matches
from penguin_repl.completion.workspace_index import MAX_CANDIDATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from penguin_repl.completion.workspace_index import WorkspaceIndex

CandidatesAndPart = tuple[Iterable[Candidate], str]
"""The candidates, and the part of the typed text that they must match."""
UNIQUE_STYLE = "bold underline"
"""The style of the unique prefix of an id. It is visible without colours, too."""
LONGEST_META = 200
"""Characters of a description. The menu measures them all each time it is drawn."""


class RankedCompletion(Completion):
    """A completion with its rank: BEGINS, INSIDE or FUZZY."""

    def __init__(self, text: str, start: int, display: StyleAndTextTuples, meta: str, tier: int) -> None:
        super().__init__(text, start, display=display, display_meta=meta)
        self.tier = tier


class CommandCompleter(Completer):
    """A completer for the line up to the cursor, best candidates first. Can be called from any thread."""

    def __init__(self, index: WorkspaceIndex) -> None:
        self._index = index

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the completions; see Completer."""
        before = document.text_before_cursor
        try:
            words = split_words(before)
        except UsageError:
            return
        typed = Word("", len(before), len(before))
        if words and words[-1].end == len(before):
            typed = words.pop()
        offers, part = self._candidates(words, typed.text)
        found = rank_matches(offers, _match_names, part, MAX_CANDIDATES)
        own = self._index.unique_lengths([candidate.text for _, candidate in found if candidate.is_id])
        for rank, candidate in found:
            text = candidate.text + (" " if candidate.needs_more else "")
            display = _display(candidate.text, own.get(candidate.text, 0))
            meta = candidate.meta if len(candidate.meta) <= LONGEST_META else f"{candidate.meta[:LONGEST_META]}…"
            yield RankedCompletion(text, typed.start - len(before), display, meta, rank.tier)

    def _candidates(self, words: Sequence[Word], typed: str) -> CandidatesAndPart:
        if not words:
            return noun_candidates(), typed
        try:
            command, rest = resolve_command(TABLE, words)
        except UsageError:
            return verb_candidates(_matching_commands(words)), typed
        return _CursorContext(command, rest, typed).candidates(self._index)


def _match_names(candidate: Candidate) -> tuple[str, ...]:
    return candidate.names or (candidate.text,)


def _display(text: str, own: int) -> StyleAndTextTuples:
    return [(UNIQUE_STYLE, text[:own]), ("", text[own:])] if own else [("", text)]


def _matching_commands(words: Sequence[Word]) -> Iterable[Command]:
    """Return the commands whose verb may come next: all of a noun, or those that have the flags typed so far."""
    try:
        commands = TABLE.verbs(resolve_noun(TABLE, words[0]))
    except UsageError:
        return ()
    return [command for command in commands if command.verb and _CursorContext(command, words[1:], "").has_only_flags]


class _CursorContext:
    """The position in a command of the next word."""

    def __init__(self, command: Command, words: Sequence[Word], typed: str) -> None:
        self.command = command
        self.typed = typed
        self.used_flags: set[str] = set()
        """The flags used so far."""
        self.has_unknown_flag = False
        """The command does not have one of the flags."""
        self.given_arguments: list[str] = []
        """The arguments given so far."""
        self.pending_flag: Flag | None = None
        """The flag whose value comes next."""
        self.literal = False
        for word in words:
            self._consume(word.text)

    @property
    def has_only_flags(self) -> bool:
        """Return whether the words are only flags, with their values."""
        return not (self.given_arguments or self.pending_flag or self.literal or self.has_unknown_flag)

    def _consume(self, word: str) -> None:
        if self.pending_flag is not None:
            self.pending_flag = None
        elif word == "--" and not self.literal:
            self.literal = True
        elif word.startswith("-") and word != "-" and not self.literal and not self._in_text():
            name, equals, _ = word.partition("=")
            flag = self.command.find_flag(name)
            if flag is None:
                self.has_unknown_flag = True
            else:
                self.used_flags.add(flag.name)
                self.pending_flag = flag if flag.kind and not equals else None
        else:
            self.given_arguments.append(word)

    def candidates(self, index: WorkspaceIndex) -> CandidatesAndPart:
        if self.pending_flag is not None:
            return self._value_candidates(self.pending_flag, index, self.typed)
        name, equals, value = self.typed.partition("=")
        if equals and (flag := self.command.find_flag(name)) is not None:
            found, part = self._value_candidates(flag, index, value)
            return [_with_flag(f"{name}=", candidate) for candidate in found], part
        if self.typed.startswith("-") and not self.literal:
            return self._flag_candidates(), self.typed
        argument = self._next_argument()
        if argument is None:
            return (() if self.typed else self._flag_candidates()), self.typed
        found, part = self._value_candidates(argument, index, self.typed)
        # If no argument is expected here, flags are likely.
        return (found if is_expected(argument) or self.typed else [*found, *self._flag_candidates()]), part

    def _value_candidates(self, spec: Argument | Flag, index: WorkspaceIndex, typed: str) -> CandidatesAndPart:
        return value_candidates(spec, index, self.command, self.given_arguments, typed), match_part(spec.kind, typed)

    def _next_argument(self) -> Argument | None:
        """Return the next argument."""
        arguments = self.command.arguments
        if len(self.given_arguments) < len(arguments):
            return arguments[len(self.given_arguments)]
        last = arguments[-1] if arguments else None
        if last is None or not (last.many or last.kind is ValueKind.TEXT):
            return None
        return last._replace(required=last.kind is ValueKind.TEXT)

    def _in_text(self) -> bool:
        """Return whether the cursor is in an argument that takes the rest of the line."""
        arguments = self.command.arguments
        return bool(arguments) and arguments[-1].kind is ValueKind.TEXT and len(self.given_arguments) >= len(arguments)

    def _flag_candidates(self) -> Iterator[Candidate]:
        if self._in_text() or self.literal:
            return
        for flag in self.command.flags:
            if flag.many or flag.name not in self.used_flags:
                names = (f"--{flag.name}", *([f"-{flag.short}"] if flag.short else []))
                yield Candidate(f"--{flag.name}", flag.help, names, needs_more=flag.kind is not None)


def _with_flag(flag: str, candidate: Candidate) -> Candidate:
    """Return a candidate that replaces a flag and its value in one word."""
    return candidate._replace(text=f"{flag}{candidate.text}", names=_match_names(candidate), is_id=False)
