"""The commands of `/workflow`, and the arguments and flags that they share with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.workflow_status import ACTIVE, MOVING, RESTING, STOPPED
from penguin_commands.grammar.declarations import Argument, CommandTable, Flag, ValueKind

if TYPE_CHECKING:
    from penguin_commands.grammar.declarations import Handler

WORKFLOW_TABLE = CommandTable()
WORKFLOW = Argument(
    "workflow", ValueKind.WORKFLOW, help="a workflow, or a task for its newest one; @last for this session's newest"
)
OPTIONAL_WORKFLOW = WORKFLOW._replace(required=False)
TASK = Argument("task", ValueKind.TASK, help="a task's id; /task list shows them")
FROM_BLUEPRINT = Flag("blueprint", ValueKind.BLUEPRINT, "the blueprint to look in, if several have this task")
START_FROM = Flag("from", ValueKind.PHASE, "continue at this phase; gates that did not pass can't be skipped")
WAIT = Flag("wait", help="wait until it ends; fail unless it is COMPLETED")
REPORT_FLAGS = (
    Flag("html", ValueKind.FILE, "write it to this file as an HTML page; - for standard output"),
    Flag("markdown", ValueKind.FILE, "write it to this file as Markdown; default: standard output"),
    Flag("force", help="replace the file even if it is not a report"),
)
TIMEOUT = Flag("timeout", ValueKind.SECONDS, "maximum time to wait: 90, 1.5m, 2h")


@WORKFLOW_TABLE.command(
    "workflow",
    "start",
    "Start a workflow for a task",
    "/workflow start auth-user-model --wait",
    arguments=(
        TASK._replace(
            required=False, help="a task's id; default: choose one of the ready tasks, or list them without a terminal"
        ),
    ),
    flags=(
        Flag("with-deps", help="also start the unmet dependencies"),
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
    "Pause a workflow: start no new step until it is resumed",
    "/workflow pause auth-user-model --now",
    arguments=(WORKFLOW,),
    flags=(Flag("now", help="stop the current step instead of letting it finish"),),
    statuses=MOVING,
)
def workflow_pause() -> Handler:
    from penguin_commands.handlers.workflow_control import pause

    return pause


@WORKFLOW_TABLE.command(
    "workflow",
    "resume",
    "Resume a paused or blocked workflow",
    "/workflow resume auth-user-model --from test",
    arguments=(WORKFLOW,),
    flags=(
        START_FROM,
        Flag(
            "budget",
            ValueKind.BUDGET,
            "raise the budget of agents by this much; turns, tokens, usd or minutes, separated by commas",
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
    "Cancel a workflow and stop everything it runs",
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
    "Start a new workflow that keeps the passes that are still valid",
    "/workflow retry auth-user-model --from implement",
    arguments=(WORKFLOW,),
    flags=(
        START_FROM,
        Flag("restore", help="restore the files to the last kept pass, or to the start of the workflow"),
    ),
    statuses=STOPPED,
)
def workflow_retry() -> Handler:
    from penguin_commands.handlers.workflow_control import retry

    return retry


@WORKFLOW_TABLE.command(
    "workflow",
    "feedback",
    "Send feedback to the next IMPLEMENT attempt",
    "/workflow feedback auth-user-model Use bcrypt, not md5",
    arguments=(
        WORKFLOW,
        Argument("text", ValueKind.TEXT, required=False, help="the rest of the line; default: open $EDITOR"),
    ),
    statuses=ACTIVE,
)
def workflow_feedback() -> Handler:
    from penguin_commands.handlers.workflow_control import feedback

    return feedback


@WORKFLOW_TABLE.command(
    "workflow",
    "approve",
    "Pass an UNVERIFIED phase on a person's word",
    '/workflow approve auth-user-model --by "Ada Lovelace" --note "read it all"',
    arguments=(WORKFLOW,),
    flags=(
        Flag("by", ValueKind.PERSON, "the person who approves", required=True),
        Flag("note", ValueKind.TEXT, "what was checked; kept as evidence"),
    ),
    statuses=frozenset({WorkflowStatus.BLOCKED}),
)
def workflow_approve() -> Handler:
    from penguin_commands.handlers.workflow_control import approve

    return approve


@WORKFLOW_TABLE.command(
    "workflow",
    "prune",
    "Remove old finished workflows, except the newest COMPLETED one of each task, and saved databases",
    "/workflow prune --older-than 30d --dry-run",
    flags=(
        Flag("older-than", ValueKind.AGE, "what ended, or was saved, before this age: 30d, 12h, 90m", required=True),
        Flag("dry-run", help="list what would be removed; change nothing"),
    ),
)
def workflow_prune() -> Handler:
    from penguin_commands.handlers.maintenance import prune

    return prune


@WORKFLOW_TABLE.command(
    "workflow",
    "status",
    "Show the status of a workflow; default: all active workflows",
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
    "List workflows, newest first",
    "/workflow list --status blocked,failed --since 2d",
    arguments=(Argument("project", ValueKind.PROJECT, required=False, help="only those of this project"),),
    flags=(
        Flag(
            "status",
            ValueKind.STATUSES,
            "only these statuses, separated by commas; `active` for all that have not ended",
            many=True,
        ),
        Flag("task", ValueKind.TASK, "only those of this task"),
        Flag(
            "since",
            ValueKind.MOMENT,
            "only workflows started since then, or updated with `--sort updated`: 2h, 30d, 2024-01-15T10:30",
        ),
        Flag("limit", ValueKind.NUMBER, "maximum number of rows; default: 100"),
        Flag(
            "sort",
            ValueKind.CHOICE,
            "order of the rows; default: newest",
            choices=("newest", "oldest", "updated"),
        ),
        Flag("total", help="add up what agents spent, including workflows beyond the limit"),
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
    "Wait until workflows end; fail unless they are COMPLETED",
    "/workflow wait auth-user-model --for blocked --timeout 10m",
    arguments=(WORKFLOW._replace(name="workflows", many=True),),
    flags=(
        Flag("for", ValueKind.STATUS, "wait for this status instead of COMPLETED"),
        Flag("any", help="wait until the first of them ends"),
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
    "Show the output of a workflow's steps; default: its newest attempt",
    "/workflow logs auth-user-model --phase test",
    arguments=(WORKFLOW,),
    flags=(
        Flag("phase", ValueKind.PHASE, "the newest attempt of this phase"),
        Flag("attempt", ValueKind.ATTEMPT, "the attempt with this number"),
        Flag("follow", help="continue until the workflow stops", short="f"),
        Flag("raw", help="show the output of agents unchanged, event by event"),
    ),
    reads=True,
)
def workflow_logs() -> Handler:
    from penguin_commands.handlers.workflow_logs import logs

    return logs


@WORKFLOW_TABLE.command(
    "workflow",
    "watch",
    "Watch a workflow full screen and control it by keys; default: all active workflows",
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
    "Show the timeline of a workflow, or its events with their durations",
    "/workflow history auth-user-model --events",
    arguments=(WORKFLOW,),
    flags=(Flag("events", help="on a terminal, show the events too; elsewhere they are always shown"),),
    reads=True,
)
def workflow_history() -> Handler:
    from penguin_commands.handlers.workflow_history import history

    return history


@WORKFLOW_TABLE.command(
    "workflow",
    "results",
    "Show every attempt with its verdict and evidence",
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
    "Show the files changed by a workflow, or by the newest attempt of a phase",
    "/workflow diff auth-user-model --phase implement",
    arguments=(WORKFLOW,),
    flags=(Flag("phase", ValueKind.PHASE, "only the changes of the newest attempt of this phase"),),
    reads=True,
)
def workflow_diff() -> Handler:
    from penguin_commands.handlers.workflow_diff import diff

    return diff


@WORKFLOW_TABLE.command(
    "workflow",
    "report",
    "Write a report on a workflow: task, changes, gates, tests, times, cost and approvals",
    "/workflow report auth-user-model --html report.html",
    arguments=(WORKFLOW,),
    flags=REPORT_FLAGS,
    reads=True,
)
def workflow_report() -> Handler:
    from penguin_commands.handlers.report.commands import report

    return report


@WORKFLOW_TABLE.command(
    "workflow",
    "artifacts",
    "List the artifacts of a workflow",
    "/workflow artifacts auth-user-model",
    arguments=(WORKFLOW,),
    reads=True,
)
def workflow_artifacts() -> Handler:
    from penguin_commands.handlers.workflow_history import artifacts

    return artifacts
