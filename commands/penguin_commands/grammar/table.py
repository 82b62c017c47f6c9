"""The table of all commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.grammar.declarations import Argument, CommandTable, Flag, ValueKind
from penguin_commands.grammar.workflow_table import (
    FROM_BLUEPRINT,
    OPTIONAL_WORKFLOW,
    REPORT_FLAGS,
    TASK,
    TIMEOUT,
    WAIT,
    WORKFLOW_TABLE,
)

if TYPE_CHECKING:
    from penguin_commands.grammar.declarations import Handler

TABLE = CommandTable(WORKFLOW_TABLE.commands)
BLUEPRINT = Argument("blueprint", ValueKind.BLUEPRINT, help="a blueprint's id; /blueprint list shows them")
SNAPSHOT = Argument("snapshot", ValueKind.SNAPSHOT, help="a snapshot id, or a workflow or task for its newest snapshot")


@TABLE.command("blueprint", "list", "List the blueprints", "/blueprint list", aliases=("ls",), reads=True)
def blueprint_list() -> Handler:
    from penguin_commands.handlers.blueprint import list_

    return list_


@TABLE.command(
    "blueprint",
    "show",
    "Show a blueprint and the progress of its tasks",
    "/blueprint show auth-system",
    arguments=(BLUEPRINT,),
    flags=(Flag("source", help="print the lines of its file, with the task that each was read into"),),
    reads=True,
)
def blueprint_show() -> Handler:
    from penguin_commands.handlers.blueprint import show

    return show


@TABLE.command(
    "blueprint",
    "board",
    "Show the tasks of a blueprint as a tree, with their progress and what is left; default: all",
    "/blueprint board auth-system",
    arguments=(BLUEPRINT._replace(required=False),),
    reads=True,
)
def blueprint_board() -> Handler:
    from penguin_commands.handlers.board import board

    return board


@TABLE.command(
    "blueprint",
    "lint",
    "Check a blueprint for errors; default: all blueprints",
    "/blueprint lint auth-system",
    arguments=(BLUEPRINT._replace(required=False),),
    reads=True,
)
def blueprint_lint() -> Handler:
    from penguin_commands.handlers.blueprint import lint

    return lint


@TABLE.command(
    "blueprint",
    "run",
    "Start every unfinished task of a blueprint, in dependency order",
    "/blueprint run auth-system --wait",
    arguments=(BLUEPRINT,),
    flags=(WAIT, TIMEOUT),
)
def blueprint_run() -> Handler:
    from penguin_commands.handlers.workflow_control import run

    return run


@TABLE.command(
    "blueprint",
    "report",
    "Write a report on the tasks of a blueprint; default: of all blueprints",
    "/blueprint report auth-system --html report.html",
    arguments=(BLUEPRINT._replace(required=False),),
    flags=REPORT_FLAGS,
    reads=True,
)
def blueprint_report() -> Handler:
    from penguin_commands.handlers.report.commands import blueprint_report as report

    return report


@TABLE.command(
    "task",
    "list",
    "List the tasks of the blueprints",
    "/task list --blueprint auth-system",
    flags=(FROM_BLUEPRINT._replace(help="only those of this blueprint"),),
    aliases=("ls",),
    reads=True,
)
def task_list() -> Handler:
    from penguin_commands.handlers.task import list_

    return list_


@TABLE.command(
    "task", "show", "Show a task", "/task show auth-user-model", arguments=(TASK,), flags=(FROM_BLUEPRINT,), reads=True
)
def task_show() -> Handler:
    from penguin_commands.handlers.task import show

    return show


@TABLE.command(
    "task",
    "ready",
    "List the tasks whose dependencies are met, by priority",
    "/task ready",
    flags=(FROM_BLUEPRINT._replace(help="only those of this blueprint"),),
    reads=True,
)
def task_ready() -> Handler:
    from penguin_commands.handlers.task import ready

    return ready


@TABLE.command(
    "task",
    "graph",
    "Show the dependency graph of the tasks",
    "/task graph --format mermaid",
    flags=(
        FROM_BLUEPRINT._replace(help="only those of this blueprint"),
        Flag("format", ValueKind.CHOICE, "output format; default: tree", choices=("tree", "dot", "mermaid")),
    ),
    reads=True,
)
def task_graph() -> Handler:
    from penguin_commands.handlers.task import graph

    return graph


@TABLE.command(
    "task",
    "add",
    "Add a task to a blueprint",
    '/task add "Greet in French" --depends greet --criterion "says bonjour" --check "./greet | grep Bonjour"',
    arguments=(Argument("title", ValueKind.TITLE, many=True, help="the title of the task"),),
    flags=(
        Flag("depends", ValueKind.TASKS, "the tasks that must be completed before it"),
        Flag("criterion", ValueKind.TEXT, "an acceptance criterion", many=True),
        Flag(
            "check",
            ValueKind.TEXT,
            "the command that checks the criterion; with several criteria, one for each",
            many=True,
            placeholder="COMMAND",
        ),
        Flag("recipe", ValueKind.TEXT, "a shell step of its recipe", many=True, placeholder="COMMAND"),
        Flag("priority", ValueKind.CHOICE, "default: medium", choices=("critical", "high", "medium", "low")),
        FROM_BLUEPRINT._replace(help="the blueprint to add it to; required if there are several"),
    ),
)
def task_add() -> Handler:
    from penguin_commands.handlers.task import add

    return add


@TABLE.command(
    "snapshot",
    "list",
    "List the saved agent conversations, newest first",
    "/snapshot list auth-user-model",
    arguments=(OPTIONAL_WORKFLOW._replace(help="only those of this workflow"),),
    flags=(Flag("limit", ValueKind.NUMBER, "maximum number of rows; default: 100"),),
    aliases=("ls",),
    reads=True,
)
def snapshot_list() -> Handler:
    from penguin_commands.handlers.agent_snapshots import list_

    return list_


@TABLE.command(
    "snapshot",
    "show",
    "Show a saved conversation",
    "/snapshot show ituv-auth-user-model-1c31dc-2",
    arguments=(SNAPSHOT,),
    flags=(Flag("raw", help="print the agent's own files unchanged; without such files, the snapshot as JSON"),),
    reads=True,
)
def snapshot_show() -> Handler:
    from penguin_commands.handlers.agent_snapshots import show

    return show


@TABLE.command(
    "snapshot",
    "export",
    "Write the agent's own files, readable by you only",
    "/snapshot export ituv-auth-user-model-1c31dc-2 session.jsonl",
    arguments=(
        SNAPSHOT,
        Argument(
            "file",
            ValueKind.FILE,
            required=False,
            help="the file to create, or the folder if there are several files; must not exist",
        ),
    ),
)
def snapshot_export() -> Handler:
    from penguin_commands.handlers.agent_snapshots import export

    return export


@TABLE.command("health", "", "Check the backend", "/health", reads=True)
def health() -> Handler:
    from penguin_commands.handlers.system import health

    return health


@TABLE.command(
    "backup",
    "",
    "Copy the databases while engines run; the output of steps is not included",
    "/backup penguin-backup.db",
    arguments=(Argument("file", ValueKind.FILE, help="the file to create; must not exist"),),
)
def backup() -> Handler:
    from penguin_commands.handlers.maintenance import backup

    return backup


@TABLE.command("config", "", "Show the settings and their origins", "/config", reads=True)
def config() -> Handler:
    from penguin_commands.handlers.system import config

    return config


@TABLE.command(
    "watch",
    "",
    "Show or hide a table of the active workflows above the prompt",
    "/watch on",
    arguments=(Argument("state", ValueKind.CHOICE, required=False, choices=("on", "off"), help="default: toggle"),),
    reads=True,
)
def watch() -> Handler:
    from penguin_commands.handlers.live import panel

    return panel


@TABLE.command(
    "source",
    "",
    "Run the commands of a file; stop at the first error",
    "/source evening.penguin",
    arguments=(Argument("file", ValueKind.FILE, help="a script; it may source others"),),
)
def source() -> Handler:
    from penguin_commands.handlers.system import source

    return source


@TABLE.command(
    "help",
    "",
    "List the commands, or explain one",
    "/help workflow retry",
    arguments=(Argument("words", ValueKind.COMMAND, required=False, many=True, help="the words of a command"),),
    reads=True,
)
def help_() -> Handler:
    from functools import partial

    from penguin_commands.handlers.system import help_

    # The table is passed in, since a module that imports it would create an import cycle.
    return partial(help_, TABLE)


@TABLE.command("quit", "", "Quit the shell", "/quit", aliases=("exit",), reads=True)
def quit_() -> Handler:
    from penguin_commands.handlers.system import quit_

    return quit_


COMMANDS = tuple(TABLE.commands)
NOUNS = TABLE.nouns
