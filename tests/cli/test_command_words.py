"""Slash commands as words of the command line."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.test_imports import modules
from tests.support.program import Program

from penguin_commands.errors import UsageError
from penguin_commands.grammar.declarations import Command
from penguin_commands.grammar.parse import parse
from penguin_commands.grammar.suggest import all_nouns
from penguin_commands.grammar.table import COMMANDS, TABLE
from penguin_commands.grammar.tokens import command_line
from penguin_repl.cli.options import Options, parse_options
from penguin_repl.cli.subcommands import COMMAND_FLAGS, PROGRAM, SUBCOMMANDS


def options_of(line: str) -> Options:
    return parse_options(line.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_typed_as_words(command: Command) -> None:
    options = parse_options([*command.name.removeprefix("/").split(), "--help"])
    if command.noun == "help":
        assert options.script == "help"
        return
    assert (options.line, " ".join(options.words)) == (command.name, command.name[1:])
    assert options.help


def test_commands_and_subcommands_share_only_help() -> None:
    assert {subcommand.name for subcommand in SUBCOMMANDS} & set(all_nouns(TABLE)) == {"help"}


def test_no_command_has_a_flag_of_the_program() -> None:
    """Otherwise it would depend on the command what `-o` means."""
    names = {name for flag in COMMAND_FLAGS for name in (f"--{flag.name}", f"-{flag.short}" if flag.short else "")}
    for command in COMMANDS:
        assert [name for name in names if name and command.find_flag(name)] == []


@pytest.mark.parametrize(
    ("typed", "line", "output"),
    [
        ("workflow list", "/workflow list", "text"),
        ("workflow list -o json", "/workflow list", "json"),
        ("workflow list -ojson", "/workflow list", "json"),
        ("workflow -o json list", "/workflow list", "json"),
        ("-o json workflow list", "/workflow list", "json"),
        ("--output=json workflow list --limit 3", "/workflow list --limit 3", "json"),
        ("workflow --limit 3 list --output jsonl", "/workflow --limit 3 list", "jsonl"),
        ("workflow feedback x -o json use -o json", "/workflow feedback x use -o json", "json"),
        ("workflow feedback x use -o json", "/workflow feedback x use -o json", "text"),
        ("workflow feedback x -- -o json", "/workflow feedback x -- -o json", "text"),
        ("task add Title -o json", "/task add Title", "json"),
        ("task graph --format dot", "/task graph --format dot", "text"),
        ("workflow lst -o json", "/workflow lst", "json"),
        ("health", "/health", "text"),
        ("exit", "/exit", "text"),
    ],
)
def test_the_options_of_the_program_may_be_anywhere(typed: str, line: str, output: str) -> None:
    options = options_of(typed)
    assert (options.line, options.output) == (line, output)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_a_word_stays_one_word(words: list[str]) -> None:
    invocation = parse(parse_options(["workflow", "feedback", "x", "--", *words]).line)
    assert invocation is not None
    assert invocation.values == {"workflow": "x", "text": " ".join(words)}


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("list", "unknown command 'list'; did you mean penguin workflow list?", "or penguin blueprint list"),
        ("start x", "unknown command 'start'; did you mean penguin workflow start x?", "penguin --help"),
        ("wroker", "unknown command 'wroker'; did you mean penguin worker?", "penguin --help"),
        ("/workflow list", "unknown command '/workflow'; did you mean penguin workflow list?", "penguin --help"),
        ("xyzzy", "unknown command 'xyzzy', and there is no such script", "penguin --help"),
        ("workflow list --metrics 127.0.0.1:1", "unknown flag '--metrics'", "usage: /workflow list"),
        ("-c /health workflow list", "a command and -c can't be combined", "usage: penguin"),
        ("--yes workflow list", "--yes is for `penguin init` and `penguin trust`", "usage: penguin"),
    ],
)
def test_errors(typed: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(options_of(typed).line)
    assert caught.value.message.startswith(message)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("workflow", "wait", "ituv-a-1c31dc"), "penguin workflow wait ituv-a-1c31dc"),
        (("import", "my specs/tasks.md"), "penguin import 'my specs/tasks.md'"),
        (("workflow", "start", "a$b"), "penguin workflow start 'a$b'"),
    ],
)
def test_hints_are_quoted_for_the_shell(words: Sequence[str], line: str) -> None:
    assert command_line(*words) == line


def test_words_do_as_the_slash_command_does(penguin: Program) -> None:
    started = penguin("workflow", "start", "quick", "--wait")
    assert (started.code, started.err.count("COMPLETED")) == (0, 1)
    words, slash = penguin("workflow", "list", "-o", "json"), penguin("-o", "json", "-c", "/workflow list")
    assert words == slash
    assert penguin("workflow", "wait", "quick", "--for", "failed").code == 5
    assert penguin("workflow", "start", "after", "--wait", "--timeout", "0.001").code == 4
    assert penguin("blueprint", "lint").code == penguin("-c", "/blueprint lint").code


def test_an_error_of_words_has_no_line_number(penguin: Program) -> None:
    ran = penguin("workflow", "status", "nowhere", "-o", "json")
    assert ran.code == 1
    assert ran.err.startswith("penguin: there is no workflow 'nowhere'")
    assert "place" not in ran.documents[0]["error"]


def test_a_wrong_word_is_marked(penguin: Program) -> None:
    ran = penguin("workflow", "lst")
    assert ran.code == 2
    assert "    /workflow lst\n              ^^^\n" in ran.err


def test_feedback_may_have_several_lines(penguin: Program) -> None:
    penguin("--detach", "workflow", "start", "gated")
    sent = penguin("workflow", "feedback", "gated", "two words\n/workflow cancel gated", "-o", "json", "--detach")
    assert sent.code == 0
    history = penguin("workflow", "history", "gated").out
    assert "two words" in history
    assert "-o json --detach" in history
    assert penguin("workflow", "status", "gated", "-o", "json").documents[0]["status"] == "PENDING"


def test_a_file_with_the_name_of_a_verb_is_a_script(penguin: Program) -> None:
    (penguin.folder / "list").write_text("/task ready\n")
    assert penguin("list") == penguin("task", "ready")


def test_a_list_as_words_imports_one_module_more(penguin: Program) -> None:
    penguin("workflow", "list")
    more = modules(penguin, "workflow", "list") - modules(penguin, "-c", "/workflow list")
    assert more == {"penguin_repl.cli.command_words"}


def test_the_help_of_a_command(penguin: Program) -> None:
    ran = penguin("workflow", "retry", "--help")
    assert (ran.code, ran.out) == (0, penguin("help", "workflow", "retry").out)
    assert penguin("workflow", "-h").out == penguin("help", "workflow").out


def test_the_program_has_all_the_flags_of_commands() -> None:
    assert set(COMMAND_FLAGS) < set(PROGRAM.flags)
