"""Command lines, command-line options and scripts, made from the table of commands."""

from __future__ import annotations

from random import Random

from tests.fuzz.mutation import LINE_ENDS, NUMBERS, mutate_bytes, mutate_text
from tests.fuzz.sandbox import TASKS, WORKFLOWS

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.workflow_status import GATES
from penguin_commands.grammar.declarations import Argument, Command, Flag, ValueKind
from penguin_commands.grammar.table import COMMANDS
from penguin_commands.grammar.tokens import quote
from penguin_repl.cli.subcommands import PROGRAM, SUBCOMMANDS

REFERENCES = (*TASKS, *WORKFLOWS, "@last", "@x", "ituv", "nosuch", "t", "ituv-quick-000000-1")
FILES = (
    "out.db",
    "sub/out",
    "../elsewhere/out",
    ".",
    "..",
    "/dev/null",
    "tasks.md",
    "penguin.yaml",
    "lines.pen",
    "~",
    "~x/y",
)
FILES += (".penguin/penguin.db", ".penguin", "a" * 300, "out put", "\u202e.pen", "no/such/folder/out")
TEXTS = (
    "Use bcrypt, not md5",
    "see #12",
    "--by Ada",
    "it's",
    "\x1b[31mred\x9b0m",
    "\u2028next",
    "a" * 3_000,
    "${HOME}",
    "字",
)
DURATIONS = ("1", "0.2s", "1.5m", "2h", "30d", "0", "999999999d", "1e5", "-1", "")
MOMENTS = (
    "2h",
    "30d",
    "2024-01-15T10:30",
    "2024-01-15",
    "9999-12-31T23:59:59",
    "0001-01-01",
    "999999999d",
    "2024-01-15T10:30+14:00",
)
BUDGETS = (
    "usd=5",
    "turns=20,minutes=7.5",
    "tokens=1",
    "usd=0",
    "usd=",
    "usd=5,usd=5",
    "turns=1.5",
    "x=1",
    "usd=999999999999",
)
SLOW_SUBCOMMANDS = ("worker",)
"""Subcommands that run until they are stopped: only their options are parsed."""


def command_line(dice: Random) -> str:
    """Return a line with a command: well-formed, or with changes."""
    line = _well_formed(dice)
    return mutate_text(dice, line) if dice.random() < 0.55 else line


def options(dice: Random) -> tuple[str, ...]:
    """Return the arguments of `penguin`."""
    words: list[str] = []
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        words += _flag_words(dice, dice.choice(PROGRAM.flags))
    if dice.random() < 0.5:
        words += [dice.choice(SUBCOMMANDS).name]
    if dice.random() < 0.4:
        words += _well_formed(dice).removeprefix("/").split(" ")
    if dice.random() < 0.4 and words:
        at = dice.randrange(len(words))
        words[at] = mutate_text(dice, words[at])
    # An argument of a process holds no NUL, and surrogates only for bytes that are not UTF-8.
    return tuple(
        word.replace("\0", "").encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape") for word in words
    )


def script(dice: Random) -> bytes:
    """Return a script."""
    lines = [_script_line(dice) for _ in range(dice.randint(1, 6))]
    end = "\n" if dice.random() < 0.7 else dice.choice(LINE_ENDS)
    data = (dice.choice(("", "", "\ufeff")) + end.join(lines) + dice.choice((end, ""))).encode("utf-8", "surrogatepass")
    return mutate_bytes(dice, data) if dice.random() < 0.4 else data


def _script_line(dice: Random) -> str:
    kind = dice.random()
    if kind < 0.1:
        return dice.choice(("", "   ", "# a comment", "\t# x", "#", "/"))
    return mutate_text(dice, _well_formed(dice)) if kind < 0.35 else _well_formed(dice)


def _well_formed(dice: Random) -> str:
    command = dice.choice(COMMANDS)
    parts = [word for argument in command.arguments for word in _argument_words(dice, argument)]
    for flag in command.flags:
        if flag.required or dice.random() < 0.3:
            at = (
                0
                if any(argument.kind is ValueKind.TEXT for argument in command.arguments)
                else dice.randint(0, len(parts))
            )
            parts[at:at] = [_quoted(dice, word) for word in _flag_words(dice, flag)]
    return " ".join([_command_name(dice, command), *parts])


def _command_name(dice: Random, command: Command) -> str:
    verb = dice.choice((command.verb, command.verb, *command.aliases)) if command.verb else ""
    if verb and dice.random() < 0.15:
        verb = verb[: dice.randint(1, len(verb))]
    noun = dice.choice((command.noun, command.noun, *command.aliases)) if not command.verb else command.noun
    return f"{dice.choice(('/', '/', '/', ''))}{noun} {verb}".rstrip()


def _argument_words(dice: Random, argument: Argument) -> list[str]:
    if not argument.required and dice.random() < 0.4:
        return []
    count = dice.choice((1, 1, 2, 5)) if argument.many else 1
    return [_quoted(dice, _value(dice, argument)) for _ in range(count)]


def _flag_words(dice: Random, flag: Flag) -> list[str]:
    name = f"-{flag.short}" if flag.short and dice.random() < 0.5 else f"--{flag.name}"
    if flag.kind is None:
        return [name]
    value = _value(dice, flag)
    return [f"{name}={value}"] if dice.random() < 0.4 else [name, value]


def _quoted(dice: Random, word: str) -> str:
    if dice.random() < 0.8:
        return quote(word)
    return f'"{word}"' if dice.random() < 0.5 else word


def _value(dice: Random, spec: Argument | Flag) -> str:
    if dice.random() < 0.05:
        return dice.choice((*NUMBERS, *TEXTS, ""))
    if spec.choices:
        return dice.choice((*spec.choices, "other"))
    values = _VALUES.get(spec.kind or ValueKind.NAME, TEXTS)
    return dice.choice(values)


_NAMES = {
    ValueKind.WORKFLOW: REFERENCES,
    ValueKind.SNAPSHOT: ("s1", "s2", "s", *REFERENCES),
    ValueKind.TASK: (*TASKS, "nosuch", "a.b.c", "Ünï"),
    ValueKind.BLUEPRINT: ("basics", "nosuch"),
    ValueKind.PROJECT: ("shop", "nosuch", ""),
    ValueKind.NAME: (".", "sub", "nosuch", "127.0.0.1:0", "localhost:7233", "x" * 300, *TEXTS),
    ValueKind.COMMAND: ("workflow", "start", "task", "x", "--all"),
    ValueKind.PERSON: ("Ada Lovelace", "", "\x1b[31m", "a" * 1_000),
}
_VALUES: dict[ValueKind, tuple[str, ...]] = {
    **_NAMES,
    ValueKind.PHASE: (*(phase.value for phase in GATES), "test", "Use", "DONE", ""),
    ValueKind.STATUS: (*WorkflowStatus, "completed", "x"),
    ValueKind.STATUSES: ("active", "blocked,failed", ",", "ACTIVE,x", "COMPLETED,COMPLETED"),
    ValueKind.SECONDS: DURATIONS,
    ValueKind.AGE: DURATIONS,
    ValueKind.MOMENT: MOMENTS,
    ValueKind.FILE: FILES,
    ValueKind.NUMBER: ("1", "3", "999999999", *NUMBERS),
    ValueKind.ATTEMPT: ("1", "2", "99", *NUMBERS),
    ValueKind.BUDGET: BUDGETS,
    ValueKind.TEXT: TEXTS,
}
