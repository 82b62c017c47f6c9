"""A sample of every result, for the golden files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.render.test_render import AT, CASES, ID, PAID, info, task
from tests.report.sample_reports import blueprint, workflow

from penguin.orchestration.backend import Verdict, WorkflowError, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.runtime.command_preview import ActiveWorkflow, PlannedCommand
from penguin.orchestration.store.agent_snapshots import SnapshotRow
from penguin.orchestration.store.maintenance.workflow_deletion import PrunableWorkflow
from penguin.orchestration.store.progress import GateState, WorkflowProgress
from penguin_commands.errors import UsageError
from penguin_commands.grammar.parse import parse
from penguin_commands.grammar.table import COMMANDS, TABLE
from penguin_commands.results import Result
from penguin_commands.results import agent_snapshots as s
from penguin_commands.results import maintenance as k
from penguin_commands.results import tasks as p
from penguin_commands.results.changes import StartResult, WaitProgress, WaitResult
from penguin_commands.results.help import HelpResult
from penguin_commands.results.history import EventRow, HistoryResult
from penguin_commands.results.output import DiffResult, Log, LogsResult, OutputChunk
from penguin_commands.results.report import BlueprintReportResult, ReportFileResult, ReportResult, Span
from penguin_commands.results.tasks import BoardEstimate, BoardResult, BoardRow
from penguin_commands.results.ui_actions import ChainedResult
from penguin_commands.results.workflows import WorkflowTable

FAMILY = "👨\u200d👩\u200d👧"
DIFF = b"""\
diff --git a/shop/users.py b/shop/users.py
--- a/shop/users.py
+++ b/shop/users.py
@@ -1,2 +1,3 @@
 import re
