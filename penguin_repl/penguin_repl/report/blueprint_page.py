"""The HTML page of a blueprint's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.workflow_status import GATES
from penguin_repl.render.costs import format_tokens, format_usd
from penguin_repl.render.format import format_duration
from penguin_repl.report.elements import Markup, element, join, lines_of
from penguin_repl.report.page import document
from penguin_repl.report.phrases import duration_text, gate_meaning, gate_word, meaning_of, verdict_word
from penguin_repl.report.sections import (
    asked,
    callout,
    figures,
    neutral_badge,
    people,
    section,
    sign,
    table,
)
from penguin_repl.report.timeline_chart import Row, timeline_chart

if TYPE_CHECKING:
    from penguin_commands.results.report import BlueprintReport, TaskReport, WorkflowReport


def blueprint_page(report: BlueprintReport) -> str:
    """Return the page of one or several blueprints."""
    rows = [Row(task.task_id, task.workflow.timeline) for task in report.tasks if task.workflow]
    main = lines_of(
        section("tasks", "Tasks", _task_table(report)),
        section("timeline", "Timeline", timeline_chart(rows)),
        section(
            "details",
            "Task by task",
            *(_task_section(task, number) for number, task in enumerate(report.tasks, start=1)),
        ),
    )
    return document(f"{report.title}: report", _header(report), main, report.made_at)


def _header(report: BlueprintReport) -> Markup:
    names = ", ".join(f"{row.project_id} / {row.id}" for row in report.blueprints)
    usage = report.usage
    counts = [(str(count), state) for state, count in report.counts.items()]
    totals = (
        (format_duration(report.seconds) if report.seconds else "", "time of attempts"),
        (format_usd(usage.usd) if usage.usd else "", "cost"),
        (format_tokens(usage.tokens) if usage.tokens else "", "tokens"),
    )
    return element(
        "header",
        lines_of(
            element("p", names, class_="where"),
            element("h1", report.title),
            _progress(report),
            figures([(str(len(report.tasks)), "tasks"), *counts, *totals]),
        ),
    )


def _progress(report: BlueprintReport) -> Markup:
    """Return a bar with the share of each state."""
    bars = []
    place = 0.0
    for state, count in report.counts.items():
        width = 100.0 * count / len(report.tasks)
        x, share = f"{place:.2f}%", f"{width:.2f}%"
        bars.append(element("rect", class_=f"bar {meaning_of(state)}", x=x, width=share, height="10"))
        place += width
    text = ", ".join(f"{count} {state}" for state, count in report.counts.items())
    return element("svg", *bars, class_="progress", width="100%", height="10", role="img", aria_label=text)


def _task_table(report: BlueprintReport) -> Markup:
    if not report.tasks:
        return element("p", "No tasks.")
    has_cost = bool(report.usage.usd)
    rows = [
        (
            join(
                element("a", task.title, href=f"#task-{number}"),
                Markup("<br/>"),
                element("code", task.task_id, class_="soft"),
            ),
            neutral_badge(task.state),
            *_gate_cells(task.workflow),
            format_duration(task.workflow.attempt_seconds) if task.workflow else "",
            *([_cost(task.workflow)] * has_cost),
        )
        for number, task in enumerate(report.tasks, start=1)
    ]
    heads = ("Task", "State", *(phase.value for phase in GATES), "Time", *(["Cost"] * has_cost))
    return table(heads, rows, numbers=(6, 7))


def _cost(workflow: WorkflowReport | None) -> str:
    return format_usd(workflow.usage.usd) if workflow and workflow.usage.usd else ""


def _gate_cells(workflow: WorkflowReport | None) -> list[Markup]:
    if workflow is None:
        return [Markup()] * len(GATES)
    return [sign(gate_meaning(gate), gate_word(gate)) for gate in workflow.gates]


def _task_section(task: TaskReport, number: int) -> Markup:
    heading = element("h3", task.title, Markup(" "), neutral_badge(task.state), id=f"task-{number}")
    workflow = task.workflow
    if workflow is None:
        unmet = f" It waits for {', '.join(task.unmet)}." if task.unmet else ""
        return element("div", heading, element("p", f"No workflow was started.{unmet}", class_="note"), class_="task")
    name = workflow.info.workflow_id
    return element(
        "div",
        lines_of(
            heading,
            element("p", "Workflow ", element("code", name), class_="note"),
            callout(workflow),
            asked(workflow, "h4"),
            _attempts(workflow),
            people(workflow),
            element("p", "All of it: ", element("code", f"/workflow report {name}"), class_="note"),
        ),
        class_="task",
    )


def _attempts(workflow: WorkflowReport) -> Markup:
    rows = [
        (
            sign(meaning_of(attempt.verdict or ""), verdict_word(attempt, workflow.info.status.final)),
            f"{attempt.phase} {attempt.number or ''}".rstrip(),
            verdict_word(attempt, workflow.info.status.final),
            duration_text(attempt.seconds) if attempt.number else "",
            attempt.summary,
        )
        for attempt in workflow.attempts
    ]
    return table(("", "Attempt", "Verdict", "Time", "What was seen"), rows, numbers=(3,)) if rows else Markup()
