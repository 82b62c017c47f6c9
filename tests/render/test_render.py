"""Rendered results, line by line, at 80 columns."""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penguin.orchestration.backend import Verdict, WorkflowError, WorkflowInfo, WorkflowPhase, WorkflowStatus
from penguin.orchestration.blueprint import BlueprintCounts
from penguin.orchestration.config import Problem
from penguin.orchestration.core.definition import Criterion, Recipe, RecipeStep, Task
from penguin.orchestration.core.usage import UsageTotals
from penguin_commands.errors import StatusNotReached, UsageError
from penguin_commands.grammar.table import TABLE
from penguin_commands.results import tasks as p
from penguin_commands.results.changes import ChangeResult, StartResult, WaitResult
from penguin_commands.results.help import HealthResult, HelpResult, SettingsTable
from penguin_commands.results.history import ArtifactTable, AttemptRow, AttemptTable, EventRow, HistoryResult
from penguin_commands.results.messages import KeyValueResult, MessageResult
from penguin_commands.results.output import Log, LogsResult, RemoteDiffResult
from penguin_commands.results.ui_actions import QuitAction
from penguin_commands.results.workflows import StatusResult, UsageSummary, WorkflowTable
from penguin_repl.render import render
from penguin_repl.render.error import error_data, error_text, mark_words
from penguin_repl.text.escape import CONTROL

AT = datetime(2024, 1, 15, 10, 30, tzinfo=datetime.now().astimezone().tzinfo)
ID = "ituv-task-123-abc123"


def info(status: str = "RUNNING", phase: str = "TEST", **more: Any) -> WorkflowInfo:
    where = WorkflowPhase(phase)
    values: dict[str, Any] = {
        "workflow_id": ID,
        "task_id": "task-123",
        "blueprint_id": "auth",
        "project_id": "shop",
        "status": WorkflowStatus(status),
        "phase": where,
        "progress": where.progress,
        "started_at": AT,
        "updated_at": AT + timedelta(minutes=1),
    }
    return WorkflowInfo(**{**values, **more})


def event(kind: str, after: float, text: str, **facts: Any) -> EventRow:
    return EventRow(1, AT + timedelta(seconds=after), kind, text, facts)


def task(**more: Any) -> Task:
    values: dict[str, Any] = {
        "id": "a",
        "title": "Make A",
        "blueprint_id": "auth",
        "project_id": "shop",
        "path": "b.md",
        "line": 7,
        "criteria": (Criterion("it is", "true"), Criterion("it looks good")),
        "recipes": (Recipe("try-it", (RecipeStep("shell", "true"), RecipeStep("http", "http://x"))),),
        "description": "Do it.\n\nWell.",
    }
    return Task(**{**values, **more})


IMPORTED = p.ImportedFile(
    source="specs/a/tasks.md",
    format="spec-kit",
    path="blueprints/a.yaml",
    state="new",
    tasks=2,
    dependencies=1,
    criteria=3,
    done=("T001",),
    changes=("T002: title",),
    conflicts=("T001 was removed here",),
    notes=((7, "is kept as prose"),),
    metadata={"story": 1},
    prose=4,
    sections=("Notes", "Format"),
)
ROW = p.BlueprintRow("auth", "Authentication", "b.md", "shop", 2, 1, 0, False)
STATES = (p.TaskState(task(), "ready"), p.TaskState(task(id="b2", title="Make B"), "waiting", ("a", "c")))
STEPS = [
    {"name": "pytest -q", "verdict": "FAILED", "duration": 3.21, "reason": "", "tests": {"run": 7, "failed": 2}},
    {"name": "ruff check", "verdict": "ERROR", "duration": 75, "reason": "no such command", "tests": None},
]
SEEN = {
    **STEPS[0],
    "argv": ["/bin/sh", "-c", "pytest -q"],
    "exit_code": 1,
    "output": ".penguin/runs/x/01-pytest.1.log",
    "output_bytes": 12_345,
    "output_sha256": "5" * 64,
    "excerpt": "".join(f"line {n}\n" for n in range(19)) + "\x1b[31mred\n",
}
ATTEMPTS = (
    AttemptRow("IMPLEMENT", 1, Verdict.PASSED, AT, AT + timedelta(hours=2), {}),
    AttemptRow("TEST", 2, Verdict.ERROR, AT, AT + timedelta(seconds=78), {"reason": "ruff", "steps": STEPS}),
    AttemptRow("TEST", 3, None, AT, None, {}),
    AttemptRow("TEST", 4, Verdict.INTERRUPTED, AT, AT, {"cause": "pause"}),
    AttemptRow("USE", 0, Verdict.PASSED, AT, AT, {"kept_from": "ituv-a-1", "approved_by": ""}),
    AttemptRow("VERIFY", 0, Verdict.PASSED, AT, AT, {"approved_by": "ada", "note": "fine"}),
)
START = TABLE.lookup("workflow", "start")
assert START is not None

