"""Rendering of store maintenance as lines and tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from penguin_commands.results import maintenance as k
from penguin_repl.render.parts import Grid, Span, field, line
from penguin_repl.render.registry import Renderers
from penguin_repl.render.words import status_span
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin.orchestration.runtime.command_preview import ActiveWorkflow
    from penguin_repl.render.parts import Part

RENDERERS = Renderers()


@RENDERERS.shows(k.BackupResult)
def _backup_result(result: k.BackupResult) -> Iterator[Part]:
    for database, path, size in result.copies:
        what = "" if len(result.copies) == 1 else f"{database} "
        yield line(f"Backed up {what}to ", Span(path, "path"), f" ({_size(size)})")


@RENDERERS.shows(k.PruneResult)
def _prune_result(result: k.PruneResult) -> Iterator[Part]:
    if result.workflows:
        rows = tuple(
            (
                Span(old.workflow_id, "id"),
                status_span(old.status),
                Span(_local(old.updated_at), "time"),
                _size(old.bytes),
            )
            for old in result.workflows
        )
        columns = ("WORKFLOW", "STATUS", "ENDED", "FILES")
        yield Grid(columns, rows, right_aligned=(3,), optional=("ENDED", "FILES"))
    yield from _leftovers(result.leftovers)
    for path, why in result.not_removed:
        yield line(Span("not removed: ", "warning"), Span(path, "path"), f" ({why})")
    if not (result.workflows or result.leftovers or result.not_removed):
        yield "Nothing to prune."
        return
    parts = [_count(len(result.workflows), "workflow"), _count(len(result.leftovers), "leftover")]
    what = " and ".join(part for part in parts if not part.startswith("0 ")) or "nothing"
    yield f"{'Would prune' if result.dry_run else 'Pruned'} {what}, {_size(result.bytes)} of output"


@RENDERERS.shows(k.CheckResult)
def _check_result(result: k.CheckResult) -> Iterator[Part]:
    for subject, message in result.problems:
        yield line(Span(subject, "error"), f": {message}")
    for path, text, _ in result.backups:
        yield field("backup", line(Span(path, "path"), f" {text}"))
    yield from _leftovers(result.leftovers)
    counts = f"{_count(result.workflows, 'workflow')}, {_count(result.events, 'decision')}"
    left = f", {_count(len(result.leftovers), 'leftover')} (/workflow prune removes them)" if result.leftovers else ""
    yield f"{counts}: {_count(len(result.problems), 'problem') if result.problems else 'no problem'}{left}"


@RENDERERS.shows(k.TrustResult)
def _examined(result: k.TrustResult) -> Iterator[Part]:
    if result.trusted:
        yield f"{clean(result.path)} is trusted"
        return
    if result.server:
        yield f"penguin.yaml names the Temporal server {clean(result.server)}."
        yield "If trusted, Penguin connects to it, with your TEMPORAL_API_KEY if it is set."
    if not result.reason:
        return
    yield f"{clean(result.path)} {result.reason}"
    if not result.workflows:
        yield "It has no active workflow: nothing would run."
        return
    count = len(result.workflows)
    yield f"If trusted, {'1 active workflow' if count == 1 else f'{count} active workflows'} could run these commands:"
    for workflow in result.workflows:
        yield from _workflow(workflow)


def _workflow(workflow: ActiveWorkflow) -> Iterator[Part]:
    yield line(Span(workflow.workflow_id, "id"), f"  {workflow.status}")
    for command in workflow.commands:
        first, *rest = command.text.rstrip("\n").split("\n")
        yield field(f"  {command.phase} {command.kind}", Span(first, "command"))
        yield from (line("    ", Span(text, "command")) for text in rest)


def _leftovers(left: k.Leftovers) -> Iterator[Part]:
    for path, why in left:
        yield field("leftover", line(Span(path, "path"), f" ({why})"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _local(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def _size(count: int) -> str:
    from penguin_repl.render.format import format_size

    return format_size(count)
