"""Rendering of imports as lines."""

from __future__ import annotations

from collections.abc import Iterator

from penguin_commands.results.imports import ImportedFile, ImportResult
from penguin_repl.render.registry import Renderers
from penguin_repl.render.table import Part
from penguin_repl.text.escape import clean

RENDERERS = Renderers()
_SHOWN = 30
"""Remarks of one kind that are shown; `-o json` has all of them."""


@RENDERERS.shows(ImportResult)
def _import(result: ImportResult) -> Iterator[Part]:
    for file in result.files:
        yield from _file(file)
    if result.config != "unchanged":
        agent = f", IMPLEMENT runs {clean(result.agent)}" if result.agent else ""
        yield f"penguin.yaml: {result.config}{agent}"
    if result.recorded:
        yield f"Recorded as done outside of Penguin: {clean(', '.join(result.recorded))}"
    if result.dry_run:
        yield "Nothing was written."
    elif result.next_command:
        yield f"Try: {clean(result.next_command)}"


def _file(file: ImportedFile) -> Iterator[str]:
    yield f"{clean(file.path)}: {file.state}, from {clean(file.source)} ({file.format})"
    parts = [_count(file.tasks, "task"), _count(file.dependencies, "dependency"), _count(file.criteria, "criterion")]
    done = f"; {len(file.done)} done in the source" if file.done else ""
    yield f"  {', '.join(parts)}{done}"
    if file.metadata:
        names = (f"{clean(name)} ({_count(count, 'task')})" for name, count in file.metadata.items())
        yield f"  kept as metadata: {', '.join(names)}"
    if file.prose:
        yield f"  kept as prose: {_count(file.prose, 'line')}"
    yield from _limited("", [f"line {line}: {note}" if line else note for line, note in file.notes])
    yield from _limited("changed: ", list(file.changes))
    yield from _limited("not changed: ", list(file.conflicts))


def _limited(label: str, remarks: list[str]) -> Iterator[str]:
    yield from (f"  {label}{clean(remark)}" for remark in remarks[:_SHOWN])
    if len(remarks) > _SHOWN:
        yield f"  and {len(remarks) - _SHOWN} more; -o json lists them"


def _count(number: int, noun: str) -> str:
    plural = {"dependency": "dependencies", "criterion": "criteria"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"
