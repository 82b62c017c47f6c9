"""The report on blueprints as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.workflow_status import GATES
from penguin_repl.render.costs import cost_summary, format_usd
from penguin_repl.render.format import format_duration
from penguin_repl.report.markdown import HEAD, asked, foot, gates_table, people, reason_lines
from penguin_repl.report.markdown_text import Section, cell_code, code, document, folded, inline, summary_text, table
from penguin_repl.report.phrases import EMOJI, gate_meaning, meaning_of, plural

if TYPE_CHECKING:
    from penguin_commands.results.report import BlueprintReport, TaskReport

ROWS = 50
"""Tasks in one piece of the table of tasks."""


def blueprint_markdown(report: BlueprintReport) -> str:
    """Return the report on one or several blueprints."""
    command = f"/blueprint report {report.blueprints[0].id if len(report.blueprints) == 1 else ''} --html report.html"
    has_cost = bool(report.usage.usd)
    parts = [report.tasks[start : start + ROWS] for start in range(0, len(report.tasks), ROWS)]
    tables = [_table(part, has_cost=has_cost) for part in parts]
    sections = [
        Section("Tasks", tables, "part", command, 90, open=True),
        Section("Task by task", [_task(task) for task in report.tasks], "task", command, 50),
    ]
    return document(_summary(report), sections, foot(report.made_at))


def _summary(report: BlueprintReport) -> str:
    counts = [f"{count:,} {state}" for state, count in report.counts.items()]
    facts = [plural(len(report.tasks), "task"), *counts]
    if report.seconds:
        facts.append(f"{format_duration(report.seconds)} in attempts")
    if any(report.usage):
        facts.append(cost_summary(report.usage))
    return f"{HEAD}\n## {inline(report.title)}\n\n{' · '.join(map(inline, facts))}"


def _table(tasks: tuple[TaskReport, ...], *, has_cost: bool) -> str:
    rows = [
        (
            f"{inline(task.title)} {cell_code(task.task_id)}",
            f"{EMOJI[meaning_of(task.state)]} {task.state}",
            *_gates(task),
            format_duration(task.workflow.attempt_seconds) if task.workflow else "",
            *([_cost(task)] * has_cost),
        )
        for task in tasks
    ]
    return table(("Task", "State", *(phase.value for phase in GATES), "Time", *(["Cost"] * has_cost)), rows)


def _cost(task: TaskReport) -> str:
    return format_usd(task.workflow.usage.usd) if task.workflow and task.workflow.usage.usd else ""


def _gates(task: TaskReport) -> list[str]:
    if task.workflow is None:
        return [""] * len(GATES)
    return [EMOJI[gate_meaning(gate)] for gate in task.workflow.gates]


def _task(task: TaskReport) -> str:
    title = f"{EMOJI[meaning_of(task.state)]} {summary_text(task.title)} <code>{summary_text(task.task_id)}</code>"
    workflow = task.workflow
    if workflow is None:
        unmet = f" It waits for {', '.join(map(code, task.unmet))}." if task.unmet else ""
        return folded(title, f"No workflow was started.{unmet}")
    more = f"All of it: {code(f'/workflow report {workflow.info.workflow_id}')}"
    parts = [gates_table(workflow), *reason_lines(workflow), *asked(workflow), *people(workflow), more]
    return folded(title, "\n\n".join(parts))