CASES: dict[str, tuple[Any, str]] = {
    "message": (MessageResult("Fine.\nReally."), "Fine.\nReally.\n"),
    "started": (
        StartResult((("task-123", ID), ("b", "ituv-b-000000"))),
        f"""\
Started ITUV workflow for task task-123
workflow_id: {ID}
Started ITUV workflow for task b
workflow_id: ituv-b-000000
""",
    ),
    "retried": (
        StartResult((("task-123", ID),), "ituv-task-123-ffffff", ("retry.max_attempts: 3 -> 5",)),
        f"""\
Started ITUV workflow for task task-123
workflow_id: {ID}
Retry of ituv-task-123-ffffff
Differs: retry.max_attempts: 3 -> 5
""",
    ),
    "changed": (
        ChangeResult(f"Paused {ID}", info("PAUSED"), "paused by ada"),
        f"Paused {ID}\nStatus: PAUSED\nPhase: TEST\nReason: paused by ada\n",
    ),
    "status": (
        StatusResult(
            info("BLOCKED", artifacts=("a.txt",), error_message="two\nlines"), "nobody looked", "/workflow x", "hut"
        ),
        f"""\
Workflow {ID}
Status: BLOCKED
Phase: TEST
Progress: 50%
Started: 2024-01-15 10:30:00
Updated: 2024-01-15 10:31:00
Task: task-123 (blueprint auth, project shop)
Host: hut
Reason: nobody looked
Error: two lines
Artifacts: 1
Next: /workflow x
""",
    ),
    "status with changes of others": (
        StatusResult(
            info(),
            left_changes=(
                {"workflow_id": "ituv-a", "status": "BLOCKED", "files": ["a"], "count": 30},
                {"workflow_id": "ituv-b", "status": "FAILED", "files": [], "count": None},
            ),
        ),
        f"""\
Workflow {ID}
Status: RUNNING
Phase: TEST
Progress: 50%
Started: 2024-01-15 10:30:00
Updated: 2024-01-15 10:31:00
Task: task-123 (blueprint auth, project shop)
Note: the working tree contained changes of ituv-a (BLOCKED): a and 29 more
Note: the working tree may have contained changes of ituv-b (FAILED)
""",
    ),
    "status with costs": (
        StatusResult(info(), usage=UsageTotals(12, 1_234_567, 3.2, 65.5), agents="claude, codex"),
        f"""\
Workflow {ID}
Status: RUNNING
Phase: TEST
Progress: 50%
Started: 2024-01-15 10:30:00
Updated: 2024-01-15 10:31:00
Task: task-123 (blueprint auth, project shop)
Agent: claude, codex (1h05m)
Turns: 12
Tokens: 1,234,567
Cost: $3.20
""",
    ),
    "no workflows and their total": (
        WorkflowTable((), total=UsageSummary(0, UsageTotals())),
        "No workflows.\nTotal of 0 workflows: nothing spent\n",
    ),
    "results with costs": (
        AttemptTable(
            ID,
            (
                AttemptRow("IMPLEMENT", 1, Verdict.PASSED, AT, AT, {}, usage=UsageTotals(7, 9_999)),
                AttemptRow("TEST", 2, Verdict.FAILED, AT, AT, {"steps": STEPS[:1]}),
            ),
        ),
        """\
ATTEMPT  PHASE      VERDICT  TIME  TURNS  TOKENS  STEP       REASON
      1  IMPLEMENT  PASSED   0.0s      7    9999
      2  TEST       FAILED   0.0s
                    FAILED   3.2s                 pytest -q  5 passed, 2 failed
""",
    ),
    "workflows": (
        WorkflowTable((info(), info("COMPLETED", "DONE", workflow_id="ituv-b-000000")), {ID: "waits for a slot"}),
        f"""\
WORKFLOW              STATUS     PHASE  DONE  STARTED
{ID}  RUNNING    TEST    50%  2024-01-15 10:30:00
ituv-b-000000         COMPLETED  DONE   100%  2024-01-15 10:30:00
{ID}: waits for a slot
""",
    ),
    "no workflows": (WorkflowTable(()), "No workflows.\n"),
    "waited": (WaitResult((info("COMPLETED", "DONE"), info())), f"{ID} COMPLETED\n{ID} RUNNING TEST\n"),
    "history": (
        HistoryResult(
            ID,
            (
                event("StartResult", 0, "started by ada"),
                event("AttemptStarted", 1, "TEST attempt 1 started"),
                event("AttemptEnded", 76, "TEST attempt 1 FAILED", phase="TEST"),
                event("BackedOff", 76, "back-off, then TEST", at=10.0, until=15.0),
                event("Blocked", 80, "blocked"),
                event("Resumed", 3680, "resumed by ada"),
                event("AttemptStarted", 3681, "TEST attempt 2 started"),
                event("Interrupted", 3682, "TEST attempt 2 interrupted", phase="TEST"),
                event("Cancelled", 7200, "cancelled by ada"),
            ),
        ),
        """\
TIME                  TOOK  EVENT
2024-01-15 10:30:00         started by ada
2024-01-15 10:30:01         TEST attempt 1 started
2024-01-15 10:31:16  1m15s  TEST attempt 1 FAILED
2024-01-15 10:31:16   5.0s  back-off, then TEST
2024-01-15 10:31:20         blocked
2024-01-15 11:31:20  1h00m  resumed by ada
2024-01-15 11:31:21         TEST attempt 2 started
2024-01-15 11:31:22   1.0s  TEST attempt 2 interrupted
2024-01-15 12:30:00  2h00m  cancelled by ada
Attempts took 1m16s: TEST 1m16s
""",
    ),
    "history of what just began": (
        HistoryResult(ID, (event("StartResult", 0, "started by ada"), event("Claimed", 0, "claimed"))),
        """\
TIME                 TOOK  EVENT
2024-01-15 10:30:00        started by ada
2024-01-15 10:30:00        claimed
""",
    ),
    "results": (
        AttemptTable(ID, ATTEMPTS),
        """\
ATTEMPT  PHASE      VERDICT      TIME   STEP        REASON
      1  IMPLEMENT  PASSED       2h00m
      2  TEST       ERROR        1m18s              ruff
                    FAILED       3.2s   pytest -q   5 passed, 2 failed
                    ERROR        1m15s  ruff check  no such command
      3  TEST       running
      4  TEST       INTERRUPTED  0.0s               cause: pause
      -  USE        PASSED                          kept from ituv-a-1
      -  VERIFY     PASSED                          approved by ada: fine
""",
    ),
    "results with evidence": (
        AttemptTable(ID, (AttemptRow("TEST", 2, Verdict.FAILED, AT, AT + timedelta(seconds=4), {"steps": [SEEN]}),)),
        f"""\
ATTEMPT  PHASE  VERDICT  TIME  STEP       REASON
      2  TEST   FAILED   4.0s
                FAILED   3.2s  pytest -q  5 passed, 2 failed

TEST attempt 2: pytest -q: FAILED, exit code 1, 3.2s, 5 passed, 2 failed
  argv: /bin/sh -c 'pytest -q'
  output: .penguin/runs/x/01-pytest.1.log (12 kB)
  sha256: {"5" * 64}
  | …
{"".join(f"  | line {n}{chr(10)}" for n in range(8, 19))}  | \\x1b[31mred
""",
    ),
    "results of a step that was ended": (
        AttemptTable(
            ID,
            (
                AttemptRow(
                    "USE",
                    3,
                    Verdict.ERROR,
                    AT,
                    AT,
                    {"steps": [{"name": "sleep", "verdict": "ERROR", "argv": ["sleep"], "exit_code": -15}]},
                ),
            ),
        ),
        """\
ATTEMPT  PHASE  VERDICT  TIME  STEP   REASON
      3  USE    ERROR    0.0s
                ERROR    0.0s  sleep

USE attempt 3: sleep: ERROR, ended by signal 15, 0.0s
  argv: sleep
""",
    ),
    "results of other hosts": (
        AttemptTable(
            ID,
            tuple(
                AttemptRow("TEST", n, Verdict.PASSED, AT, AT, {}, host)
                for n, host in ((1, "hut"), (2, "here"), (3, "barn"), (4, "hut"), (0, ""))
            ),
            "here",
        ),
        """\
ATTEMPT  PHASE  VERDICT  TIME  STEP  REASON
      1  TEST   PASSED   0.0s
      2  TEST   PASSED   0.0s
      3  TEST   PASSED   0.0s
      4  TEST   PASSED   0.0s
      -  TEST   PASSED
Attempts 1, 4 ran on host hut.
Attempt 3 ran on host barn.
""",
    ),
    "no results": (AttemptTable(ID, ()), "No attempts yet.\n"),
    "artifacts": (
        ArtifactTable(ID, (("a.txt", 12), ("b.bin", 12_345_678), ("c", None))),
        " SIZE  PATH\n 12 B  a.txt\n12 MB  b.bin\n gone  c\n",
    ),
    "artifacts elsewhere": (
        ArtifactTable(ID, (("a.txt", 12), ("c", None)), {"c": "hut"}),
        "  SIZE  PATH\n  12 B  a.txt\non hut  c\n",
    ),
    "diff elsewhere": (
        RemoteDiffResult(ID, ("a.py", "b\n.py"), "hut", "the changes are on host hut"),
        "the changes are on host hut\nIts evidence lists:\na.py\nb .py\n",
    ),
    "no artifacts": (ArtifactTable(ID, ()), "No artifacts.\n"),
    "help": (
        HelpResult((START,), detailed=True),
        """\
Start a workflow for a task.

Usage: /workflow start [TASK] [--with-deps] [--blueprint BLUEPRINT] [--wait] [--timeout SECONDS]
  TASK                   a task's id; default: choose one of the ready tasks, or list them without a terminal
  --with-deps            also start the unmet dependencies
  --blueprint BLUEPRINT  the blueprint to look in, if several have this task
  --wait                 wait until it ends; fail unless it is COMPLETED
  --timeout SECONDS      maximum time to wait: 90, 1.5m, 2h
Example: /workflow start auth-user-model --wait
""",
    ),
    "facts": (
        KeyValueResult({"backend": "native", "connected": True, "none": None, "several": [1, {"a": False}]}),
        "backend: native\nconnected: yes\nnone: -\nseveral: [1, {a: no}]\n",
    ),
    "settings": (
        SettingsTable((("project.id", "shop", "penguin.yaml:1"), ("max", 3, "default"))),
        "KEY         VALUE  FROM\nproject.id  shop   penguin.yaml:1\nmax         3      default\n",
    ),
    "commands of a gate": (
        SettingsTable(
            (
                ("phases.test.run", ({"run": "pytest -q"}, {"run": "ruff check ."}), "default"),
                ("phases.use.run", ({"run": "true", "report": "a.xml"},), "default"),
            )
        ),
        """\
KEY              VALUE                         FROM
phases.test.run  pytest -q; ruff check .       default
phases.use.run   [{run: true, report: a.xml}]  default
""",
    ),
    "health": (
        HealthResult(
            {
                "backend": "temporal",
                "connected": True,
                "address": "localhost:7233",
                "server_version": None,
                "workers_polling": 0,
                "latency_sec": 0.00123,
                "retention_days": 3,
                "warning": None,
            }
        ),
        """\
CHECK            VALUE
backend          temporal
connected        yes
address          localhost:7233
workers polling  0
latency          1.2 ms
retention        3 days
""",
    ),
    "quit": (QuitAction(), ""),
    "tasks": (
        p.TaskTable(STATES),
        """\
TASK  PRIORITY  STATE             TITLE
a     medium    ready             Make A
b2    medium    waiting for a, c  Make B
""",
    ),
    "no tasks": (p.TaskTable((), "No task is ready."), "No task is ready.\n"),
    "task": (
        p.TaskResult(STATES[0]),
        """\
Task a
Title: Make A
State: ready
Priority: medium (effort 3, value 3, risk 1)
Dependencies: none
Blueprint: auth (b.md:7)

Do it.

Well.

Acceptance criteria:
- it is  [true]
- it looks good

Recipes:
- try-it (shell, http)
""",
    ),
    "graph": (
        p.GraphResult(
            "tree",
            "",
            (("a", "b2"), ("c", "b2")),
            (p.GraphRow("", "│", STATES[0], (), False), p.GraphRow("└─ ", "   ", STATES[1], ("c",), True)),
            (("c", "b2"),),
            (("x", "y", "x"),),
        ),
        """\
TASK     STATE    ALSO NEEDS  TITLE
a        ready                Make A
└─ b2 …  waiting  c           Make B
missing: c, which b2 needs
cycle: x -> y -> x
""",
    ),
    "graph for another program": (p.GraphResult("dot", "digraph tasks {\n}", ()), "digraph tasks {\n}\n"),
    "no graph": (p.GraphResult("tree", "", ()), "No tasks.\n"),
    "task added": (
        p.AddedTaskResult("a-2", "auth", "b.md", 12, created=False),
        "Added task a-2\nFile: b.md:12\n",
    ),
    "task and its fields": (
        p.TaskResult(
            STATES[0]._replace(task=task(description="", criteria=(), recipes=())),
            (("title", "Make A", "b.md:7"), ("depends_on", "", "default")),
        ),
        """\
Task a
Title: Make A
State: ready
Priority: medium (effort 3, value 3, risk 1)
Dependencies: none
Blueprint: auth (b.md:7)

FIELD       VALUE   FROM
title       Make A  b.md:7
depends_on  -       default
""",
    ),
    "source of a blueprint": (
        p.BlueprintSourceResult(
            "auth",
            "b.md",
            (
                p.SourcePart("", 8, ("## Tasks", "")),
                p.SourcePart("make-a", 10, ("- [ ] Make A", "  with a pen")),
                p.SourcePart("b", 12, ("- [ ] `b` Make B",)),
            ),
            ("make-a",),
        ),
        """\
b.md

the blueprint
 8 | ## Tasks
 9 |

task make-a (the id is made from the title)
10 | - [ ] Make A
11 |   with a pen

task b
12 | - [ ] `b` Make B
""",
    ),
    "blueprints": (
        p.BlueprintTable((ROW, ROW._replace(id="x", broken=True))),
        """\
BLUEPRINT  TASKS  DONE  ACTIVE  TITLE
auth           2     1       0  Authentication
x              2     1       0  Authentication (broken: /blueprint lint x)
""",
    ),
    "no blueprints": (p.BlueprintTable(()), "No blueprints.\n"),
    "blueprint": (
        p.BlueprintResult(ROW, STATES[:1], (Problem("warning", "b.md", 3, "odd", "make it even"),), {"version": "1.0"}),
        """\
Blueprint auth
Title: Authentication
File: b.md
Project: shop
Tasks: 2, 1 completed, 0 active
version: 1.0

TASK  PRIORITY  STATE  TITLE
a     medium    ready  Make A
b.md:3: warning: odd (make it even)
""",
    ),
    "lint": (
        p.LintResult((Problem("error", "b.md", 0, "bad"),), ("b.md", "c.md")),
        "b.md: error: bad\n2 blueprints, 1 error, 0 warnings\n",
    ),
    "import": (
        p.ImportResult(
            (IMPORTED, IMPORTED._replace(path="blueprints/b.yaml", state="unchanged", done=(), notes=(), prose=0)),
            config="new",
            agent="claude",
            recorded=("T001",),
            next_command="penguin workflow start T002",
            dry_run=False,
            test_command="make test",
            test_file="Makefile",
        ),
        """\
blueprints/a.yaml: new, from specs/a/tasks.md (spec-kit)
  2 tasks, 1 dependency, 3 criteria; 1 done in the source
  kept as metadata: story (1 task)
  kept as prose: 4 lines: Notes, Format
  line 7: is kept as prose
  changed: T002: title
  not changed: T001 was removed here
blueprints/b.yaml: unchanged, from specs/a/tasks.md (spec-kit)
  2 tasks, 1 dependency, 3 criteria
  kept as metadata: story (1 task)
  changed: T002: title
  not changed: T001 was removed here
penguin.yaml: new, IMPLEMENT runs claude
Recorded as done outside of Penguin: T001
TEST runs make test (Makefile)
VERIFY waits for a person (/workflow approve ID --by NAME) until the criteria have checks
Try: penguin workflow start T002
""",
    ),
    "init": (
        p.InitResult(
            (("/w/penguin.yaml", "penguin.yaml", "written"),),
            agent="claude",
            test="pytest -q",
            imported=p.ImportResult(
                (IMPORTED._replace(metadata={}, notes=(), changes=(), conflicts=(), prose=0),),
                config="changed",
                agent="",
                recorded=(),
                next_command="",
                dry_run=False,
            ),
            notes=("IMPLEMENT: claude", "TEST: pytest -q (pytest.ini)"),
            next_command="penguin workflow start T002",
        ),
        """\
written: penguin.yaml
blueprints/a.yaml: new, from specs/a/tasks.md (spec-kit)
  2 tasks, 1 dependency, 3 criteria; 1 done in the source
IMPLEMENT: claude
TEST: pytest -q (pytest.ini)
Try: penguin workflow start T002
""",
    ),
    "lint-counts": (
        p.LintResult((Problem("note", "b.md", 2, "used"),), ("b.md",), BlueprintCounts(8, 9, 16, 12, 6, 1, 4)),
        "b.md:2: note: used\n1 blueprint, 0 errors, 0 warnings\n1 validation with 4 criteria\n"
        "8 tasks, 9 dependencies, 16 criteria (12 with a check), 6 recipes; 1 note\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_text_of_results(name: str) -> None:
    result, expected = CASES[name]
    assert render(result) == expected


@pytest.mark.parametrize("name", CASES)
def test_a_terminal_table_has_the_same_words(name: str) -> None:
    result, expected = CASES[name]
    drawn = render(result, terminal=True, width=80, color=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    assert sorted(plain.split()) == sorted(expected.split())
    if not isinstance(result, HelpResult):
        assert all(len(line) <= 80 for line in plain.split("\n"))
    assert "\x1b" not in render(result, terminal=True, width=80, color=False)


@pytest.mark.parametrize("name", CASES)
def test_json_is_one_line_of_the_same_data(name: str) -> None:
    result, _ = CASES[name]
    text = render(result, format="json")
    assert text.count("\n") == 1
    assert isinstance(json.loads(text), dict)


PAID = WorkflowTable(
    (info(), info("COMPLETED", "DONE", workflow_id="ituv-b-000000")),
    usage={ID: UsageTotals(12, 1_234_567, 0.004)},
    total=UsageSummary(1234, UsageTotals(12, 45_678, 1234.5, 0.5)),
)


def test_costs_are_columns() -> None:
    assert (
        render(PAID)
        == f"""\
WORKFLOW              STATUS     PHASE  DONE  TOKENS     COST  STARTED
{ID}  RUNNING    TEST    50%    1.2M  $0.0040  2024-01-15 10:30:00
ituv-b-000000         COMPLETED  DONE   100%                   2024-01-15 10:30:00
Total of 1234 workflows: 12 turns, 46k tokens, $1,234.50, 30.0s of agent time
"""
    )


def test_a_narrow_terminal_omits_columns_and_keeps_ids() -> None:
    drawn = render(WorkflowTable((info(),)), terminal=True, width=50, color=False)
    assert all(len(line) <= 50 for line in drawn.split("\n"))
    assert f"{ID}  RUNNING" in drawn


def test_json_of_a_status_has_the_fields_of_the_workflow_and_more() -> None:
    data = json.loads(render(StatusResult(info(), "why", "what"), format="json"))
    more = {"explain", "advice", "host", "agents", "usage", "left_changes", "tree", "target_branch"}
    assert data.keys() - more == set(WorkflowInfo._fields)
    assert data["status"] == "RUNNING"
    assert datetime.fromisoformat(data["started_at"]) == AT


def test_jsonl_is_a_line_for_each_row_of_a_list() -> None:
    lines = render(WorkflowTable((info(), info())), format="jsonl").splitlines()
    assert [json.loads(line)["workflow_id"] for line in lines] == [ID, ID]
    assert render(WorkflowTable(()), format="jsonl") == ""
    assert json.loads(render(StatusResult(info()), format="jsonl"))["workflow_id"] == ID


def test_times_are_local() -> None:
    shown = render(StatusResult(info(started_at=AT.astimezone(UTC))))
    assert "Started: 2024-01-15 10:30:00\n" in shown


EVIL = "bad\x1b]0;title\x07\x1b[2J\u202e\r\nline\x9b31m"


def test_escaped_text_is_harmless() -> None:
    assert not [code for code in range(sys.maxunicode + 1) if chr(code).isprintable() and re.match(CONTROL, chr(code))]


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(
    "result",
    [
        p.TaskTable((p.TaskState(task(title=EVIL), "ready"),)),
        p.TaskResult(p.TaskState(task(title=EVIL, description=EVIL, criteria=(Criterion(EVIL),)), "ready")),
        p.GraphResult("dot", EVIL, ()),
        p.GraphResult("tree", "", (), (p.GraphRow("", "", p.TaskState(task(title=EVIL), "ready"), (EVIL,), False),)),
        p.BlueprintSourceResult("a", EVIL, (p.SourcePart("a", 1, (EVIL,)),), ()),
        p.BlueprintTable((ROW._replace(title=EVIL),)),
        p.LintResult((Problem("error", EVIL, 1, EVIL, EVIL),), ()),
        p.InitResult(((EVIL, EVIL, "written"),), EVIL, EVIL, None, (EVIL,), EVIL),
        p.ImportResult(
            (IMPORTED._replace(source=EVIL, path=EVIL, notes=((1, EVIL),), changes=(EVIL,), metadata={EVIL: 1}),),
            config="new",
            agent=EVIL,
            recorded=(EVIL,),
            next_command=EVIL,
            dry_run=False,
        ),
        StatusResult(info(error_message=EVIL), EVIL, EVIL),
        HistoryResult(ID, (EventRow(1, AT, "StartResult", EVIL, {}),)),
        AttemptTable(ID, (AttemptRow("TEST", 1, None, AT, None, {"reason": EVIL, "steps": []}),)),
        ArtifactTable(ID, ((EVIL, 1),)),
        MessageResult(EVIL),
        StartResult(((EVIL, EVIL),), EVIL, (EVIL,)),
        KeyValueResult({EVIL: EVIL}),
        HealthResult({EVIL: EVIL}),
        SettingsTable(((EVIL, EVIL, EVIL),)),
    ],
    ids=lambda result: type(result).__name__,
)
def test_foreign_text_cannot_control_the_terminal(result: Any, terminal: bool) -> None:
    shown = render(result, terminal=terminal, color=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert "\\x1b" in shown


def test_wide_characters_keep_the_columns_aligned() -> None:
    table = p.TaskTable((p.TaskState(task(id="漢字"), "ready"), p.TaskState(task(id="abcd"), "ready")))
    first, second = render(table).split("\n")[1:3]
    assert first.index("medium") == second.index("medium") - 2


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (WorkflowError("no such thing", "/help"), "no such thing; /help"),
        (UsageError("unknown; did you mean x?", "usage: x"), "unknown; did you mean x? usage: x"),
        (WorkflowError("blocked; next: /do"), "blocked; next: /do"),
        (WorkflowError("blocked; next: /do", "/do"), "blocked; next: /do"),
        (WorkflowError("a:1: bad\na:2: bad", "fix it"), "a:1: bad\na:2: bad\nfix it"),
        (FileNotFoundError(2, "No such file", "x.md"), "x.md: No such file"),
        (ValueError("boo"), "unexpected ValueError: boo; --debug shows the traceback"),
        (WorkflowError("evil \x1b[2J"), "evil \\x1b[2J"),
    ],
)
def test_an_error_has_a_hint(error: Exception, text: str) -> None:
    assert error_text(error) == text


def test_an_error_as_data() -> None:
    assert error_data(UsageError("m", "h")) == {"error": {"code": "usage", "message": "m", "hint": "h"}}
    (row,) = error_data(StatusNotReached("m", "h", (info(),)))["error"]["workflows"]
    assert row["workflow_id"] == ID


def test_a_caret_marks_the_wrong_words() -> None:
    line = "/workflow strat \x1b x"
    assert mark_words(line, 10, 15) == "/workflow strat \\x1b x\n          ^^^^^"
    assert mark_words(line, 18, 19).split("\n")[1].index("^") == mark_words(line, 18, 19).split("\n")[0].index("x", 18)


def test_logs_as_data_hold_the_end_of_a_large_file(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(b"x" * 1_000_000 + b"end\n")
    (row,) = LogsResult(ID, (Log("TEST", 1, "a", "a.log", str(file)),)).data()["logs"]
    assert row["bytes"] == 1_000_004
    assert len(row["tail"]) == 65536
    assert row["tail"].endswith("xend\n")


def test_a_narrow_terminal_keeps_ids_whole() -> None:
    from penguin_repl.render.parts import Grid
    from penguin_repl.terminal.draw import Drawer

    columns = ("WORKFLOW", "STATUS", "PHASE", "DONE", "STARTED")
    row = ("ituv-hello-script-9d5db8", "COMPLETED", "DONE", "100%", "2026-11-22 16:05:37")
    grid = Grid(columns, (row,), (3,), ("STARTED", "DONE", "PHASE"))
    shown = Drawer(color=False).draw([grid], 40)
    assert [line.split() for line in shown.splitlines()] == [["WORKFLOW", "STATUS"], list(row[:2])]
    assert "16:05:37" in Drawer(color=False).draw([grid], 80)


LARGE_TITLE = "漢字" * 330_000
"""2 MB."""
LARGE_RESULTS = [
    p.TaskTable((p.TaskState(task(title=LARGE_TITLE), "ready"), *STATES)),
    p.BlueprintTable((ROW._replace(title=LARGE_TITLE),)),
    p.BlueprintResult(ROW, (p.TaskState(task(title=LARGE_TITLE), "ready"),), (), {}),
    AttemptTable(ID, (AttemptRow("TEST", 1, Verdict.FAILED, AT, AT, {"reason": LARGE_TITLE}),)),
]


@pytest.mark.parametrize("result", LARGE_RESULTS, ids=["tasks", "blueprints", "blueprint", "results"])
def test_a_large_cell_is_cut_on_a_terminal_and_whole_elsewhere(result: Any) -> None:
    started = time.process_time()
    shown = render(result, terminal=True, width=80)
    printed = render(result)
    assert time.process_time() - started < 1
    assert "…" in shown
    assert len(shown) < 20_000
    assert LARGE_TITLE in printed
    assert len(printed) < len(LARGE_TITLE) + 20_000
