"""The command line as data: the options of `penguin`, and what else it can be told to do."""

from __future__ import annotations

from typing import NamedTuple

from penguin_commands.grammar.spec import Argument, Command, Flag, ValueKind

BACKENDS = ("native", "temporal")


class Subcommand(NamedTuple):
    """What `penguin` does in place of a shell or a script."""

    name: str
    usage: str
    """What may follow the name."""
    help: str
    example: str
    choices: tuple[str, ...] = ()
    """The words that may follow, where it is one of a few."""
    flags: tuple[str, ...] = ()
    """The options that are for it in particular."""


SHELLS = ("bash", "zsh", "fish")
PROGRAM_FLAGS = ("command", "keep-going", "detach", "metrics")
"""The options that are for shells and scripts in particular."""

SUBCOMMANDS: tuple[Subcommand, ...] = (
    Subcommand(
        "init", "", "write a starting penguin.yaml and an example blueprint; overwrites nothing", "penguin init"
    ),
    Subcommand(
        "worker",
        "",
        "an engine without a terminal: goes on with whatever no living engine has",
        "penguin worker --until-settled",
        flags=("grace", "until-settled", "metrics", "max-parallel", "address", "namespace", "task-queue"),
    ),
    Subcommand(
        "check", "", "whether the database agrees with its own history; exit 1 where it does not", "penguin check"
    ),
    Subcommand(
        "trust",
        "",
        "show what a workspace that you did not make here would run, and ask whether to trust it",
        "penguin trust",
        flags=("yes",),
    ),
    Subcommand(
        "help", "[COMMAND…]", "show this, or explain a command; with -o json all of it as data", "penguin help workflow"
    ),
    Subcommand(
        "completion",
        "SHELL",
        "print a script by which bash, zsh or fish completes this line; it says where to put it",
        'eval "$(penguin completion bash)"',
        choices=SHELLS,
    ),
)

PROGRAM = Command(
    noun="penguin",
    verb="",
    help="A terminal for durable software tasks",
    example="penguin init",
    arguments=(
        Argument("script", ValueKind.NAME, required=False, help="a file of commands, or what to do"),
        Argument("words", ValueKind.NAME, required=False, many=True, help="what is said of it"),
    ),
    flags=(
        Flag(
            "command",
            ValueKind.TEXT,
            "run this command, as a script of one line; may be repeated",
            short="c",
            many=True,
            placeholder="COMMAND",
        ),
        Flag(
            "workspace",
            ValueKind.NAME,
            "the folder that holds penguin.yaml; else the nearest one from here upwards",
            placeholder="FOLDER",
        ),
        Flag(
            "backend", ValueKind.CHOICE, "the backend to use, over penguin.yaml and the environment", choices=BACKENDS
        ),
        Flag(
            "output",
            ValueKind.CHOICE,
            "what results look like; json: one document per command; jsonl: one per row of a list, and one per event "
            "while it is waited for",
            short="o",
            choices=("text", "json", "jsonl"),
        ),
        Flag(
            "color",
            ValueKind.CHOICE,
            "whether to use colours; auto: on a terminal",
            choices=("auto", "always", "never"),
        ),
        Flag("keep-going", help="in scripts: go on after an error; the exit code is the first error's"),
        Flag("detach", help="in scripts: leave what is started to another engine, and wait for nothing"),
        Flag(
            "grace",
            ValueKind.SECONDS,
            "worker: told to stop, give its steps so long to end, then end them; else they are left running for the "
            "next engine",
        ),
        Flag("until-settled", help="worker: end when nothing is left that moves by itself, and no step runs"),
        Flag(
            "metrics",
            ValueKind.NAME,
            "shell and worker: serve metrics for Prometheus at http://IP:PORT/metrics",
            placeholder="IP:PORT",
        ),
        Flag("max-parallel", ValueKind.NUMBER, "worker: attempts at once in this working tree"),
        Flag(
            "address",
            ValueKind.NAME,
            "worker: the Temporal server, over penguin.yaml and the environment",
            placeholder="HOST:PORT",
        ),
        Flag("namespace", ValueKind.NAME, "worker: the namespace there"),
        Flag("task-queue", ValueKind.NAME, "worker: the task queue there"),
        Flag("yes", help="trust: do not ask; for scripts"),
        Flag("debug", help="show tracebacks of unexpected errors"),
        Flag("version", help="show the version"),
        Flag("help", help="show this", short="h"),
    ),
)


def flags_of(subcommand: Subcommand | None) -> tuple[Flag, ...]:
    """The options that mean something to a subcommand; None stands for shells and scripts."""
    own = subcommand.flags if subcommand else PROGRAM_FLAGS
    particular = {*PROGRAM_FLAGS, *(name for it in SUBCOMMANDS for name in it.flags)}
    return tuple(flag for flag in PROGRAM.flags if flag.name in own or flag.name not in particular)
