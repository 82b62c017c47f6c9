"""The commands of `/workflow`, and the arguments and flags that they share with others."""

from __future__ import annotations

from penguin.orchestration.backend import ACTIVE, WorkflowStatus
from penguin_commands.grammar.spec import Argument, Command, Flag, Kind

S = WorkflowStatus
ID = Argument(
    "workflow", Kind.WORKFLOW, help="a workflow, or a task for its newest one; @last for this session's newest"
)
OPTIONAL_ID = ID._replace(required=False)
TASK = Argument("task", Kind.TASK, help="a task's id; /task list shows them")
FROM_BLUEPRINT = Flag("blueprint", Kind.BLUEPRINT, "the blueprint to look in, where several have this task")
START_FROM = Flag("from", Kind.PHASE, "go on at this phase; no gate that did not pass can be jumped")
WAIT = Flag("wait", help="wait until it is over; fails unless it is COMPLETED")
TIMEOUT = Flag("timeout", Kind.SECONDS, "wait no longer than this; 90, 1.5m, 2h")

WORKFLOW_CHANGES = (
    Command(
        "workflow",
        "start",
        "handlers.workflow_control:start",
        "Start a task on its way through the four gates",
        "/workflow start auth-user-model --wait",
        (TASK,),
        (
            Flag("with-deps", help="start the dependencies that are not met, too"),
            FROM_BLUEPRINT,
            WAIT,
            TIMEOUT,
        ),
    ),
    Command(
        "workflow",
        "pause",
        "handlers.workflow_control:pause",
        "Start no new step until it is resumed",
        "/workflow pause auth-user-model --now",
        (ID,),
        (Flag("now", help="end the step under way too, instead of letting it finish"),),
        statuses=frozenset({S.PENDING, S.RUNNING}),
    ),
    Command(
        "workflow",
        "resume",
        "handlers.workflow_control:resume",
        "Go on with a paused or blocked workflow",
        "/workflow resume auth-user-model --from test",
        (ID,),
        (
            START_FROM,
            Flag(
                "budget",
                Kind.BUDGET,
                "let agents spend so much more; turns, tokens, usd and minutes, several with commas",
                many=True,
                placeholder="usd=N",
            ),
        ),
        statuses=frozenset({S.PAUSED, S.BLOCKED}),
    ),
    Command(
        "workflow",
        "cancel",
        "handlers.workflow_control:cancel",
        "End a workflow and everything it runs",
        "/workflow cancel auth-user-model",
        (ID,),
        statuses=ACTIVE,
    ),
    Command(
        "workflow",
        "retry",
        "handlers.workflow_control:retry",
        "Start a new workflow that keeps the passes that still hold",
        "/workflow retry auth-user-model --from implement",
        (ID,),
        (
            START_FROM,
            Flag("restore", help="bring the files back to the tree of the last kept pass, or to that of the start"),
        ),
        statuses=frozenset({S.BLOCKED, S.FAILED, S.CANCELLED, S.COMPLETED}),
    ),
    Command(
        "workflow",
        "feedback",
        "handlers.workflow_control:feedback",
        "Give advice to the next attempt at IMPLEMENT",
        "/workflow feedback auth-user-model Use bcrypt, not md5",
        (
            ID,
            Argument("text", Kind.TEXT, required=False, help="all that is left of the line; in a shell $EDITOR asks"),
        ),
        statuses=ACTIVE,
    ),
    Command(
        "workflow",
        "approve",
        "handlers.workflow_control:approve",
        "Pass a phase that nothing can check, on a person's word",
        '/workflow approve auth-user-model --by "Ada Lovelace" --note "read it all"',
        (ID,),
        (
            Flag("by", Kind.PERSON, "who vouches for it", required=True),
            Flag("note", Kind.TEXT, "what was looked at; kept as evidence"),
        ),
        statuses=frozenset({S.BLOCKED}),
    ),
    Command(
        "workflow",
        "prune",
        "handlers.maintenance:prune",
        "Forget workflows that are long over; the newest COMPLETED one of every task stays",
        "/workflow prune --older-than 30d --dry-run",
        (),
        (
            Flag("older-than", Kind.AGE, "only what ended longer ago than this: 30d, 12h, 90m", required=True),
            Flag("dry-run", help="change nothing, list what would go"),
        ),
    ),
)

