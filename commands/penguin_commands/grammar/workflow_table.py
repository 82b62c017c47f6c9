"""The commands of `/workflow`, and the arguments and flags that they share with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import ACTIVE, MOVING, RESTING, STOPPED, WorkflowStatus
from penguin_commands.grammar.spec import Argument, CommandTable, Flag, ValueKind

if TYPE_CHECKING:
    from penguin_commands.grammar.spec import Handler

WORKFLOW_TABLE = CommandTable()
WORKFLOW = Argument(
    "workflow", ValueKind.WORKFLOW, help="a workflow, or a task for its newest one; @last for this session's newest"
)
OPTIONAL_WORKFLOW = WORKFLOW._replace(required=False)
TASK = Argument("task", ValueKind.TASK, help="a task's id; /task list shows them")
FROM_BLUEPRINT = Flag("blueprint", ValueKind.BLUEPRINT, "the blueprint to look in, where several have this task")
START_FROM = Flag("from", ValueKind.PHASE, "go on at this phase; no gate that did not pass can be jumped")
WAIT = Flag("wait", help="wait until it is over; fails unless it is COMPLETED")
TIMEOUT = Flag("timeout", ValueKind.SECONDS, "wait no longer than this; 90, 1.5m, 2h")


@WORKFLOW_TABLE.command(
    "workflow",
    "start",
    "Start a task on its way through the four gates",
    "/workflow start auth-user-model --wait",
    arguments=(TASK,),
    flags=(
        Flag("with-deps", help="start the dependencies that are not met, too"),
        FROM_BLUEPRINT,
        WAIT,
        TIMEOUT,
    ),
)
def workflow_start() -> Handler:
    from penguin_commands.handlers.workflow_control import start

    return start


@WORKFLOW_TABLE.command(
    "workflow",
    "pause",
    "Start no new step until it is resumed",
    "/workflow pause auth-user-model --now",
    arguments=(WORKFLOW,),
    flags=(Flag("now", help="end the step under way too, instead of letting it finish"),),
    statuses=MOVING,
)
def workflow_pause() -> Handler:
    from penguin_commands.handlers.workflow_control import pause

    return pause


@WORKFLOW_TABLE.command(
    "workflow",
    "resume",
    "Go on with a paused or blocked workflow",
    "/workflow resume auth-user-model --from test",
    arguments=(WORKFLOW,),
    flags=(
        START_FROM,
        Flag(
            "budget",
            ValueKind.BUDGET,
            "let agents spend so much more; turns, tokens, usd and minutes, several with commas",
            many=True,
            placeholder="usd=N",
        ),
    ),
    statuses=RESTING,
)
def workflow_resume() -> Handler:
    from penguin_commands.handlers.workflow_control import resume

    return resume


@WORKFLOW_TABLE.command(
    "workflow",
    "cancel",
    "End a workflow and everything it runs",
    "/workflow cancel auth-user-model",
    arguments=(WORKFLOW,),
    statuses=ACTIVE,
)
def workflow_cancel() -> Handler:
    from penguin_commands.handlers.workflow_control import cancel

    return cancel


@WORKFLOW_TABLE.command(
    "workflow",
    "retry",
    "Start a new workflow that keeps the passes that still hold",
    "/workflow retry auth-user-model --from implement",
    arguments=(WORKFLOW,),
    flags=(
        START_FROM,
        Flag("restore", help="bring the files back to the tree of the last kept pass, or to that of the start"),
    ),
    statuses=STOPPED,
)
def workflow_retry() -> Handler:
    from penguin_commands.handlers.workflow_control import retry

    return retry


@WORKFLOW_TABLE.command(
    "workflow",
    "feedback",
    "Give advice to the next attempt at IMPLEMENT",
    "/workflow feedback auth-user-model Use bcrypt, not md5",
    arguments=(
        WORKFLOW,
        Argument("text", ValueKind.TEXT, required=False, help="all that is left of the line; in a shell $EDITOR asks"),
    ),
    statuses=ACTIVE,
)
def workflow_feedback() -> Handler:
    from penguin_commands.handlers.workflow_control import feedback

    return feedback


@WORKFLOW_TABLE.command(
    "workflow",
    "approve",
    "Pass a phase that nothing can check, on a person's word",
    '/workflow approve auth-user-model --by "Ada Lovelace" --note "read it all"',
    arguments=(WORKFLOW,),
    flags=(
        Flag("by", ValueKind.PERSON, "who vouches for it", required=True),
        Flag("note", ValueKind.TEXT, "what was looked at; kept as evidence"),
    ),
    statuses=frozenset({WorkflowStatus.BLOCKED}),
)
def workflow_approve() -> Handler:
    from penguin_commands.handlers.workflow_control import approve

    return approve


@WORKFLOW_TABLE.command(
    "workflow",
    "prune",
    "Forget workflows that are long over; the newest COMPLETED one of every task stays",
    "/workflow prune --older-than 30d --dry-run",
    flags=(
        Flag("older-than", ValueKind.AGE, "only what ended longer ago than this: 30d, 12h, 90m", required=True),
        Flag("dry-run", help="change nothing, list what would go"),
    ),
)
def workflow_prune() -> Handler:
    from penguin_commands.handlers.maintenance import prune

    return prune


@WORKFLOW_TABLE.command(
    "workflow",
    "status",
    "Show where a workflow stands; without ID all active ones",
    "/workflow status auth-user-model",
    arguments=(OPTIONAL_WORKFLOW,),
    reads=True,
)
def workflow_status() -> Handler:
    from penguin_commands.handlers.workflow_status import status

    return status


@WORKFLOW_TABLE.command(
    "workflow",
    "list",
    "List workflows, the newest first",
    "/workflow list --status blocked,failed --since 2d",
    arguments=(Argument("project", ValueKind.PROJECT, required=False, help="only those of this project"),),
    flags=(
        Flag(
            "status",
            ValueKind.STATUSES,
            "only these; several with commas; `active` for all that are not over",
            many=True,
        ),
        Flag("task", ValueKind.TASK, "only those of this task"),
        Flag(
            "since",
            ValueKind.MOMENT,
            "only what started since then, or changed with `--sort updated`; 2h, 30d, 2024-01-15T10:30",
        ),
        Flag("limit", ValueKind.NUMBER, "at most so many; 100 unless said"),
        Flag(
            "sort",
            ValueKind.CHOICE,
            "the newest first unless said, or the oldest, or what changed last",
            choices=("newest", "oldest", "updated"),
        ),
        Flag("total", help="add up what agents spent, also of those that a limit cuts off"),
    ),
    aliases=("ls",),
    reads=True,
)
def workflow_list() -> Handler:
    from penguin_commands.handlers.workflow_status import list_

    return list_


@WORKFLOW_TABLE.command(
    "workflow",
    "wait",
    "Wait until workflows are over; fails unless they are COMPLETED",
    "/workflow wait auth-user-model --for blocked --timeout 10m",
    arguments=(WORKFLOW._replace(name="workflows", many=True),),
    flags=(
        Flag("for", ValueKind.STATUS, "wait for this status instead of COMPLETED"),
        Flag("any", help="wait only until the first of them is over"),
        TIMEOUT,
    ),
    reads=True,
    statuses=ACTIVE,
)
def workflow_wait() -> Handler:
    from penguin_commands.handlers.workflow_wait import wait

    return wait


@WORKFLOW_TABLE.command(
    "workflow",
    "logs",
    "Show what its steps printed; the newest attempt unless said",
    "/workflow logs auth-user-model --phase test",
    arguments=(WORKFLOW,),
    flags=(
        Flag("phase", ValueKind.PHASE, "the newest attempt of this phase"),
        Flag("attempt", ValueKind.ATTEMPT, "the attempt with this number"),
        Flag("follow", help="go on until the workflow stops", short="f"),
        Flag("raw", help="what agents print as it came, event by event"),
    ),
    reads=True,
)
def workflow_logs() -> Handler:
    from penguin_commands.handlers.workflow_logs import logs

    return logs


@WORKFLOW_TABLE.command(
    "workflow",
    "watch",
    "Watch what runs on the whole screen, and steer it by keys; without ID all active ones",
    "/workflow watch auth-user-model",
    arguments=(OPTIONAL_WORKFLOW,),
    reads=True,
)
def workflow_watch() -> Handler:
    from penguin_commands.handlers.live import view

    return view


@WORKFLOW_TABLE.command(
    "workflow",
    "history",
    "Show everything that happened to a workflow, and how long it took",
    "/workflow history auth-user-model",
    arguments=(WORKFLOW,),
    reads=True,
)
def workflow_history() -> Handler:
    from penguin_commands.handlers.workflow_history import history

    return history


@WORKFLOW_TABLE.command(
    "workflow",
    "results",
    "Show every attempt, with its verdict and what was seen of its steps",
    "/workflow results auth-user-model --phase test",
    arguments=(WORKFLOW,),
    flags=(
        Flag("phase", ValueKind.PHASE, "only the attempts of this phase"),
        Flag("attempt", ValueKind.ATTEMPT, "only the attempt with this number"),
    ),
    reads=True,
)
def workflow_results() -> Handler:
    from penguin_commands.handlers.workflow_history import results

    return results


@WORKFLOW_TABLE.command(
    "workflow",
    "diff",
    "Show what changed in the files since it began, or by the newest attempt of a phase",
    "/workflow diff auth-user-model --phase implement",
    arguments=(WORKFLOW,),
    flags=(Flag("phase", ValueKind.PHASE, "what its newest attempt changed"),),
    reads=True,
)
def workflow_diff() -> Handler:
    from penguin_commands.handlers.workflow_diff import diff

    return diff


@WORKFLOW_TABLE.command(
    "workflow",
    "artifacts",
    "List the files that its steps left behind",
    "/workflow artifacts auth-user-model",
    arguments=(WORKFLOW,),
    reads=True,
)
def workflow_artifacts() -> Handler:
    from penguin_commands.handlers.workflow_history import artifacts

    return artifacts
