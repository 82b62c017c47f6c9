"""Reports for the tests: an ordinary one, one of hostile text, and one of a blueprint."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.render.test_render import AT, ROW, info

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.usage import UsageTotals
from penguin_commands.results.report import (
    ApprovalReport,
    AttemptReport,
    BlueprintReport,
    ChangesReport,
    CriterionReport,
    DependencyReport,
    FeedbackReport,
    FileReport,
    GateReport,
    NamedTest,
    Span,
    StepReport,
    StepTests,
    TaskReport,
    WorkflowReport,
)

IMPLEMENT, TEST, USE, VERIFY = (
    WorkflowPhase.IMPLEMENT,
    WorkflowPhase.TEST,
    WorkflowPhase.USE,
    WorkflowPhase.VERIFY,
)
HOSTILE = (
    "</style></title></script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>"
    "\x1b[31mred\x1b]0;title\x07 \x00 \u202eevil\u2066 \udcff --> ]]> &amp; \"'`|` ```` @ada #12\r\n"
    "# heading\n</details>\n~~~\n````\n| a | b |\n"
)
DIFF = ("@@ -1,2 +1,2 @@", " import re", "-OLD = 1", "+NEW = '<b>'  # ```")


def after(seconds: float) -> Any:
    return AT + timedelta(seconds=seconds)


def step(**more: Any) -> StepReport:
    values: dict[str, Any] = {
        "name": "pytest -q",
        "kind": "run",
        "verdict": Verdict.FAILED,
        "reason": "1 of 3 tests failed",
        "command": "/bin/sh -c 'pytest -q'",
        "exit_code": 1,
        "seconds": 3.2,
        "output_path": ".penguin/runs/x/2-test/01-pytest-q.1.log",
        "output_bytes": 12_345,
        "excerpt": "..F\n1 failed, 2 passed\n",
        "tests": StepTests(
            {"failed": 1, "passed": 2},
            (
                NamedTest("tests.test_a::test_two", "failed", 0.5, "assert 1 == 2"),
                NamedTest("tests.test_a::test_one", "passed", 0.1),
                NamedTest("tests.test_a::test_three[a|b]", "passed", 0.1),
            ),
        ),
    }
    return StepReport(**{**values, **more})


def attempt(phase: WorkflowPhase, number: int, verdict: Verdict | None, **more: Any) -> AttemptReport:
    values: dict[str, Any] = {
        "phase": phase,
        "number": number,
        "verdict": verdict,
        "started_at": after(number * 10),
        "ended_at": after(number * 10 + 8),
        "reason": "",
        "steps": (),
        "usage": UsageTotals(),
        "host": "",
        "checkpoint": "",
        "findings": (),
        "summary": "",
    }
    return AttemptReport(**{**values, **more})


SPENT = UsageTotals(7, 12_345, 0.42, 1.5)
AGENT_STEP = step(
    name="agent claude",
    kind="agent",
    verdict=Verdict.PASSED,
    reason="",
    exit_code=0,
    excerpt="I changed it.",
    tests=None,
)
ATTEMPTS = (
    attempt(IMPLEMENT, 1, Verdict.PASSED, steps=(AGENT_STEP,), usage=SPENT, checkpoint="a" * 40),
    attempt(TEST, 2, Verdict.FAILED, steps=(step(),), reason="1 of 3 tests failed", summary="1 of 3 tests failed"),
    attempt(TEST, 3, Verdict.PASSED, summary="tests: 3 passed", findings=("Files changed after TEST: a.py.",)),
    attempt(USE, 0, Verdict.SKIPPED, summary="skipped by configuration"),
    attempt(VERIFY, 0, Verdict.PASSED, reason="approved by Ada", summary="approved by Ada"),
)


def workflow(**more: Any) -> WorkflowReport:
    """Return a report, with these values in place of those of an ordinary one."""
    values: dict[str, Any] = {
        "made_at": after(3600),
        "info": info("COMPLETED", "DONE"),
        "title": "Log in with a password",
        "description": "People log in with `bcrypt`.\n\nNothing else.",
        "criteria": (
            CriterionReport("a wrong password is refused", "pytest tests/login", Verdict.PASSED),
            CriterionReport("it reads well", "", Verdict.UNVERIFIED, "Ada"),
            CriterionReport(
                "names are unique",
                "",
                Verdict.PASSED,
                judge="claude",
                reason="add() refuses a second one",
                evidence=("shop/users.py:12", "TEST attempt 2, pytest-q"),
            ),
        ),
        "dependencies": (DependencyReport("task-1", "COMPLETED"), DependencyReport("task-2", "")),
        "started_by": "ada",
        "retry_of": "",
        "explanation": "",
        "next_command": "",
        "gates": (
            GateReport(IMPLEMENT, Verdict.PASSED, False, 1, 8.0, "agent claude"),
            GateReport(TEST, Verdict.PASSED, False, 2, 16.0, "tests: 3 passed"),
            GateReport(USE, Verdict.SKIPPED, False, 0, 0.0, "skipped by configuration"),
            GateReport(VERIFY, Verdict.PASSED, False, 0, 0.0, "approved by Ada"),
        ),
        "attempts": ATTEMPTS,
        "timeline": (
            Span("IMPLEMENT", 1, after(0), after(10), waiting="waited to start"),
            Span("IMPLEMENT", 1, after(10), after(18), Verdict.PASSED),
            Span("TEST", 2, after(20), after(28), Verdict.FAILED),
            Span("TEST", 3, after(28), after(30), waiting="waited for the next attempt"),
            Span("TEST", 3, after(30), after(38), Verdict.PASSED),
            Span("", 0, after(38), after(60), waiting="blocked"),
        ),
        "changes": ChangesReport(
            (
                FileReport("shop/users.py", "changed", 1, 1, diff=DIFF),
                FileReport("docs/new name.md", "renamed", 0, 0, old_path="docs/old.md"),
                FileReport("logo.png", "added", 0, 0, binary=True),
            ),
            "not compared: big.bin",
        ),
        "approvals": (ApprovalReport(VERIFY, "Ada", after(59), "I read all of it."),),
        "feedback": (FeedbackReport("bob", after(19), "Use bcrypt, not md5.", 3),),
        "agents": "claude",
        "usage": SPENT,
    }
    return WorkflowReport(**{**values, **more})


def hostile() -> WorkflowReport:
    """Return a report in which every text tries to be something else."""
    evil = step(
        name=HOSTILE,
        reason=HOSTILE,
        command=HOSTILE,
        output_path=HOSTILE,
        excerpt=HOSTILE,
        tests=StepTests({"failed": 1}, (NamedTest(HOSTILE, "failed", 0.0, HOSTILE),)),
    )
    changed = FileReport(HOSTILE, "renamed", 1, 0, old_path=HOSTILE, diff=(f"+{HOSTILE}",))
    return workflow(
        info=info("BLOCKED", "TEST", task_id=HOSTILE, error_message=HOSTILE, artifacts=[HOSTILE], blueprint_id=HOSTILE),
        title=HOSTILE,
        description=HOSTILE,
        criteria=(
            CriterionReport(HOSTILE, HOSTILE, None),
            CriterionReport(HOSTILE, "", Verdict.FAILED, judge=HOSTILE, reason=HOSTILE, evidence=(HOSTILE, HOSTILE)),
        ),
        dependencies=(DependencyReport(HOSTILE, ""),),
        started_by=HOSTILE,
        retry_of=HOSTILE,
        explanation=HOSTILE,
        next_command=HOSTILE,
        gates=tuple(GateReport(phase, None, False, 1, 1.0, HOSTILE) for phase in (IMPLEMENT, TEST, USE, VERIFY)),
        attempts=(attempt(TEST, 1, Verdict.FAILED, steps=(evil,), host=HOSTILE, findings=(HOSTILE,), summary=HOSTILE),),
        timeline=(Span("TEST", 1, after(0), after(1), waiting=HOSTILE),),
        changes=ChangesReport((changed,), HOSTILE),
        approvals=(ApprovalReport(VERIFY, HOSTILE, after(1), HOSTILE),),
        feedback=(FeedbackReport(HOSTILE, after(2), HOSTILE, None),),
        agents=HOSTILE,
    )


def blueprint(**more: Any) -> BlueprintReport:
    """Return the report of a blueprint with a task of each kind."""
    blocked = workflow(
        info=info("BLOCKED", "TEST", workflow_id="ituv-b-000002", task_id="b", error_message="TEST FAILED: 1 of 3"),
        title="Make B",
        next_command="/workflow resume ituv-b-000002",
        criteria=(),
        description="",
        dependencies=(),
    )
    values: dict[str, Any] = {
        "made_at": after(3600),
        "title": "Authentication",
        "blueprints": (ROW,),
        "tasks": (
            TaskReport("task-123", "Log in with a password", "COMPLETED", "auth", (), workflow()),
            TaskReport("b", "Make B", "BLOCKED", "auth", (), blocked),
            TaskReport("c", "Make C", "waiting", "auth", ("b",), None),
        ),
    }
    return BlueprintReport(**{**values, **more})


def hostile_blueprint() -> BlueprintReport:
    """Return the report of a blueprint in which every text tries to be something else."""
    tasks = (
        TaskReport(HOSTILE, HOSTILE, "BLOCKED", HOSTILE, (), hostile()),
        TaskReport(HOSTILE, HOSTILE, "waiting", HOSTILE, (HOSTILE,), None),
    )
    return blueprint(title=HOSTILE, blueprints=(ROW._replace(id=HOSTILE),), tasks=tasks)


WORKFLOWS = {
    "ordinary": workflow(),
    "hostile": hostile(),
    "not begun": workflow(
        info=info("PENDING", "PENDING"), attempts=(), timeline=(), gates=(), changes=ChangesReport(note="No attempt.")
    ),
}
