"""The sections of a workflow's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.render.costs import format_tokens, format_usd
from penguin_repl.render.format import format_duration, format_time
from penguin_repl.report.elements import Markup, element, join, lines_of, prose
from penguin_repl.report.phrases import (
    MARKS,
    NEUTRAL,
    costs_by_agent,
    criterion_meaning,
    criterion_note,
    criterion_reason,
    delivery_text,
    duration_text,
    gate_meaning,
    gate_word,
    meaning_of,
    plural,
    reason_of,
)
from penguin_repl.report.visible_text import unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penguin_commands.results.report import CriterionReport, GateReport, WorkflowReport

Cell = str
MAX_ARTIFACTS = 100


def section(name: str, title: str, *content: str | None, prefix: str = "") -> Markup:
    """Return a section with its heading; '' without content. `prefix` makes the id unique on a page of many tasks."""
    shown = [part for part in content if part]
    if not shown:
        return Markup()
    return element("section", lines_of(element("h2", title, id=f"{prefix}{name}"), *shown))


def badge(word: str, meaning: str) -> Markup:
    """Return a status or verdict as a coloured label with a mark."""
    return element("span", f"{MARKS[meaning]} {word}", class_=f"badge {meaning}")


def sign(meaning: str, word: str) -> Markup:
    """Return a verdict as a mark alone."""
    return element("span", MARKS[meaning], class_=f"sign {meaning}", title=word, aria_label=word)


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: Sequence[int] = ()) -> Markup:
    """Return a table. `numbers`: the columns that are aligned to the right."""
    kinds = ["number" if index in numbers else None if head else "mark" for index, head in enumerate(heads)]
    head = element("tr", *(element("th", text, class_=kind) for text, kind in zip(heads, kinds, strict=True)))
    body = [
        element("tr", *(element("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    whole = element("table", element("thead", head), element("tbody", lines_of(*body)))
    return element("div", whole, class_="scroll")


def gate_strip(gates: Sequence[GateReport]) -> Markup:
    """Return the four gates side by side."""
    return element("ol", lines_of(*map(_gate, gates)), class_="gates")


def _gate(gate: GateReport) -> Markup:
    meaning = gate_meaning(gate)
    facts = [plural(gate.attempts, "attempt"), format_duration(gate.seconds)] if gate.attempts else []
    return element(
        "li",
        element("b", gate.phase.value),
        element("strong", f"{MARKS[meaning]} {gate_word(gate)}"),
        element("p", " · ".join(facts)) if facts else None,
        element("p", gate.summary) if gate.summary else None,
        class_=f"gate {meaning}",
    )


def callout(report: WorkflowReport) -> Markup:
    """Return why a workflow waits or failed, and what to type next; '' if there is nothing to say."""
    reason = reason_of(report)
    if not reason and not report.next_command:
        return Markup()
    next_step = (
        element("p", "Next: ", element("code", report.next_command), class_="soft") if report.next_command else None
    )
    return element("div", reason, next_step, class_=f"callout {meaning_of(report.info.status)}")


def asked(report: WorkflowReport, heading: str = "h3") -> Markup:
    """Return what the task asks for, with its headings of this level."""
    return lines_of(
        element("div", prose(unwrapped(report.description)), class_="text") if report.description else None,
        element(heading, "Acceptance criteria") if report.criteria else None,
        element("ul", lines_of(*map(_criterion, report.criteria)), class_="criteria") if report.criteria else None,
        element("p", "Depends on: ", *_dependencies(report)) if report.dependencies else None,
    )


def _criterion(criterion: CriterionReport) -> Markup:
    meaning = criterion_meaning(criterion)
    check = join(Markup("<br/>"), element("code", criterion.check, class_="soft")) if criterion.check else None
    note = element("span", f" {criterion_note(criterion)}", class_="soft") if criterion.approved_by else None
    whole = element("span", prose(criterion.text), note, check, _judgement(criterion))
    return element("li", sign(meaning, criterion.verdict or "not checked"), whole)


def _judgement(criterion: CriterionReport) -> Markup | None:
    """Return the verdict of a criterion with its reason and evidence; None if there is nothing to say."""
    reason = criterion_reason(criterion)
    if not reason:
        return None
    cited = [part for name in criterion.evidence for part in (", ", element("code", name))][1:]
    evidence = join(Markup("<br/>"), element("span", "Evidence: ", *cited, class_="soft")) if cited else None
    return join(Markup("<br/>"), element("span", prose(reason), class_="soft"), evidence)


def _dependencies(report: WorkflowReport) -> list[str]:
    parts: list[str] = []
    for dependency in report.dependencies:
        status = dependency.status or "not started"
        parts += [", "] if parts else []
        parts += [element("code", dependency.task_id), f" ({status})"]
    return parts


def cost(report: WorkflowReport) -> Markup:
    """Return what agents used, by agent; '' if they used nothing."""
    rows = costs_by_agent(report.attempts)
    if not any(report.usage) and not rows:
        return Markup()
    total = ("Total", str(sum(row.attempts for row in rows) or ""), report.usage)
    lines = [(row.agent, str(row.attempts), row.usage) for row in rows]
    if len(lines) != 1:
        lines.append(total)
    return table(
        ("Agent", "Attempts", "Turns", "Tokens", "Time", "Cost"),
        [
            (
                name,
                attempts,
                str(usage.turns or ""),
                format_tokens(usage.tokens) if usage.tokens else "",
                format_duration(usage.minutes * 60) if usage.minutes else "",
                format_usd(usage.usd) if usage.usd else "",
            )
            for name, attempts, usage in lines
        ],
        numbers=(1, 2, 3, 4, 5),
    )


def people(report: WorkflowReport) -> Markup:
    """Return approvals and feedback."""
    rows: list[tuple[float, tuple[Cell, ...]]] = [
        (
            one.at.timestamp(),
            (
                format_time(one.at),
                one.by,
                join(f"approved {one.phase}", element("div", one.note, class_="text") if one.note else None),
            ),
        )
        for one in report.approvals
    ]
    for given in report.feedback:
        delivered = delivery_text(given, report.info.status.final)
        text = element("div", given.text, class_="text")
        what = join(f"gave feedback, {delivered}:", text)
        rows.append((given.at.timestamp(), (format_time(given.at), given.by, what)))
    if not rows:
        return Markup()
    return table(("When", "Who", "What"), [row for _, row in sorted(rows, key=lambda row: row[0])])


def kept_files(report: WorkflowReport) -> Markup:
    """Return the commits that keep the files after each attempt, and the artifacts."""
    commits = [
        (
            f"after {attempt.phase} {attempt.number}",
            element("code", attempt.checkpoint),
            duration_text(attempt.seconds),
        )
        for attempt in report.attempts
        if attempt.checkpoint
    ]
    artifacts = report.info.artifacts
    items = [element("li", element("code", path)) for path in artifacts[:MAX_ARTIFACTS]]
    if len(artifacts) > MAX_ARTIFACTS:
        items.append(element("li", f"{plural(len(artifacts) - MAX_ARTIFACTS, 'more artifact')}", class_="note"))
    return lines_of(
        table(("Checkpoint", "Commit"), [row[:2] for row in commits]) if commits else None,
        element("h3", "Artifacts") if items else None,
        element("ul", lines_of(*items)) if items else None,
    )


def figures(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Return figures with their names below; pairs without a figure are left out."""
    items = [
        element("li", element("b", figure, class_=f"sign {meaning_of(name)}"), element("span", name))
        for figure, name in pairs
        if figure
    ]
    return element("ul", lines_of(*items), class_="figures")


def neutral_badge(word: str) -> Markup:
    """Return a state that is no status, such as `ready`."""
    return badge(word, meaning_of(word) if word.isupper() else NEUTRAL)
