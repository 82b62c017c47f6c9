"""The command line as data: the options and subcommands of `penguin`."""

from __future__ import annotations

from typing import NamedTuple

from penguin_commands.grammar.declarations import Argument, Command, Flag, ValueKind

BACKENDS = ("native", "temporal")


class Subcommand(NamedTuple):
    """A subcommand of `penguin`."""

    name: str
    usage: str
    """The arguments after the name."""
    help: str
    example: str
    choices: tuple[str, ...] = ()
    """The allowed arguments, if they are fixed."""
    flags: tuple[str, ...] = ()
    """The options that only this subcommand has."""


SHELLS = ("bash", "zsh", "fish")
PROGRAM_FLAGS = ("command", "keep-going", "detach", "metrics")
"""The options that only shells and scripts have."""

SUBCOMMANDS: tuple[Subcommand, ...] = (
    Subcommand(
        "init",
        "",
        "write a penguin.yaml, and import the backlog that is found or write an example; on a terminal, ask for the "
        "agent, the tests and the tasks; existing files are kept",
        "penguin init --agent claude",
        flags=("agent", "test", "yes"),
    ),
    Subcommand(
        "import",
        "PATH…",
        "make blueprints of the backlogs of other tools, or update those that an import made; - is standard input",
        "penguin import specs/001-auth/tasks.md",
        flags=("format", "into", "dry-run", "done-as"),
    ),
    Subcommand(
        "worker",
        "",
        "run workflows without a terminal; continues those whose engine has ended",
        "penguin worker --until-settled",
        flags=("grace", "until-settled", "metrics", "max-parallel", "address", "namespace", "task-queue"),
    ),
    Subcommand(
        "check",
        "",
        "check the database against its history, and for lost workflows; exit 1 on problems",
        "penguin check",
        flags=("accept",),
    ),
    Subcommand(
        "trust",
        "",
        "show what a workspace from elsewhere would run, and ask whether to trust it",
        "penguin trust",
        flags=("yes",),
    ),
    Subcommand(
        "help", "[COMMAND…]", "show this help, or explain a command; with -o json as data", "penguin help workflow"
    ),
    Subcommand(
        "completion",
        "SHELL",
        "print the completion script for bash, zsh or fish, with instructions",
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
        Argument("script", ValueKind.NAME, required=False, help="a file of commands, a command, or a subcommand"),
        Argument("words", ValueKind.NAME, required=False, many=True, help="the arguments of the command or subcommand"),
    ),
    flags=(
        Flag(
            "command",
            ValueKind.TEXT,
            "run this command; may be repeated",
            short="c",
            many=True,
            placeholder="COMMAND",
        ),
        Flag(
            "workspace",
            ValueKind.NAME,
            "the folder of penguin.yaml; default: the nearest one from the current folder upwards",
            placeholder="FOLDER",
        ),
        Flag(
            "backend",
            ValueKind.CHOICE,
            "overrides penguin.yaml and the environment",
            choices=BACKENDS,
        ),
        Flag(
            "output",
            ValueKind.CHOICE,
            "format of the results; json: one document per command; jsonl: one per row of a list, and one per event "
            "while waiting",
            short="o",
            choices=("text", "json", "jsonl"),
        ),
        Flag(
            "color",
            ValueKind.CHOICE,
            "when to use colours; default: auto, on a terminal",
            choices=("auto", "always", "never"),
        ),
        Flag("keep-going", help="scripts: continue after an error; the exit code is that of the first error"),
        Flag("detach", help="scripts: start workflows for another engine, and don't wait"),
        Flag(
            "grace",
            ValueKind.SECONDS,
            "worker: on SIGTERM, wait this long for steps to end, then stop them; default: they continue for the next "
            "engine",
        ),
        Flag("until-settled", help="worker: exit when all workflows are settled and no step runs"),
        Flag(
            "metrics",
            ValueKind.NAME,
            "shell and worker: serve metrics for Prometheus at http://IP:PORT/metrics",
            placeholder="IP:PORT",
        ),
        Flag("max-parallel", ValueKind.NUMBER, "worker: maximum number of parallel attempts"),
        Flag(
            "address",
            ValueKind.NAME,
            "worker: the Temporal server; overrides penguin.yaml and the environment",
            placeholder="HOST:PORT",
        ),
        Flag("namespace", ValueKind.NAME, "worker: the Temporal namespace"),
        Flag("task-queue", ValueKind.NAME, "worker: the Temporal task queue"),
        Flag(
            "format",
            ValueKind.NAME,
            "import: the format of the files; default: recognised by their content; docs/import.md lists all",
        ),
        Flag(
            "into",
            ValueKind.NAME,
            "import: the blueprint to write or update; default: the earlier one of this source, or a new file in "
            "blueprints/",
            placeholder="FILE",
        ),
        Flag("dry-run", help="import: show what would be written, and write nothing"),
        Flag(
            "done-as",
            ValueKind.CHOICE,
            "import: record the tasks that the source calls done as done outside of Penguin, so that others can start",
            choices=("completed",),
        ),
        Flag("accept", help="check: continue without the workflows that were lost"),
        Flag("agent", ValueKind.NAME, "init: the agent that makes the changes, or none; default: an installed one"),
        Flag(
            "test",
            ValueKind.TEXT,
            "init: the command that runs the tests; default: detected by the files of the project",
            placeholder="COMMAND",
        ),
        Flag("yes", help="init: use the defaults without asking; trust: answer yes without asking"),
        Flag("debug", help="show tracebacks of unexpected errors"),
        Flag("version", help="show the version"),
        Flag("help", help="show this help", short="h"),
    ),
)


def flags_of(subcommand: Subcommand | None) -> tuple[Flag, ...]:
    """Return the options of a subcommand; None stands for shells and scripts."""
    own = subcommand.flags if subcommand else PROGRAM_FLAGS
    particular = {*PROGRAM_FLAGS, *(name for subcommand in SUBCOMMANDS for name in subcommand.flags)}
    return tuple(flag for flag in PROGRAM.flags if flag.name in own or flag.name not in particular)


COMMAND_FLAGS = tuple(flag for flag in flags_of(None) if flag.name not in ("command", "keep-going", "metrics"))
"""The options that may also be behind the words of a slash command."""
