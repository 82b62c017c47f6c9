"""Words, marks and short sentences that pages and Markdown share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import Verdict, WorkflowStatus
from penguin.orchestration.core.usage import UsageTotals
from penguin_repl.render.costs import format_tokens, format_usd
from penguin_repl.render.format import format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_commands.results.report import (
        AttemptReport,
        ChangesReport,
        CriterionReport,
        FeedbackReport,
        GateReport,
        StepReport,
        WorkflowReport,
    )

PASSED, FAILED, ATTENTION, RUNNING, NEUTRAL = "passed", "failed", "attention", "running", "neutral"
"""The meanings that have a colour."""
MARKS = {PASSED: "✓", FAILED: "✗", ATTENTION: "!", RUNNING: "▸", NEUTRAL: "–"}
EMOJI = {PASSED: "✅", FAILED: "❌", ATTENTION: "⚠️", RUNNING: "⏳", NEUTRAL: "➖"}
_MEANINGS: dict[str, str] = {
    WorkflowStatus.COMPLETED: PASSED,
    WorkflowStatus.FAILED: FAILED,
    WorkflowStatus.BLOCKED: ATTENTION,
    WorkflowStatus.PAUSED: ATTENTION,
    WorkflowStatus.RUNNING: RUNNING,
    Verdict.PASSED: PASSED,
    Verdict.FAILED: FAILED,
    Verdict.ERROR: FAILED,
    Verdict.UNVERIFIED: ATTENTION,
}
LONGEST_LINE, LONGEST_OUTPUT = 500, 20_000
"""Maximum characters of a line and of the whole work of an agent."""
OUTCOME_WORDS = {"errors": "error"}
OUTCOME_MEANINGS = {"failed": FAILED, "errors": FAILED, "xpassed": ATTENTION, "passed": PASSED}


class AgentCost(NamedTuple):
    """What one agent used in a workflow."""

    agent: str
    attempts: int
    usage: UsageTotals


def meaning_of(word: str) -> str:
    """Return the meaning of a status or verdict."""
    return _MEANINGS.get(word, NEUTRAL)


def verdict_word(attempt: AttemptReport, final: bool) -> str:
    """Return the verdict of an attempt, or that it runs."""
    if attempt.verdict:
        return attempt.verdict.value
    return "no verdict" if final else "running"


def gate_word(gate: GateReport) -> str:
    """Return where a gate stands in a word or two."""
    if gate.running:
        return "running"
    return gate.verdict.value if gate.verdict else "not passed"


def gate_meaning(gate: GateReport) -> str:
    """Return the meaning of where a gate stands."""
    return RUNNING if gate.running else meaning_of(gate.verdict or "")


def plural(count: int, word: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def started_line(report: WorkflowReport) -> str:
    """Return when a workflow was started, and by whom."""
    by = f" by {report.started_by}" if report.started_by else ""
    return f"started {format_time(report.info.started_at)}{by}"


def criterion_meaning(criterion: CriterionReport) -> str:
    """Return the meaning of a criterion's verdict, or of a person's approval."""
    return PASSED if criterion.approved_by else meaning_of(criterion.verdict or "")


def criterion_note(criterion: CriterionReport) -> str:
    """Return who approved a criterion without a check; '' if it was not approved."""
    return f"(approved by {criterion.approved_by})" if criterion.approved_by else ""


def criterion_reason(criterion: CriterionReport) -> str:
    """Return the verdict of a judge with its reason, or why a check did not pass; '' if there is nothing to say."""
    if criterion.verdict is None or not (criterion.judge or criterion.reason):
        return ""
    by = f"judge {criterion.judge}: " if criterion.judge else ""
    reason = f", {criterion.reason}" if criterion.reason else ""
    return f"{by}{criterion.verdict}{reason}"


def reason_of(report: WorkflowReport) -> str:
    """Return why a workflow is not COMPLETED, or why it does not run now; '' if there is no such reason."""
    if report.info.status is WorkflowStatus.COMPLETED:
        return ""
    reasons = dict.fromkeys(filter(None, (report.info.error_message, report.explanation)))
    return "; ".join(reason for reason in reasons if not _is_part(reason, reasons))


def _is_part(reason: str, reasons: dict[str, None]) -> bool:
    return any(reason != other and reason in other for other in reasons)


def changes_line(changes: ChangesReport) -> str:
    """Return the number of changed files and lines."""
    count = len(changes.files) + changes.more_files
    if not count:
        return "no files changed"
    lines = f", +{changes.added:,} −{changes.removed:,} lines" if changes.added or changes.removed else ""
    return f"{plural(count, 'file')} changed{lines}"


def cost_facts(usage: UsageTotals) -> list[str]:
    """Return the money that agents spent, or else the tokens; empty if neither is known."""
    if usage.usd:
        return [format_usd(usage.usd)]
    return [f"{format_tokens(usage.tokens)} tokens"] if usage.tokens else []


def delivery_text(feedback: FeedbackReport, final: bool) -> str:
    """Return what became of feedback."""
    if feedback.attempt:
        return f"delivered with attempt {feedback.attempt}"
    return "not delivered" if final else "queued"


def exit_text(step: StepReport) -> str:
    """Return how the process of a step ended."""
    code = step.exit_code
    return "" if code is None else f"exit code {code}" if code >= 0 else f"ended by signal {-code}"


def duration_text(seconds: float | None) -> str:
    """Return a duration; '' if it is not known."""
    return "" if seconds is None else format_duration(seconds)


def outcome_word(outcome: str) -> str:
    """Return the word for the outcome of a test."""
    return OUTCOME_WORDS.get(outcome, outcome)


def costs_by_agent(attempts: Sequence[AttemptReport]) -> list[AgentCost]:
    """Return what each agent used, in the order of their first attempts."""
    found: dict[str, AgentCost] = {}
    for attempt in attempts:
        if any(attempt.usage):
            names = [step.name for step in attempt.steps if step.kind in ("agent", "judge")]
            name = ", ".join(dict.fromkeys(names)) or f"agent of {attempt.phase}"
            known = found.get(name, AgentCost(name, 0, UsageTotals()))
            found[name] = AgentCost(name, known.attempts + 1, known.usage.plus(attempt.usage))
    return list(found.values())


def output_text(step: StepReport) -> str:
    """Return the output of a step; for an agent, its work as people read it."""
    if not step.activities:
        return step.excerpt
    from penguin_repl.text.activity_lines import log_lines

    lines = (line.text[:LONGEST_LINE] for line in log_lines(step.activities))
    return "\n".join(lines)[:LONGEST_OUTPUT]
