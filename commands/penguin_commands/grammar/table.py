"""The one table of all commands."""

from __future__ import annotations

from penguin_commands.grammar.spec import Argument, Command, Flag, Kind
from penguin_commands.grammar.workflow_table import (
    FROM_BLUEPRINT,
    OPTIONAL_ID,
    TASK,
    TIMEOUT,
    WAIT,
    WORKFLOW_CHANGES,
    WORKFLOW_READS,
)

BLUEPRINT = Argument("blueprint", Kind.BLUEPRINT, help="a blueprint's id; /blueprint list shows them")
SNAPSHOT = Argument("snapshot", Kind.SNAPSHOT, help="a saved conversation, or a workflow or task for its newest one")

BLUEPRINTS = (
    Command(
        "blueprint",
        "list",
        "handlers.blueprint:list_",
        "List the blueprints",
        "/blueprint list",
        aliases=("ls",),
        reads=True,
    ),
    Command(
        "blueprint",
        "show",
        "handlers.blueprint:show",
        "Show a blueprint and how far its tasks are",
        "/blueprint show auth-system",
        (BLUEPRINT,),
        reads=True,
    ),
    Command(
        "blueprint",
        "lint",
        "handlers.blueprint:lint",
        "Find what is wrong with blueprints; all of them without an id",
        "/blueprint lint auth-system",
        (BLUEPRINT._replace(required=False),),
        reads=True,
    ),
    Command(
        "blueprint",
        "run",
        "handlers.workflow_control:run",
        "Start every task of a blueprint that is not done, in the order of their dependencies",
        "/blueprint run auth-system --wait",
        (BLUEPRINT,),
        (WAIT, TIMEOUT),
    ),
)

TASKS = (
    Command(
        "task",
        "list",
        "handlers.task:list_",
        "List the tasks of the blueprints",
        "/task list --blueprint auth-system",
        (),
        (FROM_BLUEPRINT._replace(help="only those of this blueprint"),),
        aliases=("ls",),
        reads=True,
    ),
    Command(
        "task",
        "show",
        "handlers.task:show",
        "Show a task",
        "/task show auth-user-model",
        (TASK,),
        (FROM_BLUEPRINT,),
        reads=True,
    ),
    Command(
        "task",
        "ready",
        "handlers.task:ready",
        "List the tasks whose dependencies are met, the most urgent first",
        "/task ready",
        (),
        (FROM_BLUEPRINT._replace(help="only those of this blueprint"),),
        reads=True,
    ),
    Command(
        "task",
        "graph",
        "handlers.task:graph",
        "Draw which task depends on which",
        "/task graph --format mermaid",
        (),
        (
            FROM_BLUEPRINT._replace(help="only those of this blueprint"),
            Flag("format", Kind.CHOICE, "tree unless said", choices=("tree", "dot", "mermaid")),
        ),
        reads=True,
    ),
)

SNAPSHOTS = (
    Command(
        "snapshot",
        "list",
        "handlers.snapshot:list_",
        "List the saved conversations of agents, the newest first",
        "/snapshot list auth-user-model",
        (OPTIONAL_ID._replace(help="only those of this workflow"),),
        (Flag("limit", Kind.NUMBER, "at most so many; 100 unless said"),),
        aliases=("ls",),
        reads=True,
    ),
    Command(
        "snapshot",
        "show",
        "handlers.snapshot:show",
        "Show what was said",
        "/snapshot show ituv-auth-user-model-1c31dc-2",
        (SNAPSHOT,),
        (Flag("raw", help="the agent's own files as they are, or all that is kept as JSON where there are none"),),
        reads=True,
    ),
    Command(
        "snapshot",
        "export",
        "handlers.snapshot:export",
        "Write the agent's own files, for you alone",
        "/snapshot export ituv-auth-user-model-1c31dc-2 session.jsonl",
        (
            SNAPSHOT,
            Argument(
                "file",
                Kind.FILE,
                required=False,
                help="the new file, or where there are several the new folder; it must not be there yet",
            ),
        ),
    ),
)

OTHERS = (
    Command("health", "", "handlers.system:health", "Show whether the backend is well", "/health", reads=True),
    Command(
        "backup",
        "",
        "handlers.maintenance:backup",
        "Copy the databases, while engines go on; what steps printed is not in them",
        "/backup penguin-backup.db",
        (Argument("file", Kind.FILE, help="the new file; it must not be there yet"),),
    ),
    Command(
        "config", "", "handlers.system:config", "Show the settings, and where each comes from", "/config", reads=True
    ),
    Command(
        "watch",
        "",
        "handlers.live:panel",
        "Show a table of the active workflows above the input line, or take it away",
        "/watch on",
        (Argument("state", Kind.CHOICE, required=False, choices=("on", "off"), help="the other one unless said"),),
        reads=True,
    ),
    Command(
        "source",
        "",
        "handlers.system:source",
        "Run the lines of a file as if they stood here; it ends at their first error",
        "/source evening.penguin",
        (Argument("file", Kind.FILE, help="a script, seen from the current folder; it may source others"),),
    ),
    Command(
        "help",
        "",
        "handlers.system:help_",
        "Show the commands, or one of them",
        "/help workflow retry",
        (Argument("words", Kind.COMMAND, required=False, many=True, help="the words of a command"),),
        reads=True,
    ),
    Command("quit", "", "handlers.system:quit_", "Leave", "/quit", aliases=("exit",), reads=True),
)

COMMANDS: tuple[Command, ...] = (*WORKFLOW_CHANGES, *WORKFLOW_READS, *BLUEPRINTS, *TASKS, *SNAPSHOTS, *OTHERS)
NOUNS: tuple[str, ...] = tuple(dict.fromkeys(command.noun for command in COMMANDS))


def verbs(noun: str) -> tuple[Command, ...]:
    """The commands of a noun."""
    return tuple(command for command in COMMANDS if command.noun == noun)


def lookup(noun: str, verb: str) -> Command | None:
    """The command of these names, other names included; a noun that stands alone has the verb ''."""
    for command in COMMANDS:
        if command.verb and noun == command.noun and verb in (command.verb, *command.aliases):
            return command
        if not command.verb and noun in (command.noun, *command.aliases):
            return command
    return None
