"""Parsing of lines, and the errors of invalid lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.backend import WorkflowPhase, WorkflowStatus
from penguin.orchestration.workflow_status import ACTIVE
from penguin_commands.errors import ExitCode, UsageError, exit_code
from penguin_commands.grammar.parse import parse
from penguin_commands.grammar.table import COMMANDS


def read(line: str) -> tuple[str, dict[str, Any]]:
    invocation = parse(line)
    assert invocation is not None
    return invocation.command.name, invocation.values


def refused(line: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert exit_code(caught.value) == ExitCode.USAGE
    assert "\n" not in f"{caught.value.message}{caught.value.hint}"
    return caught.value


@pytest.mark.parametrize(
    ("line", "name", "values"),
    [
        ("/workflow start a", "/workflow start", {"task": "a"}),
        ("/workflow start --with-deps a", "/workflow start", {"task": "a", "with_deps": True}),
        (
            "/workflow start a --wait --timeout=1.5m --blueprint b",
            "/workflow start",
            {"task": "a", "wait": True, "timeout": 90.0, "blueprint": "b"},
        ),
        ("/workflow status", "/workflow status", {}),
        ("/workflow ls shop", "/workflow list", {"project": "shop"}),
        (
            "/workflow list --status failed,Blocked --status active --limit 3",
            "/workflow list",
            {"status": (frozenset({WorkflowStatus.FAILED, WorkflowStatus.BLOCKED}), ACTIVE), "limit": 3},
        ),
        ("/workflow resume @last --from test", "/workflow resume", {"workflow": "@last", "from_": WorkflowPhase.TEST}),
        (
            "/workflow wait a b --for blocked --timeout 2h c",
            "/workflow wait",
            {"workflows": ("a", "b", "c"), "for_": WorkflowStatus.BLOCKED, "timeout": 7200.0},
        ),
        (
            "/workflow resume a --budget usd=5,turns=20 --budget=minutes=7.5",
            "/workflow resume",
            {"workflow": "a", "budget": ({"usd": 5.0, "turns": 20}, {"minutes": 7.5})},
        ),
        ("/snapshot ls a --limit 3", "/snapshot list", {"workflow": "a", "limit": 3}),
        ("/snapshot show a-1 --raw", "/snapshot show", {"snapshot": "a-1", "raw": True}),
        ("/workflow logs a -f", "/workflow logs", {"workflow": "a", "follow": True}),
        ("/workflow logs a --follow --attempt 2", "/workflow logs", {"workflow": "a", "follow": True, "attempt": 2}),
        (
            "/workflow feedback a use --safe and 'two  blanks' # not md5",
            "/workflow feedback",
            {"workflow": "a", "text": "use --safe and two  blanks # not md5"},
        ),
        (
            '/workflow approve a --by "Ada L" --note "all of it"',
            "/workflow approve",
            {"workflow": "a", "by": "Ada L", "note": "all of it"},
        ),
        ("/workflow status -- --odd", "/workflow status", {"workflow": "--odd"}),
        ("/task graph --format mermaid", "/task graph", {"format": "mermaid"}),
        ("/help workflow start", "/help", {"words": ("workflow", "start")}),
        ("/exit", "/quit", {}),
    ],
)
def test_valid_lines(line: str, name: str, values: dict[str, Any]) -> None:
    assert read(line) == (name, values)


@pytest.mark.parametrize("line", ["", "   ", "# a comment"])
def test_blank_lines_and_comments(line: str) -> None:
    assert parse(line, comments=True) is None


@pytest.mark.parametrize(
    ("line", "message", "hint", "fault"),
    [
        (
            "/workflw list",
            "unknown command '/workflw'; did you mean /workflow?",
            "usage: /workflow start|pause",
            "/workflw",
        ),
        ("/helth", "unknown command '/helth'; did you mean /health?", "usage: /health", "/helth"),
        ("/zzz", "unknown command '/zzz'; choose from: /workflow, /blueprint", "/help lists the commands", "/zzz"),
        ("workflow list", "commands begin with a slash: /workflow", "/help", "workflow"),
        ("do it", "'do' is not a command; commands begin with a slash", "/help", "do"),
        ("/workflow", "/workflow needs a verb: start, pause", "/help workflow", "/workflow"),
        ("/workflow strat x", "did you mean start?", "usage: /workflow start [TASK] [--with-deps]", "strat"),
        ("/workflow zzz x", "unknown /workflow verb 'zzz'; choose from: start", "/help workflow", "zzz"),
        ("/workflow pause", "ID is missing", "usage: /workflow pause ID", ""),
        ("/workflow start a b", "unexpected argument 'b'", "usage: /workflow start [TASK]", "b"),
        ("/workflow start a --wiat", "unknown flag '--wiat'; did you mean --wait?", "usage:", "--wiat"),
        ("/workflow start a -x", "unknown flag '-x'", "usage:", "-x"),
        ("/health --x", "unknown flag '--x'", "usage: /health", "--x"),
        ("/workflow start a --wait=1", "--wait takes no value", "usage:", "--wait=1"),
        ("/workflow start a --wait --wait", "--wait was given more than once", "usage:", "--wait"),
        ("/workflow start a --timeout", "--timeout needs a value", "usage:", "--timeout"),
        ("/workflow start a --timeout soon", "'soon' is not a duration", "write seconds", "soon"),
        ("/workflow start a --timeout nan", "'nan' is not a duration", "", "nan"),
        ("/workflow start ../x", "'../x' is not a task id", "letters, digits", "../x"),
        ("/workflow start '; rm -rf'", "'; rm -rf' is not a task id", "letters", "'; rm -rf'"),
        ("/workflow start a..b", "'a..b' is not a task id", "letters", "a..b"),
        ("/workflow start ''", "the task is empty", "usage:", "''"),
        ("/workflow resume a --from tset", "unknown phase 'TSET'; did you mean TEST?", "usage:", "tset"),
        ("/workflow resume a --from done", "unknown phase 'DONE'", "usage:", "done"),
        ("/workflow wait a --for complete", "did you mean COMPLETED?", "usage:", "complete"),
        ("/workflow list --status runing", "did you mean RUNNING?", "usage:", "runing"),
        ("/workflow list --limit 0", "'0' is not a whole number", "usage:", "0"),
        ("/workflow list --limit ٣", "is not a whole number", "usage:", "٣"),
        ("/workflow resume a --budget 5", "'5' is not a budget", "for example usd=5", "5"),
        ("/workflow resume a --budget us=5", "unknown unit 'us'; did you mean usd?", "usage:", "us=5"),
        ("/workflow resume a --budget turns=1.5", "'1.5' is not a number of turns", "turns=20", "turns=1.5"),
        ("/workflow resume a --budget usd=0", "'0' is not a number of usd", "usage:", "usd=0"),
        ("/workflow resume a --budget usd=-1", "'-1' is not a number of usd", "usage:", "usd=-1"),
        ("/workflow resume a --budget usd=inf", "'inf' is not a number of usd", "usage:", "usd=inf"),
        ("/workflow resume a --budget usd=1,usd=2", "usd was given more than once", "usage:", "usd=1,usd=2"),
        ("/workflow resume a --budget usd=1,", "'' is not a budget", "usage:", "usd=1,"),
        ("/workflow approve a", "--by NAME is missing", "usage: /workflow approve ID --by NAME", ""),
        ("/workflow feedback", "ID is missing", "usage: /workflow feedback ID [TEXT…]", ""),
        ("/task graph --format png", "unknown choice 'png'; choose from: tree, dot, mermaid", "usage:", "png"),
        ("/workflow start 'x", "the quote ' is not closed", "close it", "'x"),
    ],
)
def test_invalid_lines(line: str, message: str, hint: str, fault: str | None) -> None:
    error = refused(line)
    assert message in error.message
    assert hint in error.hint
    assert (None if error.start is None else line[error.start : error.end]) == fault


@pytest.mark.parametrize("line", ["/workflow pause", "/workflow approve a", "/workflow logs --", "/workflow feedback"])
@pytest.mark.parametrize("behind", ["", "    ", "  # what for"])
def test_a_missing_word_is_marked_after_the_last_one(line: str, behind: str) -> None:
    with pytest.raises(UsageError, match="is missing") as caught:
        parse(line + behind, comments=True)
    assert caught.value.start == caught.value.end == len(line) + 1


def test_a_huge_word_is_shortened_in_the_error() -> None:
    assert len(refused("/" + "x" * 100_000).message) < 300
    assert len(refused("/workflow start " + "x" * 100_000).message) < 300


WORDS = st.one_of(
    st.sampled_from([word for command in COMMANDS for word in (f"/{command.noun}", command.verb)]),
    st.sampled_from([f"--{flag.name}" for command in COMMANDS for flag in command.flags]),
    st.sampled_from(["a", "@last", "--", "-", "--=", "=", "-f", "'", '"', "\\", "#", "--timeout=1", "IMPLEMENT", "1"]),
    st.text(max_size=6),
)


@given(st.lists(WORDS, max_size=7), st.booleans())
def test_any_line_is_parsed_or_a_usage_error(words: list[str], comments: bool) -> None:
    try:
        invocation = parse(" ".join(words), comments=comments)
    except UsageError:
        return
    assert invocation is None or invocation.command in COMMANDS
