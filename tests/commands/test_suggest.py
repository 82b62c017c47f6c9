"""Suggestions for lines without a known command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin_commands.errors import UsageError
from penguin_commands.grammar.declarations import Command
from penguin_commands.grammar.parse import parse
from penguin_commands.grammar.suggest import suggested_commands
from penguin_commands.grammar.table import COMMANDS, TABLE


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_verb_alone_suggests_every_command_that_has_it(command: Command) -> None:
    names = (command.noun, command.verb) if command.verb else (command.noun,)
    assert (*names, "x") in suggested_commands(TABLE, [command.verb or command.noun, "x"])


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        ("list", "workflow list"),
        ("/list", "workflow list"),
        ("ls", "workflow list"),
        ("start x", "workflow start x"),
        ("strat x", "workflow start x"),
        ("ready", "task ready"),
        ("raedy", "task ready"),
        ("tasks", "task list"),
        ("task", "task list"),
        ("workflow lst", "workflow list"),
        ("worklow status x", "workflow status x"),
        ("wo ls", "workflow list"),
        ("hlep", "help"),
        ("exit", "quit"),
        ("qiut", "quit"),
    ],
)
def test_the_first_suggestion(words: str, suggested: str) -> None:
    assert " ".join(suggested_commands(TABLE, words.split())[0]) == suggested


@pytest.mark.parametrize("words", ["xyzzy", "0", "/", "-"])
def test_nothing_is_suggested_for_other_words(words: str) -> None:
    assert suggested_commands(TABLE, words.split()) == []


def test_a_long_text_is_not_repeated() -> None:
    assert suggested_commands(TABLE, ["feedback", "x", "no " * 100]) == [("workflow", "feedback")]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_suggestions_are_commands(words: list[str]) -> None:
    for found in suggested_commands(TABLE, words):
        assert TABLE.lookup(found[0], found[1] if len(found) > 1 else "") or TABLE.lookup(found[0], "")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (
            "list",
            "'list' is not a command; did you mean /workflow list?",
            "or /blueprint list, /task list, /snapshot list; /help lists the commands",
        ),
        ("workflow list", "commands begin with a slash: /workflow list", "/help lists the commands"),
        (
            "penguin workflow list",
            "here, commands have a slash, and no 'penguin' before them: /workflow list",
            "/help lists the commands",
        ),
        (
            "penguin task ready -o json",
            "here, commands have a slash, and no 'penguin' before them: /task ready -o json",
            "/help lists the commands",
        ),
        ("penguin zzzz", "here, commands have a slash, and no 'penguin' before them", "/help lists the commands"),
        ("/start x", "unknown command '/start'; did you mean /workflow start x?", "/help lists the commands"),
        (
            "feedback x 'two words'",
            "'feedback' is not a command; did you mean /workflow feedback x 'two words'?",
            "/help lists the commands",
        ),
    ],
)
def test_errors_suggest_a_whole_line(line: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert (caught.value.message, caught.value.hint) == (message, hint)
