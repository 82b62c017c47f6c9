"""The report on a workflow as Markdown, fit for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.handlers.report.attempts import counts_text
from penguin_commands.handlers.report.report_file import REPORT_MARK
from penguin_repl.render.costs import cost_summary
from penguin_repl.render.format import format_duration, format_size, format_time
from penguin_repl.report.markdown_text import (
    Section,
    cell_code,
    code,
    document,
    fenced,
    folded,
    inline,
    prose,
    quoted,
    quoted_prose,
    summary_text,
    table,
)
from penguin_repl.report.page import REPORT_VERSION
from penguin_repl.report.phrases import (
    EMOJI,
    NEUTRAL,
    OUTCOME_MEANINGS,
    RUNNING,
    changes_line,
    cost_facts,
    costs_by_agent,
    criterion_meaning,
    criterion_note,
    criterion_reason,
    delivery_text,
    duration_text,
    exit_text,
    gate_meaning,
    gate_word,
    meaning_of,
    outcome_word,
    output_text,
    plural,
    reason_of,
    started_line,
    verdict_word,
)

if TYPE_CHECKING:
    from datetime import datetime

    from penguin_commands.results.report import (
        AttemptReport,
        CriterionReport,
        FileReport,
        NamedTest,
        StepReport,
        StepTests,
        WorkflowReport,
    )

HEAD = f"<!-- {REPORT_MARK} {REPORT_VERSION} -->"
NAMED_TESTS = 50
"""Tests that passed, in one piece of the section of tests."""


def workflow_markdown(report: WorkflowReport) -> str:
    """Return the report on one workflow."""
    return document(summary(report), workflow_sections(report), foot(report.made_at))


def summary(report: WorkflowReport) -> str:
    """Return the summary with the table of verdicts."""
    info = report.info
    parts = [
        f"{HEAD}\n## {EMOJI[meaning_of(info.status)]} {inline(report.title)}",
        " · ".join([f"**{info.status}**", code(info.task_id), *map(inline, _facts(report))]),
        gates_table(report),
        *reason_lines(report),
    ]
    return "\n\n".join(parts)


def _facts(report: WorkflowReport) -> list[str]:
    facts = [changes_line(report.changes)] if report.changes.files else []
    return [*facts, format_duration(report.seconds), *cost_facts(report.usage), started_line(report)]


def gates_table(report: WorkflowReport) -> str:
    """Return the four gates with their verdicts."""
    rows = [
        (
            gate.phase.value,
            f"{EMOJI[gate_meaning(gate)]} {gate_word(gate)}",
            str(gate.attempts or ""),
            format_duration(gate.seconds) if gate.attempts else "",
            inline(gate.summary),
        )
        for gate in report.gates
    ]
    return table(("Gate", "Verdict", "Attempts", "Time", "What Penguin saw"), rows)


def reason_lines(report: WorkflowReport) -> list[str]:
    """Return why it is not COMPLETED, and what to type next."""
    reason = reason_of(report)
    lines = [quoted(reason)] if reason else []
    return [*lines, f"Next: {code(report.next_command)}"] if report.next_command else lines


def foot(made_at: datetime) -> str:
    """Return the last line of a document."""
    return f"<sub>Report by Penguin, {format_time(made_at)}.</sub>"


def workflow_sections(report: WorkflowReport) -> list[Section]:
    """Return all sections of a workflow."""
    name = report.info.workflow_id
    results = f"/workflow results {name}"
    return [
        Section("What was asked", asked(report), "part", f"/task show {report.info.task_id}", 90),
        Section("What was changed", _changes(report), "part", f"/workflow diff {name}", 40),
        Section("What the gates saw", [_attempt(one, report) for one in report.attempts], "attempt", results, 60),
        Section("Tests", _tests(report), "part", results, 50),
        Section("Timeline", _timeline(report), "part", f"/workflow history {name}", 70),
        Section("Approvals and feedback", people(report), "entry", f"/workflow history {name}", 80),
        Section("Cost", _costs(report), "part", f"/workflow status {name}", 75),
        Section("Checkpoints", _checkpoints(report), "part", results, 30),
    ]


# --- the task -------------------------------------------------------------------------------------------------------


def asked(report: WorkflowReport) -> list[str]:
    """Return what the task asks for."""
    pieces = [quoted_prose(report.description)] if report.description.strip() else []
    if report.criteria:
        lines = [
            " ".join(filter(None, ("-", EMOJI[criterion_meaning(one)], prose(one.text), code(one.check), _note(one))))
            + _judgement(one)
            for one in report.criteria
        ]
        pieces.append("\n".join(["Acceptance criteria:", "", *lines]))
    if report.dependencies:
        needed = [f"{code(one.task_id)} ({inline(one.status or 'not started')})" for one in report.dependencies]
        pieces.append(f"Depends on {', '.join(needed)}.")
    return pieces


def _note(criterion: CriterionReport) -> str:
    return inline(criterion_note(criterion))


def _judgement(criterion: CriterionReport) -> str:
    """Return the lines below a criterion: the verdict with its reason, and the evidence."""
    reason = criterion_reason(criterion)
    evidence = ", ".join(map(code, criterion.evidence))
    return (f"\n  - {inline(reason)}" if reason else "") + (f"\n  - Evidence: {evidence}" if evidence else "")


# --- changes --------------------------------------------------------------------------------------------------------


def _changes(report: WorkflowReport) -> list[str]:
    changes = report.changes
    pieces = [inline(changes.note)] if changes.note else []
    if changes.files:
        rows = [_file_row(file) for file in changes.files[:200]]
        more = len(changes.files) - len(rows) + changes.more_files
        pieces.insert(0, table(("", "File", "+", "−"), rows) + (f"\n\n{plural(more, 'more file')}." if more else ""))
    return [*pieces, *(_file(file) for file in changes.files if file.diff)]


def _file_row(file: FileReport) -> tuple[str, str, str, str]:
    path = f"{file.old_path} → {file.path}" if file.old_path else file.path
    numbers = ("binary", "") if file.binary else (str(file.added or ""), str(file.removed or ""))
    return (file.change, cell_code(path), *numbers)


def _file(file: FileReport) -> str:
    rest = f"\n\n{plural(file.left_out, 'more line')}." if file.left_out else ""
    title = f"<code>{summary_text(file.path)}</code> +{file.added} −{file.removed}"
    return folded(title, fenced("\n".join(file.diff), "diff") + rest)


# --- evidence -------------------------------------------------------------------------------------------------------


def _attempt(attempt: AttemptReport, report: WorkflowReport) -> str:
    final = report.info.status.final
    word = verdict_word(attempt, final)
    meaning = RUNNING if attempt.verdict is None and not final else meaning_of(word)
    name = f"{attempt.phase} attempt {attempt.number}" if attempt.number else attempt.phase.value
    facts = [duration_text(attempt.seconds)] if attempt.number else []
    title = ", ".join([f"{EMOJI[meaning]} <b>{name}</b>: {word}", *facts])
    reason = [inline(attempt.summary)] if attempt.summary else []
    findings = [f"- {inline(finding)}" for finding in attempt.findings]
    evidence = [*(["\n".join(findings)] if findings else []), *_steps(attempt)]
    # What is one line needs no folding.
    return folded(title, "\n\n".join([*reason, *evidence])) if evidence else ". ".join([title, *reason])


def _steps(attempt: AttemptReport) -> list[str]:
    if not attempt.steps:
        return []
    rows = [
        (
            f"{EMOJI[meaning_of(step.verdict)]}",
            cell_code(step.name),
            inline(step.reason or (counts_text(step.tests.counts) if step.tests else "")),
            exit_text(step),
            format_duration(step.seconds),
        )
        for step in attempt.steps
    ]
    return [table(("", "Step", "What was seen", "Ended", "Time"), rows), *filter(None, map(_output, attempt.steps))]


def _output(step: StepReport) -> str:
    if not output_text(step).strip():
        return ""
    size = f", {format_size(step.output_bytes)}" if step.output_path else ""
    return folded(f"Output of <code>{summary_text(step.name)}</code>{size}", fenced(output_text(step)))


def _tests(report: WorkflowReport) -> list[str]:
    """Return the tests of the newest attempt of each phase: those that failed, then the others."""
    pieces = []
    for attempt, step, tests in report.newest_tests:
        pieces.append(f"{code(step.name)} in {attempt.phase} attempt {attempt.number}: {counts_text(tests.counts)}")
        pieces += _named_tests(tests)
    return pieces


def _named_tests(tests: StepTests) -> list[str]:
    bad = [case for case in tests.cases if OUTCOME_MEANINGS.get(case.outcome, NEUTRAL) not in ("passed", NEUTRAL)]
    others = [case for case in tests.cases if case not in bad]
    pieces = ["\n".join(map(_case, bad))] if bad else []
    for start in range(0, len(others), NAMED_TESTS):
        part = others[start : start + NAMED_TESTS]
        title = f"Tests {start + 1} to {start + len(part)} that did not fail"
        pieces.append(folded(title, "\n".join(map(_case, part))))
    return pieces


def _case(case: NamedTest) -> str:
    message = f": {inline(case.message)}" if case.message else ""
    mark = EMOJI[OUTCOME_MEANINGS.get(case.outcome, NEUTRAL)]
    return f"- {mark} {code(case.name)} {outcome_word(case.outcome)}{message}"


# --- times, people, cost --------------------------------------------------------------------------------------------


def _timeline(report: WorkflowReport) -> list[str]:
    rows = [
        (
            format_time(span.started_at),
            format_duration((span.ended_at - span.started_at).total_seconds()),
            inline(span.waiting or f"{span.phase} attempt {span.attempt} {span.verdict or 'running'}"),
        )
        for span in report.timeline
    ]
    return [table(("Time", "Took", "What"), rows)] if rows else []


def people(report: WorkflowReport) -> list[str]:
    """Return approvals and feedback."""
    approvals = [
        (one.at, f"{format_time(one.at)}: {inline(one.by)} approved {one.phase}." + _quotation(one.note))
        for one in report.approvals
    ]
    final = report.info.status.final
    feedback = [
        (
            one.at,
            f"{format_time(one.at)}: feedback by {inline(one.by)}, {delivery_text(one, final)}:{_quotation(one.text)}",
        )
        for one in report.feedback
    ]
    return [text for _, text in sorted([*approvals, *feedback], key=lambda entry: entry[0])]


def _quotation(text: str) -> str:
    return f"\n\n{quoted(text)}" if text else ""


def _costs(report: WorkflowReport) -> list[str]:
    if not any(report.usage):
        return []
    lines = [
        f"- {inline(one.agent)}, {plural(one.attempts, 'attempt')}: {inline(cost_summary(one.usage))}"
        for one in costs_by_agent(report.attempts)
    ]
    return ["\n".join([*lines, f"- in total: {inline(cost_summary(report.usage))}"])]


def _checkpoints(report: WorkflowReport) -> list[str]:
    rows = [
        (f"{attempt.phase} {attempt.number}", cell_code(attempt.checkpoint))
        for attempt in report.attempts
        if attempt.checkpoint
    ]
    return [table(("After", "Commit with the files"), rows)] if rows else []
