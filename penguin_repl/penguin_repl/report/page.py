"""The HTML page of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.handlers.report.report_file import REPORT_MARK
from penguin_repl.render.format import format_duration, format_time
from penguin_repl.report.diff_view import changes_view
from penguin_repl.report.elements import Markup, element, join, lines_of
from penguin_repl.report.evidence_view import evidence_view, tests_view
from penguin_repl.report.phrases import changes_line, cost_facts, meaning_of, plural, started_line
from penguin_repl.report.sections import asked, badge, callout, cost, gate_strip, kept_files, people, section
from penguin_repl.report.style import STYLE
from penguin_repl.report.timeline_chart import HATCH, attempt_rows, timeline_chart

if TYPE_CHECKING:
    from datetime import datetime

    from penguin_commands.results.report import WorkflowReport

REPORT_VERSION = 1
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page loads nothing and runs nothing, even if its text were markup."""


def document(title: str, header: Markup, main: Markup, made_at: datetime) -> str:
    """Return a whole page."""
    head = lines_of(
        element("meta", charset="utf-8"),
        element("meta", name="generator", content=f"{REPORT_MARK} {REPORT_VERSION}"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    footer = element("footer", f"Report by Penguin, {format_time(made_at)}.")
    body = lines_of(HATCH, header, element("main", main), footer)
    page = element("html", lines_of(element("head", head), element("body", body)), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def workflow_page(report: WorkflowReport) -> str:
    """Return the page of one workflow."""
    workflow_id = report.info.workflow_id
    main = lines_of(
        section("timeline", "Timeline", timeline_chart(attempt_rows(report.timeline))),
        section("asked", "What was asked", asked(report)),
        section("changed", "What was changed", changes_view(report.changes, f"/workflow diff {workflow_id}")),
        section("gates", "What the gates saw", evidence_view(report)),
        section("tests", "Tests", tests_view(report)),
        section("people", "Approvals and feedback", people(report)),
        section("cost", "Cost", cost(report)),
        section("files", "Checkpoints and artifacts", kept_files(report)),
    )
    return document(f"{report.title}: {report.info.status}", _header(report), main, report.made_at)


def _header(report: WorkflowReport) -> Markup:
    info = report.info
    where = " / ".join(filter(None, (info.project_id, info.blueprint_id, info.task_id)))
    return element(
        "header",
        lines_of(
            element("p", where, class_="where"),
            element("h1", report.title),
            element("p", badge(info.status, meaning_of(info.status)), " · ".join(_facts(report)), class_="lead"),
            gate_strip(report.gates),
            callout(report),
            element(
                "p", join(element("code", info.workflow_id), f", {started_line(report)}", _retry(report)), class_="note"
            ),
        ),
    )


def _facts(report: WorkflowReport) -> list[str]:
    """Return what is worth knowing at a glance besides the verdict."""
    attempts = sum(gate.attempts for gate in report.gates)
    facts = [changes_line(report.changes)] if report.changes.files else []
    facts += [plural(attempts, "attempt"), format_duration(report.seconds)]
    return [*facts, *cost_facts(report.usage)]


def _retry(report: WorkflowReport) -> Markup:
    return join(", a retry of ", element("code", report.retry_of)) if report.retry_of else Markup()
