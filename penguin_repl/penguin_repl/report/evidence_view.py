"""What the gates saw, as HTML: attempts, their steps, output and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.handlers.report.attempts import counts_text
from penguin_repl.render.costs import cost_summary
from penguin_repl.render.format import format_duration, format_size, format_time
from penguin_repl.report.elements import Markup, element, join, lines_of
from penguin_repl.report.phrases import (
    NEUTRAL,
    OUTCOME_MEANINGS,
    RUNNING,
    duration_text,
    exit_text,
    meaning_of,
    outcome_word,
    output_text,
    plural,
    verdict_word,
)
from penguin_repl.report.sections import badge, sign, table

if TYPE_CHECKING:
    from penguin_commands.results.report import AttemptReport, NamedTest, StepReport, StepTests, WorkflowReport

MAX_ATTEMPTS = 60
"""The newest attempts that are shown with their evidence."""


def evidence_view(report: WorkflowReport) -> Markup:
    """Return all attempts. Those that are the newest of their phase and did not pass are unfolded."""
    left_out = len(report.attempts) - MAX_ATTEMPTS
    shown = report.attempts[-MAX_ATTEMPTS:]
    newest = {attempt.phase: attempt for attempt in shown}
    unfolded = [one for one in newest.values() if one.verdict is None or not one.verdict.opens_gate]
    command = f"/workflow results {report.info.workflow_id}"
    return lines_of(
        element("p", f"{plural(left_out, 'earlier attempt')}: {command}", class_="note") if left_out > 0 else None,
        *(_attempt(one, report.info.status.final, is_open=one in unfolded) for one in shown),
    )


def _attempt(attempt: AttemptReport, final: bool, *, is_open: bool) -> Markup:
    word = verdict_word(attempt, final)
    title = f"{attempt.phase} attempt {attempt.number}" if attempt.number else attempt.phase.value
    meaning = meaning_of(word) if attempt.verdict or final else RUNNING
    facts = [duration_text(attempt.seconds)] if attempt.number else []
    head = join(
        element("strong", title),
        Markup(" "),
        badge(word, meaning),
        Markup(" "),
        element("span", " · ".join(filter(None, [*facts, attempt.summary])), class_="soft"),
    )
    body = _attempt_body(attempt)
    if not body:
        return element("details", element("summary", head), _when(attempt), class_="attempt")
    return element("details", element("summary", head), body, class_="attempt", open=is_open)


def _when(attempt: AttemptReport) -> Markup:
    host = f" on {attempt.host}" if attempt.host else ""
    return element("div", element("p", f"{format_time(attempt.started_at)}{host}", class_="note"), class_="body")


def _attempt_body(attempt: AttemptReport) -> Markup:
    """Return findings, steps and their output; '' if there is nothing."""
    parts = [
        element("p", f"Used: {cost_summary(attempt.usage)}", class_="note") if any(attempt.usage) else None,
        *(element("p", finding, class_="finding") for finding in attempt.findings),
        _steps(attempt) if attempt.steps else None,
        *map(_output, attempt.steps),
    ]
    shown = lines_of(*parts)
    host = f" on {attempt.host}" if attempt.host else ""
    began = element("p", f"Started {format_time(attempt.started_at)}{host}.", class_="note")
    return element("div", lines_of(shown, began), class_="body") if shown else Markup()


def _steps(attempt: AttemptReport) -> Markup:
    has_tests = any(step.tests for step in attempt.steps)
    rows = [
        (
            sign(meaning_of(step.verdict), step.verdict),
            join(element("code", step.name), element("div", step.reason, class_="soft") if step.reason else None),
            *([counts_text(step.tests.counts) if step.tests else ""] * has_tests),
            exit_text(step),
            format_duration(step.seconds),
        )
        for step in attempt.steps
    ]
    return table(("", "Step", *(["Tests"] * has_tests), "Ended", "Time"), rows, numbers=(3 + has_tests,))


def _output(step: StepReport) -> Markup:
    if not output_text(step) and not step.command:
        return Markup()
    size = f", {format_size(step.output_bytes)}" if step.output_path else ""
    path = element("p", "The whole output: ", element("code", step.output_path), class_="note")
    return element(
        "details",
        element("summary", f"Output of {step.name}{size}"),
        element("pre", f"$ {step.command}\n" if step.command else None, output_text(step)),
        path if step.output_path else None,
        class_="output",
        open=not step.verdict.opens_gate and bool(output_text(step)),
    )


# --- tests ----------------------------------------------------------------------------------------------------------


def tests_view(report: WorkflowReport) -> Markup:
    """Return the tests of the newest attempt of each phase, by name where they are known; '' without tests."""
    return lines_of(*(_tests(*entry) for entry in report.newest_tests))


def _tests(attempt: AttemptReport, step: StepReport, tests: StepTests) -> Markup:
    failed = [case for case in tests.cases if OUTCOME_MEANINGS.get(case.outcome, NEUTRAL) not in ("passed", NEUTRAL)]
    others = [case for case in tests.cases if case not in failed]
    note = (
        plural(tests.left_out, "more test")
        if tests.left_out
        else "The report of this run has no names of tests."
        if not tests.cases
        else ""
    )
    return lines_of(
        element(
            "p",
            element("code", step.name),
            f" in {attempt.phase} attempt {attempt.number}: {counts_text(tests.counts)}",
        ),
        element("ul", lines_of(*map(_case, failed)), class_="criteria") if failed else None,
        element(
            "details",
            element("summary", f"{plural(len(others), 'test')} that did not fail"),
            element("ul", lines_of(*map(_case, others)), class_="criteria"),
        )
        if others
        else None,
        element("p", note, class_="note") if note else None,
    )


def _case(case: NamedTest) -> Markup:
    meaning = OUTCOME_MEANINGS.get(case.outcome, NEUTRAL)
    return element(
        "li",
        sign(meaning, outcome_word(case.outcome)),
        element(
            "span",
            element("code", case.name),
            element("span", f" {format_duration(case.seconds)}", class_="soft"),
            element("div", case.message, class_="text soft") if case.message else None,
        ),
    )