WORKFLOW_READS = (
    Command(
        "workflow",
        "status",
        "handlers.workflow_status:status",
        "Show where a workflow stands; without ID all active ones",
        "/workflow status auth-user-model",
        (OPTIONAL_ID,),
        reads=True,
    ),
    Command(
        "workflow",
        "list",
        "handlers.workflow_status:list_",
        "List workflows, the newest first",
        "/workflow list --status blocked,failed --since 2d",
        (Argument("project", Kind.PROJECT, required=False, help="only those of this project"),),
        (
            Flag(
                "status",
                Kind.STATUSES,
                "only these; several with commas; `active` for all that are not over",
                many=True,
            ),
            Flag("task", Kind.TASK, "only those of this task"),
            Flag(
                "since",
                Kind.MOMENT,
                "only what started since then, or changed with `--sort updated`; 2h, 30d, 2024-01-15T10:30",
            ),
            Flag("limit", Kind.NUMBER, "at most so many; 100 unless said"),
            Flag(
                "sort",
                Kind.CHOICE,
                "the newest first unless said, or the oldest, or what changed last",
                choices=("newest", "oldest", "updated"),
            ),
            Flag("total", help="add up what agents spent, also of those that a limit cuts off"),
        ),
        aliases=("ls",),
        reads=True,
    ),
    Command(
        "workflow",
        "wait",
        "handlers.workflow_wait:wait",
        "Wait until workflows are over; fails unless they are COMPLETED",
        "/workflow wait auth-user-model --for blocked --timeout 10m",
        (ID._replace(name="workflows", many=True),),
        (
            Flag("for", Kind.STATUS, "wait for this status instead of COMPLETED"),
            Flag("any", help="wait only until the first of them is over"),
            TIMEOUT,
        ),
        reads=True,
        statuses=ACTIVE,
    ),
    Command(
        "workflow",
        "logs",
        "handlers.workflow_logs:logs",
        "Show what its steps printed; the newest attempt unless said",
        "/workflow logs auth-user-model --phase test",
        (ID,),
        (
            Flag("phase", Kind.PHASE, "the newest attempt of this phase"),
            Flag("attempt", Kind.ATTEMPT, "the attempt with this number"),
            Flag("follow", help="go on until the workflow stops", short="f"),
            Flag("raw", help="what agents print as it came, event by event"),
        ),
        reads=True,
    ),
    Command(
        "workflow",
        "watch",
        "handlers.live:view",
        "Watch what runs on the whole screen, and steer it by keys; without ID all active ones",
        "/workflow watch auth-user-model",
        (OPTIONAL_ID,),
        reads=True,
    ),
    Command(
        "workflow",
        "history",
        "handlers.workflow_history:history",
        "Show everything that happened to a workflow, and how long it took",
        "/workflow history auth-user-model",
        (ID,),
        reads=True,
    ),
    Command(
        "workflow",
        "results",
        "handlers.workflow_history:results",
        "Show every attempt, with its verdict and what was seen of its steps",
        "/workflow results auth-user-model --phase test",
        (ID,),
        (
            Flag("phase", Kind.PHASE, "only the attempts of this phase"),
            Flag("attempt", Kind.ATTEMPT, "only the attempt with this number"),
        ),
        reads=True,
    ),
    Command(
        "workflow",
        "diff",
        "handlers.workflow_diff:diff",
        "Show what changed in the files since it began, or by the newest attempt of a phase",
        "/workflow diff auth-user-model --phase implement",
        (ID,),
        (Flag("phase", Kind.PHASE, "what its newest attempt changed"),),
        reads=True,
    ),
    Command(
        "workflow",
        "artifacts",
        "handlers.workflow_history:artifacts",
        "List the files that its steps left behind",
        "/workflow artifacts auth-user-model",
        (ID,),
        reads=True,
    ),
)
