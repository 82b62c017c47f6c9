"""Names of commands: exact names, prefixes, flags before the verb, and the position of errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin_commands.errors import UsageError
from penguin_commands.grammar.declarations import Command
from penguin_commands.grammar.parse import parse
from penguin_commands.grammar.table import COMMANDS, TABLE
from penguin_commands.handlers.system import help_for


def named(line: str) -> str:
    invocation = parse(line)
    assert invocation is not None
    return invocation.command.name


def refused(line: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert caught.value.line == line
    return caught.value


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("/workflow stat a", "/workflow status"),
        ("/workflow li", "/workflow list"),
        ("/workf ls", "/workflow list"),
        ("/task g", "/task graph"),
        ("/hea", "/health"),
        ("/exi", "/quit"),
        ("/hel work retr", "/help"),
    ],
)
def test_reading_commands_accept_prefixes(line: str, name: str) -> None:
    assert named(line) == name


@pytest.mark.parametrize(
    ("line", "message", "fault"),
    [
        ("/b list", "'/b' is ambiguous: /blueprint or /backup", "/b"),
        ("/workflow st a", "'st' is ambiguous: start or status", "st"),
        ("/workflow res a", "'res' is ambiguous: resume or results", "res"),
    ],
)
def test_an_ambiguous_prefix_is_refused(line: str, message: str, fault: str) -> None:
    error = refused(line)
    assert message in error.message
    assert error.line[error.start : error.end] == fault


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if not command.read_only], ids=lambda command: command.name
)
def test_changing_commands_accept_no_prefix(command: Command) -> None:
    verb_or_noun = command.verb or command.noun
    for length in range(1, len(verb_or_noun)):
        short = verb_or_noun[:length]
        line = f"/{command.noun} {short} x" if command.verb else f"/{short} x"
        try:
            invocation = parse(line)
        except UsageError:
            continue
        assert invocation is None or invocation.command.read_only, line


def test_an_abbreviated_noun_does_not_change_anything_either() -> None:
    error = refused("/workf cancel x")
    assert "'/workf cancel' abbreviates /workflow cancel, which changes something" in error.message
    assert error.hint == "write it out: /workflow cancel ID"
    assert error.line[error.start : error.end] == "/workf cancel"


def test_an_exact_name_always_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = next(command for command in COMMANDS if command.name == "/workflow list")
    longer = listed._replace(verb="listed", aliases=())
    monkeypatch.setattr(TABLE, "commands", [longer, *COMMANDS])
    assert named("/workflow list") == "/workflow list"
    assert "'lis' is ambiguous: listed or list" in refused("/workflow lis").message


@given(st.sampled_from(COMMANDS), st.data())
def test_a_prefix_names_its_only_command_or_is_refused(command: Command, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([command.verb or command.noun, *command.aliases]))
    short = name[: data.draw(st.integers(1, len(name)))]
    line = f"/{command.noun} {short}" if command.verb else f"/{short}"
    try:
        invocation = parse(line)
    except UsageError:
        return
    assert invocation is not None
    found = invocation.command
    assert any(name.startswith(short) for name in (found.verb or found.noun, *found.aliases))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("/workflow --limit 3 list", "/workflow list"),
        ("/workflow --task list list", "/workflow list"),
        ("/workflow --task=wait list shop", "/workflow list"),
        ("/workflow -f logs a", "/workflow logs"),
        ("/workflow --with-deps start a --wait", "/workflow start"),
    ],
)
def test_flags_can_precede_the_verb(line: str, name: str) -> None:
    assert named(line) == name


def test_an_unknown_flag_before_the_verb_is_named() -> None:
    error = refused("/workflow --nope list")
    assert error.message.startswith("unknown flag '--nope'")
    assert error.line[error.start : error.end] == "--nope"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_found_from_help_alone(command: Command) -> None:
    assert command in help_for(TABLE, ()).commands
    assert command in help_for(TABLE, [command.noun]).commands
    words = [command.noun, command.verb] if command.verb else [command.noun]
    shown = help_for(TABLE, words)
    assert (shown.commands, shown.detailed) == ((command,), True)
    assert help_for(TABLE, [f"/{command.noun}", *words[1:]]) == shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope"], "unknown command '/nope'"),
        (["workflow", "retyr"], "did you mean retry?"),
        (["workflow", "retry", "x"], "unexpected argument 'x'"),
        (["health", "x"], "unexpected argument 'x'"),
    ],
)
def test_help_on_an_unknown_command(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=r"unknown|unexpected") as caught:
        help_for(TABLE, words)
    assert message in caught.value.message