-OLD = 1
+NEW = 1  # \xe6\xbc\xa2
+\x1b[2Jgone
"""


TALKED = "ituv-auth-user-model-1c31dc"
SNAPSHOT = SnapshotRow(
    snapshot_id=f"{TALKED}-1",
    workflow_id=TALKED,
    created_at=AT,
    task_id="auth-user-model",
    phase=WorkflowPhase.IMPLEMENT,
    attempt=1,
    agent="claude",
    session_id="7f3a",
    messages=12,
    bytes=34_567,
    spent=UsageTotals(),
)
TALK: list[dict[str, Any]] = [
    {"role": "user", "text": "Implement it.\n\nMind the gap."},
    {"role": "assistant", "text": "I look first."},
    {"role": "tool", "tool": "Bash", "input": {"command": "pytest -q\nruff ."}, "output": "1 failed", "failed": True},
    {"role": "tool", "tool": "Edit", "input": {"file": "a.py", "old": "x"}, "output": [{"type": "text", "text": "ok"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "Done."}], "model": "x"},
]


def _specimens() -> dict[str, Result]:
    return {name: result for name, (result, _) in CASES.items()} | {
        "workflows of all kinds": _workflows(),
        "board": _board(),
        "history with a timeline": _history(),
        "history with a timeline and events": _history()._replace(shows_events=True),
        "board without tasks": BoardResult("", (), {}, (), None),
        "waits to be told": WorkflowTable((info("BLOCKED", "VERIFY"),), {ID: "nobody looked"}, {ID: "/workflow x"}),
        "workflows with costs": PAID,
        "snapshots": s.SnapshotTable(
            (
                SNAPSHOT._replace(snapshot_id=f"{TALKED}-12", bytes=20_000_000, spent=UsageTotals(3, 45_678, 0.42)),
                SNAPSHOT._replace(agent="codex", phase=None, attempt=0),
            )
        ),
        "no snapshots": s.SnapshotTable(()),
        "conversation": s.ConversationResult(
            SNAPSHOT._replace(spent=UsageTotals(3, 1200, 0.25, 1.5)), TALK, {}, {"7f3a.jsonl": 9_000}
        ),
        "conversation byte by byte": s.RawConversationResult(
            "a", (("a.jsonl", b'{"a": "\x1b[2J"}\n'), ("b", b"\xff\n"))
        ),
        "diff": DiffResult(ID, ("shop/users.py",), lambda: iter([DIFF])),
        "logs": LogsResult(ID, tuple(_logs())),
        "logs followed": LogsResult(ID, (), _pieces),
        "started and waited for": ChainedResult(StartResult((("task-123", ID),)), _waited),
        "help of several": HelpResult(COMMANDS[:3]),
        "help of one": HelpResult(tuple(filter(None, [TABLE.lookup("workflow", "retry")])), detailed=True),
        "tasks with long titles": p.TaskTable(tuple(_tasks())),
        "report": ReportResult(workflow()),
        "report of a blueprint": BlueprintReportResult(blueprint()),
        "report in a file": ReportFileResult("out/\x1breport.html", "html", 12_345),
        "backed up": k.BackupResult(((".penguin/penguin.db", "/tmp/copy.db", 12_345),)),
        "backed up twice": k.BackupResult(
            ((".penguin/penguin.db", "a.db", 12_345), (".penguin/temporal.db", "a.temporal.db", 1))
        ),
        "pruned": k.PruneResult(_old(), (("blobs/ab", "no workflow"),), (("logs/x", "Permission denied"),), False),
        "would prune": k.PruneResult(_old(), (), (), True),
        "nothing pruned": k.PruneResult((), (), (), False),
        "trust": k.TrustResult(
            "/home/ada/shop/.penguin",
            "unknown",
            "was not made by you on this machine",
            (
                ActiveWorkflow(
                    ID,
                    "a",
                    "PENDING",
                    (
                        PlannedCommand(WorkflowPhase.IMPLEMENT, "run", "echo one\necho \x1b[2Jtwo"),
                        PlannedCommand(WorkflowPhase.VERIFY, "check", "test -e made"),
                    ),
                ),
            ),
        ),
        "checked": k.CheckResult(12, 345, (), (("blobs/ab", "no workflow"),)),
        "checked and found wrong": k.CheckResult(1, 2, ((ID, "its status is not that of its history"),), ()),
    }


def _workflows() -> WorkflowTable:
    rows = [
        info(status, phase, workflow_id=f"ituv-{name}-{number:06x}", task_id=name)
        for number, (status, phase, name) in enumerate(
            [
                ("PENDING", "PENDING", "mail"),
                ("RUNNING", "IMPLEMENT", "auth-user-model"),
                ("PAUSED", "TEST", "search"),
                ("BLOCKED", "VERIFY", "invoice.pdf-export"),
                ("COMPLETED", "DONE", "x"),
                ("FAILED", "USE", "y"),
                ("CANCELLED", "TEST", "z"),
            ]
        )
    ]
    workflow_id = rows[3].workflow_id
    return WorkflowTable(
        tuple(rows),
        {workflow_id: "VERIFY is UNVERIFIED: nobody looked at 1 criterion"},
        {workflow_id: f"/workflow approve {workflow_id}"},
    )


def _history() -> HistoryResult:
    def span(start: int, end: int, phase: str, attempt: int, verdict: Verdict | None, waiting: str = "") -> Span:
        return Span(phase, attempt, AT + timedelta(seconds=start), AT + timedelta(seconds=end), verdict, waiting)

    failed = {"phase": "TEST", "attempt": 2, "result": {"verdict": "FAILED", "reason": "test_kebab and 1 more of 457"}}
    started = EventRow(1, AT, "Started", "started by ada", {"phase": "PENDING"})
    ended = EventRow(2, AT + timedelta(seconds=90), "AttemptEnded", "TEST attempt 2: FAILED", failed)
    timeline = (
        span(0, 60, "IMPLEMENT", 1, Verdict.PASSED),
        span(60, 90, "TEST", 2, Verdict.FAILED),
        span(90, 120, "TEST", 3, None, "waited for the next attempt"),
        span(120, 150, "TEST", 3, Verdict.PASSED),
        span(150, 4000, "USE", 4, None, "blocked"),
        span(4000, 4040, "USE", 4, None),
    )
    return HistoryResult(ID, (started, ended), timeline, shows_events=False)


def _board() -> BoardResult:
    progress = WorkflowProgress(
        "Model",
        (GateState.PASSED, GateState.FAILED, GateState.SKIPPED, GateState.WAITING),
        2,
        3,
        is_running=False,
        elapsed=75.0,
        due_at=0.0,
        rank=(False, (0, 0.0, 0, 0), 0.0),
    )
    workflow = info("BLOCKED", "TEST", task_id="auth-user-model")
    rows = (
        BoardRow(
            p.GraphRow("", "│", p.TaskState(task(id="auth-user-model"), "BLOCKED"), (), folded=False),
            workflow,
            progress,
            "TEST FAILED: exit code 1",
            f"/workflow resume {workflow.workflow_id}",
            is_critical=True,
        ),
        BoardRow(
            p.GraphRow("└─ ", "", p.TaskState(task(id="auth-login", title="Log in"), "waiting"), (), folded=False),
            is_critical=True,
        ),
        BoardRow(p.GraphRow("", "", p.TaskState(task(id="mail", title="Send mail"), "ready"), (), folded=False)),
    )
    estimate = BoardEstimate(remaining=450.0, work=600.0, per_task=150.0, completed=3, slots=2)
    counts = {"BLOCKED": 1, "waiting": 1, "ready": 1}
    return BoardResult("Shop", rows, counts, ("auth-user-model", "auth-login"), estimate)


def _tasks() -> Iterator[p.TaskState]:
    yield p.TaskState(
        task(id="wide", title="漢字 in einem Titel, der länger ist als jede Zeile auf einem Bildschirm"), "ready"
    )
    yield p.TaskState(task(id="emoji", title=f"{FAMILY} 👍🏽 🇩🇪 cafe\u0301"), "RUNNING")
    yield p.TaskState(task(id="a-rather-long-task-id.with-parts", title="t"), "waiting", ("wide", "emoji"))


def _logs() -> Iterator[Log]:
    for step, output in (("pytest -q", "1 passed\n\x1b[32mgreen\x1b[0m \x1b[2Jno end"), ("ruff", "fine\n")):
        yield Log("TEST", 2, step, f"logs/{step}", "", excerpt=output)
    yield Log(
        "USE", 3, "try-it", "logs/3", "", start_number=2, excerpt="head\ntail\n", size=999, host="hut", note="on hut"
    )


async def _pieces() -> Any:
    log = Log("TEST", 2, "pytest -q", "logs/2", "")
    for output in (b"one\ntw", b"o\n"):
        yield OutputChunk(log, output)
    yield OutputChunk(log._replace(attempt=3, path="logs/3"), b"three")


async def _waited() -> Result:
    return WaitResult((info("COMPLETED", "DONE"),))


def _old() -> tuple[PrunableWorkflow, ...]:
    ended = AT.timestamp()
    return (
        PrunableWorkflow("ituv-a-000000", "shop", "a", 1, WorkflowStatus.COMPLETED, ended, 12_345),
        PrunableWorkflow("ituv-b-000000", "shop", "b", 1, WorkflowStatus.CANCELLED, ended),
    )


SAMPLES = _specimens()
"""The results by name."""


def _usage() -> UsageError:
    try:
        parse("/workflow list --sort titel --limit 10 --project 漢字")
    except UsageError as error:
        return error
    raise AssertionError("there is no such order")


ERRORS: dict[str, BaseException] = {
    "error": WorkflowError("no workflow 'x'", "/workflow list shows the workflows"),
    "error at a word": _usage(),
    "error nobody foresaw": ValueError("boo"),
    "error of the system": FileNotFoundError(2, "No such file or directory", "x.md"),
}
PROGRESS = {
    "progress of one": WaitProgress((info(),), 12.3),
    "progress of several": WaitProgress((info(), info("COMPLETED", "DONE"), info("BLOCKED", "VERIFY")), 75.0, 3600.0),
}
